"""Kinds of record: one file a kind, each declared once; tables, SQL, collections and events follow from it.

A kind is a `Record` subclass with a `declaration`. Its fields give the columns: `str` a text, `int` a
whole number, `datetime` microseconds since 1970 in UTC, `Literal` a text with a check, lists and
dicts a JSON text; `| None` makes a column nullable. A field named in `references` holds another record's id;
its column holds that record's number and is called `<field without _id>_number`.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""Times outside cannot be shown in every time zone, so they are refused."""


def _in_utc(at: datetime) -> datetime:
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if not EARLIEST <= aware <= LATEST:
        raise ValueError(f"the time {at} is outside the years 1 to 9999")
    return aware.astimezone(UTC)


Time = Annotated[datetime, AfterValidator(_in_utc)]
"""An aware time in UTC; a naive one is taken as UTC."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Reference:
    """A field that holds another record's id."""

    kind: str
    on_delete: Literal["cascade", "set null"] = "set null"
    """What becomes of this record when the other is deleted for good."""


@dataclass(frozen=True)
class Declaration:
    """All there is to know of a kind beside its fields."""

    name: str
    """Singular: table name, and `kind` in answers."""
    plural: str
    """Name of its collection and its route."""
    references: dict[str, Reference] = field(default_factory=dict)
    unique: tuple[tuple[str, ...], ...] = ()
    """Columns that are unique together in a workspace."""
    indexes: tuple[str, ...] = ()
    """Column lists that its queries need, such as `session_number, seq`."""
    checks: tuple[str, ...] = ()
    """SQL conditions that every row fulfils."""
    filters: tuple[str, ...] = ()
    """Fields that `list` can be narrowed by."""
    derived: dict[str, str] = field(default_factory=dict)
    """Fields without a column → the SQL that reads them (`{t}` stands for the table)."""
    kept: tuple[str, ...] = ()
    """Fields that follow from others, so that no caller may change them."""
    order: str = "{t}.number"
    """What `list` sorts by, as SQL over the columns; equal ones by number."""
    newest_first: bool = False
    folds_parts: bool = False
    """Whether texts of `parts` that stand in `content` are stored there only (`memory/store/parts.py`)."""
    packed: tuple[str, ...] = ()
    """Fields whose long texts are stored compressed (`memory/store/packing.py`)."""
    searchable: bool = False
    """Whether `memory/searchable.py` makes documents of it."""
    version: int = 1
    """Raised with every change of fields or indexes, so that a store knows to add them."""


class Record(BaseModel):
    """What every stored thing has."""

    # built when it is first used: a command that reads messages need not wait for the other kinds
    model_config = ConfigDict(extra="forbid", defer_build=True)
    declaration: ClassVar[Declaration]

    id: str = Field(min_length=1, max_length=512)
    workspace_id: str = "default"
    created_at: Time
    updated_at: Time
    deleted_at: Time | None = None
    metadata: Json = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_fields(cls, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := [key for key in data if key not in cls.model_fields]):
            raise ValueError(
                f"a {cls.declaration.name} has no field {', '.join(map(repr, unknown))}; it has: "
                f"{', '.join(cls.model_fields)}"
            )
        if isinstance(data, dict) and (raw := [key for key, value in data.items() if isinstance(value, bytes)]):
            raise ValueError(f"{', '.join(raw)} is bytes; give text")
        return data


@cache
def kinds() -> dict[str, type[Record]]:
    """Find every kind, by name, those that others refer to first."""
    found: dict[str, type[Record]] = {}
    for name in sorted(module.name for module in iter_modules(__path__)):
        for value in vars(import_module(f"{__name__}.{name}")).values():
            if isinstance(value, type) and issubclass(value, Record) and "declaration" in vars(value):
                found[value.declaration.name] = value
    ordered: dict[str, type[Record]] = {}
    for kind in found:
        _place(kind, found, ordered, set())
    return ordered


def _place(kind: str, found: dict[str, type[Record]], ordered: dict[str, type[Record]], above: set[str]) -> None:
    if kind in ordered or kind in above:
        return
    for reference in found[kind].declaration.references.values():
        _place(reference.kind, found, ordered, above | {kind})
    ordered[kind] = found[kind]
