"""What happens is shown while it happens, also when the service was away."""

import socket

import pytest
from serving import serving

pytestmark = pytest.mark.slow


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def begin(site, id="s", **message):
    with site.client() as client:
        client.post("/api/sessions", json={"id": id, "title": "Live"})
        for each in range(3):
            client.post(f"/api/sessions/{id}/messages", json={"role": "user", "content": f"said {each}"})


def test_a_message_grows_on_the_screen_while_it_is_written(site, browser):
    begin(site)
    browser.open("/sessions/s")
    browser.until("return document.getElementById('live').dataset.state === 'live'")
    with site.client() as client:
        client.post("/api/sessions/s/messages:stream", json={"id": "r", "role": "assistant"})
        client.post("/api/messages/r/chunks", json={"text": "The *kettle* "})
        browser.shows("#m-r", "The *kettle* ")
        assert browser.text("#m-r .status") == "writing…"
        for piece in ("is ", "on ", "the stove"):
            client.post("/api/messages/r/chunks", json={"text": piece})
        browser.shows("#m-r", "The *kettle* is on the stove")
        client.post("/api/messages/r:finish")
        browser.until("return document.querySelector('#m-r em')?.innerText === 'kettle'")
    assert browser.element("#m-r .status") is None
    assert browser.text("#m-r .said") == "The kettle is on the stove"
    assert browser.log() == []


def test_a_message_that_broke_off_says_so(site, browser):
    begin(site)
    browser.open("/sessions/s")
    with site.client() as client:
        client.post("/api/sessions/s/messages:stream", json={"id": "r", "role": "assistant"})
        client.post("/api/messages/r/chunks", json={"text": "half of "})
        client.post("/api/messages/r:fail", json={"error": "the model went away"})
    browser.shows("#m-r .status", "broken off")
    browser.shows("#m-r .fault", "the model went away")


def test_a_service_that_goes_and_comes_back_is_waited_for_and_nothing_is_missed(browser, tmp_path, port):
    with serving(tmp_path / "store", port=port) as site:
        begin(site)
        browser.base = site.url
        browser.open("/sessions/s")
        browser.until("return document.getElementById('live').dataset.state === 'live'")
    browser.until("return document.getElementById('live').dataset.state === 'waiting'")
    assert "Reconnecting" in browser.text("#live")
    browser.press("g")
    browser.press("s")
    browser.shows(".notice.fault", "hark serve")
    with serving(tmp_path / "store", port=port) as site:
        with site.client() as client:
            client.post(
                "/api/sessions/s/messages", json={"id": "late", "role": "user", "content": "while you were away"}
            )
        browser.shows("#messages", "while you were away")
        browser.until("return document.getElementById('live').dataset.state === 'live'")
        assert len(browser.texts("#m-late")) == 1


def test_who_reads_further_up_is_told_of_news_and_keeps_the_place(site, browser):
    begin(site)
    with site.client() as client:
        for start in (0, 100):
            many = [
                {"id": f"n{start + each}", "role": "user", "content": f"long ago {start + each}\n" * 9}
                for each in range(100)
            ]
            client.post("/api/sessions/s/messages", json=many)
        browser.open("/sessions/s")
        before = browser.run("return scrollY")
        client.post("/api/sessions/s/messages", json={"id": "new", "role": "user", "content": "just now"})
        browser.shows("#news", "1 new message")
    assert browser.run("return scrollY") == before
    browser.click("#news")
    browser.shows("#m-new", "just now")


def test_a_session_that_is_deleted_while_it_is_read_says_so_and_can_be_restored(site, browser):
    begin(site)
    browser.open("/sessions/s")
    browser.until("return document.getElementById('live').dataset.state === 'live'")
    with site.client() as client:
        client.delete("/api/sessions/s")
        browser.shows("#session-gone", "This session was deleted")
        assert "said 1" in browser.text("#messages")
        browser.click("#session-gone button")
        browser.until("return document.getElementById('session-gone').hidden")
        assert client.get("/api/sessions/s").status_code == 200


def test_a_message_that_is_deleted_or_changed_elsewhere_is_so_here(site, browser):
    begin(site)
    browser.open("/sessions/s")
    with site.client() as client:
        first, second, _ = client.get("/api/sessions/s/messages").json()["items"]
        client.patch(f"/api/messages/{first['id']}", json={"content": "said otherwise"})
        browser.shows("#messages", "said otherwise")
        assert browser.text("#messages a[href$='/versions']") == "edited"
        client.delete(f"/api/messages/{second['id']}")
        browser.shows("#messages .gone", "was deleted")
    assert "said 1" not in browser.text("#messages")


