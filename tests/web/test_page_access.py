"""Who sees what on the pages: nothing of others, all of one's own, and no way out of this service."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from memory import Memory
from memory.api.rest.app import make_app
from memory.api.rest.guard import Rules
from memory.care.access import Tokens

HTML = {"Accept": "text/html"}


@pytest.fixture
def filled(memory):
    memory.sessions.create(id="s", title="Pick a port", project="web")
    memory.sessions.create(id="t", title="Secret plans", project="other")
    memory.messages.append("s", role="user", content="which port?", id="m")
    memory.messages.append("t", role="user", content="a port of call", id="n", created_at="2019-05-05T00:00:00Z")
    return memory


def client(memory: Memory, **rules) -> TestClient:
    app = make_app(memory, Rules(**rules))
    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=False, raise_server_exceptions=False)


def confined(memory, **given):
    made = Tokens(memory.store).add("some", "reader", **given)
    service = client(memory, needs_token=True)
    service.headers["Authorization"] = f"Bearer {made.token}"
    return service


def of_web(memory):
    return confined(memory, projects=[memory.projects.find("web").id])


def test_what_a_learning_was_drawn_from_in_another_project_is_not_quoted(filled):
    filled.learnings.add("decision", "8470", id="l", session_id="s", source_messages=["m", "n"])
    filled.learnings.add("fact", "tea is served at five", session_id="s", project="other")
    service = of_web(filled)
    page = service.get("/learnings/l", headers=HTML).text
    assert "which port?" in page
    assert "port of call" not in page
    assert "tea is served at five" not in service.get("/sessions/s", headers=HTML).text


def test_the_timeline_of_one_project_does_not_tell_when_others_were_spoken_in(filled):
    page = of_web(filled).get("/timeline", headers=HTML).text
    assert "year before" not in page
    assert "The year before" in client(filled).get("/timeline", headers=HTML).text


def test_a_project_behind_hundreds_of_others_is_found_by_who_may_see_it(filled):
    for at in range(120):
        filled.sessions.create(title=f"Other {at}", project="other")
        filled.learnings.add("fact", f"other {at}", project="other")
    filled.learnings.add("fact", "8470", project="web", valid_from="2020-01-01T00:00:00Z")
    service = of_web(filled)
    home = service.get("/", headers=HTML).text
    assert "Pick a port" in home
    assert "8470" in home
    assert "Nothing is stored yet" not in home
    assert [each["id"] for each in service.get("/api/sessions?limit=2").json()["items"]] == ["s"]


def test_a_fork_that_is_shared_shows_what_was_said_before_it_and_nothing_behind(filled):
    filled.messages.append("s", role="user", content="behind the fork", id="m2")
    filled.sessions.fork("s", at="m", new_id="fork")
    service = confined(filled, session_id="fork")
    for path in ("/sessions/fork?at=m", "/sessions/fork/messages/m", "/messages/m/text"):
        assert "which port?" in service.get(path, headers=HTML).text, path
    assert service.get("/messages/m/versions", headers=HTML).status_code == 200
    for path in ("/sessions/fork?at=m2", "/sessions/fork/messages/m2", "/messages/m2/text", "/sessions/s"):
        assert service.get(path, headers=HTML).status_code == 404, path


def test_who_deletes_in_one_project_brings_back_there_and_nowhere_else(filled):
    filled.learnings.add("fact", "8470", id="l", session_id="s")
    filled.sessions.delete("t")
    made = Tokens(filled.store).add("some", "writer", projects=[filled.projects.find("web").id])
    service = client(filled, needs_token=True)
    service.headers["Authorization"] = f"Bearer {made.token}"
    for path in ("/api/messages/m", "/api/learnings/l", "/api/sessions/s"):
        assert service.delete(path).status_code == 204, path
        assert service.post(f"{path}/restore").status_code == 200, path
    assert service.post("/api/sessions/t/restore").status_code == 404


def test_a_reader_is_offered_nothing_to_write(filled):
    filled.learnings.add("fact", "8470", id="l", session_id="s")
    filled.reactions.create(message_id="m", type="annotation", value="a note")
    service = confined(filled)
    for path in ("/sessions/s", "/learnings/l", "/settings", "/sessions/s/stretch?after=0"):
        page = service.get(path, headers=HTML).text
        assert "data-may-write" not in page, path
        assert not re.search(r'class="(?:add-tag|danger|edit|take-back)|id="import"|data-do="note"', page), path


def test_a_message_of_another_session_is_no_place_in_this_one(filled):
    assert client(filled).get("/sessions/s?at=n", headers=HTML).status_code == 404


ODD = ["q?x", "h#y", "a b", "it's", '"q"', "ü🫖", "a+b&c=d", "<b>", "back\\slash"]


@pytest.mark.parametrize("id", ODD)
def test_a_session_with_an_odd_id_is_led_to(filled, id):
    filled.sessions.create(id=id, title="Odd one")
    filled.messages.append(id, role="user", content="here", id=f"m {id}")
    open_to_all = client(filled)
    link = re.search(r'href="(/sessions/[^"]*)">Odd one', open_to_all.get("/sessions", headers=HTML).text)[1]
    assert "Odd one" in open_to_all.get(link, headers=HTML).text
    home = confined(filled, session_id=id).get("/", headers=HTML).headers["location"]
    assert home == link
    asked = client(filled, needs_token=True).get(f"{link}?at=x%26y", headers=HTML).headers["location"]
    assert parse_qs(urlsplit(asked).query)["next"] == [f"{link}?at=x%26y"]


@pytest.mark.parametrize("next", ["/\t/elsewhere.example", "/\n/elsewhere.example", "/\r\\elsewhere.example", "/a\tb"])
def test_signs_that_a_browser_leaves_out_lead_nowhere_else(filled, next):
    assert 'data-next="/"' in client(filled).get("/signin", params={"next": next}).text


def test_tokens_are_not_tried_without_end(filled):
    service = client(filled, needs_token=True)
    found = [service.post("/signin", json={"token": f"hark_{at}"}).status_code for at in range(30)]
    assert found[0] == 401
    assert 429 in found


def test_an_image_is_not_kept_by_a_browser_that_may_not_see_it_tomorrow(filled):
    png = filled.attachments.create(message_id="m", name="a.png", media_type="image/png", data=b"\x89PNG\r\n\x1a\n")
    assert client(filled).get(f"/attachments/{png.id}/image").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("until", ["0001-01-01", "0001", "9998-12-31", "9999-06-01"])
def test_the_ends_of_all_years_are_drawn(filled, until):
    filled.messages.append("s", role="user", content="late", created_at="9999-07-01T00:00:00Z")
    assert client(filled).get(f"/timeline?until={until}", headers=HTML).status_code == 200


def test_reactions_of_every_type_are_told_as_they_are(filled):
    for value in (True, None, {"a": "<b>"}, [1], 1.5, "x" * 3000):
        filled.reactions.create(message_id="m", type="reaction", value=value)
    page = client(filled).get("/sessions/s", headers=HTML).text
    told = re.findall(r'<li class="reaction">\s*<span>(.*?)</span>', page)
    assert told == ["true", "null", "{&#34;a&#34;: &#34;&lt;b&gt;&#34;}", "[1]", "1.5", "x" * 3000]
    assert max(map(len, re.findall(r'aria-label="Take back ([^"]*)"', page))) <= 120


def test_all_of_many_projects_are_offered_and_what_narrows_stays_chosen(filled):
    for at in range(300):
        filled.projects.create(name=f"project-{at:03}")
    page = client(filled).get("/sessions?project=project-299", headers=HTML).text
    assert page.count("project-299</option>") == 2
    assert 'value="no-such" selected' in client(filled).get("/sessions?project=no-such", headers=HTML).text


def test_a_search_keeps_what_it_was_narrowed_by_elsewhere(filled):
    page = client(filled).get("/search?query=port&tag=release&tool=bash", headers=HTML).text
    assert 'name="tag" value="release" checked' in page
    assert 'name="tool" value="bash" checked' in page
