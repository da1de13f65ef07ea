"""What every kind's collection can do: create, get, list, update, delete, restore."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError

from memory.dates import given_date
from memory.errors import InvalidInput
from memory.ids import new_id
from memory.kinds import Record, kinds
from memory.saving import Saver
from memory.store.records import Where, page_limit, unknown
from memory.store.schema import columns, micros, whole
from memory.store.store import Store

R = TypeVar("R", bound=Record)
MOST_NESTED = 100
"""How deep JSON values may be nested. Source: RELIABILITY D.60; pydantic's own limit is about 200."""
PAGE = 50
"""Items of a page unless asked otherwise."""


class Page(BaseModel, Generic[R]):
    """Some records of a list, and how to get the next ones."""

    items: list[R]
    next_cursor: str | None = None
    """None behind the last page."""


class Collection(Generic[R]):
    """The records of one kind in one workspace."""

    def __init__(self, store: Store, saver: Saver, kind: str) -> None:
        self.kind = kind
        self._record = cast(type[R], kinds()[kind])
        self._store = store
        self._saver = saver

    def create(self, **fields: Any) -> R:
        """Write a new record and give it back; `id`, `created_at` and `metadata` may be given, too.

        Raises:
            InvalidInput: A field is unknown, missing, or of another type.
            Conflict: A record with that id, or another value that must be unique, is there already.
            UnknownRecord: It refers to a record that is not there.
        """
        record = self._made(fields)
        self._saver.save(record)
        return self._read(record.id)

    def get(self, id: str) -> R | None:
        """Read a record; None when it is not there, or deleted."""
        return cast("R | None", self._store.records.get(self.kind, id))

    def list(self, *, limit: int = PAGE, cursor: str | None = None, **filters: Any) -> Page[R]:
        """Read a page of records, in the kind's order.

        Args:
            limit: 1 or more; more than 200 gives 200.
            cursor: The `next_cursor` of the page before.
            filters: Values that fields have; None and "" do not filter.

        Raises:
            InvalidInput: It cannot be filtered by that.
            InvalidCursor: The cursor is of another list.
        """
        where = self._where({name: value for name, value in filters.items() if value not in (None, "")})
        found, next_cursor = self._store.records.page(self.kind, where, limit=page_limit(limit), cursor=cursor)
        return Page[Any](items=[record for _, record in found], next_cursor=next_cursor)

    def update(self, id: str, /, **fields: Any) -> R:
        """Change fields of a record and give it back.

        Raises:
            InvalidInput: A field is unknown, or of another type.
            UnknownRecord: There is no such record.
        """
        self._existing(id)
        changed = self._checked(self._prepared(fields))
        return cast(R, self._validated(lambda: self._saver.update(self.kind, id, changed)))

    def delete(self, id: str, *, hard: bool = False) -> None:
        """Delete a record with all that belongs to it: so that it can be restored, or for good.

        A record that was deleted for good leaves its id behind, so that an import does not bring it back.

        Raises:
            UnknownRecord: There is no such record.
        """
        number = self._store.records.number(self.kind, id)
        if number is None or (not hard and self.get(id) is None):
            raise unknown(self.kind, id)
        # one transaction, not one in another: inside a savepoint each vector that goes costs more than the one before
        with self._store.transaction():
            self._part_with(number)
            if hard:
                self._store.records.remove(self.kind, [number])
            else:
                self._store.records.set_deleted(self.kind, [number], datetime.now(UTC))
        self._saver.on_write()

    def _part_with(self, number: int) -> None:
        """Do what has to be done before a record is deleted; inside its transaction."""

    def restore(self, id: str) -> R:
        """Bring back a record that was deleted, with all that was deleted together with it.

        Raises:
            UnknownRecord: There is no such record, or it was deleted for good.
        """
        number = self._store.records.number(self.kind, id)
        if number is None:
            raise unknown(self.kind, id)
        self._saver.restore(self.kind, number)
        return self._read(id)

    def count(self, **filters: Any) -> int:
        """Count records, filtered as `list` does."""
        return self._store.records.count(self.kind, self._where(filters))

    def _made(self, fields: Mapping[str, Any]) -> R:
        now = datetime.now(UTC)
        values = {"id": new_id(), "created_at": now, **self._prepared(fields), "workspace_id": self._store.workspace}
        for name in ("id", "created_at"):
            if values[name] is None:
                values[name] = new_id() if name == "id" else now
        values.setdefault("updated_at", values["created_at"])
        return cast(R, self._validated(lambda: self._record.model_validate(values)))

    def _prepared(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What a caller gave, as it is stored: without secrets, and without lone surrogates, which are noted as `lossy`."""
        if any(is_too_deep(each) for each in fields.values()):
            raise InvalidInput(f"a value of a {self.kind} is nested more than {MOST_NESTED} deep")
        names = {"id", *self._record.declaration.references}
        redacted = {name: each if name in names else self._saver.redactor.value(each) for name, each in fields.items()}
        cleaned, lossy = _cleaned(redacted)
        if lossy:
            cleaned["metadata"] = {**(cleaned.get("metadata") or {}), "lossy": True}
        return cast("dict[str, Any]", cleaned)

    def _checked(self, fields: dict[str, Any]) -> dict[str, Any]:
        unknown_fields = [name for name in fields if name not in self._record.model_fields]
        if unknown_fields:
            raise InvalidInput(
                f"a {self.kind} has no field {', '.join(map(repr, unknown_fields))}; it has: "
                f"{', '.join(self._record.model_fields)}"
            )
        for name in ("id", "workspace_id", "deleted_at", *self._record.declaration.kept):
            if name in fields:
                raise InvalidInput(
                    f"{name} of a {self.kind} cannot be changed; it is given when one is created, or follows"
                )
        return fields

    def _where(self, filters: Mapping[str, Any]) -> Where:
        conditions, parameters = ["{t}.deleted_at is null"], []
        by_field = {column.field: column for column in columns(self.kind)}
        for name, value in filters.items():
            if name in self._record.declaration.filters:
                column = by_field[name]
                conditions.append(f"{{t}}.{column.name} = ?")
                target = column.target
                parameters.append((self._store.records.number(target, value) or 0) if target else column.encode(value))
            elif name in ("after", "before"):
                conditions.append("{t}.created_at " + (">= ?" if name == "after" else "< ?"))
                parameters.append(micros(given_time(value, name)))
            else:
                raise InvalidInput(
                    f"{self._record.declaration.plural} cannot be filtered by {name!r}; they can by: "
                    f"{', '.join((*self._record.declaration.filters, 'after', 'before'))}"
                )
        return Where(" and ".join(conditions), tuple(parameters))

    def _existing(self, id: str) -> R:
        record = self.get(id)
        if record is None:
            raise unknown(self.kind, id)
        return record

    def _read(self, id: str) -> R:
        record = self._store.records.get(self.kind, id)
        assert record is not None
        return cast(R, record)

    def _validated(self, make: Any) -> Any:
        try:
            return make()
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            said = first["msg"].removeprefix("Value error, ")
            raise InvalidInput(f"{self.kind}{f', field {where}' if where else ''}: {said}") from error


def is_too_deep(value: Any) -> bool:
    """Say whether a value is nested deeper than is stored."""
    level = [value]
    for _ in range(MOST_NESTED):
        level = [
            each
            for outer in level
            if isinstance(outer, dict | list | tuple)
            for each in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def given_time(value: Any, name: str) -> datetime:
    """Read a time that a caller gave: a datetime, naive ones in UTC, or a text such as 2026-11-03 or 7d.

    Raises:
        InvalidInput: It is none.
    """
    if not isinstance(value, datetime | str):
        raise InvalidInput(f"{name} is {value!r}; give a datetime, or a text such as 2026-11-03")
    return given_date(value, name, datetime.now(UTC))[0]


def _cleaned(value: Any, depth: int = 0) -> tuple[Any, bool]:
    """Make lone surrogates U+FFFD in all texts of a JSON-like value, and say whether there were any.

    Raises:
        InvalidInput: It holds what JSON cannot say.
    """
    if depth > 1 and not isinstance(
        value, str | int | float | bool | dict | list | tuple | BaseModel | datetime | None
    ):
        raise InvalidInput(
            f"a {type(value).__name__} inside a value has no JSON form; give text, numbers, lists and dicts"
        )
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        raise InvalidInput("a whole number of more than 64 bits cannot be stored; give it as text")
    if isinstance(value, str):
        clean = value if value.isascii() else whole(value)
        return clean, clean != value
    if isinstance(value, dict):
        pairs = [(_cleaned(key, depth + 1), _cleaned(each, depth + 1)) for key, each in value.items()]
        return {key[0]: each[0] for key, each in pairs}, any(key[1] or each[1] for key, each in pairs)
    if isinstance(value, list | tuple):
        items = [_cleaned(each, depth + 1) for each in value]
        return [item[0] for item in items], any(item[1] for item in items)
    return value, False
