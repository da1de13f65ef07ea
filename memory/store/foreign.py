"""Another program's SQLite database, read and never written, also while that program uses it.

What is done depends on what is there, so that the other program never waits and nothing beside its file changes:

* a write-ahead log with readers or writers (its `-shm` is there): a read transaction on the file itself, which blocks nobody;
* a write-ahead log that nobody has open: a copy, since SQLite would make files beside it;
* a rollback journal: a copy made by SQLite under its lock, so that no writer waits longer than the copy takes.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from memory.errors import SourceFault
from memory.store.scratch import scratch_folder

HEADER = b"SQLite format 3\x00"
_WAIT_MS = 5_000
"""How long a lock of the other program is waited for. Untuned."""
_TRIES = 5
_WRITE_VERSION_AT, _WAL = 18, 2
"""Where the header says how the file is written, and the value for a write-ahead log. Source: sqlite.org/fileformat.html."""


class ForeignDatabase:
    """A database that is open for reading, at one moment of its life."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of one query; a text that is not UTF-8 has its bytes replaced.

        Raises:
            SourceFault: The database is damaged, or has no such table or column.
        """
        try:
            yield from self._connection.execute(sql, parameters)
        except apsw.Error as error:
            raise SourceFault(
                f"the database cannot be read ({error}); close the program that uses it, or copy it"
            ) from error

    def tables(self) -> dict[str, frozenset[str]]:
        """Give each table's columns."""
        return _tables(self._connection)


@contextmanager
def open_foreign(path: Path) -> Iterator[ForeignDatabase]:
    """Open another program's database for reading.

    Raises:
        SourceFault: It is locked for longer than five seconds, changes all the time, or is damaged.
    """
    with scratch_folder() as folder:
        try:
            with closing(_connection(path, folder / "copy.db")) as connection:
                connection.execute("begin")
                connection.execute("select count(*) from sqlite_schema")
                yield ForeignDatabase(connection)
        except apsw.BusyError as error:
            raise SourceFault(f"{path}: is locked by another program; close it, or try again later") from error
        except apsw.Error as error:
            raise SourceFault(
                f"{path}: cannot be read as a database ({error}); check it with the program it is of"
            ) from error


def foreign_tables(path: Path) -> dict[str, frozenset[str]]:
    """Give the columns of each table of a file, without locks; {} when it is no database that can be read."""
    try:
        with path.open("rb") as file:
            if file.read(len(HEADER)) != HEADER:
                return {}
        with closing(apsw.Connection(_address(path, "immutable=1"), flags=_READ)) as connection:
            if found := _tables(connection):
                return found
        # what it has may stand in its write-ahead log alone
        with open_foreign(path) as foreign:
            return foreign.tables()
    except (apsw.Error, OSError, SourceFault):
        return {}


def foreign_has(path: Path, sql: str) -> bool:
    """Say whether a query of another program's database has a row; False where it cannot be asked."""
    try:
        with closing(apsw.Connection(_address(path, "immutable=1"), flags=_READ)) as connection:
            if any(True for _ in connection.execute(sql)):
                return True
    except apsw.Error:
        pass  # what it asks for may stand in the write-ahead log alone
    log = _state(path.with_name(path.name + "-wal"))
    if not log or not log[0]:
        return False
    try:
        with open_foreign(path) as foreign:
            return any(True for _ in foreign.rows(sql))
    except (SourceFault, OSError):
        return False


_READ = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


def _address(path: Path, option: str) -> str:
    return f"file:{quote(str(path.resolve()))}?{option}"


def _tables(connection: apsw.Connection) -> dict[str, frozenset[str]]:
    sql = "select m.name, c.name from sqlite_schema m join pragma_table_info(m.name) c where m.type = 'table'"
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(sql):
        found.setdefault(table, set()).add(column)
    return {table: frozenset(columns) for table, columns in found.items()}


def _connection(path: Path, copy: Path) -> apsw.Connection:
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) > _WRITE_VERSION_AT and header[_WRITE_VERSION_AT] == _WAL:
        if path.with_name(path.name + "-shm").exists():
            return _reading(path)
        _copy_quiet(path, copy)
        return _reading(copy, "mode=rw")
    with closing(_reading(path)) as source:
        target = apsw.Connection(str(copy))
        with target.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(-1)
        return target


def _reading(path: Path, option: str = "mode=ro") -> apsw.Connection:
    flags = _READ if option == "mode=ro" else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(_address(path, option), flags=flags)
    connection.set_busy_timeout(_WAIT_MS)
    return connection


def _copy_quiet(path: Path, copy: Path) -> None:
    """Copy a file and its write-ahead log, as they were at one moment."""
    log = path.with_name(path.name + "-wal")
    for _ in range(_TRIES):
        before = _state(path), _state(log)
        shutil.copyfile(path, copy)
        if before[1] is not None:
            shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
        if before == (_state(path), _state(log)):
            return
        time.sleep(0.2)
    raise SourceFault(f"{path}: changes while it is read; close the program that writes it, or try again later")


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
