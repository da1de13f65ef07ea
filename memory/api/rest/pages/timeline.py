"""How much was said when, day by day."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from memory.api.rest.pages.shell import Text, page
from memory.api.rest.service import Asked, Reads
from memory.api.web.timeline import Calendar, calendar, span
from memory.dates import given_date
from memory.errors import InvalidInput

router = APIRouter(include_in_schema=False)
YEAR = timedelta(days=365)
EARLIEST, LATEST = date(2, 12, 31), date(9998, 12, 31)
"""Days that have a year before and behind them."""


@router.get("/timeline")
def timeline(project: Text = "", until: Annotated[str, Query(max_length=40)] = "", asked: Asked = Reads) -> Response:
    """Show a year of activity, and the way to the years beside it."""
    if asked.caller.session_id is not None:
        asked.unconfined()
    now = datetime.now(UTC)
    ends, wrong = asked.memory.messages.active_between(_seen(asked, project)), None
    last = ends[1] if ends else now.date()
    try:
        last = given_date(until, "until", now)[0].date() if until else last
    except InvalidInput as error:
        wrong = str(error)
    last = min(max(last, EARLIEST), LATEST)
    drawn = activity(asked, project, last)
    values: dict[str, Any] = {"calendar": drawn, "project": project, "wrong": wrong}
    values["earlier"] = last - YEAR if ends and ends[0] < drawn.first else None
    values["later"] = min(last + YEAR, ends[1]) if ends and ends[1] > last else None
    return page(asked, "timeline.html", title="Timeline", **values)


def activity(asked: Asked, project: str, last: date) -> Calendar:
    """Draw the year that ends with a day, of what the caller may see."""
    first, _ = span(last)
    behind = last + timedelta(days=1)
    return calendar(asked.memory.messages.activity(after=first, before=behind, project=_seen(asked, project)), last)


def _seen(asked: Asked, project: str) -> str | list[str] | None:
    """Give the projects whose messages are counted; None for all."""
    if not asked.is_confined:
        return project or None
    found = asked.memory.projects.find(project) if project else None
    seen = asked.projects()
    return sorted(seen if not project else seen & {found.id if found else ""})
