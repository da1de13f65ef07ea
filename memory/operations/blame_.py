"""See which sessions touched a file, and why."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.code_history import Touch, blame
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """Which file."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(description="A file; the end of its path is enough.", json_schema_extra=POSITIONAL)
    limit: int = Field(20, ge=1, description="How many sessions.")


class Answer(BaseModel):
    """Sessions, the last first."""

    items: list[Touch]


def run(memory: "Memory", arguments: Arguments) -> Answer:
    """Look."""
    return Answer(items=blame(memory, arguments.path, arguments.limit))


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write sessions, one a line."""
    for each in answer.items:
        yield (f"{each.at:%Y-%m-%d}", ", ".join(each.how), each.session_title or "", each.why or "", each.session_id)
