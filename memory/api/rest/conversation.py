"""Sessions and their messages."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from memory.api.rest.bodies import Body, Parameters, changing, creation, etag
from memory.api.rest.records import CURSOR, IF_NONE, LIMIT, check_references, listed, made_of, matched, stays_within
from memory.api.rest.service import Asked, Reads, Writes
from memory.collections.collection import Page
from memory.collections.sessions import SessionWithMessages
from memory.errors import UnknownRecord
from memory.kinds.message import Message, MessageVersion
from memory.kinds.session import Session

router = APIRouter(prefix="/api", tags=["sessions and messages"], responses=IF_NONE)
MOST_AT_ONCE = 1_000
"""Messages that one request may save. Untuned."""


class NewSession(creation("session")):  # type: ignore[misc]
    """A session to be begun."""


class ChangedSession(changing("session")):  # type: ignore[misc]
    """Fields of a session to be changed."""


class NewMessage(creation("message")):  # type: ignore[misc]
    """A message to be saved."""

    session_id: str | None = Field(None, exclude=True)


class ChangedMessage(changing("message")):  # type: ignore[misc]
    """Fields of a message to be changed."""


class Fork(Body):
    """Where a session is forked."""

    at: str = Field(description="The id of the last message that both share.")
    title: str | None = None
    id: str | None = Field(None, min_length=1, max_length=512, pattern="^[^/]+$")


class SessionFilters(Parameters):
    """What sessions are listed."""

    project: str | None = Field(None, description="Of this project and those below it.")
    state: str | None = None
    tag: str | None = None
    participant: str | None = None
    parent_id: str | None = None
    after: str | None = None
    before: str | None = None
    on: str | None = Field(None, description="Something was said in it on this day, in this month or year.")
    limit: int = LIMIT
    cursor: str | None = CURSOR


class MessageFilters(Parameters):
    """What messages are listed."""

    role: str | None = None
    status: str | None = None
    tool_name: str | None = None
    sender_id: str | None = None
    after: str | None = None
    before: str | None = None
    limit: int = LIMIT
    cursor: str | None = CURSOR


@router.get("/sessions", response_model=Page[Session])
def list_sessions(given: Annotated[SessionFilters, Query()], asked: Asked = Reads) -> Any:
    """List sessions, the last spoken in first."""
    return listed(asked, "session", given.model_dump(exclude_none=True))


@router.post("/sessions", response_model=Session, status_code=201)
def create_session(body: NewSession, response: Response, asked: Asked = Writes) -> Any:
    """Begin a session."""
    made = made_of(asked, "session", body)
    response.headers["ETag"] = etag(made)
    asked.note(f"session:{made.id}", 1)
    return made


@router.get("/sessions/{id}", response_model=SessionWithMessages | Session)
def get_session(
    id: str,
    response: Response,
    include: Annotated[str | None, Query(pattern="^messages$")] = None,
    asked: Asked = Reads,
) -> Any:
    """Read a session; with `include=messages` its messages, too."""
    found = asked.session(id)
    response.headers["ETag"] = etag(found)
    return asked.memory.sessions.get(id, messages=True) if include else found


@router.patch("/sessions/{id}", response_model=Session)
def change_session(
    id: str,
    body: ChangedSession,
    request: Request,
    response: Response,
    asked: Asked = Writes,
) -> Any:
    """Change fields of a session."""
    with matched(request, asked, partial(asked.session, id), body.model_dump(mode="json", exclude_unset=True)):
        stays_within(asked, "session", body.given())
        changed = asked.memory.sessions.update(id, **body.given())
    response.headers["ETag"] = etag(changed)
    asked.note(f"session:{id}", 1)
    return changed


@router.delete("/sessions/{id}", status_code=204)
def delete_session(id: str, request: Request, hard: bool = False, asked: Asked = Writes) -> None:
    """Delete a session with its messages, so that it can be restored; for good with `hard`."""
    with matched(request, asked, partial(asked.session, id)):
        asked.memory.sessions.delete(id, hard=hard)
    asked.note(f"session:{id}", 1)


@router.post("/sessions/{id}/restore", response_model=Session)
def restore_session(id: str, asked: Asked = Writes) -> Any:
    """Bring a deleted session back."""
    asked.deleted("session", id)
    restored = asked.memory.sessions.restore(id)
    asked.note(f"session:{id}", 1)
    return restored


@router.post("/sessions/{id}/fork", response_model=Session, status_code=201)
def fork_session(id: str, body: Fork, asked: Asked = Writes) -> Any:
    """Begin a session that shares this one's messages up to one of them."""
    asked.session(id)
    asked.message(body.at)
    fields = {name: value for name, value in body.given().items() if name != "at" and value is not None}
    if asked.name(fields) and (there := asked.memory.sessions.get(fields["id"])) is not None:
        return there
    made = asked.memory.sessions.fork(id, at=body.at, new_id=fields.pop("id", None), **fields)
    asked.note(f"session:{made.id}", 1)
    return made


