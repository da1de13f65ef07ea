"""Collections of every kind: list, create, read, change, delete, restore; and what learnings and relationships add."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query, Request, Response
from pydantic import create_model

from memory.api.rest.bodies import Body, Parameters, changing, check_match, creation, etag
from memory.api.rest.problems import Problem, documented
from memory.api.rest.service import Asked, Reads, Writes
from memory.collections.collection import PAGE, Page
from memory.errors import UnknownRecord
from memory.kinds import Record, kinds
from memory.store.records import page_limit

OWN_ROUTES = ("session", "message")
"""Kinds with routes of their own."""
LIMIT = Query(50, ge=1, le=1_000_000, description="Records of a page; more than 200 gives 200.")
CURSOR = Query(None, description="`next_cursor` of the page before.", max_length=2_000)
MOST_READ = 50
"""Pages that are read to find what a caller may see of them. Untuned."""
IF_NONE = documented(401, 403, 404, 409, 410, 422, 429, 400)


def routers() -> list[APIRouter]:
    """Make one router for each kind that has no routes of its own."""
    return [_router(kind, record) for kind, record in kinds().items() if kind not in OWN_ROUTES]


def _router(kind: str, record: type[Record]) -> APIRouter:
    plural = record.declaration.plural
    router = APIRouter(prefix=f"/api/{plural}", tags=[plural.replace("_", " ")], responses=IF_NONE)
    _add_reading(router, kind, record)
    if kind not in ("attachment", "message_version"):
        _add_saving(router, kind, record)
    if kind != "message_version":
        _add_changing(router, kind, record)
    return router


def _add_reading(router: APIRouter, kind: str, record: type[Record]) -> None:
    filters = create_model(
        f"{kind}_filters",
        __base__=Parameters,
        **dict.fromkeys((*record.declaration.filters, "after", "before"), (str | None, None)),  # type: ignore[call-overload]
        limit=(int, LIMIT),
        cursor=(str | None, CURSOR),
        **({"project": (str | None, None), "tag": (str | None, None)} if kind == "learning" else {}),
    )

    def list_(asked: Asked = Reads, given: Annotated[Any, Query()] = None) -> Any:
        return listed(asked, kind, given.model_dump(exclude_none=True))

    def get(id: str, response: Response, asked: Asked = Reads) -> Any:
        found = existing(asked, kind, id)
        response.headers["ETag"] = etag(found)
        return found

    _annotate(list_, given=Annotated[filters, Query()])
    page = Page[record]  # type: ignore[valid-type]
    plural = record.declaration.plural.replace("_", " ")
    router.add_api_route("", list_, methods=["GET"], response_model=page, summary=f"List {plural}")
    router.add_api_route("/{id}", get, methods=["GET"], response_model=record, summary=f"Read a {_said(kind)}")


def _add_saving(router: APIRouter, kind: str, record: type[Record]) -> None:
    def create(body: Any, response: Response, asked: Asked = Writes) -> Any:
        made = made_of(asked, kind, body)
        response.headers["ETag"] = etag(made)
        asked.note(f"{kind}:{made.id}", 1)
        return made

    _annotate(create, body=creation(kind))
    saves = f"Save a {_said(kind)}"
    router.add_api_route("", create, methods=["POST"], response_model=record, status_code=201, summary=saves)


def _add_changing(router: APIRouter, kind: str, record: type[Record]) -> None:
    def change(id: str, body: Any, request: Request, response: Response, asked: Asked = Writes) -> Any:
        sent = body.model_dump(mode="json", exclude_unset=True)
        with matched(request, asked, lambda: existing(asked, kind, id), sent):
            stays_within(asked, kind, body.given())
            updated = asked.memory.collection(kind).update(id, **body.given())
        response.headers["ETag"] = etag(updated)
        asked.note(f"{kind}:{id}", 1)
        return updated

    def delete(id: str, request: Request, hard: bool = False, asked: Asked = Writes) -> None:
        with matched(request, asked, lambda: existing(asked, kind, id)):
            asked.memory.collection(kind).delete(id, hard=hard)
        asked.note(f"{kind}:{id}", 1)

    def restore(id: str, asked: Asked = Writes) -> Any:
        asked.deleted(kind, id)
        restored = asked.memory.collection(kind).restore(id)
        asked.note(f"{kind}:{id}", 1)
        return restored

    _annotate(change, body=changing(kind))
    said = _said(kind)
    router.add_api_route("/{id}", change, methods=["PATCH"], response_model=record, summary=f"Change a {said}")
    router.add_api_route("/{id}", delete, methods=["DELETE"], status_code=204, summary=f"Delete a {said}")
    back = f"Restore a {said}"
    router.add_api_route("/{id}/restore", restore, methods=["POST"], response_model=record, summary=back)


def _said(kind: str) -> str:
    return kind.replace("_", " ")


@contextmanager
def matched(
    request: Request, asked: Asked, read: Callable[[], Any], sent: dict[str, Any] | None = None
) -> Iterator[None]:
    """Change a record that the caller may see; with an If-Match what is looked at and the change are one transaction."""
    if "if-match" not in request.headers:
        read()
        yield
        return
    with asked.memory.store.transaction():
        check_match(request, read(), sent or {})
        yield


def listed(asked: Asked, kind: str, values: dict[str, Any]) -> Any:
    """Give a page of what the caller may see; the values are arguments of the collection's `list`."""
    if asked.is_confined:
        if kind not in ("session", "learning", "relationship"):
            asked.unconfined()
        return _seen(asked, kind, values)
    return asked.memory.collection(kind).list(**values)


