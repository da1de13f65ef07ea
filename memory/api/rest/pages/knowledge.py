"""What was learned, and how things hang together."""

from contextlib import suppress
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from memory.api.rest.pages.shell import Text, fragment, page
from memory.api.rest.records import existing, listed
from memory.api.rest.service import Asked, Reads
from memory.errors import UnknownRecord
from memory.kinds.learning import Learning
from memory.kinds.message import Message

router = APIRouter(include_in_schema=False)
ROWS = 30
"""Learnings of one page. Untuned."""
CATEGORIES = ("decision", "gotcha", "fact", "preference", "pattern")
"""What is offered to narrow by; a category can be any word."""


@router.get("/learnings")
def learnings(
    category: Text = "",
    project: Text = "",
    tag: Text = "",
    session_id: Text = "",
    cursor: Text = "",
    asked: Asked = Reads,
) -> Response:
    """List learnings: as a page, as its main part, or as further rows."""
    filters = {"category": category, "project": project, "tag": tag, "session_id": session_id}
    given = {name: value for name, value in {**filters, "cursor": cursor}.items() if value}
    values: dict[str, Any] = {"found": listed(asked, "learning", {"limit": ROWS, **given}), "filters": filters}
    if asked.request.headers.get("hark-part") == "rows":
        return fragment("learning_rows.html", **values)
    return page(asked, "learnings.html", title="Learnings", categories=CATEGORIES, **values)


@router.get("/learnings/{id}")
def learning(id: str, asked: Asked = Reads) -> Response:
    """Show a learning with what it was drawn from and what came after it."""
    found = existing(asked, "learning", id)
    assert isinstance(found, Learning)
    session = asked.memory.sessions.get(found.session_id) if found.session_id else None
    newer = asked.memory.learnings.get(found.superseded_by) if found.superseded_by else None
    return page(
        asked,
        "learning.html",
        title=f"{found.category.capitalize()}",
        learning=found,
        sources=_sources(asked, found),
        session=session if session and asked.sees_record(session) else None,
        newer=newer if newer and asked.sees_record(newer) else None,
        categories=CATEGORIES,
    )


def _sources(asked: Asked, learning: Learning) -> list[Message]:
    """Read the messages that a learning was drawn from; those that are gone, or of others, are left out."""
    found = []
    for id in learning.source_messages:
        with suppress(UnknownRecord):
            found.append(asked.readable(id))
    return found
