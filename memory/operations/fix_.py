"""See how an error was solved before."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.code_history import Solved, fix
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """Which error."""

    model_config = ConfigDict(extra="forbid")

    error: str = Field(description="The error's words.", json_schema_extra=POSITIONAL)
    project: str | None = Field(None, description="Only in this project and those below it.")
    limit: int = Field(5, ge=1, description="How many places.")


class Answer(BaseModel):
    """Where it was met, the best match first."""

    items: list[Solved]


def run(memory: "Memory", arguments: Arguments) -> Answer:
    """Look."""
    return Answer(items=fix(memory, arguments.error, arguments.limit, project=arguments.project))


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write what was met, and what was said next."""
    for each in answer.items:
        hit = each.hit
        yield (f"{hit.created_at:%Y-%m-%d}", hit.role or "", hit.snippet, f'message {hit.seq} of "{hit.session_title}"')
        if each.answer:
            yield f"    → {each.answer}"