def _seen(asked: Asked, kind: str, values: dict[str, Any]) -> Page[Any]:
    """Read on until there are as many as were asked for of what the caller may see, or a while has passed."""
    wanted = page_limit(int(values.get("limit") or PAGE))
    if kind == "session" and asked.caller.projects and not values.get("project"):
        values = {**values, "project": asked.caller.projects}
    found = Page[Any](items=[])
    for _ in range(MOST_READ):
        page = asked.memory.collection(kind).list(**{**values, "limit": wanted - len(found.items)})
        found.items += [each for each in page.items if asked.sees_record(each)]
        values = {**values, "cursor": page.next_cursor}
        found.next_cursor = page.next_cursor
        if page.next_cursor is None or len(found.items) >= wanted:
            break
    return found


def existing(asked: Asked, kind: str, id: str) -> Record:
    """Read a record; one that the caller may not see is as if it were not there."""
    found: Record | None = asked.memory.collection(kind).get(id)
    if found is None or not asked.sees_record(found):
        raise UnknownRecord(f"there is no {kind.replace('_', ' ')} {id!r}")
    return found


def made_of(asked: Asked, kind: str, body: Body) -> Record:
    """Save a new record, in a place that the caller may see."""
    given = body.given()
    if asked.is_confined:
        confine(asked, kind, given)
    collection = asked.memory.collection(kind)
    if asked.name(given) and (there := collection.get(given["id"])) is not None:
        return cast(Record, there)
    if kind == "relationship":
        given = {name: value for name, value in given.items() if value is not None}
        made: Record = asked.memory.graph.relate(given.pop("source"), given.pop("target"), **given)
    elif kind == "learning":
        made = asked.memory.learnings.add(given.pop("category"), given.pop("content"), **given)
    else:
        made = collection.create(**given)
    return made


def confine(asked: Asked, kind: str, given: dict[str, Any]) -> None:
    """See that what is saved lies where the caller may see it, and refers to nothing else.

    Raises:
        Problem: It does not.
        UnknownRecord: It refers to a record that the caller may not see.
    """
    check_references(asked, kind, given)
    if any(given.get(name) is not None for name in ("project", "project_id", "session_id")):
        return
    if kind in ("session", "learning") and len(asked.caller.projects) == 1:
        given.pop("project", None)
        given["project_id"] = asked.caller.projects[0]
        return
    raise _elsewhere()


def stays_within(asked: Asked, kind: str, given: dict[str, Any]) -> None:
    """See that a change leaves a record where the caller may see it; see `confine`."""
    if asked.is_confined:
        check_references(asked, kind, given)
        if any(name in given and given[name] is None for name in ("project", "project_id", "session_id")):
            raise _elsewhere()


def check_references(asked: Asked, kind: str, given: dict[str, Any]) -> None:
    """See that a confined caller names only projects that are its own, and records that it sees."""
    for name in {"project", "project_id"} & given.keys():
        found = asked.memory.projects.find(given[name]) if given[name] else None
        if given[name] and (found is None or found.id not in asked.projects()):
            raise _elsewhere()
        if given[name] and name == "project_id" and given.get("project", found) is None:
            # the empty one would win, and what is saved lie in no project at all
            raise _elsewhere()
    others = {name: to.kind for name, to in kinds()[kind].declaration.references.items() if to.kind != "project"}
    named = [(others[name], given[name]) for name in others if given.get(name) is not None]
    named += [("message", each) for each in given.get("source_messages") or []]
    for other, id in named:
        if other == "message":
            asked.message(id)
        else:
            existing(asked, other, id)


def _elsewhere() -> Problem:
    return Problem(403, "confined", "this token saves into its own projects only; name one of them")


def _annotate(function: Callable[..., Any], **types: Any) -> None:
    function.__annotations__.update(types)
