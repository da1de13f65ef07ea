"""Records as an export holds them: plain values by field, with ids for references; read in order, written as they were."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from memory.kinds import Record, kinds
from memory.store.parts import fold_parts, unfold_parts
from memory.store.schema import Value, columns, reading
from memory.store.sqlite import Row, SqliteDatabase

ROWS_AT_ONCE = 100
"""Records that are held in memory together. Untuned."""
EXPORT_MARK = "harkback_export"
"""The name in the first line of an export that says what the file is."""
Plain = dict[str, Any]
"""A record by its fields, as JSON has them; what is empty by default is left out."""


class ExchangeRows:
    """The records of one workspace, by number and by id; softly deleted ones included."""

    def __init__(self, database: SqliteDatabase, workspace_number: int) -> None:
        self._database = database
        self._workspace_number = workspace_number

    def count(self, kind: str, *, deleted: bool) -> int:
        """Count the records of a kind."""
        alive = "" if deleted else " and deleted_at is null"
        row = self._database.row(f"select count(*) from {kind} where workspace_number = ?{alive}", (self._number,))
        return int(row[0]) if row else 0

    def after(self, kind: str, number: int, *, deleted: bool) -> list[tuple[int, Plain]]:
        """Read the next records behind a number, in order."""
        alive = "" if deleted else " and t.deleted_at is null"
        sql = f"{_selection(kind)} where t.workspace_number = ? and t.number > ?{alive} order by t.number limit ?"
        return [_numbered(kind, row) for row in self._database.rows(sql, (self._number, number, ROWS_AT_ONCE))]

    def numbered(self, kind: str, numbers: Sequence[int]) -> Iterator[tuple[int, Plain]]:
        """Yield records by their numbers, in order."""
        wanted = sorted(numbers)
        for some in _parts(wanted, ROWS_AT_ONCE):
            sql = f"{_selection(kind)} where t.number in ({_marks(some)}) order by t.number"
            for row in self._database.rows(sql, some):
                yield _numbered(kind, row)

    def named(self, kind: str, ids: Sequence[str]) -> dict[str, tuple[int, Plain]]:
        """Read records by their ids."""
        found: dict[str, tuple[int, Plain]] = {}
        for some in _parts(ids, 500):
            sql = f"{_selection(kind)} where t.workspace_number = ? and t.id in ({_marks(some)})"
            for row in self._database.rows(sql, (self._number, *some)):
                found[row[1]] = _numbered(kind, row)
        return found

    def numbers(self, kind: str, ids: Sequence[str]) -> dict[str, int]:
        """Give the numbers of records by their ids."""
        found: dict[str, int] = {}
        for some in _parts(ids, 500):
            sql = f"select id, number from {kind} where workspace_number = ? and id in ({_marks(some)})"
            found.update(self._database.rows(sql, (self._number, *some)))
        return found

    def holder(self, kind: str, unique: Sequence[str], values: Sequence[Value]) -> tuple[int, str] | None:
        """Give number and id of the living record that has values which must be unique."""
        where = " and ".join(f"{name} = ?" for name in unique)
        sql = f"select number, id from {kind} where {where} and workspace_number = ? and deleted_at is null"
        row = self._database.row(sql, (*values, self._number))
        return (row[0], row[1]) if row else None

    def targets(self, kind: str, numbers: Sequence[int]) -> dict[str, set[int]]:
        """Give the records that records refer to, by kind."""
        found: dict[str, set[int]] = {}
        for column in columns(kind):
            if column.target is None:
                continue
            for some in _parts(numbers, 500):
                sql = f"select distinct {column.name} from {kind} where number in ({_marks(some)})"
                rows = self._database.rows(f"{sql} and {column.name} is not null", some)
                found.setdefault(column.target, set()).update(row[0] for row in rows)
        return found

    def message_places(
        self, session: int, after: tuple[int, int], limit: int, where: str, shared: Sequence[Any]
    ) -> Any:
        """Give number, `seq` and session of the next messages of a session, as `where` says which those are."""
        sql = (
            "select t.number, t.seq, t.session_number from message t where"
            f" ({where}) and (t.seq, t.number) > (?, ?) order by t.seq, t.number limit ?"
        )
        return self._database.rows(sql, (*shared, *after, limit))

    def sessions_of(self, messages: Sequence[int]) -> set[int]:
        """Give the sessions of messages."""
        return self.targets("message", messages).get("session", set())

    def update(self, kind: str, number: int, values: Sequence[Value]) -> None:
        """Write all columns of a record; inside a transaction."""
        sets = ", ".join(f"{column.name} = {column.bound}" for column in columns(kind))
        self._database.rows(f"update {kind} set {sets} where number = ?", (*values, number))

    def link(self, kind: str, number: int, column: str, target: int) -> None:
        """Write one reference of a record; inside a transaction."""
        self._database.rows(f"update {kind} set {column} = ? where number = ?", (target, number))

    def is_miscounted(self, session: int) -> bool:
        """Say whether a session's count of messages is not that of its messages."""
        sql = (
            "select 1 from session s where s.number = ? and s.message_count <> (select count(*) from message m"
            " where m.session_number = s.number and m.deleted_at is null)"
        )
        return bool(self._database.rows(sql, (session,)))

    def note(self, key: str, value: str) -> None:
        """Write a value of the store's own; inside a transaction."""
        self._database.rows("insert or replace into state (key, value) values (?, ?)", (key, value))

    def noted(self, prefix: str, limit: int) -> list[tuple[str, str]]:
        """Give the first of the store's own values whose keys begin so."""
        sql = "select key, value from state where key >= ? and key < ? order by key limit ?"
        return [(row[0], row[1]) for row in self._database.rows(sql, (prefix, prefix + "\U0010ffff", limit))]

    def drop_noted(self, keys: Iterable[str]) -> None:
        """Drop values of the store's own; inside a transaction."""
        self._database.execute_many("delete from state where key = ?", ((key,) for key in keys))

    @property
    def _number(self) -> int:
        return self._workspace_number


