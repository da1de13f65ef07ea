"""Live events and streaming saves, against a service that runs as a process and is killed."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from serving import serving

from memory import Memory

pytestmark = pytest.mark.slow


class Reader(threading.Thread):
    """Reads a stream of events until it has what is waited for."""

    def __init__(self, url: str, path: str, last: str | None = None) -> None:
        super().__init__(daemon=True)
        self.url, self.path, self.last = url, path, last
        self.events: list[dict] = []
        self.came = threading.Condition()
        self.is_open = threading.Event()
        self.start()
        assert self.is_open.wait(20)

    def run(self) -> None:
        headers = {"Last-Event-ID": self.last} if self.last else {}
        try:
            with httpx.stream("GET", self.url + self.path, headers=headers, timeout=60) as answer:
                assert answer.status_code == 200
                event: dict = {}
                for line in answer.iter_lines():
                    self.is_open.set()
                    name, _, value = line.partition(": ")
                    if name in ("id", "event", "data"):
                        event[name] = json.loads(value) if name == "data" else value
                    elif not line and "data" in event:
                        with self.came:
                            self.events.append(event)
                            self.came.notify_all()
                        event = {}
        except httpx.HTTPError:
            pass

    def wait_for(self, done, seconds: float = 30.0) -> list[dict]:
        with self.came:
            assert self.came.wait_for(lambda: done(self.events), seconds), self.events
            return list(self.events)


def types(events: list[dict]) -> list[str]:
    return [event["data"]["type"] for event in events]


@contextmanager
def stopped(running) -> Iterator[None]:
    """Kill a service without a word."""
    running.process.send_signal(signal.SIGKILL)
    running.process.wait()
    yield


def test_a_chunk_of_one_client_reaches_another(running):
    with running.client() as client:
        session = client.post("/api/sessions", json={}).json()["id"]
        one, every = Reader(running.url, f"/api/sessions/{session}/events"), Reader(running.url, "/api/events")
        message = client.post(f"/api/sessions/{session}/messages:stream", json={"role": "assistant"}).json()["id"]
        for text in ("the kettle ", "whistles"):
            saved = client.post(f"/api/messages/{message}/chunks", json={"text": text}).json()
        assert (saved["content"], saved["status"]) == ("the kettle whistles", "streaming")
        assert client.post(f"/api/messages/{message}:finish").json()["status"] == "complete"
        for reader in (one, every):
            events = reader.wait_for(lambda events: "message.finished" in types(events))
            mine = [event["data"] for event in events if event["data"]["message_id"] == message]
            assert [each["type"] for each in mine] == [
                "message.created",
                "message.chunk",
                "message.chunk",
                "message.finished",
            ]
            assert [each.get("text") for each in mine] == [None, "the kettle ", "whistles", None]
            assert {each["session_id"] for each in mine} == {session}


def test_what_another_program_saves_is_told(running):
    with Memory.open(running.store) as memory:
        session = memory.sessions.create()
        reader = Reader(running.url, f"/api/sessions/{session.id}/events")
        memory.messages.append(session.id, role="user", content="from elsewhere")
        memory.sessions.update(session.id, title="new")
        stream = memory.messages.stream(session.id, role="assistant")
        stream.write("so far")
        stream.fail("gone")
        events = reader.wait_for(lambda events: "message.failed" in types(events))
    assert types(events) == ["message.created", "session.changed", "message.created", "message.chunk", "message.failed"]


def test_a_reader_that_comes_back_misses_nothing_and_gets_nothing_twice_over_a_kill(tmp_path):
    store = tmp_path / "store"
    with serving(store) as first, first.client() as client:
        port = int(first.url.rpartition(":")[2])
        session = client.post("/api/sessions", json={}).json()["id"]
        reader = Reader(first.url, f"/api/sessions/{session}/events")
        message = client.post(f"/api/sessions/{session}/messages:stream", json={"role": "assistant"}).json()["id"]
        for n in range(3):
            client.post(f"/api/messages/{message}/chunks", json={"text": f"{n} "})
        seen = reader.wait_for(lambda events: len(events) >= 3)
        with stopped(first):
            pass
    with serving(store, port=port) as second, second.client() as client:
        assert client.get(f"/api/messages/{message}").json()["content"] == "0 1 2 "
        for n in range(3, 6):
            assert client.post(f"/api/messages/{message}/chunks", json={"text": f"{n} "}).status_code == 200
        client.post(f"/api/messages/{message}:finish")
        again = Reader(second.url, f"/api/sessions/{session}/events", last=seen[1]["id"])
        events = again.wait_for(lambda events: "message.finished" in types(events))
        assert client.get(f"/api/messages/{message}").json()["content"] == "0 1 2 3 4 5 "
    told = seen[:2] + events
    assert [event["data"].get("text") for event in told] == [None, "0 ", "1 ", "2 ", "3 ", "4 ", "5 ", None]
    assert len({event["id"] for event in told}) == len(told)


def test_a_reader_whose_place_is_gone_is_told_so(running):
    with Memory.open(running.store) as memory:
        session = memory.sessions.create()
        for n in range(20):
            memory.messages.append(session.id, role="user", content=str(n))
        last = memory.store.changes.last_seq()
        with memory.store.transaction():
            memory.store.changes.prune(last, 0, 2)
        time.sleep(0.5)
    with serving(running.store) as other:
        reader = Reader(other.url, "/api/events", last="1")
        with other.client() as client:
            client.post("/api/sessions", json={"id": "after"})
        events = reader.wait_for(lambda events: len(events) >= 2)
    assert types(events) == ["reset", "session.created"]


def test_a_feed_that_fell_behind_the_log_says_so_and_goes_on(running):
    with Memory.open(running.store) as memory:
        session = memory.sessions.create()
        reader = Reader(running.url, "/api/events")
        running.process.send_signal(signal.SIGSTOP)
        for n in range(20):
            memory.messages.append(session.id, role="user", content=str(n))
        with memory.store.transaction():
            memory.store.changes.prune(memory.store.changes.last_seq(), 0, 2)
        running.process.send_signal(signal.SIGCONT)
        reader.wait_for(lambda events: "reset" in types(events))
        memory.messages.append(session.id, role="user", content="after")
        assert types(reader.wait_for(lambda events: len(events) >= 2)) == ["reset", "message.created"]


def test_an_id_that_was_never_told_is_no_place(running):
    with running.client() as client:
        reader = Reader(running.url, "/api/events", last="99999999")
        reader.wait_for(lambda events: types(events) == ["reset"])
        client.post("/api/sessions", json={"id": "after"})
        assert types(reader.wait_for(lambda events: len(events) >= 2)) == ["reset", "session.created"]


def test_a_stream_ends_when_its_token_counts_no_more(running):
    from memory.care.access import Tokens

    with Memory.open(running.store) as memory, running.client() as client:
        session = memory.sessions.create()
        token = Tokens(memory.store).add("t", "reader")
        headers = {"Authorization": f"Bearer {token.token}"}
        with client.stream("GET", "/api/events", headers=headers) as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("retry")
            Tokens(memory.store).revoke(token.id)
            time.sleep(5.5)
            memory.messages.append(session.id, role="user", content="x")
            assert "message.created" not in "".join(lines)


def test_many_open_streams_and_slow_ones_do_not_stop_the_service(running):
    host, port = "127.0.0.1", int(running.url.rpartition(":")[2])
    streams = []
    try:
        for _ in range(1_000):
            opened = socket.create_connection((host, port))
            # nothing is read from it: a client that is slow, or gone without a word
            opened.sendall(f"GET /api/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            streams.append(opened)
        with running.client() as client:
            session = client.post("/api/sessions", json={}).json()["id"]
            for n in range(20):
                assert (
                    client.post(
                        f"/api/sessions/{session}/messages",
                        json={"role": "user", "content": f"number {n} " + "x" * 1000},
                    ).status_code
                    == 201
                )
            assert client.get("/api/search", params={"query": "number 7"}).json()["hits"]
    finally:
        for opened in streams:
            opened.close()


def test_a_service_that_is_asked_to_end_does_so_though_streams_are_open(running):
    Reader(running.url, "/api/events")
    with running.client() as client:
        session = client.post("/api/sessions", json={}).json()["id"]
        message = client.post(
            f"/api/sessions/{session}/messages:stream", json={"role": "user", "content": "so far"}
        ).json()
    assert (running.store / "service.json").exists()
    running.process.terminate()
    assert running.process.wait(20) == 0
    assert running.process.stderr.read() == ""
    assert not (running.store / "service.json").exists()
    with Memory.open(running.store) as memory:
        assert memory.messages.get(message["id"]).content == "so far"


def test_a_service_that_is_asked_to_end_at_once_leaves_no_word_behind(tmp_path):
    for _ in range(3):
        with serving(tmp_path / "store") as service:
            service.process.terminate()
            assert service.process.wait(20) == 0
        assert not (tmp_path / "store" / "service.json").exists()


def test_streams_that_are_wrong_are_refused(running):
    with running.client() as client:
        session = client.post("/api/sessions", json={}).json()["id"]
        said = client.post(f"/api/sessions/{session}/messages", json={"role": "user", "content": "done"}).json()["id"]
        assert client.post("/api/messages/none/chunks", json={"text": "x"}).status_code == 404
        assert client.post(f"/api/messages/{said}/chunks", json={"text": "x"}).status_code == 409
        assert client.post(f"/api/messages/{said}:fail").status_code == 409
        assert client.post("/api/sessions/none/messages:stream", json={"role": "user"}).status_code == 404
        assert client.get("/api/sessions/none/events").status_code == 404
        assert client.get("/api/events", headers={"Last-Event-ID": "x"}).status_code == 422


def test_many_clients_write_one_message_and_every_chunk_is_kept(tmp_path):
    with serving(tmp_path / "store") as first, first.client() as client:
        session = client.post("/api/sessions", json={}).json()["id"]
        for n in range(8):
            client.post(f"/api/sessions/{session}/messages:stream", json={"role": "assistant", "id": f"m{n}"})
        with stopped(first):
            pass
    with serving(tmp_path / "store") as second, second.client() as client, ThreadPoolExecutor(6) as pool:
        for n in range(8):
            # all of them find a message that nobody holds open
            list(pool.map(lambda k, n=n: client.post(f"/api/messages/m{n}/chunks", json={"text": f"<{k}>"}), range(6)))
            content = client.get(f"/api/messages/m{n}").json()["content"]
            assert sorted(content) == sorted("<0><1><2><3><4><5>")


def test_another_service_on_the_port_and_an_open_address_are_said_in_one_line(running, tmp_path):
    import subprocess
    import sys

    port = running.url.rpartition(":")[2]
    for arguments, said in (
        (["--port", port], "cannot be listened on"),
        (["--host", "0.0.0.0", "--port", "0"], "a token is needed"),
    ):
        command = [sys.executable, "-m", "memory.api.cli", "--store", str(tmp_path / "other"), "serve", *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode in (1, 2)
        assert said in ended.stderr
        assert ended.stderr.count("\n") == 1


def test_what_was_answered_is_found_after_a_kill(tmp_path):
    with serving(tmp_path / "store") as first, first.client() as client:
        session = client.post("/api/sessions", json={}).json()["id"]
        client.post(f"/api/sessions/{session}/messages", json={"role": "user", "content": "the violet lantern"})
        with stopped(first):
            pass
    with serving(tmp_path / "store") as second, second.client() as client:
        assert client.get("/api/search", params={"query": "violet lantern"}).json()["hits"][0]["session_id"] == session


def test_very_many_searches_at_once_are_answered_or_sent_away(running):
    host, port = "127.0.0.1", int(running.url.rpartition(":")[2])
    with running.client() as client:
        session = client.post("/api/sessions", json={}).json()["id"]
        client.post(f"/api/sessions/{session}/messages", json={"role": "user", "content": "the violet lantern"})
        asked = f"GET /api/search?query=violet HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
        waiting = []
        for _ in range(800):
            opened = socket.create_connection((host, port))
            opened.sendall(asked)
            waiting.append(opened)
        answers = []
        for opened in waiting:
            opened.settimeout(60)
            answers.append(opened.makefile("rb").readline().split()[1].decode())
            opened.close()
        assert set(answers) == {"200", "429"}
        assert client.get("/api/search", params={"query": "violet"}).status_code == 200


@pytest.mark.parametrize("more", ["", "Idempotency-Key: one\r\n"])
def test_of_an_upload_that_was_cut_off_nothing_is_taken_in(running, more):
    host, port = "127.0.0.1", int(running.url.rpartition(":")[2])
    line = '{"messages": [{"role": "user", "content": "where is the kettle?"}]}\n'
    cut = socket.create_connection((host, port))
    cut.sendall(f"POST /api/import HTTP/1.1\r\nHost: {host}\r\n{more}Content-Length: 500\r\n\r\n{line}".encode())
    time.sleep(0.3)
    cut.close()
    time.sleep(0.3)
    with running.client() as client:
        assert client.get("/api/sessions").json()["items"] == []
        whole = client.post("/api/import", content=line, headers={"Idempotency-Key": "one"})
        assert whole.json()["totals"]["added"] == 1
    running.process.terminate()
    running.process.wait(20)
    assert running.process.stderr.read() == ""


def test_line_breaks_reach_no_log(running):
    with running.client() as client:
        client.get("/api/sessions/a%0d%0aERROR:%20forged", headers={"user-agent": "x"})
        client.post("/api/sessions", json={"title": "a\r\nERROR: forged"})
        client.get("/api/search", params={"query": "a\r\nERROR: forged"})
    running.process.terminate()
    running.process.wait(20)
    assert running.process.stderr.read() == ""
