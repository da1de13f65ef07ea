"""Tables from declarations: the columns of a kind, how values go in and come out, and its DDL."""

import json
import re
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from memory.errors import DamagedStore
from memory.kinds import Record, kinds
from memory.store.packing import unpacked

Value = str | int | float | bytes | None
"""What a database holds."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Column:
    """One column of a kind's table."""

    field: str
    name: str
    sql_type: str
    nullable: bool
    encode: Callable[[Any], Value]
    decode: Callable[[Any], Any]
    values: tuple[str, ...] = ()
    """What a `Literal` allows."""
    target: str | None = None
    """The table whose number this column holds."""
    on_delete: str | None = None
    is_packed: bool = False
    """Whether its long texts are stored compressed."""

    @property
    def bound(self) -> str:
        """What stands for its value in a statement that writes it."""
        return "packed(?)" if self.is_packed else "?"


def micros(at: datetime) -> int:
    """Give a time as microseconds since 1970, the form it is stored in."""
    return (at - _EPOCH) // _MICROSECOND


def moment(stored: int) -> datetime:
    """Give a stored time as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=stored)


def to_json(value: Any) -> str:
    """Write JSON as it is stored: compact, not escaped, lone surrogates made U+FFFD."""
    text = _encoder.encode(value)
    return text if text.isascii() else whole(text)


def whole(text: str) -> str:
    """Make lone surrogates U+FFFD, so that text can be stored as UTF-8."""
    return _SURROGATE.sub("\ufffd", text)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


# made once: `json.dumps` with arguments makes an encoder at every call
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)


def _encode_json(value: Any) -> Value:
    return None if value is None or value in ([], {}) else to_json(value)


@contextmanager
def reading(kind: str, name: str | int) -> Iterator[None]:
    """Say which record it is when what is stored of it is not what can be stored.

    Raises:
        DamagedStore: It is not.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        said = str(error).splitlines()[0]
        raise DamagedStore(f"{kind} {name} is damaged ({said}); restore a backup") from error


@cache
def columns(kind: str) -> tuple[Column, ...]:
    """Give the columns of a kind in the order of its fields; derived fields have none."""
    record = kinds()[kind]
    skipped = {"id", "workspace_id", *record.declaration.derived}
    found = (_column(record, name) for name in record.model_fields if name not in skipped)
    return tuple(_packed(each) if each.field in record.declaration.packed else each for each in found)


def _packed(column: Column) -> Column:
    decode = column.decode
    return replace(column, is_packed=True, decode=lambda value: decode(unpacked(value)))


def _column(record: type[Record], name: str) -> Column:
    nullable, base = _unwrap(record.model_fields[name].annotation)
    if reference := record.declaration.references.get(name):
        column = f"{name.removesuffix('_id')}_number"
        return Column(name, column, "bigint", nullable, _same, _same, (), reference.kind, reference.on_delete)
    if get_origin(base) is Literal:
        return Column(name, name, "text", nullable, _same, _same, get_args(base))
    if base is datetime:
        return Column(name, name, "bigint", nullable, _optional(micros), _optional(moment))
    if base is str:
        return Column(name, name, "text", nullable, _optional(whole), _same)
    if base is bool:
        return Column(name, name, "smallint", nullable, _optional(int), _optional(bool))
    if base in (int, float):
        return Column(name, name, "bigint" if base is int else "double precision", nullable, _same, _same)
    empty = get_origin(base) or base
    default: Callable[[], Any] = empty if empty in (list, dict) else type(None)
    return Column(name, name, "text", True, _encode_json, _from_json(default))


def _unwrap(annotation: Any) -> tuple[bool, Any]:
    nullable = False
    while True:
        if hasattr(annotation, "__metadata__"):
            annotation = annotation.__origin__
        elif get_origin(annotation) in (Union, types.UnionType):
            nullable = True
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        else:
            return nullable, annotation


@cache
def is_text(kind: str, field: str) -> bool:
    """Say whether a derived field is read as it is; otherwise it comes as JSON."""
    return _unwrap(kinds()[kind].model_fields[field].annotation)[1] is str


def _same(value: Any) -> Any:
    return value


def _optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


def _from_json(default: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda text: default() if text is None else json.loads(text)


def create_table(kind: str) -> list[str]:
    """Write the statements that make a kind's table and its indexes, in SQL that SQLite and PostgreSQL share."""
    declaration = kinds()[kind].declaration
    lines = [
        "number integer primary key",
        "id text not null",
        "workspace_number bigint not null references workspace (number) on delete cascade",
        *map(column_definition, columns(kind)),
        *(f"check ({check})" for check in declaration.checks),
    ]
    statements = [f"create table {kind} (\n  " + ",\n  ".join(lines) + "\n)"]
    statements.append(f"create unique index {kind}_id on {kind} (id, workspace_number)")
    for unique in declaration.unique:
        statements.append(
            f"create unique index {kind}_{'_'.join(unique)}_unique on {kind} ({', '.join(unique)}, workspace_number)"
            " where deleted_at is null"
        )
    return [*statements, *create_indexes(kind)]


def create_indexes(kind: str) -> list[str]:
    """Write the statements that make those of a kind's indexes that are not there yet; its columns must be."""
    statements = []
    for index in kinds()[kind].declaration.indexes:
        name = index.replace(", ", "_").replace("_number", "")
        first = index.split(", ")[0]
        partial = "" if _is_required(kind, first) else f" where {first} is not null"
        statements.append(f"create index if not exists {kind}_by_{name} on {kind} ({index}){partial}")
    return statements


def _is_required(kind: str, column: str) -> bool:
    return any(each.name == column and not each.nullable for each in columns(kind))


def column_definition(column: Column) -> str:
    """Write one column's line of a `create table`."""
    words = [column.name, column.sql_type]
    if not column.nullable:
        words.append("not null")
    if column.target:
        words.append(f"references {column.target} (number) on delete {column.on_delete}")
    if column.values:
        words.append(f"check ({column.name} in ({', '.join(repr(value) for value in column.values)}))")
    return " ".join(words)