@router.get("/sessions/{id}/messages", response_model=Page[Message])
def list_messages(id: str, given: Annotated[MessageFilters, Query()], asked: Asked = Reads) -> Any:
    """Read the messages of a session in order, those before a fork included."""
    asked.session(id)
    return asked.memory.messages.list(id, **given.model_dump(exclude_none=True))


@router.post("/sessions/{id}/messages", response_model=Message | list[Message], status_code=201)
def append_messages(
    id: str, body: NewMessage | Annotated[list[NewMessage], Field(max_length=MOST_AT_ONCE)], asked: Asked = Writes
) -> Any:
    """Save a message, or a list of them, at the end of a session; when this answers, they are on disk."""
    asked.session(id)
    given = [said(asked, each) for each in (body if isinstance(body, list) else [body])]
    named = [asked.name(each, place) for place, each in enumerate(given)]
    there = [
        asked.memory.messages.get(each["id"]) if is_ours else None for each, is_ours in zip(given, named, strict=True)
    ]
    # all of a list is saved, or nothing
    made = there if all(there) else asked.memory.messages.append_many(id, given)
    asked.note(f"session:{id}", len(made))
    return list(made) if isinstance(body, list) else made[0]


def said(asked: Asked, body: Body) -> dict[str, Any]:
    """Give the fields of a new message, its session left out; see that a confined caller refers to what it sees."""
    given = {name: value for name, value in body.given().items() if name != "session_id"}
    if asked.is_confined:
        check_references(asked, "message", given)
    return given


@router.get("/messages", response_model=Page[Message])
def list_all_messages(given: Annotated[MessageFilters, Query()], asked: Asked = Reads) -> Any:
    """Read the messages of all sessions."""
    asked.unconfined()
    return asked.memory.messages.list(**given.model_dump(exclude_none=True))


@router.get("/messages/{id}", response_model=Message)
def get_message(id: str, response: Response, asked: Asked = Reads) -> Any:
    """Read a message."""
    found = asked.message(id)
    response.headers["ETag"] = etag(found)
    return found


@router.patch("/messages/{id}", response_model=Message)
def change_message(id: str, body: ChangedMessage, request: Request, response: Response, asked: Asked = Writes) -> Any:
    """Change fields of a message; what it said before is kept as a version."""
    with matched(request, asked, partial(asked.message, id), body.model_dump(mode="json", exclude_unset=True)):
        stays_within(asked, "message", body.given())
        changed = asked.memory.messages.update(id, **body.given())
    response.headers["ETag"] = etag(changed)
    asked.note(f"message:{id}", 1)
    return changed


@router.delete("/messages/{id}", status_code=204)
def delete_message(id: str, request: Request, hard: bool = False, asked: Asked = Writes) -> None:
    """Delete a message, so that it can be restored; for good with `hard`."""
    with matched(request, asked, partial(asked.message, id)):
        asked.memory.messages.delete(id, hard=hard)
    asked.note(f"message:{id}", 1)


@router.post("/messages/{id}/restore", response_model=Message)
def restore_message(id: str, asked: Asked = Writes) -> Any:
    """Bring a deleted message back."""
    asked.deleted("message", id)
    restored = asked.memory.messages.restore(id)
    asked.note(f"message:{id}", 1)
    return restored


@router.get("/messages/{id}/around", response_model=list[Message])
def around(
    id: str,
    before: Annotated[int, Query(ge=0, le=200)] = 2,
    after: Annotated[int, Query(ge=0, le=200)] = 2,
    asked: Asked = Reads,
) -> Any:
    """Read a message with those before and after it."""
    asked.message(id)
    return asked.memory.messages.around(id, before=before, after=after)


@router.get("/messages/{id}/versions", response_model=list[MessageVersion])
def versions(id: str, asked: Asked = Reads) -> Any:
    """Read what a message said before it was edited."""
    asked.message(id)
    return asked.memory.messages.versions(id)


@router.get(
    "/attachments/{id}/data",
    response_class=Response,
    responses={200: {"description": "The bytes", "content": {"application/octet-stream": {}}}},
)
def attachment_bytes(id: str, asked: Asked = Reads) -> Response:
    """Read the bytes of an attachment; a browser is told to save them and not to show them."""
    found = asked.memory.attachments.get(id)
    if found is None:
        raise UnknownRecord(f"there is no attachment {id!r}")
    if asked.is_confined:
        asked.message(found.message_id or "")
    # whatever it says it is, it is no page of this service
    headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff", "ETag": f'"{found.sha256}"'}
    return Response(asked.memory.attachments.data(id), media_type="application/octet-stream", headers=headers)
