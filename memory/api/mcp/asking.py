"""Arguments of tools: what agents send is read leniently where its meaning is plain, and refused in one line where not."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from memory.errors import InvalidInput


class ToolArguments(BaseModel):
    """What a tool takes. "5" is 5, "true" is true; null and "" of what may be left out mean that it was."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_what_is_empty(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {
            name: value
            for name, value in given.items()
            if not (name in optional and (value is None or (isinstance(value, str) and not value.strip())))
        }


def _listed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return [value]
    return read if isinstance(read, list) else [value]


Texts = Annotated[list[str], BeforeValidator(_listed)]
"""A list of texts; one text, or a list written as JSON, is read as one."""
Budget = Annotated[int, Field(ge=100, le=50_000)]


def read_arguments(tool: str, arguments: type[ToolArguments], given: dict[str, Any] | None) -> ToolArguments:
    """Read what was sent.

    Raises:
        InvalidInput: Something is missing, unknown, or cannot be what it is; the line says what the tool takes.
    """
    try:
        return arguments.model_validate(given or {})
    except ValidationError as error:
        fields = sorted(arguments.model_fields.items(), key=lambda each: not each[1].is_required())
        takes = ", ".join(name if field.is_required() else f"{name}?" for name, field in fields)
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        wrong = {"extra_forbidden": "is unknown", "missing": "is missing"}.get(first["type"], first["msg"])
        raise InvalidInput(f"{tool}: {name} {wrong}; it takes {takes}") from error


def schema_of(arguments: type[BaseModel]) -> dict[str, Any]:
    """Describe arguments or an answer as JSON schema, as small as it can be."""
    is_asked = issubclass(arguments, ToolArguments)
    found: dict[str, Any] = _trimmed(arguments.model_json_schema(mode="validation" if is_asked else "serialization"))
    found.pop("description", None)
    needed = found.get("required", [])
    found["properties"] = dict(sorted(found["properties"].items(), key=lambda each: each[0] not in needed))
    return found


def _trimmed(schema: Any, is_names: bool = False) -> Any:
    """Leave out titles, and that what may be left out may be null, too."""
    if isinstance(schema, list):
        return [_trimmed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: _trimmed(value, key in ("properties", "$defs"))
        for key, value in schema.items()
        if is_names or key != "title"
    }
    if is_names or "anyOf" not in found or "default" not in found or found["default"] is not None:
        return found
    kept = [each for each in found["anyOf"] if each != {"type": "null"}]
    if len(kept) != 1:
        return found
    return {**kept[0], **{key: value for key, value in found.items() if key not in ("anyOf", "default")}}
