"""What every view stands in: the bar, the history beside it, and the answer as a whole page or as its main part."""

from functools import cache
from typing import Annotated, Any

from fastapi import Query
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from memory.api.rest.problems import Problem
from memory.api.rest.records import listed
from memory.api.rest.service import LOCAL, Asked
from memory.api.web.views import HEADERS, render, segment, url
from memory.collections.collection import Page
from memory.kinds.project import Project
from memory.kinds.session import Session

Text = Annotated[str, Query(max_length=4_096)]
"""A value of a form."""
ROWS = 30
"""Sessions of one page of the history. Untuned."""
PROJECTS = 2_000
"""Projects that are offered to narrow by. Untuned."""
PARTS = ("/api", "/mcp", "/metrics", "/assets")
"""Where programs ask; everywhere else answers are pages."""


def page(asked: Asked, template: str, *, title: str, status: int = 200, **values: Any) -> Response:
    """Answer with a view: whole, or its main part alone where the page's own code asked for that."""
    is_part = asked.request.headers.get("hark-part") == "main"
    values |= {
        "title": title,
        "layout": "part.html" if is_part else "layout.html",
        "may_write": asked.caller.may("writer"),
        "may_administer": asked.caller.may("admin"),
        "is_confined": asked.is_confined,
        "is_local": asked.caller.who == LOCAL,
        "only_session": asked.caller.session_id,
        "query": values.get("query", ""),
        # read when a view asks for them: there may be thousands, and few views do
        "projects": cache(lambda: projects(asked)),
    }
    if not is_part:
        values = {
            "change": asked.memory.store.changes.last_seq(),
            "events": events(asked),
            "history": history(asked),
            **values,
        }
    return HTMLResponse(render(template, **values), status_code=status, headers=HEADERS)


def fragment(template: str, status: int = 200, **values: Any) -> Response:
    """Answer with a piece of a page."""
    return HTMLResponse(render(template, **values), status_code=status, headers=HEADERS)


def history(asked: Asked, **filters: Any) -> Page[Session]:
    """Read a page of the sessions that the caller may see, the last spoken in first."""
    if asked.caller.session_id is not None:
        return Page[Session](items=[asked.session(asked.caller.session_id)])
    given = {name: value for name, value in filters.items() if value}
    return listed(asked, "session", {"limit": ROWS, **given})  # type: ignore[no-any-return]


def projects(asked: Asked) -> list[Project]:
    """Read the projects that the caller may narrow by, by name."""
    if asked.caller.session_id is not None:
        return []
    seen = asked.projects() if asked.is_confined else None
    found: list[Project] = []
    cursor = None
    while len(found) < PROJECTS:
        one = asked.memory.projects.list(limit=200, cursor=cursor)
        found += [each for each in one.items if seen is None or each.id in seen]
        if (cursor := one.next_cursor) is None:
            break
    return sorted(found, key=lambda each: each.name.casefold())


def events(asked: Asked) -> str:
    """Give where the caller is told what happens; "" for one who is told of single sessions only."""
    if asked.caller.session_id is not None:
        return f"/api/sessions/{segment(asked.caller.session_id)}/events"
    return "" if asked.is_confined else "/api/events"


def is_for_people(scope: Scope, headers: Headers) -> bool:
    """Say whether a request is for a page, so that what is wrong with it is told as one."""
    path = str(scope["path"])
    return (
        scope["method"] in ("GET", "HEAD")
        and not any(path == part or path.startswith(f"{part}/") for part in PARTS)
        and ("text/html" in headers.get("accept", "") or "hark-part" in headers)
    )


def problem_page(scope: Scope, problem: Problem) -> Response:
    """Say what is wrong as a page; who needs a token is sent to where one is given."""
    if problem.status == 401:
        # as it was sent: what is escaped in it stays so
        path = bytes(scope.get("raw_path") or str(scope["path"]).encode()).decode("latin-1")
        asked_for = f"{path}?{scope['query_string'].decode('latin-1')}" if scope.get("query_string") else path
        return Response(status_code=303, headers={**HEADERS, "Location": url("/signin", next=asked_for)})
    values = {"title": "Not found" if problem.status == 404 else "That did not work", "problem": problem}
    return HTMLResponse(render("problem.html", **values), problem.status, {**HEADERS, **problem.headers})
