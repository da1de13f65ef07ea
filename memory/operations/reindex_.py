"""Make the indexes anew from the store."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from memory.operations import Lines
from memory.stats import Reindexed

if TYPE_CHECKING:
    from memory.memory import Memory

IS_LONG = True


class Arguments(BaseModel):
    """Nothing is asked."""

    model_config = ConfigDict(extra="forbid")


def run(
    memory: "Memory", arguments: Arguments, on_progress: Callable[[str, int, int], None] | None = None
) -> Reindexed:
    """Rebuild."""
    return memory.reindex(on_progress)


def rows(answer: Reindexed, arguments: Arguments) -> Lines:
    """Say what was made."""
    yield f"{answer.documents:,} pieces indexed, {answer.vectors:,} vectors made that were missing"
