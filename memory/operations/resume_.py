"""See where the last sessions of a project stopped."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.code_history import Resumed, resume
from memory.operations import Lines

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """Which project."""

    model_config = ConfigDict(extra="forbid")

    project: str | None = Field(None, description="Only this project and those below it.")
    limit: int = Field(3, ge=1, description="How many sessions.")


class Answer(BaseModel):
    """Sessions, the last spoken in first."""

    items: list[Resumed]


def run(memory: "Memory", arguments: Arguments) -> Answer:
    """Look."""
    return Answer(items=resume(memory, arguments.project, arguments.limit))


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write where each stopped."""
    for each in answer.items:
        yield f"{each.at:%Y-%m-%d %H:%M}  {each.project or ''}  {each.title or '(no title)'}  {each.session_id}"
        if each.asked:
            yield f"    asked:    {each.asked}"
        if each.answered:
            yield f"    answered: {each.answered}"
        if each.files:
            yield f"    changed:  {', '.join(each.files)}"