def test_a_new_session_stands_on_top_of_the_history(site, browser):
    begin(site)
    browser.open("/sessions/s")
    begin(site, id="other")
    with site.client() as client:
        client.patch("/api/sessions/other", json={"title": "Begun just now"})
    browser.shows("#history-rows li:first-child", "Begun just now")


def test_what_comes_while_a_view_is_being_read_is_not_missed(site, browser):
    begin(site)
    browser.open("/")
    browser.until("return document.getElementById('live').dataset.state === 'live'")
    # the answer was made before the message came, and arrives after it
    browser.run(
        "const real = window.fetch; window.fetch = async (address, ...rest) => {"
        "  const answer = await real(address, ...rest);"
        "  if (!String(address).endsWith('/sessions/s')) return answer;"
        "  const text = await answer.text(); window.isMade = true;"
        "  await new Promise((done) => { window.deliver = done; });"
        "  return Object.defineProperty(new Response(text, answer), 'url', {value: answer.url}); }"
    )
    browser.run("document.querySelector('main a[href=\"/sessions/s\"]').click()")
    browser.until("return window.isMade")
    with site.client() as client:
        client.post("/api/sessions/s/messages", json={"id": "late", "role": "user", "content": "came meanwhile"})
    browser.until("return performance.now() > 0 && new Promise(done => setTimeout(() => done(true), 500))")
    browser.run("window.deliver()")
    browser.shows("#messages", "came meanwhile")
    assert browser.text("#position-said").split("·")[0].strip().endswith("of 4")


def test_a_note_that_is_being_written_stays_when_its_message_changes(site, browser):
    begin(site)
    browser.open("/sessions/s")
    browser.press("j")
    browser.press("a")
    browser.press("not yet sa")
    id = browser.run("return document.querySelector('.note-form').closest('[data-id]').dataset.id")
    with site.client() as client:
        client.patch(f"/api/messages/{id}", json={"content": "said otherwise"})
        browser.shows("#messages", "said otherwise")
        browser.press("ved")
        assert browser.run("return document.querySelector('.note-form textarea').value") == "not yet saved"
        client.post("/api/reactions", json={"message_id": id, "type": "annotation", "value": "of another reader"})
        browser.shows("#messages .note", "of another reader")


def test_a_session_that_is_gone_is_not_asked_for_without_end(site, browser):
    begin(site)
    with site.client() as client:
        client.post("/api/sessions/s/messages", json=[{"role": "user", "content": f"kettle {at}"} for at in range(200)])
        browser.open("/sessions/s")
        browser.run(
            "window.asked = 0; const real = fetch; window.fetch = (...given) => { asked += 1; return real(...given); }"
        )
        client.delete("/api/sessions/s")
        browser.shows("#session-gone", "was deleted")
    browser.run("scrollTo(0, document.documentElement.scrollHeight)")
    browser.shows(".notice.fault", "no session")
    browser.run("asked = 0; return new Promise(done => setTimeout(done, 1500))")
    assert browser.run("return asked") <= 2
    assert len(browser.texts(".notice.fault")) == 1


def test_what_hides_or_reorders_text_is_seen_while_it_is_written(site, browser):
    begin(site)
    browser.open("/sessions/s")
    browser.until("return document.getElementById('live').dataset.state === 'live'")
    with site.client() as client:
        client.post("/api/sessions/s/messages:stream", json={"id": "r", "role": "assistant"})
        client.post("/api/messages/r/chunks", json={"text": "begun "})
        browser.shows("#m-r", "begun")
        client.post("/api/messages/r/chunks", json={"text": "\u202egnp.exe\x1b[31m"})
        browser.shows("#m-r", "[U+202E]gnp.exe\u241b[31m")


def test_a_token_of_one_project_reads_along(browser, tmp_path):
    from memory import Memory
    from memory.care.access import Tokens

    with Memory.open(tmp_path / "store") as memory:
        memory.sessions.create(id="s", title="Live", project="web")
        memory.messages.append("s", role="user", content="said 0")
        token = Tokens(memory.store).add("me", "writer", projects=[memory.projects.find("web").id]).token
    with serving(tmp_path / "store") as site:
        browser.base = site.url
        browser.driver.get(f"{site.url}/signin#{token}")
        browser.until("return location.pathname === '/'")
        browser.open("/sessions/s")
        browser.until("return document.getElementById('live').dataset.state === 'live'")
        with site.client(headers={"Authorization": f"Bearer {token}"}) as client:
            client.post("/api/sessions/s/messages", json={"role": "user", "content": "just now"})
        browser.shows("#messages", "just now")
        browser.run("document.querySelector('nav a[href=\"/timeline\"]').click()")
        browser.settled("timeline")
        assert browser.run("return document.getElementById('live').dataset.state") == "refused"
