"""Data in and out, numbers, health, tokens, forgetting, the audit log."""

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from memory.api.rest.bodies import Body
from memory.api.rest.guard import cut_off
from memory.api.rest.metrics import exposition
from memory.api.rest.problems import Problem, documented, of_fault
from memory.api.rest.records import IF_NONE
from memory.api.rest.service import Administers, Asked, Reads, Writes, begun, pieces_of
from memory.care.access import Audit, AuditEntry, NewToken, Token, Tokens
from memory.care.forgetting import Forgotten
from memory.errors import MemoryFault, UnknownRecord
from memory.exchange.loading import Loaded
from memory.importing.report import ImportReport
from memory.operations import forget_
from memory.stats import Stats

router = APIRouter(prefix="/api", tags=["care"], responses=IF_NONE)
outside = APIRouter(tags=["care"])
_MEDIA = {"json": "application/json", "markdown": "text/markdown; charset=utf-8"}
Format = Literal["harkback", "markdown", "json", "openai", "litechat", "chatlogs"]


class Health(BaseModel):
    """How the service is."""

    ok: bool
    version: str
    index_lag: int
    """Changes, and pieces of an index that is being built, that a keyword search does not see."""
    faults: list[str]
    """What does not work as it should; [] for nothing."""


class Forget(forget_.Selected, Body):
    """What is forgotten; nothing is unless `dry_run` is false."""

    dry_run: bool = True


class TokenRequest(Body):
    """A token to be made."""

    name: str = Field(min_length=1, max_length=200)
    role: Literal["reader", "writer", "admin"] = "reader"
    projects: list[str] = Field(
        default_factory=list, max_length=100, description="Ids, aliases or paths; none for all."
    )
    expires_in_days: int | None = Field(None, ge=1, le=36_500)


class ShareRequest(Body):
    """A link to one session, to be read by who has it."""

    expires_in_days: int = Field(7, ge=1, le=365)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The export, as it is written",
            "content": {"application/x-ndjson": {}, "text/markdown": {}},
        }
    },
)
async def export(
    format: Format = "harkback",
    session: Annotated[list[str] | None, Query()] = None,
    project: str | None = None,
    participant: str | None = None,
    kind: Annotated[list[str] | None, Query()] = None,
    after: str | None = None,
    before: str | None = None,
    asked: Asked = Reads,
) -> StreamingResponse:
    """Write records as a file, as they are at one moment."""
    given = {"session": session, "project": project, "participant": participant, "kind": kind}
    given |= {"after": after, "before": before}
    selection = {name: value for name, value in given.items() if value}
    pieces = pieces_of(await run_in_threadpool(_exported, asked, format, selection))
    media = _MEDIA.get(format, "application/x-ndjson")
    headers = {"Content-Disposition": f'attachment; filename="harkback.{"md" if format == "markdown" else "jsonl"}"'}
    return StreamingResponse(await begun(pieces), media_type=media, headers=headers)


def _exported(asked: Asked, format: Format, selection: dict[str, Any]) -> Callable[[], Iterator[str]]:
    if asked.caller.session_id is not None:
        selection["session"] = [asked.caller.session_id]
    elif asked.caller.projects:
        _check_project(asked, selection)
    asked.note(None)
    return partial(asked.memory.exported, format=format, **selection)


def _check_project(asked: Asked, selection: dict[str, Any]) -> None:
    found = asked.memory.projects.find(selection["project"]) if selection.get("project") else None
    if found is None or found.id not in asked.projects():
        raise Problem(403, "confined", "this token is for some projects; name one of them")


@router.post("/import", response_model=Loaded | ImportReport, responses=documented(413))
async def import_(
    request: Request,
    name: Annotated[
        str, Query(max_length=200, description="The file's name, as its program gave it.")
    ] = "upload.jsonl",
    format: Annotated[str | None, Query(max_length=50)] = None,
    project: Annotated[str | None, Query(max_length=4096)] = None,
    on_duplicate: Literal["report", "skip", "replace", "newest"] = "report",
    asked: Asked = Writes,
) -> Any:
    """Take in an uploaded file: a Harkback export, or a history of any format that can be read. The body is the file."""
    asked.unconfined()
    with tempfile.TemporaryDirectory(prefix="hark-upload-") as folder:
        path = Path(folder) / _file_name(name)
        first = b""
        with path.open("wb") as file:
            try:
                async for piece in request.stream():
                    first = first or piece[:4096]
                    await run_in_threadpool(file.write, piece)
            except ClientDisconnect as error:
                raise cut_off() from error
        try:
            if first.lstrip().startswith(b'{"harkback_export"'):
                answer: Any = await run_in_threadpool(lambda: asked.memory.load(path, on_duplicate=on_duplicate))
            else:
                answer = await run_in_threadpool(lambda: asked.memory.import_(path, format=format, project=project))
        except MemoryFault as error:
            problem = of_fault(error)
            # where the upload was put for a while is nobody's business
            raise Problem(problem.status, problem.code, problem.detail.replace(f"{folder}/", "")) from error
    await run_in_threadpool(asked.note, None, None)
    return answer


