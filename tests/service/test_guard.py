"""What is not let in: foreign pages, strangers, bodies that are too large or mean two things; and what is written down."""

import json

import pytest
from starlette.testclient import TestClient

from memory import Memory
from memory.api.rest.app import make_app
from memory.api.rest.guard import BODY_BYTES, Rules
from memory.care.access import Audit, Tokens

BASE = "http://127.0.0.1:8470"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:8470"}, 421),
        ({"host": ""}, 421),
        ({"host": "localhost:8470"}, 200),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": BASE}, 200),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Basic eDp5"}, 401),
    ],
)
def test_who_asks_and_from_where_is_looked_at(client, headers, status):
    answer = client.get("/api/sessions", headers=headers)
    assert answer.status_code == status
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[" * 100_000, 400, "too_deep"),
        (b'{"title": ' + b"9" * 1_000_000 + b"}", 400, "too_many_digits"),
        (b'{"title": "a", "title": "b"}', 400, "key_twice"),
        (b'{"title": NaN}', 400, "not_a_number"),
        (b'{"metadata": {"a": Infinity}}', 400, "not_a_number"),
        (b'{"metadata": {"a": -1e999}}', 400, "not_a_number"),
        (b'{"title": "\xff"}', 400, "not_utf8"),
        ('{"title": "a"}'.encode("utf-16"), 400, "not_utf8"),
        (b'{"title"', 422, "not_json"),
        (b'{"titel": "a"}', 422, "invalid_input"),
        (b'{"title": 5}', 422, "invalid_input"),
        (b'{"id": "a/b"}', 422, "invalid_input"),
        (b'{"id": ""}', 422, "invalid_input"),
        (b"[]", 422, "invalid_input"),
        (b"", 422, "invalid_input"),
    ],
)
def test_a_body_that_is_no_record_is_refused(client, body, status, code):
    answer = client.post("/api/sessions", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get("/api/sessions").json()["items"] == []


def test_brackets_in_a_text_are_no_depth(client):
    assert client.post("/api/sessions", json={"title": "[" * 190}).status_code == 201


def test_a_body_over_the_limit_is_refused_however_it_comes(client):
    large = b'{"title": "' + b"x" * BODY_BYTES + b'"}'

    def pieces():
        for start in range(0, len(large), 100_000):
            yield large[start : start + 100_000]

    for content in (large, pieces()):
        answer = client.post("/api/sessions", content=content, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_only_json_is_taken(client):
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post("/api/sessions", content=b'{"title": "a"}', headers={"content-type": kind})
        assert answer.status_code == 415


@pytest.mark.parametrize("given", [{"limit": -1}, {"limit": 0}, {"limit": "1e18"}, {"limit": "x"}, {"nonsense": 1}])
def test_a_parameter_that_cannot_be_is_refused(client, given):
    assert client.get("/api/sessions", params=given).status_code == 422


@pytest.mark.parametrize(
    "query", ["(" * 5_000, "NOT " * 5_000, "word " * 100_000, "tenant:other key:__meta__ *", "\x00", '"', "-"]
)
def test_a_query_is_never_wrong(client, query):
    answer = client.post("/api/search", json={"query": query})
    assert answer.status_code == 200
    assert client.get("/api/health").status_code == 200


def test_an_unknown_verb_has_no_cors(client):
    for method in ("OPTIONS", "PUT", "TRACE"):
        answer = client.request(method, "/api/sessions")
        assert answer.status_code == 405
        assert "access-control-allow-methods" not in answer.headers


@pytest.mark.parametrize("id", ["../../etc/passwd", "%2e%2e%2fstore.db", "a\r\nb", "x" * 600])
def test_an_odd_id_is_one_that_is_not_there(client, id):
    from urllib.parse import quote

    answer = client.get(f"/api/sessions/{quote(id, safe='')}")
    assert answer.status_code == 404
    assert "etc/passwd\n" not in answer.text


@pytest.fixture
def locked(memory):
    """A service that lets nobody in without a token."""
    with TestClient(make_app(memory, Rules(needs_token=True)), base_url=BASE, raise_server_exceptions=False) as opened:
        yield opened


def bearer(memory, name, role, **limits):
    return {"Authorization": f"Bearer {Tokens(memory.store).add(name, role, **limits).token}"}


def test_a_token_allows_what_its_role_may(locked, memory):
    reader, writer, admin = (bearer(memory, role, role) for role in ("reader", "writer", "admin"))
    assert locked.get("/api/sessions").status_code == 401
    assert locked.get("/api/sessions", headers=reader).status_code == 200
    assert locked.post("/api/sessions", json={}, headers=reader).json()["code"] == "not_allowed"
    assert locked.post("/api/sessions", json={}, headers=writer).status_code == 201
    assert locked.post("/api/forget", json={"query": "x"}, headers=writer).status_code == 403
    assert locked.post("/api/forget", json={"query": "x"}, headers=admin).status_code == 200


def test_a_revoked_token_and_one_that_has_run_out_count_for_nothing(locked, memory):
    from datetime import UTC, datetime, timedelta

    made = Tokens(memory.store).add("a", "admin")
    header = {"Authorization": f"Bearer {made.token}"}
    assert locked.delete(f"/api/tokens/{made.id}", headers=header).status_code == 204
    assert locked.get("/api/sessions", headers=header).status_code == 401
    short = Tokens(memory.store).add("b", "reader", expires_at=datetime.now(UTC) + timedelta(milliseconds=5))
    import time

    time.sleep(0.01)
    assert locked.get("/api/sessions", headers={"Authorization": f"Bearer {short.token}"}).status_code == 401


def test_a_token_is_nowhere_kept_as_it_is(memory, tmp_path):
    made = Tokens(memory.store).add("a", "admin")
    memory.close()
    assert not any(
        made.token.encode() in path.read_bytes() for path in memory.store.directory.rglob("*") if path.is_file()
    )


def test_another_workspace_is_not_there(memory, tmp_path):
    with Memory.open(memory.store.directory, workspace="theirs") as theirs:
        hidden = theirs.sessions.create(title="hidden")
        theirs.messages.append(hidden.id, role="user", content="the violet lantern")
        token = bearer(theirs, "t", "admin")
    with TestClient(make_app(memory), base_url=BASE) as client:
        missing, foreign = client.get("/api/sessions/none"), client.get(f"/api/sessions/{hidden.id}")
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json()["detail"].replace(hidden.id, "none") == missing.json()["detail"]
        assert client.get("/api/search", params={"query": "violet lantern"}).json()["hits"] == []
        assert client.get(f"/api/sessions/{hidden.id}", headers=token).json()["title"] == "hidden"
        (id,) = [each["id"] for each in client.get("/api/tokens", headers=token).json()]
        assert client.delete(f"/api/tokens/{id}").status_code == 404
        assert client.get("/api/tokens", headers=token).status_code == 200
        assert [each["id"] for each in client.get("/api/sessions", headers=token).json()["items"]] == [hidden.id]


def test_streams_of_two_workspaces_with_one_id_are_two(memory):
    with Memory.open(memory.store.directory, workspace="theirs") as theirs:
        token = bearer(theirs, "t", "writer")
    with TestClient(make_app(memory), base_url=BASE) as client:
        for headers in ({}, token):
            client.post("/api/sessions", json={"id": "s"}, headers=headers)
            client.post("/api/sessions/s/messages:stream", json={"role": "user", "id": "m"}, headers=headers)
        client.post("/api/messages/m/chunks", json={"text": "ours"})
        client.post("/api/messages/m/chunks", json={"text": "theirs"}, headers=token)
        assert client.get("/api/messages/m").json()["content"] == "ours"
        assert client.get("/api/messages/m", headers=token).json()["content"] == "theirs"


@pytest.fixture
def two_projects(memory):
    for name in ("web", "shop"):
        session = memory.sessions.create(id=name, title=f"about {name}", project=name)
        memory.messages.append(session.id, id=f"m-{name}", role="user", content=f"the kettle of the {name}")
        memory.learnings.add("fact", f"kettle fact of {name}", project=name)
    return memory


def test_a_token_of_one_project_sees_that_one_only(two_projects, locked):
    web = two_projects.projects.find("web").id
    token = bearer(two_projects, "t", "writer", projects=[web])
    found = locked.get("/api/search", params={"query": "kettle", "min_score": 0}, headers=token).json()["hits"]
    assert {hit["project"] for hit in found} == {"web"}
    assert locked.get("/api/search", params={"query": "kettle", "project": "shop"}, headers=token).json()["hits"] == []
    assert [each["id"] for each in locked.get("/api/sessions", headers=token).json()["items"]] == ["web"]
    for path in (
        "/api/sessions/shop",
        "/api/messages/m-shop",
        "/api/sessions/shop/messages",
        "/api/sessions/shop/events",
    ):
        assert locked.get(path, headers=token).status_code == 404
    for path in (
        "/api/events",
        "/api/stats",
        "/api/projects",
        "/api/settings",
        "/api/graph/neighbours?ref=a.py",
        "/metrics",
    ):
        assert locked.get(path, headers=token).status_code == 403
    assert locked.get("/api/export", headers=token).status_code == 403
    assert b"shop" not in locked.get("/api/export", params={"project": "web"}, headers=token).content
    assert locked.post("/api/sessions", json={"project": "shop"}, headers=token).status_code == 403
    assert locked.post("/api/sessions", json={"title": "mine"}, headers=token).json()["project"] == "web"
    assert len(locked.get("/api/learnings", headers=token).json()["items"]) == 1


def test_a_token_of_one_project_reaches_no_other_by_what_it_saves(two_projects, locked):
    token = bearer(two_projects, "t", "writer", projects=[two_projects.projects.find("web").id])
    shop = two_projects.projects.find("shop").id
    fact = two_projects.learnings.list(project="shop").items[0].id
    mine = two_projects.learnings.list(project="web").items[0].id
    said, learned = {"role": "user", "content": "x"}, {"category": "fact", "content": "x", "project": "web"}
    for method, path, body in (
        ("POST", "/api/sessions", {"project": "web", "parent_id": "shop", "forked_at": "m-shop"}),
        ("POST", "/api/sessions", {"project": "web", "project_id": shop}),
        ("POST", "/api/sessions", {"project": None, "project_id": two_projects.projects.find("web").id}),
        ("PATCH", "/api/sessions/web", {"parent_id": "shop", "forked_at": "m-shop"}),
        ("PATCH", "/api/sessions/web", {"project": "shop"}),
        ("PATCH", "/api/sessions/web", {"project": None}),
        ("PATCH", "/api/sessions/web", {"project": "made by this"}),
        ("POST", "/api/sessions/web/fork", {"at": "m-shop"}),
        ("POST", "/api/sessions/web/messages", {**said, "parent_id": "m-shop"}),
        ("POST", "/api/sessions/web/messages", [said, {**said, "parent_id": "m-shop"}]),
        ("POST", "/api/sessions/web/messages:stream", {**said, "parent_id": "m-shop"}),
        ("PATCH", "/api/messages/m-web", {"parent_id": "m-shop"}),
        ("POST", "/api/learnings", {**learned, "session_id": "shop"}),
        ("POST", "/api/learnings", {**learned, "superseded_by": fact}),
        ("POST", "/api/learnings", {**learned, "source_messages": ["m-shop"]}),
        ("PATCH", f"/api/learnings/{mine}", {"project": "shop"}),
        ("PATCH", f"/api/learnings/{mine}", {"session_id": "shop"}),
    ):
        answer = locked.request(method, path, json=body, headers=token)
        assert answer.status_code in (403, 404), (method, path, body, answer.text)
    assert [each["id"] for each in locked.get("/api/sessions", headers=token).json()["items"]] == ["web"]
    assert len(locked.get("/api/sessions/web/messages", headers=token).json()["items"]) == 1
    for path in ("messages", "messages:stream"):
        taken = locked.post(f"/api/sessions/web/{path}", json={**said, "id": "m-shop"}, headers=token)
        assert taken.status_code == 409
        assert "'shop'" not in taken.text
    assert locked.patch("/api/sessions/web", json={"title": "new", "project": "web"}, headers=token).status_code == 200


def test_a_link_shows_one_session_for_a_time(two_projects, locked):
    admin = bearer(two_projects, "a", "admin")
    link = locked.post("/api/sessions/web/share", json={"expires_in_days": 1}, headers=admin).json()
    token = {"Authorization": f"Bearer {link['token']}"}
    assert locked.get("/api/sessions/web", params={"include": "messages"}, headers=token).json()["messages"]
    assert locked.get("/api/sessions/shop", headers=token).status_code == 404
    assert (
        locked.post("/api/sessions/web/messages", json={"role": "user", "content": "x"}, headers=token).status_code
        == 403
    )
    hits = locked.get("/api/search", params={"query": "kettle", "min_score": 0}, headers=token).json()["hits"]
    assert {hit["session_id"] for hit in hits} == {"web"}


def test_what_a_token_does_too_often_is_refused(memory):
    with TestClient(make_app(memory, Rules(searches_a_second=3)), base_url=BASE) as client:
        token = bearer(memory, "t", "reader")
        answers = [client.get("/api/search", params={"query": "x"}, headers=token) for _ in range(30)]
        assert {answer.status_code for answer in answers} == {200, 429}
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.headers["retry-after"] == "1"


def test_writes_and_refusals_are_written_down_and_chained(client, memory):
    made = client.post("/api/sessions", json={"title": "violet"}).json()["id"]
    client.get("/api/sessions", headers={"host": "evil.example"})
    client.get("/api/sessions", headers={"authorization": "Bearer wrong"})

    entries = client.get("/api/audit").json()

    assert [(each["what"], each["outcome"]) for each in entries] == [
        ("POST /api/sessions", "done"),
        ("GET /api/sessions", "foreign_host"),
        ("GET /api/sessions", "unknown_token"),
    ]
    assert entries[0]["target"] == f"session:{made}"
    assert "violet" not in json.dumps(entries)
    assert Audit(memory.store).broken_at() is None
    memory.store.database.rows("update audit set who = 'somebody else' where seq = 2")
    assert Audit(memory.store).broken_at() == 2


def test_reads_of_a_token_and_what_its_role_may_not_are_written_down(two_projects, locked):
    reader = bearer(two_projects, "t", "reader", projects=[two_projects.projects.find("web").id])
    admin = bearer(two_projects, "a", "admin")
    locked.get("/api/sessions/web", headers=reader)
    locked.get("/api/search", params={"query": "violet"}, headers=reader)
    locked.post("/api/sessions", json={}, headers=reader)
    locked.get("/api/stats", headers=reader)
    locked.get("/api/health", headers=reader)
    entries = locked.get("/api/audit", headers=admin).json()
    assert [(each["what"], each["target"], each["outcome"]) for each in entries] == [
        ("GET /api/sessions/{id}", "web", "done"),
        ("GET /api/search", None, "done"),
        ("POST /api/sessions", None, "not_allowed"),
        ("GET /api/stats", None, "done"),
        ("GET /api/stats", None, "confined"),
    ]


def test_a_fault_of_the_program_tells_nothing_of_what_is_stored(client, monkeypatch):
    from memory.memory import Memory as Class

    def broken(*_, **__):
        raise RuntimeError("/home/ada/secret")

    monkeypatch.setattr(Class, "search", broken)
    answer = client.get("/api/search", params={"query": "x"})
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_a_body_that_comes_drop_by_drop_is_sent_away(client, monkeypatch):
    import asyncio

    from memory.api.rest import guard

    monkeypatch.setattr(guard, "BODY_SECONDS", 0.2)

    async def ask():
        sent = []

        async def receive():
            await asyncio.sleep(0.05)
            return {"type": "http.request", "body": b" ", "more_body": True}

        async def send(message):
            sent.append(message)

        headers = [(b"host", b"127.0.0.1:8470"), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/api/sessions", "query_string": b"", "headers": headers}
        await client.app({**scope, "scheme": "http", "state": {}}, receive, send)
        return sent[0]["status"]

    assert asyncio.run(ask()) == 408
