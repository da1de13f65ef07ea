"""SQLite through apsw: connections, transactions, and what can go wrong with a file.

Settings of every connection, and why (measurements: docs/architecture.md):
  journal_mode=wal, synchronous=full   a save that returned survives a power cut
  foreign_keys=on, trusted_schema=off, defensive, no ATTACH, no double-quoted strings
  secure_delete=fast                   deleted text does not stay in free pages
  temp_store=memory, mmap_size=0       no copy of content beside the store; a bad disk is an error, not a signal
"""

import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import apsw

from memory.errors import (
    Conflict,
    DamagedStore,
    MemoryFault,
    NewerStore,
    StoreClosed,
    StoreFault,
    StoreForked,
    StoreFull,
)
from memory.store.packing import Unreadable, packed, unpacked
from memory.store.ticket import Ticket

OLDEST_SQLITE = (3, 51, 3)
"""Older ones can corrupt a store that several processes write (sqlite.org/wal.html, "WAL-reset bug")."""
APPLICATION_ID = 0x4861726B
"""`Hark`, in the file's header."""
Row = tuple[Any, ...]


class SqliteDatabase:
    """One SQLite file; safe to use from many threads and processes. Each thread has a connection of its own."""

    def __init__(self, path: Path, *, wait_seconds: float = 10.0) -> None:
        _refuse_old_library()
        self._path = path
        self._wait_seconds = wait_seconds
        self._local = threading.local()
        self._open: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._ticket = Ticket(path.with_name("write.lock"), wait_seconds)
        self._pid = os.getpid()
        self._closed = False
        self.schema: int | None = None
        """The schema that this program knows; writes are refused once the store has a newer one. None before it is known."""
        _create_private(path)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and give all its rows."""
        try:
            return list(self._connection().execute(sql, parameters))
        except UnicodeEncodeError:
            # a lone surrogate, which no stored text holds
            return list(self._connection().execute(sql, [_storable(each) for each in parameters]))
        except (UnicodeDecodeError, Unreadable) as error:
            raise DamagedStore(
                f"{self._path.parent}: a text in {self._path.name} is damaged ({error}); restore a backup"
            ) from error
        except apsw.Error as error:
            raise translation(error, self._path) from error

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """Run one statement and give its first row; None when there is none."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row of parameters."""
        try:
            self._connection().executemany(sql, rows)
        except apsw.Error as error:
            raise translation(error, self._path) from error

    def inserted_number(self) -> int:
        """Give the number of the row that this thread inserted last."""
        return self._connection().last_insert_rowid()

    def read_blobs(self, table: str, column: str, places: Iterable[tuple[int, int]], size_bytes: int) -> bytes:
        """Read pieces of blobs without reading their rows.

        Args:
            table: Where they are.
            column: The blob's column.
            places: Row number, and where in its blob a piece begins, in bytes.
            size_bytes: How long each piece is.

        Returns:
            The pieces, one behind the other.
        """
        blob: apsw.Blob | None = None
        at = 0
        found: list[bytes] = []
        try:
            for number, start in places:
                if blob is None:
                    blob = self._connection().blob_open("main", table, column, number, False)
                elif number != at:
                    blob.reopen(number)
                at = number
                blob.seek(start)
                found.append(blob.read(size_bytes))
        except apsw.Error as error:
            raise translation(error, self._path) from error
        finally:
            if blob is not None:
                blob.close()
        return b"".join(found)

    @property
    def is_writing(self) -> bool:
        """Whether this thread is inside a transaction."""
        return self._connection().in_transaction

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write: all of the block, or nothing of it. Inside another transaction it is part of that one, but
        undone by itself when it fails.

        Raises:
            StoreFault: Others have been writing for longer than `wait_seconds`, or the disk failed.
        """
        connection = self._connection()
        if connection.in_transaction:
            # what is written inside a snapshot would be rolled back with it
            assert not self._local.is_reading, "a write inside a snapshot"
            with translated(self._path), connection:
                yield
            return
        with self._ticket.held(), translated(self._path):
            connection.execute("begin immediate")
            try:
                self._refuse_newer(connection)
                yield
                connection.execute("commit")
            except BaseException:
                with suppress(apsw.Error):
                    if connection.in_transaction:
                        connection.execute("rollback")
                raise

    def commit_count(self) -> int:
        """Give a number that changes whenever another connection, of this process or another, has committed."""
        return int((self.row("pragma data_version") or (0,))[0])

    def _refuse_newer(self, connection: apsw.Connection) -> None:
        # a newer program may have migrated the store since this one opened it
        if self.schema is not None and connection.pragma("user_version") > self.schema:
            raise NewerStore(
                f"{self._path.parent}: a newer Harkback has taken this store over; start this program anew"
            )

    @property
    def is_in_snapshot(self) -> bool:
        """Whether this thread reads the store as it was at one moment, which others may have gone beyond."""
        return bool(getattr(self._local, "is_reading", False))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read: every statement of the block sees the store as it was at the first one."""
        connection = self._connection()
        if connection.in_transaction:
            yield
            return
        with translated(self._path):
            connection.execute("begin")
            self._local.is_reading = True
            try:
                yield
            finally:
                self._local.is_reading = False
                if connection.in_transaction:
                    connection.execute("rollback")

    def vacuum(self) -> None:
        """Write the whole file anew, so that nothing stays in free pages; others may read meanwhile.

        Raises:
            StoreFault: Others have been writing for longer than `wait_seconds`, or the disk is full.
        """
        connection = self._connection()
        assert not connection.in_transaction, "a vacuum inside a transaction"
        with self._ticket.held(), translated(self._path):
            # it writes into a file of its own, which it attaches; in memory it would need as much as the store is large
            connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 1)
            connection.pragma("temp_store", "file")
            try:
                connection.execute("vacuum")
            finally:
                connection.pragma("temp_store", "memory")
                connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)

    def optimize(self) -> None:
        """Let SQLite learn what its tables hold, where that changed much, and bring what it can of the log into the file."""
        with self._ticket.held(), translated(self._path):
            connection = self._connection()
            list(connection.execute("pragma optimize"))
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def empty_log(self) -> bool:
        """Bring the write-ahead log into the file and cut it to nothing; False when others are still reading it."""
        with self._ticket.held(), translated(self._path):
            try:
                self._connection().wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except apsw.BusyError:
                return False
        log = self._path.with_name(f"{self._path.name}-wal")
        return not log.exists() or log.stat().st_size == 0

    def close(self) -> None:
        """Close every thread's connection; further use raises StoreClosed."""
        if self._closed:
            return
        self._closed = True
        if os.getpid() != self._pid:
            return
        for connection in list(self._open):
            with suppress(apsw.Error):
                connection.close()
        self._ticket.close()

    def _connection(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if self._closed:
            raise StoreClosed(f"{self._path.parent}: the store is closed; open it again")
        if os.getpid() != self._pid:
            raise StoreForked(f"{self._path.parent}: opened before a fork; open it again in the child")
        if connection is None:
            with translated(self._path):
                connection = _connect(self._path, self._wait_seconds)
            self._local.connection = connection
            self._local.is_reading = False
            self._open.add(connection)
        return connection


def _connect(path: Path, wait_seconds: float) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(int(wait_seconds * 1000))
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    if connection.pragma("journal_mode") != "wal":
        connection.pragma("journal_mode", "wal")
    for name, value in (
        ("synchronous", "full"),
        ("foreign_keys", True),
        ("trusted_schema", False),
        ("secure_delete", "fast"),
        ("temp_store", "memory"),
        ("mmap_size", 0),
        ("journal_size_limit", 64 * 1024 * 1024),
        ("cache_size", -32_000),
    ):
        connection.pragma(name, value)
    load_vectors(connection)
    connection.create_scalar_function("packed", packed, 1, deterministic=True)  # type: ignore[arg-type]
    connection.create_scalar_function("unpacked", unpacked, 1, deterministic=True)  # type: ignore[arg-type]
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
    return connection


def load_vectors(connection: apsw.Connection) -> None:
    """Let a connection use tables of vectors."""
    # the extension is loaded by its path: importing the package would import numpy
    spec = find_spec("sqlite_vec")
    if spec is None or spec.origin is None:
        raise MemoryFault("the package sqlite-vec is not installed; install it with `pip install sqlite-vec`")
    connection.enable_load_extension(True)
    connection.load_extension(str(Path(spec.origin).with_name("vec0")))
    connection.enable_load_extension(False)


def _create_private(path: Path) -> None:
    # made before SQLite opens it, so that it is never readable by others, not even for a moment
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def sqlite_version() -> str:
    """Give the version of the SQLite that is used."""
    return str(apsw.sqlite_lib_version())


def _refuse_old_library() -> None:
    version = tuple(int(part) for part in sqlite_version().split("."))
    if version < OLDEST_SQLITE:
        raise StoreFault(
            f"SQLite {sqlite_version()} can damage a store that several programs use; install apsw 3.54.1 or newer"
        )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into this package's."""
    try:
        yield
    except apsw.Error as error:
        raise translation(error, path) from error


def translation(error: apsw.Error, path: Path) -> MemoryFault:
    """Say in this package's words, with what to do, what SQLite says."""
    where = path.parent
    match error:
        case apsw.FullError():
            return StoreFull(f"{where}: the disk is full; nothing was half-written, free some space and try again")
        case apsw.NotADBError() | apsw.CorruptError():
            return DamagedStore(
                f"{where}: {path.name} cannot be read as a store ({error}); it is left as it is, restore a backup"
            )
        case apsw.ConstraintError():
            return Conflict(f"{_constraint(error)}; read the record that is there, or give another value")
        case apsw.ReadOnlyError():
            return StoreFault(f"{where}: the store cannot be written; check the rights of the directory")
        case apsw.CantOpenError():
            return StoreFault(f"{where}: {path.name} cannot be opened; check that it can be read and written")
        case apsw.BusyError():
            return StoreFault(f"{where}: another program has kept the store locked; try again")
        case apsw.IOError():
            return StoreFault(f"{where}: the disk failed ({error}); nothing was half-written")
        case apsw.ConnectionClosedError():
            return StoreClosed(f"{where}: the store is closed; open it again")
    return StoreFault(f"{where}: {error}")


def _storable(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _constraint(error: apsw.Error) -> str:
    text = str(error)
    if "UNIQUE" in text:
        return f"there is one already with the same {text.rsplit(':', maxsplit=1)[-1].strip().split(',')[0].split('.')[-1]}"
    if "FOREIGN KEY" in text:
        return "it refers to a record that is not there"
    return f"a value is not allowed ({text})"
