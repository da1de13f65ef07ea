"""Searching, as it is typed."""

import re
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import Response

from memory.api.rest.finding import searched
from memory.api.rest.pages.shell import fragment, page
from memory.api.rest.service import Asked, Reads
from memory.errors import InvalidInput
from memory.operations import search_
from memory.search.answer import SearchResult

router = APIRouter(include_in_schema=False)
SHOWN = 20
"""Hits of one page of answers. Untuned."""
NAMES = ("mode", "kind", "role", "project", "session", "tool", "participant", "tag", "after", "before", "group")
"""What a search on the page can be narrowed by."""

_BEING_TYPED = re.compile(r"(?:^|\s)\w{2,}$")


@router.get("/search")
def search(asked: Asked = Reads) -> Response:
    """Answer a search: as a page, as its main part, or as its answers alone."""
    sent = asked.request.query_params
    query = sent.get("query", "")
    given = {name: sent[name] for name in NAMES if sent.get(name)}
    result, wrong = None, None
    if query.strip():
        try:
            result = answered(asked, query, given, sent.get("limit"))
        except InvalidInput as error:
            wrong = str(error)
    values: dict[str, Any] = {"query": query, "given": given, "result": result, "wrong": wrong}
    if asked.request.headers.get("hark-part") == "answers":
        return fragment("answers.html", **values)
    return page(asked, "search.html", title=f"{query} – search" if query else "Search", **values)


def answered(asked: Asked, query: str, given: dict[str, str], limit: str | None = None) -> SearchResult:
    """Search with what a form gave.

    Raises:
        InvalidInput: A value is none that can be searched by.
    """
    shown = int(limit) if limit and limit.isdecimal() and len(limit) < 4 else SHOWN
    values: dict[str, Any] = {"query": query, "limit": max(1, shown), **given}
    try:
        result = searched(asked, search_.Question.model_validate(values))
        if not result.hits and _BEING_TYPED.search(query):
            # the last word is not whole yet
            begun = searched(asked, search_.Question.model_validate({**values, "query": f"{query}*"}))
            return begun if begun.hits else result
        return result
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
