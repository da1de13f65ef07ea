"""The keyword index is made anew: in portions, taken up again after a kill, while searches go on and say what they lack."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memory import Memory, catch_up, index_tail

COUNT = 3_000


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A store whose index is level."""
    place = tmp_path / "store"
    with Memory.open(place) as memory:
        session = memory.sessions.create(title="Kettles")
        for start in range(0, COUNT, 1000):
            said = [{"role": "user", "content": f"kettle number{n} whistles"} for n in range(start, start + 1000)]
            memory.messages.append_many(session.id, said)
        memory.catch_up()
    return place


def indexed(memory: Memory) -> int:
    engine = memory._keyword.engine()
    return 0 if engine is None else engine.documents()


def test_a_deleted_index_is_made_anew_by_the_next_search(filled):
    shutil.rmtree(filled / "keyword")
    with Memory.open(filled) as memory:
        answer = memory.search("number17", mode="keyword")
        assert [hit.seq for hit in answer.hits] == [18]
        assert answer.index_lag == 0
        assert indexed(memory) == COUNT + 1


def test_a_search_does_not_wait_for_a_large_index_and_says_what_it_lacks(filled, monkeypatch):
    monkeypatch.setattr(catch_up, "INLINE_PIECES", 100)
    monkeypatch.setattr(catch_up, "BATCH_RECORDS", 200)
    monkeypatch.setattr(catch_up, "BUILT_PIECES", 200)
    with Memory.open(filled) as memory:
        memory.store.changes.prune(COUNT, 0, 0)
    shutil.rmtree(filled / "keyword")
    with Memory.open(filled) as memory:
        answer = memory.search("kettle number17 whistles")
        keyword = next(leg for leg in answer.legs if leg.name == "keyword")
        assert answer.index_lag > COUNT - 1000
        assert "being made anew" in (keyword.fault or "")
        assert answer.hits
        while memory.index_lag():
            memory.catch_up()
        whole = memory.search("number17", mode="keyword")
        assert [hit.seq for hit in whole.hits] == [18]
        assert whole.legs[0].fault is None


def test_a_search_that_does_not_wait_for_changes_says_how_many_it_lacks(filled, monkeypatch):
    monkeypatch.setattr(catch_up, "INLINE_PIECES", 100)
    monkeypatch.setattr(index_tail, "MOST_IN_TAIL", 50)
    shutil.rmtree(filled / "keyword")
    with Memory.open(filled) as memory:
        memory._follower.stop()
        (keyword,) = memory.search("number17", mode="keyword").legs
        assert "changes are not searched yet" in (keyword.fault or "")


KILLED = """
import os, signal, sys, threading
from memory import Memory, catch_up, index_tail
catch_up.BATCH_RECORDS = catch_up.BUILT_PIECES = 100
with Memory.open(sys.argv[1]) as m:
    threading.Timer(float(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
    m.reindex()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_killed_rebuild_is_gone_on_with(filled, is_gone):
    if is_gone:
        shutil.rmtree(filled / "keyword")
        with Memory.open(filled) as memory:
            memory.store.changes.prune(COUNT, 0, 0)
    reached = []
    for delay in (0.3, 0.5, 0.7, 0.9, 1.2):
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, str(filled), str(delay)], capture_output=True, check=False
        )
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        with Memory.open(filled) as memory:
            begun = memory.store.state("keyword_building")
            reached.append(begun)
            if not is_gone:
                # the one before answers all the while
                assert [hit.seq for hit in memory.search("number17", mode="keyword").hits] == [18]
    with Memory.open(filled) as memory:
        memory.reindex()
        assert indexed(memory) == COUNT + 1
        assert [hit.seq for hit in memory.search("number2999", mode="keyword").hits] == [3000]
        assert memory.store.state("keyword_building") is None


def test_a_rebuild_goes_on_where_it_stopped(filled, monkeypatch):
    monkeypatch.setattr(catch_up, "BATCH_RECORDS", 100)
    monkeypatch.setattr(catch_up, "BUILT_PIECES", 100)
    seen: list[int] = []

    def stop_in_the_middle(done: int, of: int) -> None:
        seen.append(done)
        if done > COUNT // 2:
            raise KeyboardInterrupt

    with Memory.open(filled) as memory:
        with pytest.raises(KeyboardInterrupt):
            memory._keyword.rebuild(stop_in_the_middle)
        again: list[int] = []
        memory._keyword.rebuild(lambda done, of: again.append(done))
        assert again[0] > COUNT // 2
        assert indexed(memory) == COUNT + 1


def test_what_changes_meanwhile_is_in_the_new_index(filled, monkeypatch):
    monkeypatch.setattr(catch_up, "BATCH_RECORDS", 500)
    with Memory.open(filled) as memory:
        first, *_, last = memory.messages.list(limit=200).items
        session = first.session_id
        done: list[str] = []

        def change(_: str, at: int, of: int) -> None:
            if not done:
                done.append("changed")
                assert memory.search("number3", mode="keyword").hits
                memory.messages.update(first.id, content="a heron stands there")
                memory.messages.delete(last.id)
                memory.messages.append(session, role="user", content="a gannet dives")

        memory.reindex(change)

        assert [hit.id for hit in memory.search("heron", mode="keyword").hits] == [first.id]
        assert memory.search("gannet", mode="keyword").hits
        assert last.id not in [hit.id for hit in memory.search(last.content, mode="keyword").hits]
        assert indexed(memory) == COUNT + 1


def test_large_texts_are_read_a_few_at_a_time(memory, session, monkeypatch):
    from memory import index_documents, piece_texts

    asked: list[int] = []
    real = piece_texts.passage_texts
    monkeypatch.setattr(index_documents, "CHARACTERS", 10_000)
    monkeypatch.setattr(
        index_documents, "passage_texts", lambda store, kind, some: asked.append(len(some)) or real(store, kind, some)
    )
    said = [{"role": "user", "content": f"line {n} of it\n" * 400} for n in range(10)]
    memory.messages.append_many(session.id, said)

    memory.reindex()

    assert max(asked) <= 2
