"""Home, and the sessions there are."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from memory.api.rest.pages.shell import ROWS, Text, fragment, history, page
from memory.api.rest.pages.timeline import activity
from memory.api.rest.records import listed
from memory.api.rest.service import Asked, Reads
from memory.api.web.views import segment
from memory.collections.collection import Page
from memory.kinds.session import Session

router = APIRouter(include_in_schema=False)
HOME_ROWS = 8
"""Sessions, and learnings, that home shows. Untuned."""


@router.get("/")
def home(asked: Asked = Reads) -> Response:
    """Where to begin: search, what was last spoken about, what was learned."""
    if asked.caller.session_id is not None:
        return Response(status_code=303, headers={"Location": f"/sessions/{segment(asked.caller.session_id)}"})
    values: dict[str, Any] = {"recent": history(asked, limit=HOME_ROWS)}
    if values["recent"].items:
        values["calendar"] = activity(asked, "", datetime.now(UTC).date())
    values["learnings"] = listed(asked, "learning", {"limit": HOME_ROWS})
    for each in (values["recent"], values["learnings"]):
        each.next_cursor = None
    return page(asked, "home.html", title="What was said, done and learned", **values)


@router.get("/sessions")
def sessions(
    project: Text = "",
    state: Text = "",
    tag: Text = "",
    participant: Text = "",
    after: Text = "",
    before: Text = "",
    on: Text = "",
    cursor: Text = "",
    asked: Asked = Reads,
) -> Response:
    """List sessions: as a page, as its main part, or as further rows."""
    filters = {"project": project, "state": state, "tag": tag, "participant": participant}
    filters |= {"after": after, "before": before, "on": on}
    found: Page[Session] = history(asked, **filters, cursor=cursor, limit=ROWS)
    values: dict[str, Any] = {"found": found, "filters": filters}
    if asked.request.headers.get("hark-part") == "rows":
        return fragment("session_rows.html", **values)
    return page(asked, "sessions.html", title="Sessions", **values)
