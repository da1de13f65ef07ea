"""The graph around a thing: as a picture of links, and as a table."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from memory.api.rest.pages.shell import page
from memory.api.rest.service import Asked, Reads
from memory.api.web.graph_picture import picture
from memory.collections.graph import reference
from memory.errors import InvalidInput

router = APIRouter(include_in_schema=False)
OFFERED = 15
"""References that one can begin with. Untuned."""
LISTED = 500
"""Relationships that the table holds at most. Untuned."""


@router.get("/graph")
def graph(
    ref: Annotated[str, Query(max_length=8_192)] = "",
    depth: Annotated[int, Query(ge=1, le=4)] = 1,
    asked: Asked = Reads,
) -> Response:
    """Draw what is around a reference."""
    asked.unconfined()
    values: dict[str, Any] = {"depth": depth, "wrong": None, "ref": "", "focus_name": "", "relationships": []}
    busiest = asked.memory.graph.busiest(OFFERED)
    values |= {"offered": busiest, "offered_names": asked.memory.graph.names(busiest)}
    if ref.strip():
        try:
            values |= _drawn(asked, reference(ref), depth)
        except InvalidInput as error:
            values["wrong"] = str(error)
    return page(
        asked, "graph.html", title=f"Graph around {values['focus_name']}" if values["ref"] else "Graph", **values
    )


def _drawn(asked: Asked, ref: str, depth: int) -> dict[str, Any]:
    around = asked.memory.graph.neighbours(ref, depth=depth)
    names = asked.memory.graph.names(list(around.refs)[:LISTED])
    drawn = picture(around, ref, names)
    return {
        "ref": ref,
        "focus_name": names.get(ref, ref),
        "names": names,
        "picture": drawn,
        "kinds": sorted({each.kind for each in drawn.nodes}),
        "relationships": around.relationships[:LISTED],
        "left_out_rows": max(0, len(around.relationships) - LISTED),
    }
