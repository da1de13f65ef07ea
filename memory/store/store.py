"""Open a store: its directory, its migrations, and one object for each thing that it keeps."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from memory.errors import DamagedStore, NewerStore, NoStore, StoreFault
from memory.kinds import kinds
from memory.store.blobs import Blobs
from memory.store.changes import Changes
from memory.store.chunks import Chunks
from memory.store.graph import Arrows
from memory.store.kept_sources import KeptSources
from memory.store.marks import Marks
from memory.store.narrowing import Narrowing
from memory.store.records import Records
from memory.store.schema import column_definition, columns, create_indexes, create_table
from memory.store.sessions import SessionRows
from memory.store.sqlite import APPLICATION_ID, SqliteDatabase

FILE = "store.db"
MARKER = "store.json"
"""Says that there is a store here, so that an empty or missing database is seen as a loss and not made anew."""
SCHEMA_VERSION = 5


@dataclass(frozen=True)
class Store:
    """One workspace of one store."""

    directory: Path
    uuid: str
    database: SqliteDatabase
    records: Records
    changes: Changes
    chunks: Chunks
    marks: Marks
    kept_sources: KeptSources
    arrows: Arrows
    sessions: SessionRows
    narrowing: Narrowing
    blobs: Blobs
    workspace: str
    workspace_number: int

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all of the block, or nothing of it."""
        with self.database.transaction():
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read the store as it is at the first statement of the block."""
        with self.database.snapshot():
            yield

    def state(self, key: str) -> str | None:
        """Read a value of the store's own."""
        row = self.database.row("select value from state where key = ?", (key,))
        return None if row is None else str(row[0])

    def set_state(self, key: str, value: str) -> None:
        """Write a value of the store's own."""
        with self.database.transaction():
            self.database.rows(
                "insert into state (key, value) values (?, ?) on conflict (key) do update set value = excluded.value",
                (key, value),
            )

    def drop_state(self, key: str) -> None:
        """Drop a value of the store's own."""
        with self.database.transaction():
            self.database.rows("delete from state where key = ?", (key,))

    def workspaces(self) -> int:
        """Count the workspaces."""
        row = self.database.row("select count(*) from workspace")
        return int(row[0]) if row else 0

    def workspace_names(self) -> list[str]:
        """Name all workspaces."""
        return [row[0] for row in self.database.rows("select id from workspace order by number")]

    def workspace_numbers(self) -> list[int]:
        """Give the numbers of all workspaces."""
        return [row[0] for row in self.database.rows("select number from workspace order by number")]

    def sizes(self) -> dict[str, int]:
        """Give the bytes of the store's files: the database, its write-ahead log, each folder by name, what else there is."""
        found: dict[str, int] = {}
        for path in self.directory.rglob("*"):
            with suppress(FileNotFoundError):  # the index may drop files meanwhile
                if path.is_file():
                    first = path.relative_to(self.directory).parts[0]
                    name = {FILE: FILE, f"{FILE}-wal": "write-ahead log"}.get(first, "other files")
                    if path.parent != self.directory:
                        name = "keyword index" if first == "keyword" else first
                    found[name] = found.get(name, 0) + path.stat().st_size
        return found

    def close(self) -> None:
        """Close it; further use raises StoreClosed."""
        self.database.close()


def open_store(
    directory: Path, *, workspace: str = "default", create: bool = True, wait_seconds: float = 10.0
) -> Store:
    """Open the store in a directory; it is made where there is none, when `create` is set.

    Raises:
        NoStore: There is none, and `create` is not set.
        NewerStore: A newer version of the program wrote it; it is left untouched.
        DamagedStore: Its file is not what a store's file is; it is left untouched.
        StoreFault: The directory cannot be read or written.
    """
    _check_directory(directory, create)
    database = SqliteDatabase(directory / FILE, wait_seconds=wait_seconds)
    try:
        _check_version(directory, database)
        identity = _migrate(directory, database)
        database.schema = SCHEMA_VERSION
        number = _workspace_number(database, workspace)
    except BaseException:
        database.close()
        raise
    changes = Changes(database)
    chunks = Chunks(database)
    return Store(
        directory=directory,
        uuid=identity,
        database=database,
        records=Records(database, workspace, number, changes, chunks),
        changes=changes,
        chunks=chunks,
        marks=Marks(database, number),
        kept_sources=KeptSources(database, number),
        arrows=Arrows(database, number),
        sessions=SessionRows(database),
        narrowing=Narrowing(database, number),
        blobs=Blobs(database),
        workspace=workspace,
        workspace_number=number,
    )