def encoded(record: Record, numbers: dict[str, int | None]) -> tuple[Value, ...]:
    """Give a record's columns as they are stored.

    Args:
        record: What is written.
        numbers: For each of its references the number of what it refers to.
    """
    kind, values = record.declaration.name, vars(record)
    found: list[Value] = []
    for column in columns(kind):
        value = values[column.field]
        if column.target is not None:
            found.append(numbers.get(column.field))
            continue
        if column.field == "parts" and record.declaration.folds_parts:
            value = fold_parts(values["content"], value)
        found.append(column.encode(value))
    return tuple(found)


def _numbered(kind: str, row: Row) -> tuple[int, Plain]:
    record: Plain = {"id": row[1]}
    blank = _left_out(kind)
    with reading(kind, row[1]):
        for column, stored in zip(columns(kind), row[2:], strict=True):
            value = stored if column.target else column.decode(stored)
            if isinstance(value, datetime):
                value = value.isoformat().replace("+00:00", "Z")
            record[column.field] = value
        if kinds()[kind].declaration.folds_parts and record.get("parts"):
            record["parts"] = unfold_parts(record["content"], record["parts"])
    return row[0], {name: value for name, value in record.items() if name not in blank or value not in (None, [], {})}


@cache
def _left_out(kind: str) -> frozenset[str]:
    """Name the fields that are left out where they are empty: those that are so by default."""
    fields = kinds()[kind].model_fields
    return frozenset(
        name
        for name, field in fields.items()
        if not field.is_required() and field.get_default(call_default_factory=True) in (None, [], {})
    )


@cache
def _selection(kind: str) -> str:
    words = ["t.number", "t.id"]
    for column in columns(kind):
        words.append(
            f"(select id from {column.target} where number = t.{column.name})" if column.target else f"t.{column.name}"
        )
    return f"select {', '.join(words)} from {kind} t"


def _marks(some: Sequence[Any]) -> str:
    return ", ".join("?" * len(some))


def _parts(values: Sequence[Any], size: int) -> Iterator[tuple[Any, ...]]:
    listed = tuple(values)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


def decoded_json(text: str | None, empty: Any) -> Any:
    """Read stored JSON; `empty` where none is stored."""
    return empty if text is None else json.loads(text)
