"""Read or change the store's settings."""

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from indexers.embedders import open_embedder
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory

CREATES = True


class Arguments(BaseModel):
    """Which setting, and its new value."""

    model_config = ConfigDict(extra="forbid")

    key: str | None = Field(
        None, description="A setting; `embedder` chooses what makes vectors.", json_schema_extra=POSITIONAL
    )
    value: str | None = Field(None, description="Its new value, as JSON or plain text.", json_schema_extra=POSITIONAL)
    unset: bool = Field(False, description="Forget the value, so that the default holds again.")


class Answer(BaseModel):
    """Settings kept with the store."""

    settings: dict[str, Any]


def run(memory: "Memory", arguments: Arguments) -> Answer:
    """Read or change."""
    if arguments.key and arguments.unset:
        memory.settings.unset(arguments.key)
    elif arguments.key and arguments.value is not None:
        if arguments.key == "embedder":
            open_embedder(arguments.value)
        memory.settings.put(arguments.key, _read(arguments.value))
    stored = {each.key: each.value for each in memory.settings.list(limit=200).items}
    effective = {"embedder": memory.embedder_setting(), **stored}
    if arguments.key:
        return Answer(settings={arguments.key: effective.get(arguments.key)})
    return Answer(settings=effective)


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write settings, one a line."""
    for key, value in sorted(answer.settings.items()):
        yield (key, value if isinstance(value, str) else json.dumps(value))


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
