"""Limits and upkeep: long texts, archiving, clearing, tidying, sizes and times."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memory import Memory
from memory.care import upkeep
from memory.collections import messages as messages_module
from memory.errors import InvalidInput
from memory.store.alone import alone

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def short_limit(monkeypatch):
    monkeypatch.setattr(messages_module, "MOST_CHARACTERS", 1_000)
    monkeypatch.setattr(messages_module, "KEPT_OF_LONGER", 100)


def test_a_text_over_the_limit_is_kept_whole_beside_its_message(memory, session, short_limit):
    text = "".join(f"line {n} of the log\n" for n in range(200))
    said = memory.messages.append(session.id, role="user", content=text)

    assert said.content == text[:100]
    assert memory.messages.text(said.id) == text
    assert said.metadata["overflow"]["characters"] == len(text)
    assert memory.messages.get(said.id).attachments[0].name == "content.txt"
    assert memory.messages.text(memory.messages.append(session.id, role="user", content="short").id) == "short"


def test_a_long_text_saved_twice_is_one_and_edited_keeps_both(memory, session, short_limit):
    first, second = "a" * 2_000, "a" * 2_001
    for _ in range(2):
        memory.messages.append(session.id, id="x", role="user", content=first)
    assert memory.messages.versions("x") == []
    memory.messages.append(session.id, id="x", role="user", content=second)
    assert memory.messages.text("x") == second
    assert len(memory.messages.versions("x")) == 1
    memory.messages.update("x", content="short")
    assert memory.messages.text("x") == "short"
    assert "overflow" not in memory.messages.get("x").metadata


def test_sessions_that_rest_are_archived_and_still_found(memory):
    old = memory.sessions.create(id="old", created_at=LONG_AGO, project="web")
    memory.messages.append(old.id, role="user", content="the heron stands", created_at=LONG_AGO)
    memory.sessions.create(id="new")

    assert memory.archive(older_than="90d", dry_run=True).sessions == ["old"]
    assert memory.sessions.get("old").state == "active"
    assert memory.archive(older_than="90d", project="web").sessions == ["old"]
    assert memory.archive(older_than="90d").sessions == []

    assert [each.id for each in memory.sessions.list(state="archived").items] == ["old"]
    assert memory.search("heron").hits[0].session_id == "old"


@pytest.mark.parametrize("span", ["", "soon", "0d", "-3d", "d", "9999999d", "9" * 5000 + "y"])
def test_a_span_that_is_none_is_refused(memory, span):
    with pytest.raises(InvalidInput):
        memory.archive(older_than=span)


def holding(store: Path, text: str) -> list[str]:
    return [path.name for path in store.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_what_was_deleted_is_cleared_for_good(tmp_path):
    with Memory.open(tmp_path / "s") as memory:
        session = memory.sessions.create()
        kept = memory.messages.append(session.id, role="user", content="a gannet dives")
        gone = memory.messages.append(session.id, role="user", content="the violet lantern")
        memory.messages.delete(gone.id)

        assert memory.clear(deleted=True, older_than="1d").counts == {}
        assert memory.clear(deleted=True, dry_run=True).counts == {"message": 1}
        assert memory.clear(deleted=True).counts == {"message": 1}

        assert [each.id for each in memory.messages.list().items] == [kept.id]
        assert memory.store.changes.buried(memory.store.workspace_number, "message", [gone.id])
    assert holding(tmp_path / "s", "violet lantern") == []


def test_an_empty_store_can_be_filled_again_from_its_sources(tmp_path):
    source = Path(__file__).parent / "data" / "claude-code"
    with Memory.open(tmp_path / "s") as memory:
        with Memory.open(tmp_path / "s", workspace="theirs") as theirs:
            theirs.sessions.create(id="stays")
        before = memory.import_(source).totals["added"]
        counts = memory.clear().counts
        assert counts["message"] == before
        assert memory.stats().counts["messages"] == 0
        assert memory.import_(source).totals["added"] == before
        with Memory.open(tmp_path / "s", workspace="theirs") as theirs:
            assert theirs.sessions.get("stays") is not None


def test_the_rules_of_the_settings_are_applied(tmp_path):
    with Memory.open(tmp_path / "s", archive_after_days=30, deleted_retention_days=7) as memory:
        memory.sessions.create(id="old", created_at=LONG_AGO)
        memory.sessions.create(id="gone")
        memory.sessions.delete("gone")
        memory.store.database.rows("update session set deleted_at = 1 where id = 'gone'")
        memory.sessions.create(id="just deleted")
        memory.sessions.delete("just deleted")

        done = memory.upkeep()

        assert (done.archived, done.cleared) == (["old"], {"session": 1})
        assert memory.sessions.restore("just deleted")


def test_without_rules_nothing_goes(memory):
    memory.sessions.create(id="old", created_at=LONG_AGO)
    memory.sessions.delete("old")
    assert memory.upkeep().model_dump() == {"archived": [], "cleared": {}, "merged": 0, "freed_bytes": 0}
    assert memory.sessions.restore("old").state == "active"


def test_room_is_given_back_and_the_index_merged(memory, session, monkeypatch):
    monkeypatch.setattr(upkeep, "FREE_BYTES", 100_000)
    monkeypatch.setattr(upkeep, "MOST_SEGMENTS", 2)
    for n in range(6):
        memory.messages.append(session.id, role="user", content=f"number {n} " + "xyz " * 50_000)
        memory.catch_up()
    for message in memory.messages.list(session.id).items:
        memory.messages.delete(message.id, hard=True)

    done = memory.upkeep()

    assert done.freed_bytes > 100_000
    assert memory._keyword.engine().segments() <= 2 + 6
    assert memory.doctor().ok


def test_it_is_done_by_itself_when_nobody_writes(memory, session, monkeypatch):
    monkeypatch.setattr(upkeep, "IDLE_SECONDS", 0.05)
    memory.messages.append(session.id, role="user", content="then silence")
    until = datetime.now(UTC) + timedelta(seconds=20)
    while memory.store.state("upkeep_at") is None and datetime.now(UTC) < until:
        memory._follower._index.applied()
    assert memory.store.state("upkeep_at") is not None


def test_it_is_done_later_when_the_system_refuses(memory, session, monkeypatch):
    refused = []

    def refuses_once(path):
        if not refused:
            refused.append(path)
            raise OSError(24, "too many open files")
        return alone(path)

    monkeypatch.setattr(upkeep, "alone", refuses_once)
    monkeypatch.setattr(upkeep, "IDLE_SECONDS", 0.05)
    memory.messages.append(session.id, role="user", content="then silence")
    until = time.monotonic() + 20
    while memory.store.state("upkeep_at") is None and time.monotonic() < until:
        time.sleep(0.02)
    assert refused
    assert memory.store.state("upkeep_at") is not None


def test_sizes_and_times_are_told(memory, session):
    memory.messages.append(session.id, role="user", content="the heron stands")
    memory.catch_up()
    memory.search("heron")
    memory.search("heron", mode="keyword")

    stats = memory.stats()

    assert {"store.db", "keyword index", "free pages"} <= stats.sizes.keys()
    assert stats.size_bytes >= stats.sizes["store.db"]
    assert {(each.mode, each.count) for each in stats.queries} == {("hybrid", 1), ("keyword", 1)}
    assert all(0 < each.p50_ms <= each.p95_ms for each in stats.queries)
