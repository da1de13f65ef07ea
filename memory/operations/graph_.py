"""Walk the relationships around a thing."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.collections.graph import Neighbourhood
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """Where the walk begins, and how far it goes."""

    model_config = ConfigDict(extra="forbid")

    ref: str = Field(description="A path, session:ID, learning:ID, a link or a name.", json_schema_extra=POSITIONAL)
    depth: int = Field(1, description="How many arrows far, 1 to 6.")
    type: list[str] = Field(default_factory=list, description="Only arrows of this type; may be given several times.")


def run(memory: "Memory", arguments: Arguments) -> Neighbourhood:
    """Walk."""
    return memory.graph.neighbours(arguments.ref, depth=arguments.depth, types=arguments.type or None)


def rows(found: Neighbourhood, arguments: Arguments) -> Lines:
    """Write arrows, one a line."""
    for each in found.relationships:
        yield (each.source, f"—{each.type}→", each.target, each.label or "")
