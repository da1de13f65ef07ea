"""Records of every kind, read and written from their declarations."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from memory.errors import Conflict, DamagedStore, InvalidCursor, InvalidInput, UnknownRecord
from memory.kinds import Record, kinds
from memory.store.changes import Changes
from memory.store.chunks import Chunks
from memory.store.parts import fold_parts, unfold_parts
from memory.store.schema import Value, columns, is_text, micros, reading, to_json
from memory.store.sqlite import Row, SqliteDatabase

MOST_IN_A_PAGE = 200


@dataclass(frozen=True)
class Where:
    """A condition on a kind's table, with `{t}` for the table."""

    sql: str
    parameters: tuple[Value, ...] = ()
    clock: tuple[Value, ...] = ()
    """Parameters in front of the others that say what time it is: they differ from page to page of one list."""


def newest_of_each(kind: str, column: str, where: Where) -> Where:
    """Make the condition that a record is the newest, of those that a condition fits, with its value in a column."""
    numbers = f"select max({{t}}.number) from {kind} {{t}} where {where.sql} group by {{t}}.{column}"
    return Where(f"{{t}}.number in ({numbers})", where.parameters, where.clock)


class Records:
    """Records of one workspace."""

    def __init__(
        self, database: SqliteDatabase, workspace: str, workspace_number: int, changes: Changes, chunks: Chunks
    ) -> None:
        self._database = database
        self._workspace = workspace
        self._workspace_number = workspace_number
        self._changes = changes
        self._chunks = chunks

    def number(self, kind: str, id: str) -> int | None:
        """Give the number a record has in its table; None when there is no such record, deleted ones included."""
        row = self._database.row(
            f"select number from {kind} where id = ? and workspace_number = ?", (id, self._workspace_number)
        )
        return None if row is None else int(row[0])

    def is_there(self, kind: str, number: int) -> bool:
        """Say whether a record is there and not softly deleted."""
        return bool(self._database.rows(f"select 1 from {kind} where number = ? and deleted_at is null", (number,)))

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
        rows = self._database.rows(sql, (self._workspace_number, *where.clock, *where.parameters, limit))
        return [(row[0], self._record(kind, row)) for row in rows]

    def stored(self, kind: str, names: Sequence[str], number: int) -> Row | None:
        """Read columns of a record as they are stored, deleted ones included; None when there is no such record."""
        return self._database.row(f"select {', '.join(names)} from {kind} where number = ?", (number,))

    def set_stored(self, kind: str, values: Mapping[str, Value], number: int) -> None:
        """Write columns of a record as they are stored, without a line in the change log; inside a transaction."""
        sets = ", ".join(f"{name} = ?" for name in values)
        self._database.rows(f"update {kind} set {sets} where number = ?", (*values.values(), number))

    def encoded_parts(self, content: str, parts: list[dict[str, Any]]) -> Value:
        """Give a message's parts as they are stored beside its content."""
        return to_json(fold_parts(content, parts)) if parts else None

    def owners(self, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Give number and session number of the messages that are there, by id; softly deleted ones included."""
        found: dict[str, tuple[int, int]] = {}
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500]
            sql = (
                "select id, number, session_number from message where workspace_number = ?"
                f" and id in ({', '.join('?' * len(some))})"
            )
            for id, number, session in self._database.rows(sql, (self._workspace_number, *some)):
                found[id] = (number, session)
        return found

    def sessions_noting(self, name: str) -> list[tuple[int, str]]:
        """Give number and stored metadata of the sessions whose metadata has a name at its top."""
        sql = "select number, metadata from session where workspace_number = ? and metadata like ?"
        return [(row[0], row[1]) for row in self._database.rows(sql, (self._workspace_number, f'%"{name}":%'))]

    def values(
        self, kind: str, fields: Sequence[str], numbers: Sequence[int], damaged: dict[int, str] | None = None
    ) -> list[tuple[Any, ...]]:
        """Read some fields of records by their numbers, each row beginning with the number; deleted ones are left out.

        Args:
            kind: Of the records.
            fields: Which.
            numbers: Of the records.
            damaged: Takes what is wrong with records that cannot be read, by their numbers; those are left out then.

        Raises:
            DamagedStore: A record cannot be read, and `damaged` is not given.
        """
        names, decoders = _reading(kind, tuple(fields))
        content = fields.index("content") if "content" in fields else None
        parts = fields.index("parts") if "parts" in fields and content is not None else None
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(numbers), 500):
            some = numbers[start : start + 500]
            sql = (
                f"select number, {names} from {kind}"
                f" where number in ({', '.join('?' * len(some))}) and deleted_at is null"
            )
            for row in self._database.rows(sql, tuple(some)):
                try:
                    with reading(kind, f"number {row[0]}"):
                        values = [decode(each) for decode, each in zip(decoders, row[1:], strict=True)]
                except DamagedStore as error:
                    if damaged is None:
                        raise
                    damaged[row[0]] = str(error)
                    continue
                if parts is not None and content is not None and values[parts]:
                    values[parts] = unfold_parts(values[content], values[parts])
                found.append((row[0], *values))
        return found

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
        found = self.select(kind, Where(condition, parameters, where.clock), limit=limit + 1)
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
        row = self._database.row(sql, (self._workspace_number, *where.clock, *where.parameters))
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
        self._changes.unbury(self._workspace_number, kind, record.id)
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
        sets = ", ".join(f"{column.name} = {column.bound}" for column in changed)
        encoded = [self._encode(record, column.field) for column in changed]
        self._database.rows(f"update {kind} set {sets} where number = ?", (*encoded, number))
        status = values.get("status") if kind == "message" else None
        self._changes.add(self._workspace_number, kind, [number], "update", status=status)
        return number

    def set_deleted(self, kind: str, numbers: Sequence[int], at: datetime | None) -> dict[str, list[int]]:
        """Delete softly with all that cascades, or restore when `at` is None; inside a transaction.

        What is restored is what was deleted together with the record. Chunks of what is deleted go; those of what is
        restored are the caller's to make.

        Returns:
            The numbers concerned, by kind.
        """
        concerned: dict[str, list[int]] = {}
        for number in numbers:
            row = self._database.row(f"select deleted_at from {kind} where number = ?", (number,))
            if row is not None and (row[0] is None) == (at is not None):
                self._set_deleted(kind, number, None if at is None else micros(at), row[0], concerned)
        for each, changed in concerned.items():
            self._changes.add(self._workspace_number, each, changed, "restore" if at is None else "delete")
            if at is not None and kinds()[each].declaration.searchable:
                self._chunks.remove(each, changed)
        return concerned

    def _set_deleted(
        self, kind: str, number: int, stamp: int | None, before: int | None, concerned: dict[str, list[int]]
    ) -> None:
        now = micros(datetime.now(UTC))
        self._database.rows(f"update {kind} set deleted_at = ?, updated_at = ? where number = ?", (stamp, now, number))
        concerned.setdefault(kind, []).append(number)
        for child, column, on_delete in _referrers(kind):
            if on_delete == "cascade":
                alike = "is null" if before is None else "= ?"
                sql = f"select number from {child} where {column} = ? and deleted_at {alike}"
                for row in self._database.rows(sql, (number,) if before is None else (number, before)):
                    self._set_deleted(child, row[0], stamp, before, concerned)

    def remove(self, kind: str, numbers: Sequence[int], *, buries: bool = True) -> None:
        """Delete rows for good, with all that cascades; inside a transaction.

        Args:
            kind: Of the records.
            numbers: Of the records.
            buries: Whether tombstones are left, so that an import does not bring them back.
        """
        for child, column, on_delete in _referrers(kind):
            if on_delete != "cascade":
                continue
            for number in numbers:
                rows = self._database.rows(f"select number from {child} where {column} = ?", (number,))
                self.remove(child, [row[0] for row in rows], buries=buries)
        if kinds()[kind].declaration.searchable:
            self._chunks.remove(kind, numbers)
        for number in numbers:
            row = self._database.row(f"select id from {kind} where number = ?", (number,))
            if row is not None:
                self._changes.bury(self._workspace_number, kind, number, row[0], buries=buries)
                self._database.rows(f"delete from {kind} where number = ?", (number,))

    def _encode(self, record: Record, field: str) -> Value:
        column = next(each for each in columns(record.declaration.name) if each.field == field)
        value = getattr(record, field)
        if field == "parts" and record.declaration.folds_parts:
            value = fold_parts(vars(record)["content"], value)
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
        with reading(kind, row[1]):
            return self._made(kind, row)

    def _made(self, kind: str, row: Row) -> Record:
        values: dict[str, Any] = {"id": row[1], "workspace_id": self._workspace}
        for column, value in zip(columns(kind), row[2:], strict=False):
            values[column.field] = value if column.target else column.decode(value)
        declaration = kinds()[kind].declaration
        if declaration.folds_parts and values["parts"]:
            values["parts"] = unfold_parts(values["content"], values["parts"])
        derived = declaration.derived
        for name, value in zip(derived, row[2 + len(columns(kind)) :], strict=True):
            values[name] = value if is_text(kind, name) else json.loads(value)
        return kinds()[kind].model_validate(values)


def unknown(kind: str, id: str) -> UnknownRecord:
    """Say that a record is not there."""
    return UnknownRecord(f"there is no {kind} {id!r}; list what there is, or check the id")


def page_limit(limit: Any) -> int:
    """Check a page's size: 1 or more; more than 200 gives 200.

    Raises:
        InvalidInput: It is less than 1.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise InvalidInput(f"limit is {limit}; it must be a whole number, 1 or more")
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
def _reading(kind: str, fields: tuple[str, ...]) -> tuple[str, list[Any]]:
    """Give the columns of some fields as SQL, and how each value is decoded; `id` is read as it is."""
    by_field = {column.field: column for column in columns(kind)}
    names = [by_field[field].name if field in by_field else field for field in fields]
    return ", ".join(names), [by_field[field].decode if field in by_field else str for field in fields]


@cache
def _insertion(kind: str) -> str:
    names = ["number", "id", "workspace_number", *(column.name for column in columns(kind))]
    bound = ["?", "?", "?", *(column.bound for column in columns(kind))]
    return f"insert into {kind} ({', '.join(names)}) values ({', '.join(bound)})"


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
