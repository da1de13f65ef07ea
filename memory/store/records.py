"""Records of every kind, read and written from their declarations."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from memory.errors import Conflict, InvalidCursor, InvalidInput, UnknownRecord
from memory.kinds import Record, kinds
from memory.store.changes import Changes
from memory.store.schema import Value, columns, micros, moment
from memory.store.sqlite import Row, SqliteDatabase

MOST_IN_A_PAGE = 200


@dataclass(frozen=True)
class Where:
    """A condition on a kind's table, with `{t}` for the table."""

    sql: str
    parameters: tuple[Value, ...] = ()


class Records:
    """Records of one workspace."""

    def __init__(self, database: SqliteDatabase, workspace: str, workspace_number: int, changes: Changes) -> None:
        self._database = database
        self._workspace = workspace
        self._workspace_number = workspace_number
        self._changes = changes

    def number(self, kind: str, id: str) -> int | None:
        """Give the number a record has in its table; None when there is no such record, deleted ones included."""
        row = self._database.row(
            f"select number from {kind} where id = ? and workspace_number = ?", (id, self._workspace_number)
        )
        return None if row is None else int(row[0])

    def get(self, kind: str, id: str, *, deleted: bool = False) -> Record | None:
        """Read a record; None when it is not there, or softly deleted and `deleted` is not set."""
        alive = "" if deleted else " and {t}.deleted_at is null"
        found = self.select(kind, Where("{t}.id = ?" + alive, (id,)), limit=1)
        return found[0][1] if found else None

    def by_numbers(self, kind: str, numbers: Iterable[int]) -> dict[int, Record]:
        """Read records that are not deleted by their numbers, in one statement."""
        wanted = list(dict.fromkeys(numbers))
        if not wanted:
            return {}
        marks = ", ".join("?" * len(wanted))
        where = Where(f"{{t}}.number in ({marks}) and {{t}}.deleted_at is null", tuple(wanted))
        return dict(self.select(kind, where, limit=len(wanted)))

    def select(self, kind: str, where: Where, *, limit: int, order: str | None = None) -> list[tuple[int, Record]]:
        """Read records of this workspace with their numbers."""
        declaration = kinds()[kind].declaration
        direction = " desc" if declaration.newest_first else ""
        by = order or f"{declaration.order}{direction}, {{t}}.number{direction}"
        sql = (
            f"{_selection(kind)} from {kind} t where t.workspace_number = ? and ({where.sql}) order by {by} limit ?"
        ).replace("{t}", "t")
        rows = self._database.rows(sql, (self._workspace_number, *where.parameters, limit))
        return [(row[0], self._record(kind, row)) for row in rows]

    def page(
        self, kind: str, where: Where, *, limit: int, cursor: str | None
    ) -> tuple[list[tuple[int, Record]], str | None]:
        """Read a page in the kind's order, and the cursor of the next one; None behind the last.

        Raises:
            InvalidCursor: The cursor is of another list.
        """
        declaration = kinds()[kind].declaration
        print_ = _fingerprint(kind, where)
        condition, parameters = where.sql, where.parameters
        if cursor:
            at, number = _read_cursor(cursor, print_)
            compare = "<" if declaration.newest_first else ">"
            condition = f"({condition}) and ({declaration.order}, {{t}}.number) {compare} (?, ?)"
            parameters = (*parameters, at, number)
        found = self.select(kind, Where(condition, parameters), limit=limit + 1)
        if len(found) <= limit:
            return found, None
        last = found[limit - 1][0]
        sql = f"select {declaration.order} from {kind} t where t.number = ?".replace("{t}", "t")
        row = self._database.row(sql, (last,))
        assert row is not None
        return found[:limit], _write_cursor(print_, row[0], last)

    def count(self, kind: str, where: Where) -> int:
        """Count records of this workspace."""
        sql = f"select count(*) from {kind} t where t.workspace_number = ? and ({where.sql})".replace("{t}", "t")
        row = self._database.row(sql, (self._workspace_number, *where.parameters))
        return int(row[0]) if row else 0

    def insert(self, record: Record) -> int:
        """Write a new record and give its number; to be called inside a transaction.

        Raises:
            Conflict: The id, or another unique value, is there already.
            UnknownRecord: It refers to a record that is not there.
        """
        kind = record.declaration.name
        if self.number(kind, record.id) is not None:
            raise Conflict(f"{kind} {record.id!r} is there already; update it, or give another id")
        values = [self._encode(record, column.field) for column in columns(kind)]
        return self.insert_rows(kind, [(record.id, *values)])[0]

    def insert_rows(self, kind: str, rows: Sequence[Sequence[Value]]) -> list[int]:
        """Write encoded rows (`id`, then the columns in order) and give their numbers; inside a transaction."""
        first = self.next_number(kind)
        numbers = list(range(first, first + len(rows)))
        self._database.execute_many(
            _insertion(kind),
            ((number, row[0], self._workspace_number, *row[1:]) for number, row in zip(numbers, rows, strict=True)),
        )
        self._changes.add(self._workspace_number, kind, numbers, "create")
        return numbers

    def next_number(self, kind: str) -> int:
        """Give the number that the next record of a kind will have; inside a transaction, under the writer's lock."""
        row = self._database.row(f"select coalesce(max(number), 0) + 1 from {kind}")
        return int(row[0]) if row else 1

    def update(self, kind: str, id: str, values: dict[str, Any]) -> int:
        """Write fields of a record and give its number; inside a transaction. `updated_at` follows by itself.

        Raises:
            UnknownRecord: No such record, or it refers to one that is not there.
        """
        number = self.number(kind, id)
        if number is None:
            raise unknown(kind, id)
        current = self.get(kind, id, deleted=True)
        assert current is not None
        data = {name: getattr(current, name) for name in type(current).model_fields}
        record = type(current).model_validate(data | {"updated_at": datetime.now(UTC)} | values)
        changed = [column for column in columns(kind) if column.field in values or column.field == "updated_at"]
        sets = ", ".join(f"{column.name} = ?" for column in changed)
        encoded = [self._encode(record, column.field) for column in changed]
        self._database.rows(f"update {kind} set {sets} where number = ?", (*encoded, number))
        self._changes.add(self._workspace_number, kind, [number], "update")
        return number

    def set_deleted(self, kind: str, numbers: Sequence[int], at: datetime | None) -> None:
        """Delete softly, or restore when `at` is None; inside a transaction."""
        stamp = None if at is None else micros(at)
        self._database.execute_many(
            f"update {kind} set deleted_at = ?, updated_at = ? where number = ?",
            ((stamp, micros(at or datetime.now(UTC)), number) for number in numbers),
        )
        self._changes.add(self._workspace_number, kind, numbers, "restore" if at is None else "delete")

    def remove(self, kind: str, numbers: Sequence[int]) -> None:
        """Delete rows for good, with all that cascades, and leave tombstones; inside a transaction."""
        for child, column, on_delete in _referrers(kind):
            marks = ", ".join("?" * len(numbers))
            if on_delete == "cascade" and numbers:
                rows = self._database.rows(f"select number from {child} where {column} in ({marks})", tuple(numbers))
                self.remove(child, [row[0] for row in rows])
        for number in numbers:
            row = self._database.row(f"select id from {kind} where number = ?", (number,))
            if row is None:
                continue
            self._changes.bury(self._workspace_number, kind, number, row[0])
            self._database.rows(f"delete from {kind} where number = ?", (number,))

    def _encode(self, record: Record, field: str) -> Value:
        column = next(each for each in columns(record.declaration.name) if each.field == field)
        value = getattr(record, field)
        if column.target is None:
            encoded: Value = column.encode(value)
            return encoded
        if value is None:
            return None
        number = self.number(column.target, value)
        if number is None:
            raise unknown(column.target, value)
        return number

    def _record(self, kind: str, row: Row) -> Record:
        values: dict[str, Any] = {"id": row[1], "workspace_id": self._workspace}
        for column, value in zip(columns(kind), row[2:], strict=False):
            values[column.field] = value if column.target else column.decode(value)
        derived = kinds()[kind].declaration.derived
        for name, value in zip(derived, row[2 + len(columns(kind)) :], strict=True):
            values[name] = json.loads(value) if isinstance(value, str) and value.startswith("[") else value
        return kinds()[kind].model_validate(values)


