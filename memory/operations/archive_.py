"""Put sessions away in which nothing was said for long."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.care.clearing import Archived
from memory.errors import InvalidInput
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory

SHOWN = 20
"""Sessions that are listed; --json lists all."""


class Arguments(BaseModel):
    """Which sessions."""

    model_config = ConfigDict(extra="forbid")

    sessions: list[str] = Field(default_factory=list, json_schema_extra=POSITIONAL, description="Ids of sessions.")
    older_than: str | None = Field(None, description="Those last spoken in so long ago: 90d, 12w, 6m, 1y.")
    project: str | None = Field(None, description="Only those of this project and those below it.")
    dry_run: bool = Field(False, description="Only say which.")


def run(memory: "Memory", arguments: Arguments) -> Archived:
    """Archive."""
    if not arguments.sessions:
        return memory.archive(older_than=arguments.older_than, project=arguments.project, dry_run=arguments.dry_run)
    if arguments.older_than or arguments.project:
        raise InvalidInput("sessions are named, so --older-than and --project say nothing; leave them out")
    if arguments.dry_run:
        raise InvalidInput("sessions are named, so there is nothing to find out; leave --dry-run out")
    ids = [id.removeprefix("session:") for id in arguments.sessions]
    with memory.store.transaction():
        for id in ids:
            memory.sessions.archive(id)
    return Archived(dry_run=False, sessions=ids)


def rows(answer: Archived, arguments: Arguments) -> Lines:
    """List them."""
    for id in answer.sessions[:SHOWN]:
        yield (id,)
    if len(answer.sessions) > SHOWN:
        yield f"and {len(answer.sessions) - SHOWN:,} more; --json lists them"
    yield f"{len(answer.sessions):,} sessions {'would be' if answer.dry_run else 'are'} archived"
