"""Write down a decision, a gotcha, a fact, a preference."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.kinds.learning import Learning
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory

CREATES = True


class Arguments(BaseModel):
    """What was learned."""

    model_config = ConfigDict(extra="forbid")

    category: str = Field(description="decision, gotcha, fact, preference, pattern, …", json_schema_extra=POSITIONAL)
    text: str = Field(description="What was learned.", json_schema_extra=POSITIONAL)
    project: str | None = Field(None, description="The project it holds for.")
    session: str | None = Field(None, description="The session it was drawn from.")
    file: list[str] = Field(default_factory=list, description="A file it is about; may be given several times.")
    tag: list[str] = Field(default_factory=list, description="A tag; may be given several times.")
    supersedes: str | None = Field(None, description="The learning that is no longer true.")


def run(memory: "Memory", arguments: Arguments) -> Learning:
    """Write it down."""
    fields = {
        "project": arguments.project,
        "session_id": arguments.session,
        "related_files": arguments.file,
        "tags": arguments.tag,
    }
    given = {name: value for name, value in fields.items() if value}
    if arguments.supersedes:
        said = {"category": arguments.category, "content": arguments.text, **given}
        return memory.learnings.supersede(arguments.supersedes, by=said)
    return memory.learnings.add(arguments.category, arguments.text, **given)


def rows(learning: Learning, arguments: Arguments) -> Lines:
    """Say where it is; success is silent but for the id."""
    yield learning.id
