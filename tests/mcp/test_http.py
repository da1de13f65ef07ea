"""MCP over HTTP against a real `hark serve`: the guard holds, and so does what a token is for."""

import anyio
import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_clients import ERAS, ask
from serving import serving

from memory import Memory
from memory.care.access import Audit, Tokens

pytestmark = pytest.mark.slow
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "search_memory", "arguments": {"query": "port"}},
}
HEADERS = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A service of a store with two projects, and tokens of every sort."""
    store = tmp_path_factory.mktemp("service") / "store"
    tokens = {}
    with Memory.open(store) as memory:
        ids = {}
        for name in ("web", "ledger"):
            session = memory.sessions.create(title=f"Port of {name}", project=name)
            memory.messages.append(session.id, role="user", content=f"the port of {name} is 8470")
            ids[name] = session
        made = Tokens(memory.store)
        for role in ("reader", "writer", "admin"):
            tokens[role] = made.add(role, role).token
        web = [ids["web"].project_id]
        tokens["web"] = made.add("web", "writer", projects=web).token
        tokens["shared"] = made.add("shared", "reader", session_id=ids["web"].id).token
    with serving(store) as running:
        yield running, tokens, ids


def as_(token, url, steps, mode="legacy"):
    """Ask with a token."""

    async def run():
        with anyio.fail_after(60):
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                create_mcp_http_client(headers=headers) as http,
                Client(streamable_http_client(url, http_client=http), mode=mode) as client,
            ):
                return await steps(client)

    return anyio.run(run)


def call(name, **arguments):
    async def steps(client):
        return await client.call_tool(name, arguments)

    return steps


@pytest.mark.parametrize("mode", [*ERAS, "auto"])
def test_both_eras_of_the_protocol_are_spoken(place, mode):
    running, _, _ = place
    found = ask(f"{running.url}/mcp", call("search_memory", query="port"), mode)
    assert len(found.structured_content["hits"]) == 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "evil.example"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"authorization": "Bearer wrong"}, 401),
        ({"content-type": "text/plain"}, 400),
    ],
)
def test_the_guard_stands_before_it(place, headers, status):
    answer = httpx.post(f"{place[0].url}/mcp", json=CALL, headers=HEADERS | headers, timeout=30)
    assert answer.status_code == status


def test_a_body_that_is_too_large_is_refused(place):
    body = b'{"a": "' + b"x" * 8_000_001 + b'"}'
    answer = httpx.post(
        f"{place[0].url}/mcp", content=body, headers=HEADERS | {"content-type": "application/json"}, timeout=30
    )
    assert answer.status_code == 413


def test_nothing_is_sent_unasked(place):
    answer = httpx.get(f"{place[0].url}/mcp", headers=HEADERS, timeout=30)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert httpx.get(f"{place[0].url}/api/openapi.json", timeout=30).json()["paths"].get("/mcp") is None


@pytest.mark.parametrize(
    ("role", "tool", "arguments", "is_allowed"),
    [
        ("reader", "search_memory", {"query": "port"}, True),
        ("reader", "save_message", {"role": "user", "content": "x"}, False),
        ("reader", "save_learning", {"category": "fact", "content": "x"}, False),
        ("writer", "save_learning", {"category": "fact", "content": "x"}, True),
        ("writer", "relate", {"source": "a", "target": "b", "type": "t"}, True),
        ("writer", "forget", {"ref": "message:x"}, False),
        ("shared", "save_message", {"role": "user", "content": "x"}, False),
        ("shared", "related", {"ref": "a"}, False),
        ("web", "related", {"ref": "a"}, False),
        ("web", "relate", {"source": "a", "target": "b", "type": "t"}, False),
        ("web", "save_message", {"role": "user", "content": "x", "project": "ledger"}, False),
        ("web", "save_message", {"role": "user", "content": "of the web", "project": "web"}, True),
    ],
)
def test_a_token_does_what_it_is_for(place, role, tool, arguments, is_allowed):
    running, tokens, _ = place
    answer = as_(tokens[role], f"{running.url}/mcp", call(tool, **arguments))
    assert bool(answer.is_error) is not is_allowed
    if not is_allowed:
        assert "this token" in answer.content[0].text


@pytest.mark.parametrize("role", ["web", "shared"])
def test_a_token_sees_what_it_is_for(place, role):
    running, tokens, ids = place
    url = f"{running.url}/mcp"

    async def look(client):
        found = await client.call_tool("search_memory", {"query": "port of ledger", "limit": 50})
        recalled = await client.call_tool("recall", {"query": "port of ledger"})
        listed = await client.list_resources()
        own = await client.call_tool("read_session", {"session_id": ids["web"].id})
        foreign = [
            (await client.call_tool("read_session", {"session_id": given})).content[0].text
            for given in (ids["ledger"].id, "nowhere", ids["ledger"].id[:8])
        ]
        text = found.content[0].text + recalled.content[0].text + " ".join(each.name for each in listed.resources)
        return text, own.is_error, foreign

    text, is_error, foreign = as_(tokens[role], url, look)
    assert "Port of web" in text
    assert "ledger is 8470" not in text
    assert "Port of ledger" not in text
    assert not is_error
    assert all(line.startswith("there is no session") for line in foreign)


def test_a_foreign_session_is_no_source_of_a_learning(place):
    running, tokens, ids = place
    given = {"category": "fact", "content": "x", "project": "web", "session_id": ids["ledger"].id}
    assert as_(tokens["web"], f"{running.url}/mcp", call("save_learning", **given)).is_error


def test_what_was_done_and_refused_is_written_down(place):
    running, tokens, ids = place
    url = f"{running.url}/mcp"
    as_(tokens["admin"], url, call("forget", ref=f"session:{ids['ledger'].id}"))
    as_(tokens["reader"], url, call("save_message", role="user", content="x"))
    with Memory.open(running.store, create=False) as memory:
        last = Audit(memory.store).entries(limit=200)[-2:]
    assert [(each.what, each.outcome) for each in last] == [("forget", "dry_run"), ("save_message", "not_allowed")]
    assert last[0].target == f"session:{ids['ledger'].id}"


@pytest.mark.parametrize("mode", ERAS)
def test_a_service_that_was_started_anew_goes_unnoticed(tmp_path, mode):
    async def around_a_restart():
        with serving(tmp_path / "store") as first:
            port = int(first.url.rpartition(":")[2])
            client = Client(f"{first.url}/mcp", mode=mode)
            await client.__aenter__()
            saved = await client.call_tool("save_message", {"role": "user", "content": "the port is 8470"})
        with serving(tmp_path / "store", port=port):
            found = await client.call_tool("search_memory", {"query": "port"})
            await client.__aexit__(None, None, None)
        return saved.structured_content["ref"], found.structured_content["hits"][0]["ref"]

    saved, found = anyio.run(around_a_restart)
    assert saved == found
