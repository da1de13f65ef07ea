"""Read or change the store's settings."""

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

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
    next: str | None = None
    """What happens next; None when nothing does."""


def run(memory: "Memory", arguments: Arguments) -> Answer:
    """Read or change."""
    if arguments.key == "embedder":
        return _embedder(memory, arguments)
    if arguments.key and arguments.unset:
        memory.settings.unset(arguments.key)
    elif arguments.key and arguments.value is not None:
        memory.settings.put(arguments.key, _read(arguments.value))
    effective = {each.key: each.value for each in memory.settings.list(limit=200).items} | _chosen(memory)
    if arguments.key:
        return Answer(settings={arguments.key: effective.get(arguments.key)})
    return Answer(settings=effective)


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write settings, one a line."""
    for key, value in sorted(answer.settings.items()):
        yield (key, value if isinstance(value, str) else json.dumps(value))
    if answer.next:
        yield answer.next


def _embedder(memory: "Memory", arguments: Arguments) -> Answer:
    if arguments.value is None and not arguments.unset:
        return Answer(settings=_chosen(memory))
    chosen = memory.choose_embedder(None if arguments.unset else arguments.value)
    then = None
    if chosen.coming:
        then = (
            f"{memory.vector_stats().wanted:,} pieces get new vectors: at once with `hark reindex`, or in the background while "
            f"a program keeps the store open; until then {chosen.answers} answers"
        )
    return Answer(settings=_chosen(memory), next=then)


def _chosen(memory: "Memory") -> dict[str, Any]:
    vectors = memory.vector_stats()
    return {"embedder": vectors.embedder} | ({"embedder_coming": vectors.coming} if vectors.coming else {})


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
