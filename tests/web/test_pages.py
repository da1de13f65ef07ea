"""The pages as they are answered: what stands in front of them, who sees what, and nothing that a message could run."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from memory import Memory
from memory.api.rest.app import make_app
from memory.api.rest.guard import Rules
from memory.api.web import own_files, views
from memory.care.access import Audit, Tokens

ROOT = Path(__file__).parents[2] / "memory/api/web"
PAGES = (
    "/",
    "/sessions",
    "/sessions/s",
    "/search?query=port",
    "/learnings",
    "/learnings/l",
    "/graph?ref=session:s",
    "/timeline",
    "/settings",
    "/signin",
    "/sessions/none",
)
HTML = {"Accept": "text/html"}


@pytest.fixture
def filled(memory):
    memory.sessions.create(id="s", title="Pick a port", project="web")
    memory.sessions.create(id="t", title="Secret plans", project="other")
    memory.messages.append("s", role="user", content="which port?", id="m")
    memory.messages.append("t", role="user", content="a port of call", id="n")
    memory.learnings.add("decision", "8470", id="l", session_id="s", source_messages=["m"])
    memory.graph.relate("session:s", "settings.py", type="changes")
    return memory


def client(memory: Memory, **rules) -> TestClient:
    return TestClient(make_app(memory, Rules(**rules)), base_url="http://127.0.0.1", follow_redirects=False)


@pytest.mark.parametrize("path", PAGES)
def test_a_strict_policy_stands_in_front_of_every_page(filled, path):
    answer = client(filled).get(path, headers=HTML)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
def test_no_page_holds_a_script_a_style_or_a_handler_of_its_own(filled, path):
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            names = dict(attrs)
            if tag == "style" or (tag == "script" and "src" not in names):
                found.append(tag)
            found.extend(name for name in names if name.startswith("on") or name == "style")
            for name in ("src", "href", "action"):
                if names.get(name, "").partition(":")[0] in ("http", "https", "javascript", "data"):
                    found.append(f"{name}={names[name]}")

    Reader().feed(client(filled).get(path, headers=HTML).text)
    assert found == []


def test_the_pages_code_fetches_nothing_from_elsewhere():
    for file in [*(ROOT / "assets").iterdir(), *(ROOT / "templates").iterdir()]:
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), file.name
        assert "innerHTML" not in text, file.name
        assert "eval(" not in text, file.name


def test_own_files_are_kept_by_the_browser_under_an_address_that_changes_with_them(filled):
    service = client(filled)
    answer = service.get(views.address("app.js"))
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    assert service.get("/assets/other/app.js").headers["cache-control"] == "no-store"
    assert service.get("/assets/other/none.js").status_code == 404
    assert service.get(f"/assets/{own_files.version()}/..%2fviews.py").status_code == 404


def test_without_a_token_a_page_leads_to_where_one_is_given(filled):
    service = client(filled, needs_token=True)
    answer = service.get("/sessions/s?at=m", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/signin?next=%2Fsessions%2Fs%3Fat%3Dm"
    assert service.get("/api/sessions", headers=HTML).status_code == 401
    assert service.get("/signin", headers=HTML).status_code == 200
    assert service.get(views.address("app.js")).status_code == 200


def test_a_token_becomes_a_cookie_that_no_script_reads_and_no_other_site_sends(filled):
    made = Tokens(filled.store).add("me", "reader")
    service = client(filled, needs_token=True)
    assert service.post("/signin", json={"token": "hark_wrong"}).status_code == 401
    assert Audit(filled.store).entries(0, 10)[-1].outcome == "unknown_token"
    answer = service.post("/signin", json={"token": made.token})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert service.get("/sessions/s", headers=HTML).status_code == 200
    assert service.post("/api/sessions", json={"title": "no"}).status_code == 403
    assert (
        service.post("/signin", json={"token": made.token}, headers={"Origin": "http://elsewhere.example"}).status_code
        == 403
    )
    service.post("/signout", json={})
    assert service.get("/sessions/s", headers=HTML).status_code == 303


def test_a_cookie_that_counts_no_more_is_as_none(filled):
    made = Tokens(filled.store).add("me", "reader")
    service = client(filled, needs_token=True)
    service.post("/signin", json={"token": made.token})
    Tokens(filled.store).revoke(made.id)
    assert service.get("/sessions", headers=HTML).status_code == 303
    # on this machine, where none is needed, it shuts nobody out
    open_to_all = client(filled)
    open_to_all.cookies.set("hark_token", "hark_of_another_store")
    assert open_to_all.get("/sessions", headers=HTML).status_code == 200


@pytest.mark.parametrize(
    "next", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)"]
)
def test_signing_in_leads_nowhere_else(filled, next):
    assert 'data-next="/"' in client(filled).get("/signin", params={"next": next}).text


def confined(memory, **given):
    made = Tokens(memory.store).add("some", "reader", **given)
    service = client(memory, needs_token=True)
    service.headers["Authorization"] = f"Bearer {made.token}"
    return service


def test_a_token_for_one_project_shows_nothing_of_others(filled):
    service = confined(filled, projects=[filled.projects.find("web").id])
    for path in ("/", "/sessions", "/sessions/s", "/search?query=port", "/learnings", "/learnings/l", "/settings"):
        answer = service.get(path, headers=HTML)
        assert answer.status_code == 200, path
        assert "Secret plans" not in answer.text, path
        assert "port of call" not in answer.text, path
        assert "other" not in re.sub(r"<[^>]+>", " ", answer.text).split(), path
    for path in (
        "/sessions/t",
        "/messages/n",
        "/messages/n/text",
        "/messages/n/versions",
        "/sessions/t/stretch?after=0",
        "/sessions/t/messages/n",
    ):
        assert service.get(path, headers=HTML).status_code == 404, path
    assert service.get("/sessions/s/messages/n", headers=HTML).status_code == 404
    assert service.get("/graph?ref=session:t", headers=HTML).status_code == 403
    assert "1 message in" in service.get("/timeline", headers=HTML).text
    assert "0 messages on" in service.get("/timeline?project=other", headers=HTML).text


def test_a_link_to_one_session_shows_that_one(filled):
    service = confined(filled, session_id="s")
    assert service.get("/", headers=HTML).headers["location"] == "/sessions/s"
    page = service.get("/sessions/s", headers=HTML)
    assert "which port?" in page.text
    assert "Secret plans" not in page.text
    assert 'data-events="/api/sessions/s/events"' in page.text
    assert service.get("/sessions/t", headers=HTML).status_code == 404
    assert "Secret plans" not in service.get("/search?query=port", headers=HTML).text


def test_a_problem_is_a_page_to_people_and_a_document_to_programs(filled):
    service = client(filled)
    assert "<h1" in service.get("/sessions/none", headers=HTML).text
    assert service.get("/sessions/none").json()["code"] == "unknown_record"
    assert service.get("/api/sessions/none", headers=HTML).json()["code"] == "unknown_record"
    assert "someday" in service.get("/sessions?after=someday", headers=HTML).text


def test_an_image_is_shown_as_what_it_is_and_svg_never(filled):
    service = client(filled)
    png = filled.attachments.create(message_id="m", name="a.png", media_type="image/png", data=b"\x89PNG\r\n\x1a\n")
    svg = filled.attachments.create(message_id="m", name="a.svg", media_type="image/svg+xml", data=b"<svg/>")
    answer = service.get(f"/attachments/{png.id}/image")
    assert answer.headers["content-type"] == "image/png"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert service.get(f"/attachments/{svg.id}/image").status_code == 404


def test_pages_are_no_part_of_the_description_of_the_api(filled):
    paths = client(filled).get("/api/openapi.json").json()["paths"]
    assert [path for path in paths if not path.startswith(("/api", "/metrics"))] == []
