"""`hark mcp` as a real child process."""

import json
import subprocess
import sys

import anyio
import pytest
from mcp import Client
from mcp_clients import ERAS, ask, child

from memory import Memory

pytestmark = pytest.mark.slow
FIRST = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


class Child:
    """The process, and lines to and from it."""

    def __init__(self, store):
        command = [sys.executable, "-m", "memory.api.cli", "--store", str(store), "mcp"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def send(self, line):
        self.process.stdin.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
        self.process.stdin.flush()

    def receive(self):
        return json.loads(self.process.stdout.readline())

    def call(self, id, name, **arguments):
        params = {"name": name, "arguments": arguments}
        self.send({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})


@pytest.fixture
def running(tmp_path):
    """A child whose handshake is done."""
    started = Child(tmp_path / "store")
    started.send(FIRST)
    assert started.receive()["result"]["serverInfo"]["name"] == "harkback"
    started.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    with started.process:
        yield started
        if started.process.poll() is None:
            started.process.kill()


@pytest.mark.parametrize("mode", ERAS)
def test_what_one_client_saves_another_finds(tmp_path, mode):
    async def steps(client):
        saved = await client.call_tool("save_message", {"role": "user", "content": "the port is 8470"})
        return saved.structured_content["ref"]

    async def find(client):
        found = await client.call_tool("search_memory", {"query": "port"})
        return [hit["ref"] for hit in found.structured_content["hits"]]

    ref = ask(child(tmp_path / "store"), steps, mode)
    assert ask(child(tmp_path / "store"), find, mode) == [ref]


def test_two_at_once_work_on_one_store(tmp_path):
    async def save(name, done):
        async with Client(child(tmp_path / "store")) as client:
            begun = await client.call_tool("save_message", {"role": "user", "content": f"{name} begins"})
            session = begun.structured_content["session_id"]
            for number in range(50):
                given = {"session_id": session, "role": "user", "content": f"{name} {number}"}
                done.append((await client.call_tool("save_message", given)).is_error)

    async def both():
        done = []
        async with anyio.create_task_group() as group:
            group.start_soon(save, "one", done)
            group.start_soon(save, "two", done)
        return done

    assert anyio.run(both) == [False] * 100
    with Memory.open(tmp_path / "store", create=False) as memory:
        assert memory.messages.count() == 102
        assert len(memory.search("begins").hits) == 2


def test_the_store_is_not_opened_by_the_handshake(running, tmp_path):
    running.send({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
    assert len(running.receive()["result"]["tools"]) == 8
    assert not (tmp_path / "store").exists()


def test_a_line_that_is_no_message_is_answered_and_the_next_is_read(running):
    for line, code in [("{garbage", -32700), ('{"jsonrpc": "2.0", "id"', -32700), ('{"a": 1}', -32600)]:
        running.send(line)
        answer = running.receive()
        assert (answer["id"], answer["error"]["code"]) == (None, code)
    running.call(7, "search_memory", query="port")
    assert running.receive()["id"] == 7


def test_it_ends_when_its_input_ends(running):
    running.call(2, "save_message", role="user", content="the port is 8470")
    assert not running.receive()["result"].get("isError")
    running.process.stdin.close()
    assert running.process.wait(timeout=20) == 0
    assert running.process.stderr.read() == ""


def test_a_client_that_reads_no_more_ends_it_quietly(running):
    running.process.stdout.close()
    running.call(2, "search_memory", query="port")
    running.process.stdin.close()
    assert running.process.wait(timeout=20) == 0
    assert running.process.stderr.read() == ""


def test_what_was_asked_before_the_end_is_saved(running, tmp_path):
    running.call(2, "save_message", role="user", content="the port is 8470")
    running.process.stdin.close()
    running.process.wait(timeout=10)
    with Memory.open(tmp_path / "store") as memory:
        assert memory.messages.count() == 1


def test_what_libraries_print_does_not_reach_the_client(tmp_path):
    loud = (
        "import os, sys\n"
        "import memory.api.mcp.tools as tools\n"
        "real = tools.call\n"
        "def call(*given):\n"
        "    print('loading a model'); os.write(1, b'native noise\\n')\n"
        "    return real(*given)\n"
        "tools.call = call\n"
        "from memory.api.mcp.stdio import serve\n"
        f"serve({str(tmp_path / 'store')!r})\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", loud], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "related", "arguments": {"ref": "a"}}}
    for line in (FIRST, {"jsonrpc": "2.0", "method": "notifications/initialized"}, call):
        process.stdin.write(json.dumps(line) + "\n")
    process.stdin.flush()
    lines = [json.loads(process.stdout.readline()) for _ in range(2)]
    rest, noise = process.communicate(timeout=10)
    assert [line["id"] for line in lines] == [1, 2]
    assert rest == ""
    assert "native noise" in noise


def test_a_call_that_is_cancelled_is_let_go_and_the_next_is_answered(running):
    # the first call opens the store, which takes a while: it is cancelled before it is answered
    running.call(2, "search_memory", query="port")
    running.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})
    running.call(3, "save_message", role="user", content="the port is 8470")
    answers = [running.receive()]
    if answers[0]["id"] == 2:
        answers.append(running.receive())
    assert answers[-1]["id"] == 3
    assert not answers[-1]["result"].get("isError")
    assert all("error" in each for each in answers[:-1])
