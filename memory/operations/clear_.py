"""Clear what was deleted, or everything."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.care.clearing import Cleared
from memory.errors import InvalidInput
from memory.operations import Lines

if TYPE_CHECKING:
    from memory.memory import Memory

IS_LONG = True


class Arguments(BaseModel):
    """What goes."""

    model_config = ConfigDict(extra="forbid")

    deleted: bool = Field(False, description="Only what was deleted; no import brings it back. Else everything.")
    older_than: str | None = Field(None, description="With --deleted: only what was deleted so long ago: 30d, 12w.")
    yes: bool = Field(False, description="Do it; without it you are only told what would go.")
    dry_run: bool = Field(False, description="Only say what would go; so it is without --yes, too.")


def run(memory: "Memory", arguments: Arguments, on_progress: Callable[[str, int, int], None] | None = None) -> Cleared:
    """Clear, or say what would go."""
    if arguments.yes and arguments.dry_run:
        raise InvalidInput("--yes and --dry-run exclude each other; give one of them")
    return memory.clear(
        deleted=arguments.deleted, older_than=arguments.older_than, dry_run=not arguments.yes, on_progress=on_progress
    )


def rows(answer: Cleared, arguments: Arguments) -> Lines:
    """Write the receipt."""
    for kind, count in answer.counts.items():
        yield (f"{count:,}", kind.replace("_", " "))
    if not answer.counts:
        yield "nothing to clear"
    elif answer.dry_run:
        yield "nothing was written; with --yes they are cleared for good"
    if answer.purged:
        yield answer.purged.told()


def faults(answer: Cleared) -> Lines:
    """Say what is still to do."""
    if answer.purged and (to_do := answer.purged.to_do()):
        yield to_do
