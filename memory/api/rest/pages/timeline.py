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


@router.get("/timeline")
def timeline(project: Text = "", until: Annotated[str, Query(max_length=40)] = "", asked: Asked = Reads) -> Response:
    """Show a year of activity, and the way to the years beside it."""
    if asked.caller.session_id is not None:
        asked.unconfined()
    ends, wrong = asked.memory.messages.active_between(), None
    today = datetime.now(UTC).date()
    last = ends[1] if ends else today
    try:
        last = given_date(until, "until", datetime.now(UTC))[0].date() if until else last
    except InvalidInput as error:
        wrong = str(error)
    drawn = activity(asked, project, last)
    values: dict[str, Any] = {"calendar": drawn, "project": project, "wrong": wrong}
    values["earlier"] = last - YEAR if ends and ends[0] < drawn.first else None
    values["later"] = min(last + YEAR, ends[1]) if ends and ends[1] > last else None
    return page(asked, "timeline.html", title="Timeline", **values)


def activity(asked: Asked, project: str, last: date) -> Calendar:
    """Draw the year that ends with a day, of what the caller may see."""
    first, _ = span(last)
    wanted: str | list[str] | None = project or None
    if asked.is_confined:
        seen = asked.projects()
        found = asked.memory.projects.find(project) if project else None
        wanted = sorted(seen if not project else seen & {found.id if found else ""})
    days = asked.memory.messages.activity(after=first, before=last + timedelta(days=1), project=wanted)
    return calendar(days, last)