def _file_name(given: str) -> str:
    """Make a name that a file can have of what a client says."""
    said = Path(given.replace("\\", "/").replace("\0", "")).name.lstrip(".")
    # file systems count bytes; how it ends says more than how it begins
    return said.encode("utf-8", "replace")[-200:].decode("utf-8", "ignore") or "upload.jsonl"


@router.get("/stats", response_model=Stats)
def stats(asked: Asked = Reads) -> Any:
    """Count what is stored and indexed."""
    asked.unconfined()
    return asked.memory.stats()


@router.get("/health", response_model=Health)
def health(asked: Asked = Reads) -> Any:
    """Say how the service is; 503 when it cannot be used."""
    from memory import __version__

    asked.memory.store.changes.last_seq()
    keyword = asked.memory.index_stats()
    vectors = asked.memory.vector_stats()
    faults = [fault for fault in (keyword.fault, vectors.fault) if fault]
    return Health(ok=True, version=__version__, index_lag=keyword.lag, faults=faults)


@outside.get("/metrics", response_class=PlainTextResponse)
def metrics(asked: Asked = Reads) -> PlainTextResponse:
    """Give numbers in the form that Prometheus reads."""
    asked.unconfined()
    return PlainTextResponse(
        exposition(asked.service, asked.memory), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


@router.post("/forget", response_model=Forgotten)
def forget(body: Forget, asked: Asked = Administers) -> Any:
    """Forget records for good, or say what would be forgotten."""
    asked.unconfined()
    given = {
        name: value for name, value in body.model_dump(exclude={"ids", "dry_run"}).items() if value not in (None, [])
    }
    receipt = asked.memory.forget(*body.ids, dry_run=body.dry_run, **given)
    if not body.dry_run:
        asked.note(None, sum(receipt.counts.values()))
    return receipt


@router.get("/tokens", response_model=list[Token])
def list_tokens(asked: Asked = Administers) -> Any:
    """List the tokens; what they are known by is not kept."""
    asked.unconfined()
    return [each for each in Tokens(asked.memory.store).all() if each.workspace == asked.caller.workspace]


@router.post("/tokens", response_model=NewToken, status_code=201)
def add_token(body: TokenRequest, asked: Asked = Administers) -> Any:
    """Make a token; what it is known by is in this answer, and nowhere else."""
    asked.unconfined()
    projects = [asked.memory.projects.ensure(each).id for each in body.projects]
    expires = datetime.now(UTC) + timedelta(days=body.expires_in_days) if body.expires_in_days else None
    made = Tokens(asked.memory.store).add(body.name, body.role, projects=projects, expires_at=expires)
    asked.note(f"token:{made.id}", 1)
    return made


@router.delete("/tokens/{id}", status_code=204)
def revoke_token(id: str, asked: Asked = Administers) -> None:
    """Let a token count for nothing."""
    asked.unconfined()
    if id not in {each.id for each in Tokens(asked.memory.store).all() if each.workspace == asked.caller.workspace}:
        raise UnknownRecord(f"there is no token {id!r}; /api/tokens lists them")
    Tokens(asked.memory.store).revoke(id)
    asked.note(f"token:{id}", 1)


@router.post("/sessions/{id}/share", response_model=NewToken, status_code=201)
def share(id: str, body: ShareRequest | None = None, asked: Asked = Administers) -> Any:
    """Make a token that shows one session and nothing else, for a time."""
    asked.session(id)
    expires = datetime.now(UTC) + timedelta(days=(body or ShareRequest.model_validate({})).expires_in_days)
    made = Tokens(asked.memory.store).add(f"share of {id[:80]}", "reader", session_id=id, expires_at=expires)
    asked.note(f"session:{id}", 1)
    return made


@router.get("/audit", response_model=list[AuditEntry])
def audit(
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    asked: Asked = Administers,
) -> Any:
    """Read who did what, and what was refused."""
    asked.unconfined()
    return Audit(asked.memory.store).entries(after, limit)