def _check_directory(directory: Path, create: bool) -> None:
    try:
        # the marker first: who makes the store writes it last
        marked = (directory / MARKER).exists()
        there = (directory / FILE).exists()
        size = (directory / FILE).stat().st_size if there else 0
        if not directory.exists() and create:
            directory.mkdir(parents=True, mode=0o700, exist_ok=True)
    except NotADirectoryError as error:
        raise StoreFault(f"{directory}: not a directory; name one for the store") from error
    except OSError as error:
        raise StoreFault(f"{directory}: cannot be used for a store ({error.strerror}); name another") from error
    if directory.exists() and not directory.is_dir():
        raise StoreFault(f"{directory}: a file, not a directory; name a directory for the store")
    if marked and size == 0:
        raise DamagedStore(
            f"{directory}: {FILE} is {'empty' if there else 'gone'}; restore it from a backup, or name another store"
        )
    if not there and not create:
        raise NoStore(
            f"cannot open {directory}: no store there; make it with `hark --store {directory} import …` or name another"
        )
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StoreFault(f"{directory}: cannot be written; check the rights of the directory, or name another store")


def _check_version(directory: Path, database: SqliteDatabase) -> None:
    # as they are at one moment: another one may be making the store
    with database.snapshot():
        tables = (database.row("select count(*) from sqlite_schema") or (0,))[0]
        application = (database.row("pragma application_id") or (0,))[0]
        version = (database.row("pragma user_version") or (0,))[0]
    if application != APPLICATION_ID and tables:
        raise DamagedStore(f"{directory}: {FILE} belongs to another program; name another directory for the store")
    if version > SCHEMA_VERSION:
        raise NewerStore(
            f"{directory}: written by a newer Harkback (schema {version}, this one knows {SCHEMA_VERSION});"
            " update with `pip install --upgrade harkback`; nothing was changed"
        )


def _migrate(directory: Path, database: SqliteDatabase) -> str:
    """Bring the tables up to date, in one transaction, and give the store's uuid."""
    if not _is_current(database):
        with database.transaction():
            version = int((database.row("pragma user_version") or (0,))[0])
            for migration in _migrations():
                if migration[0] > version:
                    for statement in migration[1].split(";"):
                        if statement.strip():
                            database.rows(statement)
            _make_kind_tables(database)
            database.rows(
                "insert into state (key, value) values ('uuid', ?) on conflict do nothing", (str(uuid.uuid4()),)
            )
            database.rows(f"pragma application_id = {APPLICATION_ID}")
            database.rows(f"pragma user_version = {SCHEMA_VERSION}")
    row = database.row("select value from state where key = 'uuid'")
    assert row is not None
    marker = directory / MARKER
    if not marker.exists():
        beside = marker.with_suffix(f".{uuid.uuid4().hex}.tmp")
        beside.write_text(json.dumps({"harkback": SCHEMA_VERSION, "uuid": row[0]}) + "\n", encoding="utf-8")
        beside.chmod(0o600)
        beside.replace(marker)
    return str(row[0])


def _is_current(database: SqliteDatabase) -> bool:
    if int((database.row("pragma user_version") or (0,))[0]) != SCHEMA_VERSION:
        return False
    made: dict[str, int] = dict(database.rows("select kind, version from kind_table"))
    return all(made.get(name, 0) >= kind.declaration.version for name, kind in kinds().items())


def _migrations() -> list[tuple[int, str]]:
    found = []
    for file in files("memory.store").joinpath("migrations").iterdir():
        if file.name.endswith(".sql"):
            lines = [
                line for line in file.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("--")
            ]
            found.append((int(file.name.split("_")[0]), "\n".join(lines)))
    return sorted(found)


def _make_kind_tables(database: SqliteDatabase) -> None:
    made: dict[str, int] = dict(database.rows("select kind, version from kind_table"))
    for name, kind in kinds().items():
        if name not in made:
            for statement in create_table(name):
                database.rows(statement)
        elif made[name] < kind.declaration.version:
            there = {row[1] for row in database.rows(f"pragma table_info({name})")}
            for column in columns(name):
                if column.name not in there:
                    database.rows(f"alter table {name} add column {column_definition(column)}")
            for statement in create_indexes(name):
                database.rows(statement)
        database.rows(
            "insert into kind_table values (?, ?) on conflict (kind) do update set version = max(version, excluded.version)",
            (name, kind.declaration.version),
        )


def _workspace_number(database: SqliteDatabase, workspace: str) -> int:
    row = database.row("select number from workspace where id = ?", (workspace,))
    if row is None:
        with database.transaction():
            database.rows(
                "insert into workspace (id, created_at) values (?, cast(unixepoch('subsec') * 1000000 as integer))"
                " on conflict do nothing",
                (workspace,),
            )
            row = database.row("select number from workspace where id = ?", (workspace,))
    assert row is not None
    return int(row[0])
