"""Input and moments that are odd: huge, cut off, at once, in the wrong place; see docs/reliability.md."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memory import Memory
from memory.errors import InvalidInput, StoreFault
from memory.store import sqlite


def test_ten_megabytes_are_kept_and_found(memory, session):
    text = "a lantern " + "heron " * 1_700_000
    saved = memory.messages.append(session.id, role="user", content=text)

    assert memory.messages.get(saved.id).content == text
    assert [hit.id for hit in memory.search("lantern", mode="keyword").hits] == [saved.id]


@pytest.mark.parametrize("text", ["x" * 70_000, "a\x00heron", "\ufeffheron"])
def test_what_stands_beside_odd_characters_is_found(memory, session, text):
    memory.messages.append(session.id, role="user", content=f"{text} kettle")

    assert len(memory.search("kettle", mode="keyword").hits) == 1


def test_more_hits_than_there_may_be_are_as_many_as_there_may_be(memory, session):
    memory.messages.append_many(session.id, [{"role": "user", "content": f"heron {n}"} for n in range(300)])

    assert len(memory.search("heron", limit=100_000, fold=False).hits) <= 200
    assert len(memory.messages.list(session.id, limit=100_000).items) == 200


def test_a_cancelled_save_is_whole_or_not_there_and_the_next_goes_on(memory, session):
    async def cancelled() -> None:
        many = [{"role": "user", "content": f"heron {n}"} for n in range(500)]
        saving = asyncio.ensure_future(asyncio.to_thread(memory.messages.append_many, session.id, many))
        await asyncio.sleep(0.005)
        saving.cancel()

    asyncio.run(cancelled())

    assert memory.messages.count() in (0, 500)
    memory.messages.append(session.id, role="user", content="behind it")
    assert memory.doctor().ok


def test_an_interrupt_inside_a_transaction_leaves_nothing(memory, session):
    def interrupted() -> None:
        with memory.store.transaction():
            memory.messages.append(session.id, role="user", content="heron")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert memory.search("heron").hits == []
    memory.messages.append(session.id, role="user", content="behind it")
    assert memory.doctor().ok


def test_changes_are_read_while_more_are_written(memory, session):
    for seen, _ in enumerate(memory.changes(0), 1):
        if seen < 20:
            memory.messages.append(session.id, role="user", content=f"heron {seen}")

    assert memory.doctor().ok


def test_one_store_opened_twice_in_a_process_is_one_store(tmp_path):
    with Memory.open(tmp_path / "s") as one, Memory.open(tmp_path / "s") as other:
        session = one.sessions.create()
        other.messages.append(session.id, role="user", content="heron")
        assert len(one.search("heron").hits) == 1
        other.close()
        one.messages.append(session.id, role="user", content="another heron")
    with Memory.open(tmp_path / "s") as again:
        assert again.messages.count() == 2


HOLDING = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("begin immediate")
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_store_that_another_program_goes_on_writing_is_said_after_a_while(tmp_path):
    Memory.open(tmp_path / "s").close()
    command = [sys.executable, "-c", HOLDING, str(tmp_path / "s" / "store.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with Memory.open(tmp_path / "s", wait_seconds=0.3) as memory:
            with pytest.raises(StoreFault, match="locked"):
                memory.sessions.create()
            assert memory.sessions.list().items == []
            holder.communicate("\n")
            memory.sessions.create()


@pytest.mark.parametrize("name", ["-rf.jsonl", "two\nlines.jsonl", "ä ö.jsonl"])
def test_a_name_is_taken_as_it_is(memory, tmp_path, name):
    sample = next((Path(__file__).parent / "data" / "claude-code").rglob("*.jsonl"))
    (tmp_path / name).write_bytes(sample.read_bytes())

    assert memory.import_(tmp_path / name).totals["added"] > 0


@pytest.mark.parametrize("folder", ["Dropbox", "OneDrive"])
def test_a_folder_that_is_synchronised_is_told(tmp_path, folder):
    with Memory.open(tmp_path / folder / "s") as memory:
        assert [problem.check for problem in memory.doctor().problems] == ["the place"]


def test_an_sqlite_that_can_lose_data_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite.apsw, "sqlite_lib_version", lambda: "3.50.0")
    with pytest.raises(StoreFault, match="can damage a store"):
        Memory.open(tmp_path / "s")


def test_an_argument_that_is_unknown_is_named(memory):
    with pytest.raises(InvalidInput, match="colour"):
        memory.search("heron", colour="grey")


def test_a_long_session_goes_in_a_moment(memory, session):
    many = [{"role": "user", "content": f"heron {n}"} for n in range(8_000)]
    begun = time.perf_counter()
    memory.messages.append_many(session.id, many)
    saved = time.perf_counter()
    memory.sessions.delete(session.id)

    # others that write wait for it; in a savepoint the vectors took five times as long as the saving
    assert time.perf_counter() - saved < 2 * (saved - begun)
