"""Search, recall, and the graph."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from memory.api.rest.bodies import Body
from memory.api.rest.records import IF_NONE
from memory.api.rest.service import Asked, Reads
from memory.collections.graph import MOST_DEPTH, Neighbourhood
from memory.kinds.relationship import Relationship
from memory.operations import recall_, search_
from memory.search.answer import Recall, SearchResult

router = APIRouter(prefix="/api", tags=["search"], responses=IF_NONE)


class SearchBody(search_.Question, Body):
    """A search in a body."""


class RecallBody(recall_.Arguments, Body):
    """What a context for a prompt is made of."""


@router.get("/search", response_model=SearchResult)
def search(given: Annotated[search_.Question, Query()], asked: Asked = Reads) -> Any:
    """Find what was said, done and learned."""
    return searched(asked, given)


@router.post("/search", response_model=SearchResult)
def post_search(body: SearchBody, asked: Asked = Reads) -> Any:
    """Find, with a query of any length."""
    return searched(asked, body)


@router.post("/recall", response_model=Recall)
def recall(body: RecallBody, asked: Asked = Reads) -> Any:
    """Make a cited context for a prompt."""
    values = body.model_dump(exclude_none=True)
    confined(asked, values)
    return asked.memory.recall(values.pop("query"), budget=values.pop("budget"), **values)


@router.get("/graph/neighbours", response_model=Neighbourhood)
def neighbours(
    ref: Annotated[str, Query(min_length=1, max_length=8192)],
    depth: Annotated[int, Query(ge=1, le=MOST_DEPTH)] = 1,
    types: Annotated[list[str] | None, Query()] = None,
    asked: Asked = Reads,
) -> Any:
    """Walk the relationships around a thing."""
    asked.unconfined()
    return asked.memory.graph.neighbours(ref, depth=depth, types=types)


@router.get("/graph/path", response_model=list[Relationship])
def path(
    source: Annotated[str, Query(min_length=1, max_length=8192)],
    target: Annotated[str, Query(min_length=1, max_length=8192)],
    asked: Asked = Reads,
) -> Any:
    """Find the shortest way from one thing to another; [] when there is none."""
    asked.unconfined()
    return asked.memory.graph.path(source, target)


def searched(asked: Asked, given: search_.Question) -> SearchResult:
    """Search where the caller may."""
    values = given.model_dump(exclude_none=True)
    confined(asked, values)
    result: SearchResult = asked.memory.search(values.pop("query"), **values)
    asked.service.metrics.search(result)
    return result


def confined(asked: Asked, values: dict[str, Any]) -> None:
    """Narrow a search to what the caller may see."""
    if asked.caller.session_id is not None:
        values["session"] = asked.caller.session_id
    elif asked.caller.projects:
        values["within"] = sorted(asked.projects())
