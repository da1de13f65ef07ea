"""The service put together: routes behind a guard, errors as problem documents."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexers.errors import IndexerError
from memory.api.mcp.http import McpRoute
from memory.api.rest import conversation, finding, streams, upkeep
from memory.api.rest.guard import Guard, Rules
from memory.api.rest.idempotency import Idempotency
from memory.api.rest.metrics import Metrics
from memory.api.rest.pages import browsing, care, files, graph, knowledge, reading, signin, timeline
from memory.api.rest.pages import finding as pages_finding
from memory.api.rest.pages.shell import is_for_people, problem_page
from memory.api.rest.problems import Problem, of_fault, response
from memory.api.rest.records import routers
from memory.api.rest.service import COOKIE, LOCAL, Asked, Service
from memory.care.access import Audit, Caller, Tokens
from memory.errors import MemoryFault
from memory.memory import Memory

THREADS = 12
"""Requests that are worked on at once; each thread has a connection to the store. Untuned."""
SUMMARY = "Remembers what people and their agents said, did and learned, and finds it again."


def make_app(memory: Memory, rules: Rules | None = None) -> Any:
    """Make the service of a memory, as an ASGI application; closing the memory is the caller's."""
    from memory import __version__

    service = Service(memory)
    metrics = service.metrics = Metrics()
    mcp = McpRoute()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        async with mcp.running():
            yield
        service.close()

    app = FastAPI(
        title="Harkback",
        summary=SUMMARY,
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        separate_input_output_schemas=False,
    )
    app.state.service = service
    for router in (conversation.router, streams.router, finding.router, upkeep.router, upkeep.outside, *routers()):
        app.include_router(router)
    for view in (browsing, reading, pages_finding, knowledge, graph, timeline, care, signin, files):
        app.include_router(view.router)
    app.add_route("/mcp", mcp)  # type: ignore[arg-type]
    _answer_faults(app)
    return Timed(_guarded(app, memory, rules or Rules()), metrics, service)


def _guarded(app: ASGIApp, memory: Memory, rules: Rules) -> Guard:
    """Put in front of the routes what every request goes through."""
    packed = GZipMiddleware(Idempotency(app, memory.store), minimum_size=1_000, compresslevel=5)
    local = Caller(LOCAL, "admin", memory.store.workspace)
    audit = Audit(memory.store)
    return Guard(
        packed,
        replace(rules, open=("/assets/", "/signin", "/signout"), cookie=COOKIE),
        Tokens(memory.store).caller,
        local,
        lambda who, what, code: audit.note(who, what, None, code),
        answer,
    )


class Timed:
    """Counts every request and how long it took."""

    def __init__(self, app: ASGIApp, metrics: Metrics, service: Service) -> None:
        self.app = app
        self.service = service
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.request(scope["method"], route, status, time.perf_counter() - started)


def _methods(app: FastAPI, path: str) -> list[str]:
    """Give the methods of the route that says most of a path."""
    best: tuple[int, list[str]] = (-1, [])
    for template, methods in app.openapi()["paths"].items():
        literal = re.split(r"\{\w+\}", template)
        if re.fullmatch("[^/]+".join(map(re.escape, literal)), path):
            best = max(best, (sum(map(len, literal)), sorted(method.upper() for method in methods)))
    return best[1]


def answer(scope: Scope, headers: Headers, problem: Problem) -> Response:
    """Say what is wrong: as a page to people, as a problem document to programs."""
    return problem_page(scope, problem) if is_for_people(scope, headers) else response(problem)


def _answer_faults(app: FastAPI) -> None:
    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        if error.status in (401, 403):
            with suppress(Exception):
                # a full disk must not keep a refusal from being told
                await run_in_threadpool(lambda: Asked(request).note(request.path_params.get("id"), outcome=error.code))
        return answer(request.scope, request.headers, error)

    async def fault(request: Request, error: Exception) -> Response:
        return answer(request.scope, request.headers, of_fault(error))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        wrong = [{"where": ".".join(map(str, each["loc"])), "what": each["msg"]} for each in error.errors()[:20]]
        first = wrong[0] if wrong else {"where": "body", "what": "cannot be what it is"}
        problem = Problem(422, "invalid_input", f"{first['where']}: {first['what']}", errors=wrong)
        return answer(request.scope, request.headers, problem)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = {404: "no_route", 405: "no_method"}.get(error.status_code, "bad_request")
        detail = {404: "there is no such route; /api/openapi.json lists them", 405: "that route has no such method"}
        said = detail.get(error.status_code, str(error.detail))
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers = {"Allow": ", ".join(_methods(app, request.url.path)) or "GET"}
        return answer(request.scope, request.headers, Problem(error.status_code, code, said, headers))

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(MemoryFault, fault)
    app.add_exception_handler(IndexerError, fault)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, fault)
