"""List what was learned."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.collections.collection import Page
from memory.dates import given_date
from memory.kinds.learning import Learning
from memory.operations import Lines

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """Which learnings are listed."""

    model_config = ConfigDict(extra="forbid")

    category: str | None = Field(None, description="Only of this category.")
    project: str | None = Field(None, description="Only of this project and those below it.")
    tag: str | None = Field(None, description="Only with this tag.")
    as_of: str | None = Field(None, description="What was true at this date.")
    superseded: bool = Field(False, description="Those that are no longer true, too.")
    limit: int = Field(50, description="How many, at most 200.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")


def run(memory: "Memory", arguments: Arguments) -> Page[Learning]:
    """List learnings."""
    filters = arguments.model_dump()
    if filters["as_of"]:
        filters["as_of"] = given_date(filters["as_of"], "as_of", datetime.now(UTC))[1]
    return memory.learnings.list(**filters)


def rows(page: Page[Learning], arguments: Arguments) -> Lines:
    """Write learnings, one a line."""
    for each in page.items:
        until = f"until {each.valid_to:%Y-%m-%d}" if each.valid_to else ""
        at = each.valid_from or each.created_at
        yield (f"{at:%Y-%m-%d}", each.category, each.project or "", " ".join(each.content.split()), until, each.id)
    if page.next_cursor:
        yield f"more with --cursor {page.next_cursor}"
