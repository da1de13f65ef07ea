"""What a request may hold, made from the declarations of kinds: a new field of a kind is one of the service, too."""

from functools import cache
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator
from pydantic.fields import FieldInfo

from memory.api.rest.problems import Problem
from memory.kinds import Record, kinds

_SET_BY_US = frozenset(("workspace_id", "updated_at", "deleted_at"))
_ALSO = {
    "session": {"project": (str | None, Field(None, description="An id, an alias or a path; made when it is absent."))}
}
_ALSO["learning"] = _ALSO["session"]


class Parameters(BaseModel):
    """What a query string may hold."""

    model_config = ConfigDict(extra="forbid")


class Body(BaseModel):
    """What the body of a request may hold; a value is what JSON says it is, and is not read as something else."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _as_json_says(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for name, value in data.items():
                field = cls.model_fields.get(name)
                if field is not None and _is_another_type(value, str(field.annotation)):
                    raise ValueError(f"{name} is {value!r:.80}, which is of another type than {name} is")
        return data

    def given(self) -> dict[str, Any]:
        """Give what was sent, and nothing that was not."""
        return {name: getattr(self, name) for name in self.model_fields_set}


@cache
def creation(kind: str) -> type[Body]:
    """Make the body that creates a record of a kind."""
    fields: dict[str, Any] = {}
    for name, field in _settable(kinds()[kind]).items():
        if name == "id":
            # it stands in the address of what is made
            fields[name] = (str | None, Field(None, min_length=1, max_length=512, pattern="^[^/]+$"))
            continue
        needs_none = name == "created_at"
        fields[name] = (field.annotation | None, None) if needs_none and field.annotation else (field.annotation, field)
    return create_model(f"New{_title(kind)}", __base__=Body, **{**fields, **_ALSO.get(kind, {})})


@cache
def changing(kind: str) -> type[Body]:
    """Make the body that changes fields of a record of a kind."""
    fields: dict[str, Any] = {}
    for name, field in _settable(kinds()[kind]).items():
        if name not in ("id", "created_at"):
            # what is sent is set, also to null; what is not sent stays
            fields[name] = (field.annotation, Field(None, description=field.description))
    return create_model(f"Changed{_title(kind)}", __base__=Body, **{**fields, **_ALSO.get(kind, {})})


def _is_another_type(value: Any, annotation: str) -> bool:
    """Say whether a value would only fit into a field by being read as something that it is not."""
    if annotation in ("typing.Any", "Any"):
        return False
    if isinstance(value, bool):
        return "bool" not in annotation
    if isinstance(value, int | float):
        return not any(each in annotation for each in ("int", "float"))
    if isinstance(value, str):
        return not any(each in annotation for each in ("str", "datetime", "Literal"))
    return False


def _settable(record: type[Record]) -> dict[str, FieldInfo]:
    declaration = record.declaration
    left_out = {*_SET_BY_US, *declaration.kept, *declaration.derived}
    return {name: field for name, field in record.model_fields.items() if name not in left_out}


def _title(kind: str) -> str:
    return "".join(word.capitalize() for word in kind.split("_"))


def etag(record: Record) -> str:
    """Name the state of a record."""
    return f'"{int(record.updated_at.timestamp() * 1_000_000)}"'


def check_match(request: Request, record: Record, sent: dict[str, Any]) -> None:
    """See that a change is one of the state that the client knows, where it says which that is.

    Raises:
        Problem: The record was changed since; both versions are in it.
    """
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*" or etag(record) in [each.strip() for each in wanted.split(",")]:
        return
    raise Problem(
        409,
        "changed_since",
        "the record was changed since it was read; read it again, or send If-Match: * to write over it",
        headers={"ETag": etag(record)},
        current=record.model_dump(mode="json"),
        sent=sent,
    )
