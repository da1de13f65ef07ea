"""Draw an arrow between two things."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.kinds.relationship import Relationship
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory

CREATES = True


class Arguments(BaseModel):
    """What is related to what."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(description="A path, session:ID, learning:ID, a link or a name.", json_schema_extra=POSITIONAL)
    target: str = Field(description="The same.", json_schema_extra=POSITIONAL)
    type: str = Field(description="code_code, code_decision, decision_prior_art, …")
    label: str | None = Field(None, description="What the arrow says.")
    session: str | None = Field(None, description="The session it was seen in.")


def run(memory: "Memory", arguments: Arguments) -> Relationship:
    """Draw it."""
    fields = {"session_id": arguments.session} if arguments.session else {}
    return memory.graph.relate(arguments.source, arguments.target, type=arguments.type, label=arguments.label, **fields)


def rows(relationship: Relationship, arguments: Arguments) -> Lines:
    """Say where it is."""
    yield relationship.id
