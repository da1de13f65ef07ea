"""List the files that sessions about a topic touched."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.code_history import TouchedFile, files
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """Which topic."""

    model_config = ConfigDict(extra="forbid")

    topic: str = Field(description="What the sessions are about.", json_schema_extra=POSITIONAL)
    project: str | None = Field(None, description="Only in this project and those below it.")
    limit: int = Field(20, ge=1, description="How many files.")


class Answer(BaseModel):
    """Files, those of most sessions first."""

    items: list[TouchedFile]


def run(memory: "Memory", arguments: Arguments) -> Answer:
    """Look."""
    return Answer(items=files(memory, arguments.topic, arguments.limit, project=arguments.project))


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write files, one a line."""
    for each in answer.items:
        yield (f"{each.last_at:%Y-%m-%d}", f"{each.sessions} sessions", ", ".join(each.how), each.path)
