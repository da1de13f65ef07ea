"""What stands before every route, in this order: size, Host, Origin, who asks, how often, and what a body may be."""

import json
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import anyio
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory.api.rest.problems import Problem, response
from memory.care.access import Caller

BODY_BYTES = 8_000_000
"""Most that a body may hold, but that of an upload. Source: RELIABILITY C.1, 15."""
UPLOAD_BYTES = 1_000_000_000
"""Most that an uploaded history may hold. Untuned."""
BODY_SECONDS = 30.0
"""How long a body may take to come. Source: RELIABILITY D.72."""
MOST_NESTED, MOST_DIGITS = 100, 4_300
"""Of JSON. Source: RELIABILITY D.60 and D.61."""
WAITING = 256
"""Requests that may wait for their turn; more are sent away, so that those that wait are answered. Untuned."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Rules:
    """What is let in."""

    hosts: tuple[str, ...] = _LOOPBACK
    """Names that a Host header may have, without a port."""
    origins: tuple[str, ...] = ()
    """Origins of other pages that may ask; the service's own always may."""
    needs_token: bool = False
    """Whether nobody is let in without a token."""
    searches_a_second: int = 20
    writes_a_second: int = 60
    """Of one token; whoever asks without one, on this machine, is not counted. Source: RELIABILITY C.1, 15."""
    uploads: tuple[str, ...] = ("/api/import",)
    searches: tuple[str, ...] = ("/api/search", "/api/recall", "/search")
    uncounted: tuple[str, ...] = ("/chunks",)
    """Ends of routes that a streamed answer calls many times a second."""
    open: tuple[str, ...] = ()
    """Beginnings of paths that anybody may ask for, since they tell nothing of what is stored."""
    cookie: str | None = None
    """The cookie that may hold a token, where no header does."""
    signin: str = "/signin"
    signins_a_second: int = 5
    """Of one address: tokens are too long to be guessed, and each guess is written down."""


