"""What a reader adds: notes, reactions, tags, titles, forks; and what is put right."""

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def page(site, browser):
    with site.client() as client:
        client.post("/api/sessions", json={"id": "s", "title": "Pick a port", "project": "web"})
        for each in range(3):
            client.post("/api/sessions/s/messages", json={"id": f"m{each}", "role": "user", "content": f"said {each}"})
    browser.open("/sessions/s")
    return browser


@pytest.fixture
def client(site):
    with site.client() as opened:
        yield opened


def test_a_note_is_written_by_key_shown_at_once_and_taken_back(page, client):
    page.press("j")
    page.press("a")
    page.press("ask <b>Ada</b> about this")
    page.run("document.querySelector('.note-form').requestSubmit()")
    page.shows("#m-m0 .note", "ask <b>Ada</b> about this")
    assert page.run("return document.activeElement.id") == "m-m0"
    assert client.get("/api/reactions?message_id=m0").json()["items"][0]["type"] == "annotation"
    page.click("#m-m0 .take-back")
    page.until("return !document.querySelector('#m-m0 .note')")
    assert client.get("/api/reactions?message_id=m0").json()["items"] == []
    assert page.log() == []


def test_the_menu_of_a_message_is_worked_by_key(page, client):
    page.press("jj")
    page.press("m")
    page.until("return document.getElementById('message-menu').matches(':popover-open')")
    page.key("ARROW_DOWN")
    page.key("ARROW_DOWN")
    assert page.run("return document.activeElement.getAttribute('aria-label')") == "Good"
    page.key("ENTER")
    page.shows("#m-m1 .reactions", "👍")
    page.press("m")
    page.key("ESCAPE")
    page.until("return !document.getElementById('message-menu').matches(':popover-open')")
    assert page.log() == []


def test_a_fork_is_made_from_a_message(page, client):
    page.press("jj")
    page.press("m")
    page.run("document.querySelector('[data-do=fork]').click()")
    page.until("return !location.pathname.endsWith('/s') && document.documentElement.dataset.ready === 'session'")
    assert page.texts("#messages .said") == ["said 0", "said 1"]
    page.shows(".session-head", "Forked from Pick a port")


def test_a_message_is_deleted_and_restored(page, client):
    page.press("j")
    page.press("m")
    page.run("document.querySelector('[data-do=delete]').click()")
    page.shows("#messages .gone", "was deleted")
    page.click(".notice button:not(.quiet)")
    page.shows("#messages", "said 0")
    assert client.get("/api/messages/m0").status_code == 200


def test_tags_are_added_and_taken_off(page, client):
    page.press("#")
    page.press("release <i>")
    page.key("ENTER")
    page.shows(".session-head .tag", "release <i>")
    assert client.get("/api/sessions/s").json()["tags"] == ["release <i>"]
    page.run("document.getElementById('about').open = true")
    page.click("[data-drop-tag]")
    page.until("return !document.querySelector('.session-head .tag')")
    assert client.get("/api/sessions/s").json()["tags"] == []


def test_a_title_is_changed_in_place(page, client):
    page.run("document.getElementById('about').open = true")
    page.click("[data-session-do=rename]")
    page.press("Choose a port")
    page.key("ENTER")
    page.shows("h1", "Choose a port")
    assert client.get("/api/sessions/s").json()["title"] == "Choose a port"


def test_a_session_is_archived_and_taken_out_again(page, client):
    page.run("document.getElementById('about').open = true")
    page.click("[data-session-do=archive]")
    page.shows(".session-head .badge", "archived")
    page.click(".notice button:not(.quiet)")
    page.until("return !document.querySelector('.session-head .badge')")
    assert client.get("/api/sessions/s").json()["state"] == "active"


def test_what_was_edited_shows_its_versions(page, client):
    client.patch("/api/messages/m1", json={"content": "said something else"})
    page.click("#m-m1 a[href$='/versions']")
    page.settled("versions")
    assert page.texts(".diff .added") == ["+said something else"]
    assert page.texts(".diff .removed") == ["-said 1"]


def test_a_session_is_exported(page, client):
    page.run("document.getElementById('about').open = true")
    markdown, as_json = page.run(
        "return [...document.querySelectorAll('.about a[download]')].map(each => each.getAttribute('href'))"
    )
    assert "said 1" in client.get(markdown).text
    assert '"said 1"' in client.get(as_json).text


def test_a_learning_is_put_right_and_deleted(site, browser, client):
    client.post("/api/learnings", json={"id": "l", "category": "decision", "content": "the port is 8000"})
    browser.open("/learnings/l")
    browser.run("document.querySelector('details').open = true")
    browser.run("document.getElementById('edit-content').value = 'the port is 8470'")
    browser.click("#edit button[type=submit]")
    browser.shows("blockquote.learned", "the port is 8470")
    browser.run("document.querySelector('details').open = true")
    browser.click("[data-do=delete]")
    browser.settled("learnings")
    assert client.get("/api/learnings/l").status_code == 404
    browser.click(".notice button:not(.quiet)")
    browser.shows("blockquote.learned", "the port is 8470")


def test_a_failed_save_is_said_and_what_was_typed_stays(page, site):
    page.press("j")
    page.press("a")
    page.press("do not lose me")
    site.process.terminate()
    site.process.wait(30)
    page.run("document.querySelector('.note-form').requestSubmit()")
    page.shows(".notice.fault", "cannot be reached")
    assert page.run("return document.querySelector('.note-form textarea').value") == "do not lose me"


def test_the_focus_stays_where_something_was_done(page):
    page.press("j")
    page.press("m")
    page.run("document.querySelector('[data-do=delete]').click()")
    page.shows("#messages .gone", "was deleted")
    assert page.run("return document.activeElement.className") == "gone"
    page.press("#")
    page.press("release")
    page.key("ENTER")
    page.shows(".session-head .tag", "release")
    page.until("return document.activeElement.id === 'new-tag'")
    page.run("document.querySelectorAll('[data-session-do=rename]').forEach(each => { each.click(); each.click(); })")
    assert page.run("return document.activeElement.name") == "title"
    page.key("ESCAPE")
    assert page.texts(".notice.fault") == []


def test_what_was_deleted_in_the_middle_comes_back_where_it_stood(page, client):
    client.post("/api/sessions/s/messages", json=[{"role": "user", "content": f"kettle {at}"} for at in range(200)])
    page.open("/sessions/s")
    page.press("jj")
    page.press("m")
    page.run("document.querySelector('[data-do=delete]').click()")
    page.shows("#messages .gone", "was deleted")
    page.click(".notice button:not(.quiet)")
    page.until("return document.getElementById('m-m1')")
    assert page.run("return [...document.querySelectorAll('#messages > li')].slice(0, 3).map(each => each.id)") == [
        "m-m0",
        "m-m1",
        "m-m2",
    ]
    assert page.run("return document.getElementById('news').hidden")


def test_the_slider_and_a_date_are_worked_by_key(page, client):
    client.post("/api/sessions/s/messages", json=[{"role": "user", "content": f"kettle {at}"} for at in range(200)])
    page.open("/sessions/s")
    page.run("document.getElementById('position').focus()")
    for at in (2, 3, 4):
        page.key("ARROW_RIGHT")
        page.until("return location.search === `?seq=${arguments[0]}` && document.activeElement.id === 'position'", at)
        page.settled("session")
    page.run("document.getElementById('date').focus()")
    for each in "1103202":
        page.press(each)
    page.run("return new Promise(done => setTimeout(done, 300))")
    assert page.run("return document.activeElement.id") == "date"
