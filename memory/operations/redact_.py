"""Take secrets out of what is stored already, with today's rules."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.care.redacting import Redacted
from memory.operations import Lines

if TYPE_CHECKING:
    from memory.memory import Memory

IS_LONG = True
SHOWN = 20
"""Sessions that are listed; --json lists all."""


class Arguments(BaseModel):
    """Whether it is done."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="Only say what would be taken out, and where; nothing is written.")


def run(memory: "Memory", arguments: Arguments, on_progress: Callable[[str, int, int], None] | None = None) -> Redacted:
    """Redact."""
    return memory.redact(dry_run=arguments.dry_run, on_progress=on_progress)


def rows(answer: Redacted, arguments: Arguments) -> Lines:
    """Write the receipt."""
    total = sum(answer.found.values())
    if not total:
        yield "no secret found"
    for kind, count in answer.found.items():
        yield (f"{count:,}", kind)
    for where, count in answer.where.items():
        yield (f"{count:,}", f"in {where}")
    for session, count in list(answer.sessions.items())[:SHOWN]:
        yield (f"{count:,}", f"in session {session}")
    if len(answer.sessions) > SHOWN:
        yield f"and {len(answer.sessions) - SHOWN:,} more sessions; --json lists them"
    if answer.dry_run:
        yield "nothing was written; without --dry-run they are taken out"
        return
    if answer.rows:
        yield f"{answer.rows:,} records written, the pieces and vectors of {answer.vectors:,} made anew"
    if answer.purged:
        yield answer.purged.told()


def faults(answer: Redacted) -> Lines:
    """Say what is still to do."""
    if answer.purged and (to_do := answer.purged.to_do()):
        yield to_do