@dataclass
class Guard:
    """An ASGI middleware."""

    app: ASGIApp
    rules: Rules
    caller_of: Callable[[str], Caller | None]
    """Says who asks with a token."""
    local: Caller
    """Who asks without one."""
    refused: Callable[[str, str, str], None]
    """Is told who was refused what, and why."""
    answer: Callable[[Scope, Headers, Problem], ASGIApp]
    """Says to who asked what is wrong."""
    _limiter: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))
    _waiting: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        caller = self.local
        try:
            self._check_size(scope, headers)
            self._check_host(headers)
            self._check_origin(headers, str(scope.get("scheme", "http")))
            caller = await self._who(scope, headers)
            scope.setdefault("state", {})["caller"] = caller
            self._check_rate(scope, caller)
            receive = await self._body(scope, headers, receive)
        except Problem as problem:
            await self._refuse(scope, problem, caller)
            await self.answer(scope, headers, problem)(scope, receive, send)
            return
        if self._waiting >= WAITING:
            await response(Problem(429, "busy", "too many requests wait; try again", {"Retry-After": "1"}))(
                scope, receive, send
            )
            return
        is_stream = str(scope["path"]).endswith("/events")
        self._waiting += not is_stream
        try:
            await self.app(scope, receive, send)
        finally:
            self._waiting -= not is_stream

    async def _refuse(self, scope: Scope, problem: Problem, caller: Caller) -> None:
        what = f"{scope['method']} {str(scope['path'])[:200]}"
        with suppress(Exception):
            # a full disk must not keep a refusal from being told
            await run_in_threadpool(self.refused, caller.who, what, problem.code)

    def _check_size(self, scope: Scope, headers: Headers) -> None:
        told = headers.get("content-length", "0")
        if not told.isdecimal() or int(told) > self._most(scope):
            raise self._too_large(scope)

    def _most(self, scope: Scope) -> int:
        return UPLOAD_BYTES if scope["path"] in self.rules.uploads else BODY_BYTES

    def _too_large(self, scope: Scope) -> Problem:
        return Problem(
            413, "too_large", f"a body holds at most {self._most(scope):,} bytes here", {"Connection": "close"}
        )

    def _check_host(self, headers: Headers) -> None:
        try:
            name = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        except ValueError:
            name = ""
        if name not in self.rules.hosts:
            raise Problem(
                421, "foreign_host", "this service does not go by that name; call it by 127.0.0.1 or localhost"
            )

    def _check_origin(self, headers: Headers, scheme: str) -> None:
        origin = headers.get("origin")
        if origin is None or origin in self.rules.origins or origin == f"{scheme}://{headers.get('host', '')}":
            return
        raise Problem(403, "foreign_origin", "a page of another origin asked; name it in allowed_origins to let it")

    async def _who(self, scope: Scope, headers: Headers) -> Caller:
        if str(scope["path"]).startswith(self.rules.open):
            return self.local
        secret = given_secret(headers, self.rules.cookie)
        if secret is None:
            if self.rules.needs_token:
                raise _unknown("a token is needed; make one with `hark token add NAME`")
            return self.local
        caller = await run_in_threadpool(self.caller_of, secret) if secret else None
        if caller is None and "authorization" not in headers and not self.rules.needs_token:
            # a cookie of another store on this machine shuts nobody out
            return self.local
        if caller is None:
            raise _unknown("the token is unknown, revoked, or has run out")
        return caller

    def _check_rate(self, scope: Scope, caller: Caller) -> None:
        path, method = str(scope["path"]), str(scope["method"])
        if path == self.rules.signin and method in _WRITES:
            address = str((scope.get("client") or ("",))[0])
            if not self._limiter.hit(RateLimitItemPerSecond(self.rules.signins_a_second), "signins", address):
                raise Problem(
                    429, "too_many", "too many tokens were tried; try again in a second", {"Retry-After": "1"}
                )
        if caller is self.local:
            return
        if path in self.rules.searches:
            sort, most = "searches", self.rules.searches_a_second
        elif method in _WRITES and not path.endswith(self.rules.uncounted):
            sort, most = "writes", self.rules.writes_a_second
        else:
            return
        if not self._limiter.hit(RateLimitItemPerSecond(most), sort, caller.who):
            raise Problem(429, "too_many", f"a token may do {most} {sort} a second", {"Retry-After": "1"})

    async def _body(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """Read the body of a write, check that it is JSON that means one thing, and hand it on."""
        if (
            scope["method"] not in _WRITES
            or scope["path"] in self.rules.uploads
            or str(scope["path"]).startswith("/mcp")
        ):
            return self._counted(scope, receive)
        data = await _read(self._counted(scope, receive))
        if data:
            kind = headers.get("content-type", "").split(";")[0].strip().lower()
            if kind != "application/json" and not kind.endswith("+json"):
                raise Problem(415, "not_json", "a body is JSON here; say so with Content-Type: application/json")
            check_json(data)

        async def again() -> Message:
            nonlocal data
            if data is None:
                return await receive()
            message: Message = {"type": "http.request", "body": data, "more_body": False}
            data = None  # type: ignore[assignment]
            return message

        return again

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        size, most, until = 0, self._most(scope), time.monotonic() + BODY_SECONDS

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body") or b"")
            if size > most:
                raise self._too_large(scope)
            if message.get("more_body") and time.monotonic() > until and scope["path"] not in self.rules.uploads:
                raise Problem(408, "too_slow", f"a body must come within {BODY_SECONDS:.0f} seconds")
            return message

        return counted


def given_secret(headers: Headers, cookie: str | None) -> str | None:
    """Give the token of a request: of its header, or else of a cookie; "" for a header that holds none, None for neither."""
    if (given := headers.get("authorization")) is not None:
        scheme, _, secret = given.partition(" ")
        return secret.strip() if scheme.lower() == "bearer" else ""
    if cookie is None or "cookie" not in headers:
        return None
    return cookie_parser(headers["cookie"]).get(cookie)


def cut_off() -> Problem:
    """Say that a body ended before it was whole; nothing is done with half of one."""
    return Problem(400, "cut_off", "the body was broken off; nothing was done")


def _unknown(detail: str) -> Problem:
    return Problem(401, "unknown_token", detail, {"WWW-Authenticate": "Bearer"})


async def whole_body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    """Read a body to its end.

    Raises:
        Problem: It ended before it was whole.
    """
    found: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise cut_off()
        found.append(message.get("body") or b"")
        if not message.get("more_body"):
            return b"".join(found)


async def _read(receive: Callable[[], Awaitable[Message]]) -> bytes:
    try:
        with anyio.fail_after(BODY_SECONDS):
            return await whole_body(receive)
    except TimeoutError as error:
        raise Problem(408, "too_slow", f"a body must come within {BODY_SECONDS:.0f} seconds") from error


def check_json(data: bytes) -> None:
    """See that a body is JSON, and means one thing to every reader.

    Raises:
        Problem: It is not, holds a key twice, a number that is none or has too many digits, or is nested too deep.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(400, "not_utf8", "a body is JSON in UTF-8") from error
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    # brackets inside texts count, too: they are few, and what is refused for them is counted again below
    if deepest > MOST_NESTED and _is_too_deep(text):
        raise Problem(400, "too_deep", f"a body is nested at most {MOST_NESTED} deep")
    try:
        json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_short, parse_float=_finite)
    except RecursionError as error:
        raise Problem(400, "too_deep", f"a body is nested at most {MOST_NESTED} deep") from error
    except ValueError as error:
        raise Problem(422, "not_json", f"the body is not JSON: {error}") from error


def _is_too_deep(text: str) -> bool:
    depth, is_text, is_escaped = 0, False, False
    for character in text:
        if is_text:
            if is_escaped:
                is_escaped = False
            elif character == "\\":
                is_escaped = True
            elif character == '"':
                is_text = False
        elif character == '"':
            is_text = True
        elif character in "[{":
            depth += 1
            if depth > MOST_NESTED:
                return True
        elif character in "]}":
            depth -= 1
    return False


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Problem(400, "key_twice", f"the key {key[:80]!r} stands twice in one object")
        found[key] = value
    return found


def _no_constant(name: str) -> None:
    raise Problem(400, "not_a_number", f"{name} is no number in JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Problem(400, "not_a_number", f"{digits[:40]} is larger than a number can be")
    return number


def _short(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise Problem(400, "too_many_digits", f"a number has at most {MOST_DIGITS:,} digits")
    return int(digits)
