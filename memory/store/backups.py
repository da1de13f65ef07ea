"""What a backup asks of SQLite: a copy of a live store at one moment, its checks, and the identity of a restored one."""

import json
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw
from pydantic import BaseModel

from memory.errors import DamagedStore, StoreFault
from memory.store.sqlite import load_vectors, translated
from memory.store.store import FILE, MARKER, SCHEMA_VERSION, Store

STEP_PAGES = 1_024
"""Pages that are copied before progress is told: 4 MB. Untuned."""
_NOTE = "backup/"
_WAIT_MS = 10_000
_FAULTS_SHOWN = 5


@dataclass(frozen=True)
class Snapshot:
    """What a copy holds."""

    store: str
    """The store's uuid."""
    schema: int
    last_seq: int
    """The last change that it holds."""
    counts: dict[str, int]
    """Rows by table; those of virtual tables are left out."""


class NotedBackup(BaseModel):
    """A backup that was made of a store."""

    id: str
    path: str
    """The folder of backups that it lies in."""
    at: int
    """When its copy was taken, in microseconds since 1970."""
    last_seq: int
    """The last change that it holds: what was forgotten later is still in it."""


def note_backup(store: Store, noted: NotedBackup) -> None:
    """Note in a store that a backup of it was made."""
    store.set_state(_NOTE + noted.id, noted.model_dump_json())


def noted_backups(store: Store) -> list[NotedBackup]:
    """Give the backups that were made of a store and were not pruned since, the oldest first."""
    rows = store.database.rows("select value from state where key >= ? and key < ?", (_NOTE, "backup0"))
    return sorted((NotedBackup.model_validate_json(row[0]) for row in rows), key=lambda each: (each.at, each.id))


def forget_backups(store: Store, ids: list[str]) -> None:
    """Drop the notes of backups that are no more."""
    with store.transaction():
        for id in ids:
            store.drop_state(_NOTE + id)


def copy_store(directory: Path, copy: Path, on_progress: Callable[[int, int], None] | None = None) -> Snapshot:
    """Copy a store's file as it is at this moment, while others read and write it.

    A read transaction holds the moment, so the copy ends however much is written meanwhile; writers wait for nothing,
    but the write-ahead log is not cut before the end.

    Args:
        directory: The store's.
        copy: The new file; nothing else may be there.
        on_progress: Called with the pages that are copied, and of how many.

    Raises:
        StoreFull: There is no room for the copy.
        DamagedStore: The store's file cannot be read.
    """
    file = directory / FILE
    with translated(file), closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)) as source:
        source.set_busy_timeout(_WAIT_MS)
        load_vectors(source)
        source.execute("begin")
        snapshot = _snapshot(source)
        with translated(copy), closing(apsw.Connection(str(copy))) as target:
            target.pragma("synchronous", "off")
            with target.backup("main", source, "main") as backup:
                while not backup.done:
                    backup.step(STEP_PAGES)
                    if on_progress:
                        on_progress(backup.page_count - backup.remaining, backup.page_count)
        source.execute("rollback")
    return snapshot


def check_copy(copy: Path, expected: Snapshot, *, is_full: bool = False) -> list[str]:
    """Look through a copy that nobody has open.

    Args:
        copy: Its file; nothing is written beside it.
        expected: What it must hold.
        is_full: Compare indexes with their tables, too, which takes several times as long.

    Returns:
        What is wrong with it; nothing for a whole one.
    """
    try:
        with closing(_quiet(copy)) as connection:
            rows = list(connection.execute(f"pragma {'integrity' if is_full else 'quick'}_check({_FAULTS_SHOWN})"))
            wrong = [str(row[0]) for row in rows if row[0] != "ok"]
            for table, _, parent, _ in list(connection.execute("pragma foreign_key_check"))[:_FAULTS_SHOWN]:
                wrong.append(f"a row of {table} refers to one of {parent} that is not there")
            found = None if wrong else _snapshot(connection)
    except apsw.Error as error:
        return [f"it cannot be read ({error})"]
    if found is not None and found != expected:
        wrong.append("it does not hold what was copied")
    return wrong


def stamp_restored(directory: Path, noted: NotedBackup) -> str:
    """Make a copied file a store of its own: a new uuid, the marker beside it, and where it came from.

    Returns:
        The new uuid.
    """
    identity = str(uuid.uuid4())
    file = directory / FILE
    with translated(file), closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        connection.pragma("synchronous", "full")
        with connection:
            was = connection.execute("select value from state where key = 'uuid'").get
            origin = {"store": was, "backup": noted.id, "path": noted.path, "at": noted.at}
            for key, value in (
                ("uuid", identity),
                ("restored_from", json.dumps(origin)),
                (_NOTE + noted.id, noted.model_dump_json()),
            ):
                connection.execute(
                    "insert into state (key, value) values (?, ?) on conflict (key) do update set value = excluded.value",
                    (key, value),
                )
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        version = connection.pragma("user_version")
    file.chmod(0o600)
    marker = directory / MARKER
    marker.write_text(json.dumps({"harkback": version, "uuid": identity}) + "\n", encoding="utf-8")
    marker.chmod(0o600)
    return identity


def knows_schema(version: int) -> bool:
    """Say whether this program can open a store of a schema."""
    return version <= SCHEMA_VERSION


def refuse_open_store(directory: Path) -> None:
    """See that nobody has a store open; one that is damaged cannot be asked, and counts as closed.

    Raises:
        StoreFault: Somebody has.
    """
    file = directory / FILE
    if not file.exists() or not file.stat().st_size:
        return
    try:
        with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            # in this mode SQLite wants the file for itself; whoever has the store open holds a lock on it
            connection.pragma("locking_mode", "exclusive")
            connection.execute("begin exclusive")
            connection.execute("rollback")
    except apsw.BusyError as error:
        raise StoreFault(f"{directory}: a program has this store open; close it and try again") from error
    except apsw.Error:
        return


def _quiet(copy: Path) -> apsw.Connection:
    address = f"file:{quote(str(copy.resolve()))}?immutable=1"
    connection = apsw.Connection(address, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    load_vectors(connection)
    return connection


def _snapshot(connection: apsw.Connection) -> Snapshot:
    def value(sql: str) -> Any:
        return connection.execute(sql).get

    with suppress(apsw.SQLError):
        tables = [
            row[0]
            for row in connection.execute(
                "select name from pragma_table_list where schema = 'main' and type = 'table' and name not like 'sqlite\\_%'"
                " escape '\\' order by name"
            )
        ]
        return Snapshot(
            store=str(value("select value from state where key = 'uuid'")),
            schema=int(value("pragma user_version")),
            last_seq=int(value("select coalesce(max(seq), 0) from change")),
            counts={name: int(value(f'select count(*) from "{name}"')) for name in tables},
        )
    raise DamagedStore("the file is not that of a store; name another, or restore a backup")
