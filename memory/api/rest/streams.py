"""Messages that are saved while they are being written, and the events of all that happens."""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from memory.api.rest.bodies import Body
from memory.api.rest.conversation import NewMessage, said
from memory.api.rest.problems import Problem
from memory.api.rest.records import IF_NONE
from memory.api.rest.service import Asked, Reads, Writes
from memory.kinds.message import Message

router = APIRouter(prefix="/api", tags=["streams and events"], responses=IF_NONE)
LOOK_SECONDS = 5.0
"""Between two looks whether the token of an open stream of events still counts. Untuned."""
_EVENTS: dict[str, Any] = {
    "response_class": StreamingResponse,
    "responses": {200: {"description": "Server-sent events", "content": {"text/event-stream": {}}}},
}


class Chunk(Body):
    """Text that a message grows by."""

    text: str = Field(max_length=4_000_000)


class Failure(Body):
    """Why a message was not finished."""

    error: str = Field("it was broken off", max_length=10_000)


@router.post("/sessions/{id}/messages:stream", response_model=Message, status_code=201)
def begin(id: str, body: NewMessage, asked: Asked = Writes) -> Any:
    """Begin a message that comes in chunks; one that broke off is gone on with by its id."""
    asked.session(id)
    fields = {name: value for name, value in said(asked, body).items() if value is not None}
    if asked.name(fields) and (there := asked.memory.messages.get(fields["id"])) is not None:
        return there
    text = fields.pop("content", "")
    stream = asked.memory.messages.stream(id, role=fields.pop("role"), **fields)
    stream = asked.service.keep_stream(stream, asked.caller.workspace)
    if text:
        stream.write(text, flush=True)
    asked.note(f"message:{stream.id}", 1)
    return stream.message


@router.post("/messages/{id}/chunks", response_model=Message)
def chunk(id: str, body: Chunk, asked: Asked = Writes) -> Any:
    """Add text; when this answers, it is on disk. What may be the beginning of a secret waits for its end."""
    asked.message(id)
    stream = asked.service.stream_of(asked.memory, id)
    stream.write(body.text, flush=True)
    return stream.message


@router.post("/messages/{id}:finish", response_model=Message)
def finish(id: str, asked: Asked = Writes) -> Any:
    """Say that a message is complete."""
    found = asked.message(id)
    if found.status == "complete":
        return found
    finished = asked.service.stream_of(asked.memory, id).finish()
    asked.service.drop_stream(asked.memory, id)
    return finished


@router.post("/messages/{id}:fail", response_model=Message)
def fail(id: str, body: Failure | None = None, asked: Asked = Writes) -> Any:
    """Say that a message broke off; it is kept as far as it came."""
    found = asked.message(id)
    if found.status == "complete":
        raise Problem(409, "conflict", "the message is complete; it cannot fail any more")
    failed = asked.service.stream_of(asked.memory, id).fail((body or Failure.model_validate({})).error)
    asked.service.drop_stream(asked.memory, id)
    return failed


LastEvent = Annotated[str | None, Header(alias="Last-Event-ID", max_length=40)]
After = Annotated[int | None, Query(ge=0, le=2**62, description="As Last-Event-ID, for who cannot set a header.")]


@router.get("/sessions/{id}/events", **_EVENTS)
async def session_events(
    request: Request, id: str, last: LastEvent = None, after: After = None, asked: Asked = Reads
) -> StreamingResponse:
    """Follow one session: messages created, chunks, finished, failed; the session changed."""
    await run_in_threadpool(asked.session, id)
    return await _stream(request, asked, _number(last, after), id)


@router.get("/events", **_EVENTS)
async def events(
    request: Request, last: LastEvent = None, after: After = None, asked: Asked = Reads
) -> StreamingResponse:
    """Follow all of the workspace."""
    asked.unconfined()
    return await _stream(request, asked, _number(last, after), None)


async def _stream(request: Request, asked: Asked, after: int | None, session_id: str | None) -> StreamingResponse:
    feed = await asked.service.feed_of(asked.caller.workspace)
    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    frames = _while_it_counts(feed.frames(after, session_id), asked, session_id)
    return StreamingResponse(frames, media_type="text/event-stream", headers=headers)


async def _while_it_counts(frames: AsyncIterator[bytes], asked: Asked, session_id: str | None) -> AsyncIterator[bytes]:
    """Pass a stream on until its token is revoked, has run out, or does not show the session any more."""
    looked = time.monotonic()
    async for frame in frames:
        if time.monotonic() - looked > LOOK_SECONDS:
            if not await run_in_threadpool(asked.still_sees, session_id):
                return
            looked = time.monotonic()
        yield frame


def _number(last: str | None, after: int | None) -> int | None:
    if last is None or not last.strip():
        return after
    if not last.strip().isdecimal():
        raise Problem(422, "invalid_input", "Last-Event-ID is the id of an event, a whole number")
    return int(last)
