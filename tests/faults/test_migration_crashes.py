"""A kill at any statement of making or migrating a store leaves one that the next open makes or migrates."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from memory import Memory
from memory.store import store as stores
from memory.store.sqlite import SqliteDatabase
from memory.store.store import SCHEMA_VERSION, open_store


def killed_at(place: Path, statement: int) -> bool:
    """Open a store in a child that is killed before its so-many-th statement; False when it has fewer."""
    child = os.fork()
    if child == 0:
        rows, count = SqliteDatabase.rows, 0

        def counted(self, sql, parameters=()):
            nonlocal count
            count += 1
            if count == statement:
                os.kill(os.getpid(), signal.SIGKILL)
            return rows(self, sql, parameters)

        SqliteDatabase.rows = counted
        try:
            open_store(place).close()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def older_store(place: Path, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a store as the program made it at a schema."""
    with monkeypatch.context() as patch:
        patch.setattr(stores, "SCHEMA_VERSION", version)
        known = [each for each in stores._migrations() if each[0] <= version]
        patch.setattr(stores, "_migrations", lambda: known)
        made = open_store(place)
        made.set_state("mine", "kept")
        made.close()


def is_whole(place: Path) -> bool:
    with Memory.open(place) as memory:
        memory.sessions.create(id="s", title="x")
        memory.messages.append("s", role="user", content="kettle one")
        rows = memory.store.database.rows
        tables = {row[0] for row in rows("select name from sqlite_schema where type = 'table'")}
        assert {"state", "message", "piece_tokens", "kept_source"} <= tables
        assert rows("pragma user_version") == [(SCHEMA_VERSION,)]
        assert len(rows("select value from state where key = 'uuid'")) == 1
        return rows("pragma integrity_check") == [("ok",)] and bool(memory.search("kettle", min_score=0).hits)


@pytest.mark.slow
def test_a_kill_while_a_store_is_made_leaves_nothing_that_cannot_be_opened(tmp_path):
    statement = 1
    while killed_at(tmp_path / "store", statement):
        if statement % 10 == 1:
            assert is_whole(tmp_path / "store")
        shutil.rmtree(tmp_path / "store", ignore_errors=True)
        statement += 1
    assert statement > 20


@pytest.mark.slow
@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_kill_while_a_store_is_migrated_leaves_the_one_before_or_the_new_one(tmp_path, monkeypatch, version):
    older_store(tmp_path / "older", version, monkeypatch)
    statement = 1
    while True:
        place = tmp_path / f"store{statement}"
        shutil.copytree(tmp_path / "older", place)
        if not killed_at(place, statement):
            break
        assert is_whole(place)
        with Memory.open(place) as memory:
            assert memory.store.state("mine") == "kept"
        shutil.rmtree(place)
        statement += 1
    assert statement > 3