def unknown(kind: str, id: str) -> UnknownRecord:
    """Say that a record is not there."""
    return UnknownRecord(f"there is no {kind} {id!r}; list what there is, or check the id")


def page_limit(limit: int) -> int:
    """Check a page's size: 1 or more; more than 200 gives 200.

    Raises:
        InvalidInput: It is less than 1.
    """
    if limit < 1:
        raise InvalidInput(f"limit is {limit}; it must be 1 or more")
    return min(limit, MOST_IN_A_PAGE)


@cache
def _selection(kind: str) -> str:
    words = ["t.number", "t.id"]
    for column in columns(kind):
        words.append(
            f"(select id from {column.target} where number = t.{column.name})" if column.target else f"t.{column.name}"
        )
    words += list(kinds()[kind].declaration.derived.values())
    return "select " + ", ".join(words)


@cache
def _insertion(kind: str) -> str:
    names = ["number", "id", "workspace_number", *(column.name for column in columns(kind))]
    return f"insert into {kind} ({', '.join(names)}) values ({', '.join('?' * len(names))})"


@cache
def _referrers(kind: str) -> tuple[tuple[str, str, str], ...]:
    """Which columns of which tables point to a kind, and what a delete does to them."""
    return tuple(
        (name, column.name, column.on_delete or "")
        for name in kinds()
        for column in columns(name)
        if column.target == kind
    )


def _fingerprint(kind: str, where: Where) -> str:
    return hashlib.blake2b(repr((kind, where.sql, where.parameters)).encode(), digest_size=6).hexdigest()


def _write_cursor(fingerprint: str, at: Value, number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([fingerprint, at, number]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, fingerprint: str) -> tuple[Value, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        given, at, number = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, TypeError) as error:
        raise InvalidCursor(f"{cursor!r} is no cursor; give the `next_cursor` of the page before") from error
    if given != fingerprint or not isinstance(number, int):
        raise InvalidCursor("the cursor is of another list; start again without one")
    return at, number


__all__ = ["MOST_IN_A_PAGE", "Records", "Where", "micros", "moment", "page_limit", "unknown"]
