"""Read what can be read of a damaged store's file, table by table, into a new store's file."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
from pydantic import BaseModel

from memory.kinds import kinds
from memory.store.schema import columns
from memory.store.sqlite import load_vectors, translation

ROWS = 200
"""Rows that are read together; where one cannot be read, they are read one by one. Untuned."""
_OWN = ("workspace", "tombstone", "import_mark", "import_session", "blob", "kept_source", "token", "audit")
_STATE_LEFT = ("uuid", "keyword", "vector", "backup", "went_backwards", "load")
"""Beginnings of the keys of what belongs to a file, an index or a process, not to the records."""
RECOVERED = "recovered"
_FAULTS = (apsw.Error, UnicodeDecodeError)


class SalvagedTable(BaseModel):
    """What came of one table."""

    name: str
    read: int
    lost: int
    """Rows that are, or were, there and cannot be read."""


def salvage_rows(
    damaged: Path, new: Path, on_progress: Callable[[str, int, int], None] | None = None
) -> tuple[list[SalvagedTable], list[str]]:
    """Copy all rows that can be read.

    Args:
        damaged: A copy of the damaged file, with a copy of its log beside it; nobody has it open.
        new: The file of a new store that nobody has open.
        on_progress: Called with a table's name, how far it is, and how far there is to go.

    Returns:
        What came of each table; what could not be kept beside rows that cannot be read.

    Raises:
        DamagedStore: Not even the list of its tables can be read.
    """
    lost: list[str] = []
    tables: list[SalvagedTable] = []
    with closing(apsw.Connection(str(damaged))) as source, closing(apsw.Connection(str(new))) as target:
        load_vectors(source)
        load_vectors(target)
        target.pragma("foreign_keys", False)
        target.pragma("synchronous", "full")
        try:
            there = {row[0] for row in source.execute("select name from sqlite_schema where type = 'table'")}
        except apsw.Error as error:
            raise translation(error, damaged) from error
        with target:
            for name in (*_OWN, *kinds()):
                if name in there:
                    copying = _Table(source, target, name, on_progress)
                    tables.append(copying.copy())
                    lost += copying.refused
            _copy_state(source, target, there)
            lost += _mend_references(target)
    return tables, lost


class _Table:
    """Copies one table."""

    def __init__(
        self,
        source: apsw.Connection,
        target: apsw.Connection,
        name: str,
        on_progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._source, self._target, self._name, self._on_progress = source, target, name, on_progress
        theirs = [row[1] for row in source.execute(f"pragma table_info({name})")]
        ours = {row[1] for row in target.execute(f"pragma table_info({name})")}
        self._columns = [each for each in theirs if each in ours]
        known = {each.name: each.decode for each in columns(name) if not each.target} if name in kinds() else {}
        self._decoders = [known.get(each, lambda value: value) for each in self._columns]
        self._lost = 0
        self.refused: list[str] = []

    def copy(self) -> SalvagedTable:
        names = ", ".join(self._columns)
        insert = (
            f"insert or ignore into {self._name} ({names}) values ({', '.join('?' * len(self._columns))})"
            if self._name == "workspace"
            else f"insert into {self._name} ({names}) values ({', '.join('?' * len(self._columns))})"
        )
        read = 0
        for row in self._rows():
            if not self._is_readable(row):
                self._lost += 1
                continue
            try:
                self._target.execute(insert, row)
                read += 1
            except apsw.Error as error:
                self._lost += 1
                self.refused.append(f"a row of {self._name} is not what one can be ({error})")
        return SalvagedTable(name=self._name, read=read, lost=self._lost)

    def _is_readable(self, row: tuple[Any, ...]) -> bool:
        try:
            for decode, value in zip(self._decoders, row, strict=True):
                decode(value)
        except (ValueError, TypeError):
            return False
        return True

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        last = self._last()
        names = ", ".join(self._columns)
        for start in range(self._first(), last + 1, ROWS):
            end = min(start + ROWS - 1, last)
            sql = f"select {names} from {self._name} where rowid between ? and ? order by rowid"
            try:
                some = list(self._source.execute(sql, (start, end)))
            except _FAULTS:
                some = list(self._one_by_one(start, end))
            yield from some
            if self._on_progress:
                self._on_progress(f"reading {self._name}", end, last)

    def _one_by_one(self, start: int, end: int) -> Iterator[tuple[Any, ...]]:
        sql = f"select {', '.join(self._columns)} from {self._name} where rowid = ?"
        for rowid in range(start, end + 1):
            try:
                yield from list(self._source.execute(sql, (rowid,)))
            except _FAULTS:
                self._lost += 1

    def _first(self) -> int:
        try:
            found = self._source.execute(f"select min(rowid) from {self._name}").get
        except _FAULTS:
            found = 1
        return int(found or 1)

    def _last(self) -> int:
        for sql, parameters in (
            (f"select max(rowid) from {self._name}", ()),
            ("select max(record_number) from change where kind = ?", (self._name,)),
            ("select max(record_number) from chunk where kind = ?", (self._name,)),
        ):
            try:
                return int(self._source.execute(sql, parameters).get or 0)
            except _FAULTS:
                continue
        return 0


def _copy_state(source: apsw.Connection, target: apsw.Connection, there: set[str]) -> None:
    if "state" not in there:
        return
    try:
        rows = list(source.execute("select key, value from state"))
    except _FAULTS:
        return
    kept = [(key, value) for key, value in rows if not str(key).startswith(_STATE_LEFT)]
    target.executemany("insert or ignore into state (key, value) values (?, ?)", kept)


def _mend_references(target: apsw.Connection) -> list[str]:
    """Let no row refer to one that was lost: what can stand alone does, messages get a session, the rest goes."""
    lost: list[str] = []
    while dangling := list(target.execute("pragma foreign_key_check")):
        for table, rowid, parent, _ in dangling:
            if parent == "workspace":
                _put_workspace(target, table, rowid)
            elif table == "message" and parent == "session":
                _put_session(target, rowid)
            else:
                lost += _without(target, table, rowid, parent)
    return lost


def _put_workspace(target: apsw.Connection, table: str, rowid: int) -> None:
    number = target.execute(f"select workspace_number from {table} where rowid = ?", (rowid,)).get
    target.execute("insert or ignore into workspace values (?, ?, 0)", (number, f"{RECOVERED}-{number}"))


def _put_session(target: apsw.Connection, message: int) -> None:
    """Give a message whose session was lost one that has its number."""
    target.execute(
        "insert or ignore into session (number, id, workspace_number, created_at, updated_at, metadata, title, state,"
        " message_count) select session_number, ? || session_number, workspace_number, created_at, created_at, ?,"
        " 'Recovered session', 'active', 0 from message where number = ?",
        (f"{RECOVERED}-session-", f'{{"{RECOVERED}":true}}', message),
    )


def _without(target: apsw.Connection, table: str, rowid: int, parent: str) -> list[str]:
    for column in columns(table) if table in kinds() else ():
        if column.target == parent and column.nullable:
            sql = (
                f"update {table} set {column.name} = null where rowid = ? and not exists"
                f" (select 1 from {parent} p where p.number = {table}.{column.name})"
            )
            target.execute(sql, (rowid,))
            if target.changes():
                return []
    target.execute(f"delete from {table} where rowid = ?", (rowid,))
    return [f"a row of {table}, since the {parent} that it belongs to is lost"]
