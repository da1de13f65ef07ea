"""`Idempotency-Key`: a write that is sent again is done once, and answered as it was."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory.api.rest.guard import whole_body
from memory.api.rest.problems import Problem, response
from memory.store.access import ANSWER_GONE, Access
from memory.store.schema import micros
from memory.store.sqlite import Row
from memory.store.store import Store

KEPT = timedelta(days=1)
"""How long an answer is kept. Untuned."""
LONGEST_KEY, LONGEST_ANSWER = 200, 4_000_000
_WRITES = ("POST", "PATCH", "DELETE")
_SECRET = ("/tokens", "/share")
"""Ends of routes whose answer is shown once."""


class Idempotency:
    """An ASGI middleware; behind the guard, so that it knows who asks."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self.app = app
        self._access = Access(store.database)
        self._running: dict[str, asyncio.Lock] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that came before as it was answered; pass others on."""
        given = Headers(scope=scope).get("idempotency-key") if scope["type"] == "http" else None
        if given is None or scope["method"] not in _WRITES:
            await self.app(scope, receive, send)
            return
        if not given.strip() or len(given) > LONGEST_KEY:
            problem = Problem(400, "idempotency_key", f"an Idempotency-Key has 1 to {LONGEST_KEY} characters")
            await response(problem)(scope, receive, send)
            return
        try:
            body = await whole_body(receive)
        except Problem as problem:
            await response(problem)(scope, receive, send)
            return
        caller = scope["state"]["caller"]
        key = hashlib.sha256(f"{caller.workspace}\0{caller.who}\0{given}".encode()).hexdigest()
        asked = (
            json.dumps([scope["method"], scope["path"], scope["query_string"].decode("latin-1")]).encode()
            + b"\0"
            + body
        )
        request = hashlib.sha256(asked).hexdigest()
        lock = self._running.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                await self._once(key, request, body, scope, receive, send)
        finally:
            if not lock.locked():
                self._running.pop(key, None)

    async def _once(self, key: str, request: str, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        before = await run_in_threadpool(self._access.answer_to, key)
        if before is not None:
            await _replayed(before, request)(scope, receive, send)
            return
        is_read = False

        async def again() -> Message:
            nonlocal is_read
            if is_read:
                return await receive()
            is_read = True
            return {"type": "http.request", "body": body, "more_body": False}

        status, found, size = 500, list[bytes](), 0

        async def kept(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            elif size <= LONGEST_ANSWER:
                found.append(message.get("body") or b"")
                size += len(found[-1])
            await send(message)

        # ids of what is made follow from the key, so that one who sends it again after a crash makes nothing twice
        scope["state"]["idempotency_key"] = f"{key}:{request}"
        await self.app(scope, again, kept)
        if status < 500 and status not in (408, 429) and size <= LONGEST_ANSWER:
            await run_in_threadpool(self._keep, key, request, str(scope["path"]), status, b"".join(found))

    def _keep(self, key: str, request: str, path: str, status: int, answer: bytes) -> None:
        now = datetime.now(UTC)
        text = answer.decode("utf-8", "replace")
        if status < 400 and path.endswith(_SECRET):
            # a token is nowhere kept as it is
            status, text = 410, ANSWER_GONE
        self._access.keep_answer(key, request, status, text, micros(now), micros(now - KEPT))


def _replayed(before: Row, request: str) -> Response:
    """Answer as before; a key that came with another request is refused."""
    asked, status, answer = before
    if asked != request:
        return response(Problem(409, "idempotency_conflict", "that Idempotency-Key was sent with another request"))
    kind = "application/json" if status < 400 else "application/problem+json"
    return Response(answer.encode(), status, {"Idempotent-Replayed": "true"}, kind if answer else None)
