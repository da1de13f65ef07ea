"""Live changes: what is written shows up elsewhere, in order, once, and a reader that is too late is told."""

import subprocess
import sys
import threading
from itertools import islice

import pytest

from memory import Memory
from memory.errors import ChangesGone
from memory.live import LiveEvents

WRITER = """
import sys
from memory import Memory
with Memory.open(sys.argv[1]) as m:
    s = m.sessions.create(id="there")
    for n in range(20):
        m.messages.append(s.id, id=f"m{n}", role="user", content=f"number {n}")
    with m.messages.stream(s.id, role="assistant", id="answer") as reply:
        reply.write("well")
"""


def test_what_another_process_writes_shows_up_in_order_and_once(memory):
    before = memory.store.changes.last_seq()
    with subprocess.Popen([sys.executable, "-c", WRITER, str(memory.store.directory)]) as writer:
        seen = []
        for change in memory.watch(before, quiet_seconds=20):
            seen.append(change)
            if change.id == "answer" and change.verb == "update":
                break
    assert writer.returncode == 0
    created = [change.id for change in seen if change.kind == "message" and change.verb == "create"]
    assert created == [*(f"m{n}" for n in range(20)), "answer"]
    assert [change.seq for change in seen] == sorted({change.seq for change in seen})


def test_it_begins_now_unless_told_otherwise(memory, session):
    memory.messages.append(session.id, role="user", content="before")
    watching = memory.watch(quiet_seconds=0.2)
    later = memory.messages.append(session.id, role="user", content="after")
    # the iterator was made before the second message and is read after it
    assert [change.id for change in watching if change.kind == "message"] == [later.id]


def test_it_ends_when_it_is_stopped(memory):
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    assert list(memory.watch(stop=stop)) == []


def test_other_workspaces_stay_unseen(memory):
    with Memory.open(memory.store.directory, workspace="theirs") as theirs:
        theirs.sessions.create(id="hidden")
    memory.sessions.create(id="mine")
    assert [change.id for change in memory.watch(0, quiet_seconds=0) if change.kind == "session"] == ["mine"]


def test_a_reader_that_is_too_late_is_told(memory, session):
    for n in range(10):
        memory.messages.append(session.id, role="user", content=str(n))
    last = memory.store.changes.last_seq()
    with memory.store.transaction():
        memory.store.changes.prune(last, 0, 3)

    with pytest.raises(ChangesGone, match=f"after {last}"):
        memory.changes(1)
    with pytest.raises(ChangesGone):
        next(memory.watch(1))
    assert [change.seq for change in memory.changes(last - 2)] == [last - 1, last]


def test_the_log_keeps_what_its_setting_says(tmp_path):
    with Memory.open(tmp_path / "store", change_retention_days=0) as memory:
        session = memory.sessions.create()
        memory.messages.append(session.id, role="user", content="kept")
        memory.catch_up()
        # the last 100,000 are kept in any case
        assert [change.kind for change in islice(memory.changes(), 2)] == ["session", "message"]


def events(memory: Memory, after: int) -> list[tuple[str, str | None]]:
    return [(event.type, event.text) for event in LiveEvents(memory.store).of(memory.changes(after))]


def test_a_stream_is_told_piece_by_piece_and_again_to_a_late_reader(memory, session):
    before = memory.store.changes.last_seq()
    with memory.messages.stream(session.id, role="assistant") as reply:
        for text in ("one ", "two ", "three"):
            reply.write(text, flush=True)
    told = events(memory, before)
    assert told == [
        ("message.created", None),
        ("message.chunk", "one "),
        ("message.chunk", "two "),
        ("message.chunk", "three"),
        ("message.finished", None),
    ]
    second = memory.changes(before)[1].seq
    assert events(memory, second) == told[2:]


def test_a_stream_that_breaks_is_told_as_failed(memory, session):
    before = memory.store.changes.last_seq()
    stream = memory.messages.stream(session.id, role="assistant")
    stream.write("so far")
    stream.fail("the model went away")
    assert events(memory, before)[-1] == ("message.failed", None)
    assert {event.session_id for event in LiveEvents(memory.store).of(memory.changes(before))} == {session.id}


def test_what_else_happens_is_told_by_kind(memory, session):
    before = memory.store.changes.last_seq()
    said = memory.messages.append(session.id, role="user", content="first")
    memory.messages.update(said.id, content="second")
    memory.sessions.update(session.id, title="new")
    learning = memory.learnings.add("fact", "tea is hot", session_id=session.id)
    memory.messages.delete(said.id)
    told = [event.type for event in LiveEvents(memory.store).of(memory.changes(before))]
    assert told == ["message.created", "message_version.created", "message.changed", "session.changed", "learning.created",
                    "message.deleted", "message_version.deleted"]  # fmt: skip
    assert learning.session_id == session.id
