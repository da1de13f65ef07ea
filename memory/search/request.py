"""A search as it was asked for, checked."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from memory.dates import given_date
from memory.errors import InvalidInput
from memory.search.query import ParsedQuery, parse_query
from memory.store.schema import whole

Mode = Literal["hybrid", "keyword", "semantic", "title"]
MOST_HITS = 200


@dataclass(frozen=True)
class SearchRequest:
    """A search, checked."""

    query: str
    parsed: ParsedQuery
    mode: Mode = "hybrid"
    limit: int = 10
    by_session: bool = False
    as_of: datetime | None = None
    context: int = 0
    min_score: float | None = None
    fold: bool = True
    within: tuple[str, ...] | None = None
    """Ids of projects outside which nothing is found, whatever else is asked for; None for no such bounds."""


def request_of(query: str, arguments: dict[str, Any]) -> SearchRequest:
    """Check the arguments of a search and read its query.

    Raises:
        InvalidInput: An argument is unknown, or cannot be what it is; a query always can.
    """
    if unknown := arguments.keys() - _ARGUMENTS:
        raise InvalidInput(
            f"search has no argument {', '.join(sorted(unknown))}; it has: {', '.join(sorted(_ARGUMENTS))}"
        )
    now = datetime.now(UTC)
    given = {name: value for name, value in arguments.items() if value not in (None, "")}
    if not isinstance(query, str):
        raise InvalidInput(f"query is a {type(query).__name__}; give text")
    _check(given)
    query = whole(query)
    parsed = parse_query(query, now)
    narrowed: dict[str, Any] = {
        name: given[name]
        for name in ("project", "session", "role", "tool", "kind", "participant", "tag")
        if name in given
    }
    for name in ("after", "before"):
        if name in given:
            narrowed[name] = given_date(given[name], name, now)[0]
    # a day is meant to its end, which is not the beginning of the next
    as_of = given_date(given["as_of"], "as_of", now)[1] - timedelta(microseconds=1) if "as_of" in given else None
    return SearchRequest(
        query=query,
        parsed=replace(parsed, filters=replace(parsed.filters, **narrowed)),
        mode=given.get("mode", "hybrid"),
        limit=min(int(given.get("limit", 10)), MOST_HITS),
        by_session=given.get("group") == "session",
        as_of=as_of,
        context=min(int(given.get("context", 0)), 20),
        min_score=given.get("min_score"),
        fold=arguments.get("fold") is not False,
        within=None if arguments.get("within") is None else tuple(arguments["within"]),
    )


_ARGUMENTS = {
    "mode", "limit", "group", "project", "session", "role", "tool", "kind", "participant", "tag", "after", "before",
    "as_of", "context", "min_score", "fold", "within",
}  # fmt: skip
_ALLOWED = {
    "mode": get_args(Mode),
    "group": ("session",),
    "role": ("user", "assistant", "system", "tool"),
    "kind": ("message", "learning", "session"),
}


def _check(given: dict[str, Any]) -> None:
    for name, allowed in _ALLOWED.items():
        if name in given and given[name] not in allowed:
            raise InvalidInput(f"{name} is {given[name]!r}; it can be {', '.join(allowed)}")
    for name, least in (("limit", 1), ("context", 0)):
        value = given.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidInput(f"{name} is {value!r}; it must be a whole number, {least} or more")
    for name in ("project", "session", "tool", "participant", "tag"):
        if name in given and not isinstance(given[name], str):
            raise InvalidInput(f"{name} is {given[name]!r}; give text")
    floor = given.get("min_score", 0)
    if not isinstance(floor, int | float) or not 0 <= floor <= 1:
        raise InvalidInput(f"min_score is {floor!r}; it must be 0 to 1")
