"""Errors as RFC 9457 problem documents, each with a code that stays the same."""

import json
from typing import Any

from starlette.responses import Response

from indexers.errors import IndexBusy, IndexerError
from memory.errors import (
    ChangesGone,
    Conflict,
    InvalidCursor,
    InvalidInput,
    MemoryFault,
    SourceFault,
    StoreFault,
    StoreFull,
    UnknownFormat,
    UnknownRecord,
)

MEDIA_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (UnknownRecord, 404, "unknown_record"),
    (Conflict, 409, "conflict"),
    (InvalidCursor, 400, "invalid_cursor"),
    (ChangesGone, 410, "changes_gone"),
    (InvalidInput, 422, "invalid_input"),
    (UnknownFormat, 422, "unknown_format"),
    (SourceFault, 422, "source_fault"),
    (StoreFull, 507, "store_full"),
    (StoreFault, 503, "store_fault"),
    (MemoryFault, 500, "fault"),
    (IndexBusy, 503, "index_busy"),
    (IndexerError, 503, "index_fault"),
)
_TITLES = {
    400: "Bad request",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "No such method",
    408: "Too slow",
    409: "Conflict",
    410: "Gone",
    413: "Too large",
    415: "Not JSON",
    421: "Another host",
    422: "Cannot be what it is",
    429: "Too many",
    500: "Fault of the service",
    503: "Not now",
    507: "Disk full",
}


class Problem(Exception):
    """A request that cannot be answered."""

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.more = status, code, detail, more
        self.headers = headers or {}


def of_fault(error: Exception) -> Problem:
    """Say as a problem what a fault of the memory says; the fault of a store is told without its path."""
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            detail = str(error) if status < 500 else str(error).split(": ", 1)[-1]
            return Problem(status, code, detail)
    return Problem(500, "fault", "a fault of the service itself; its log says more")


def response(problem: Problem) -> Response:
    """Write a problem document."""
    body = {
        "type": "about:blank",
        "title": _TITLES.get(problem.status, "Error"),
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        **problem.more,
    }
    data = json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "replace")
    return Response(data, problem.status, problem.headers, MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe problems for OpenAPI."""
    schema = {
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string"},
            "detail": {"type": "string"},
        },
    }
    return {
        status: {"description": _TITLES.get(status, "Error"), "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }
