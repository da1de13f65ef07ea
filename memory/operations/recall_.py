"""Make a cited context for a prompt."""

from typing import TYPE_CHECKING

from pydantic import Field

from memory.operations import POSITIONAL, Lines
from memory.operations.search_ import Narrowing
from memory.search.answer import Recall

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(Narrowing):
    """The arguments of a recall."""

    query: str = Field(description="What the prompt is about.", json_schema_extra=POSITIONAL)
    limit: int = Field(20, ge=1, description="Hits that are offered; more than 200 gives 200.")
    budget: int = Field(2000, ge=1, description="Tokens that the context has at most.")


def run(memory: "Memory", arguments: Arguments) -> Recall:
    """Recall."""
    return memory.recall(arguments.query, **arguments.model_dump(exclude={"query"}))


def rows(recall: Recall, arguments: Arguments) -> Lines:
    """Write the context as it goes into a prompt."""
    yield from recall.text.splitlines()


def faults(recall: Recall) -> Lines:
    """Say on the side that there is nothing."""
    if not recall.text:
        yield "nothing relevant was found"
