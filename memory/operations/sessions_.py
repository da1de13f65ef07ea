"""List sessions, the last spoken in first."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from memory.collections.collection import Page
from memory.dates import given_date
from memory.kinds.session import Session
from memory.operations import Lines

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """What sessions are listed."""

    model_config = ConfigDict(extra="forbid")

    project: str | None = Field(None, description="Only of this project and those below it.")
    state: Literal["active", "inactive", "archived"] | None = Field(None, description="Only in this state.")
    tag: str | None = Field(None, description="Only with this tag.")
    participant: str | None = Field(None, description="Only with this participant.")
    after: str | None = Field(None, description="Only begun from this date on: 2026-11-03, yesterday, 7d.")
    before: str | None = Field(None, description="Only begun before this date.")
    on: str | None = Field(
        None, description="Only those in which something was said then: 2026-11-03, 2026-11, yesterday."
    )
    limit: int = Field(50, description="How many, at most 200.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")


def run(memory: "Memory", arguments: Arguments) -> Page[Session]:
    """List sessions."""
    filters = arguments.model_dump()
    now = datetime.now(UTC)
    for name in ("after", "before"):
        if filters[name]:
            filters[name] = given_date(filters[name], name, now)[0]
    return memory.sessions.list(**filters)


def rows(page: Page[Session], arguments: Arguments) -> Lines:
    """Write sessions, one a line."""
    for session in page.items:
        at = session.last_message_at or session.created_at
        count = f"{session.message_count} messages"
        yield (f"{at:%Y-%m-%d %H:%M}", session.project or "", session.title or "(no title)", count, session.id)
    if page.next_cursor:
        yield f"more with --cursor {page.next_cursor}"
