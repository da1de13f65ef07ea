"""Reading a session: a stretch of it around a place, further stretches, one message, its versions, its images."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import PlainTextResponse, Response

from memory.api.rest.pages.shell import fragment, page
from memory.api.rest.service import Asked, Reads
from memory.api.web.shown import IMAGES, shown, whole_text
from memory.api.web.versions import shown_versions
from memory.api.web.views import HEADERS, segment, url
from memory.dates import given_date
from memory.errors import UnknownRecord
from memory.kinds.message import Message
from memory.kinds.session import Session

router = APIRouter(include_in_schema=False)
STRETCH = 40
"""Messages that come at once. Untuned."""
BEFORE = 8
"""Of them, how many stand before the one that was asked for. Untuned."""
FORKS, LEARNINGS = 50, 20
"""What is listed beside a session at most. Untuned."""
LAST = 2**62
"""A position behind every message."""


@router.get("/sessions/{id}")
def session(
    id: str,
    at: Annotated[str, Query(max_length=512)] = "",
    seq: Annotated[int | None, Query(ge=-1, le=LAST)] = None,
    date: Annotated[str, Query(max_length=40)] = "",
    query: Annotated[str, Query(max_length=4_096)] = "",
    asked: Asked = Reads,
) -> Response:
    """Show a session around a message, a position or a date; else from its beginning."""
    with asked.memory.store.snapshot():
        found = asked.session(id)
        place, focus = _place(asked, id, at, seq, date)
        messages = asked.memory.messages.window(id, place, before=BEFORE, after=STRETCH - BEFORE)
        if len(messages) < STRETCH:
            # near an end: more from the other side
            messages = asked.memory.messages.window(id, place, before=STRETCH - 1, after=STRETCH)[-STRETCH:]
        values = {"session": found, "focus": focus, **_around(asked, found), **_stretch(asked, messages)}
    return page(asked, "session.html", title=found.title or "Session without a title", find=query, **values)


@router.get("/sessions/{id}/stretch")
def stretch(
    id: str,
    before: Annotated[int | None, Query(ge=0, le=LAST)] = None,
    after: Annotated[int | None, Query(ge=0, le=LAST)] = None,
    asked: Asked = Reads,
) -> Response:
    """Give the messages before a position, or behind one."""
    with asked.memory.store.snapshot():
        found = asked.session(id)
        if before is not None:
            messages = asked.memory.messages.window(id, before, before=STRETCH, after=0)
        else:
            messages = asked.memory.messages.window(id, (after or 0) + 1, after=STRETCH)
        values = _stretch(asked, messages)
        return fragment("messages.html", session=found, focus=None, **values)


@router.get("/sessions/{id}/messages/{message_id}")
def one(id: str, message_id: str, asked: Asked = Reads) -> Response:
    """Give one message as it is now."""
    with asked.memory.store.snapshot():
        found, message = asked.session(id), asked.readable(message_id, id)
        values = _stretch(asked, [message])
        return fragment("messages.html", session=found, focus=None, **values)


@router.get("/messages/{id}")
def message(id: str, asked: Asked = Reads) -> Response:
    """Lead to a message where it stands."""
    found = asked.message(id)
    place = url(f"/sessions/{segment(found.session_id)}", at=id)
    return Response(status_code=303, headers={**HEADERS, "Location": place})


@router.get("/messages/{id}/text")
def text(
    id: str,
    part: Annotated[str, Query(max_length=40)] = "text",
    place: Annotated[int | None, Query(ge=0, le=LAST)] = None,
    asked: Asked = Reads,
) -> Response:
    """Give all that a message says, or all of one of its parts, as plain text."""
    found = asked.readable(id)
    whole = asked.memory.messages.text(id) if place is None and part == "text" else whole_text(found, part, place)
    if whole is None:
        raise UnknownRecord(f"message {id!r} has no such part")
    return PlainTextResponse(whole, headers=HEADERS)


@router.get("/messages/{id}/versions")
def versions(id: str, asked: Asked = Reads) -> Response:
    """Show what a message said before it was edited."""
    found = asked.readable(id)
    versions = shown_versions(found, asked.memory.messages.versions(id))
    session = asked.session(asked.caller.session_id or found.session_id)
    return page(
        asked, "versions.html", title="Versions of a message", message=found, session=session, versions=versions
    )


@router.get("/attachments/{id}/image")
def image(id: str, asked: Asked = Reads) -> Response:
    """Give the bytes of an image that a browser may show."""
    found = asked.memory.attachments.get(id)
    if found is None or found.media_type not in IMAGES:
        raise UnknownRecord(f"there is no image {id!r}")
    if asked.is_confined:
        asked.readable(found.message_id or "")
    headers = {**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(asked.memory.attachments.data(id), media_type=found.media_type, headers=headers)


def _place(asked: Asked, id: str, at: str, seq: int | None, date: str) -> tuple[int, str | None]:
    """Give the position to begin at, and the message that is meant, where one is."""
    if at:
        message = asked.readable(at, id)
        return message.seq, message.id
    if date:
        day = given_date(date, "date", datetime.now(UTC))[0]
        found = asked.memory.messages.list(id, after=day, limit=1).items
        return (found[0].seq, found[0].id) if found else (LAST, None)
    if seq is not None:
        return (LAST if seq == -1 else seq), None
    return 0, None


def _around(asked: Asked, session: Session) -> dict[str, Any]:
    """Read what stands around the messages of a session: its ends, where it comes from, its forks, what was learned."""
    messages, sessions = asked.memory.messages, asked.memory.sessions
    parent = sessions.get(session.parent_id) if session.parent_id else None
    forks = sessions.list(parent_id=session.id, limit=FORKS).items
    learnings = asked.memory.learnings.list(session_id=session.id, limit=LEARNINGS).items
    return {
        "first": next(iter(messages.window(session.id, 0, after=1)), None),
        "last": next(iter(messages.window(session.id, LAST, before=1, after=0)), None),
        "parent": parent if parent and asked.sees_record(parent) else None,
        "forks": [each for each in forks if asked.sees_record(each)],
        "learnings": [each for each in learnings if asked.sees_record(each)],
    }


def _stretch(asked: Asked, messages: Sequence[Message]) -> dict[str, Any]:
    """Make what is shown of some messages."""
    ids = [each.id for each in messages]
    return {
        "messages": [shown(each) for each in messages],
        "growing": {each.id: each.content for each in messages if each.status in ("pending", "streaming")},
        "reactions": asked.memory.reactions.of(ids),
        "versions": asked.memory.messages.version_counts(ids),
        "may_write": asked.caller.may("writer"),
        "change": asked.memory.store.changes.last_seq(),
    }
