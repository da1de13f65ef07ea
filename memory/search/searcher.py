"""Answer a search: read the query, run the legs, fuse, read the hits from the store."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from indexers.keyword import KeywordQuery, phrase_of
from memory.catch_up import KeywordIndex, passage_texts
from memory.dates import given_date
from memory.errors import InvalidInput
from memory.kinds.message import Message
from memory.nearest import SemanticIndex
from memory.search.answer import Leg, Neighbour, SearchHit, SearchResult, Why
from memory.search.conditions import Conditions, conditions_of
from memory.search.floor import MIN_SCORE, Certain
from memory.search.fuse import Candidate, LegScore, fuse, gather
from memory.search.legs import (
    LegAnswer,
    body_query,
    keyword_leg,
    newest_leg,
    query_stems,
    semantic_leg,
    title_query,
)
from memory.search.linked import graph_leg
from memory.search.query import Filters, ParsedQuery, parse_query
from memory.search.snippets import snippet
from memory.searchable import Passage, learning_passages, message_passages, session_passages
from memory.store.chunks import ChunkRow
from memory.store.schema import whole
from memory.store.store import Store

Mode = Literal["hybrid", "keyword", "semantic", "title"]
MOST_HITS = 200
MOST_BELOW = 24
"""Hits below the floor that are looked into for what was asked for word for word. Untuned."""
DEPTH = 80
"""Pieces that a leg gives for 10 hits. Untuned; RETRIEVAL.md's figures hold from 50 on."""


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


class Searcher:
    """Searches one workspace of one store."""

    def __init__(
        self,
        store: Store,
        keyword: KeywordIndex,
        semantic: SemanticIndex,
        projects_below: Callable[[str], list[int]],
        around: Callable[..., Sequence[Message]],
    ) -> None:
        self._store = store
        self._keyword = keyword
        self._semantic = semantic
        self._projects_below = projects_below
        self._around = around

    def search(self, request: SearchRequest) -> SearchResult:
        """Find what was asked for; every leg that ran, or could not, is named in the answer."""
        started = time.perf_counter()
        self._keyword.level()
        with self._store.snapshot():
            conditions = self._conditions(request)
            legs = self._legs(request, conditions)
            candidates = self._candidates(request, conditions, legs)
            hits, abstained = self._hits(request, conditions, candidates)
        answered = [leg.named(_found(leg, candidates)) for leg in legs.values()]
        took_ms = round((time.perf_counter() - started) * 1000, 3)
        return SearchResult(
            query=request.query,
            mode=request.mode,
            took_ms=took_ms,
            index_lag=max((leg.unseen for leg in legs.values()), default=0),
            abstained=abstained,
            legs=answered,
            hits=hits,
        )

    def _conditions(self, request: SearchRequest) -> Conditions:
        filters = request.parsed.filters
        if request.mode == "title":
            filters = replace(filters, kind="session")
        projects = self._projects_below(filters.project) if filters.project else None
        conditions = conditions_of(self._store, filters, projects, request.as_of)
        if request.parsed.title_words:
            named = self._sessions_named(request.parsed.title_words, conditions)
            return replace(conditions, records=(*conditions.records, named), sessions=(*conditions.sessions, named))
        return conditions

    def _sessions_named(self, words: Sequence[str], conditions: Conditions) -> Any:
        from indexers.document import AnyOf
        from memory.search.conditions import NOTHING

        every = tuple(phrase for word in words if (phrase := phrase_of(word, "title")))
        found = keyword_leg(self._keyword, KeywordQuery((), every), conditions.sessions, 5_000, "title")
        places = self._store.chunks.places([hit.key for hit in found.hits])
        numbers = frozenset(place.record_number for place in places.values())
        return AnyOf("session", numbers) if numbers else NOTHING

    def _legs(self, request: SearchRequest, conditions: Conditions) -> dict[str, LegAnswer]:
        """Run the legs of a mode, in order."""
        parsed, mode = request.parsed, request.mode
        depth = max(DEPTH, request.limit * 4)
        if not (parsed.words or parsed.phrases) and mode != "title":
            return {"keyword": newest_leg(self._keyword, conditions.records, depth)} if _narrows(parsed) else {}
        legs: dict[str, LegAnswer] = {}
        for_sessions = "session" in conditions.kinds
        if mode in ("hybrid", "keyword") and not for_sessions:
            legs["keyword"] = keyword_leg(self._keyword, body_query(parsed), conditions.records, depth)
        if mode in ("hybrid", "title") or for_sessions:
            of_titles = conditions.records if for_sessions else conditions.sessions
            legs["title"] = keyword_leg(self._keyword, title_query(parsed), of_titles, depth, "title")
        if mode in ("hybrid", "semantic"):
            legs["semantic"] = semantic_leg(self._semantic, parsed.text, _of_kinds(conditions), depth)
        return legs

    def _candidates(
        self, request: SearchRequest, conditions: Conditions, legs: dict[str, LegAnswer]
    ) -> list[Candidate]:
        places = self._store.chunks.places([hit.key for leg in legs.values() for hit in leg.hits])
        titles = _titles(legs.get("title"), places)
        records = gather(legs.values(), places)
        if "session" not in conditions.kinds:
            for session in list(titles)[:5]:
                self._add_first(records, session, conditions)
        wanted = {key: each for key, each in records.items() if key[0] in conditions.kinds}
        if request.parsed.excluded or request.parsed.phrases:
            self._keep_exact(request.parsed, wanted)
        ordered = fuse(wanted.values(), legs, titles)
        if request.mode == "hybrid" and "session" not in conditions.kinds and ordered:
            legs["graph"] = graph_leg(self._store, request.parsed, ordered, conditions)
            if legs["graph"].hits:
                more = self._store.chunks.places([hit.key for hit in legs["graph"].hits])
                for key, each in gather([legs["graph"]], more).items():
                    if key[0] in conditions.kinds:
                        wanted.setdefault(key, each).legs["graph"] = each.legs["graph"]
                if request.parsed.excluded or request.parsed.phrases:
                    self._keep_exact(request.parsed, wanted)
                ordered = fuse(wanted.values(), legs, titles)
        return ordered

    def _add_first(self, records: dict[tuple[str, int], Candidate], session: int, conditions: Conditions) -> None:
        """Let a session whose title matches stand in the answer by its first message, when none of it was found."""
        from indexers.document import passes
        from memory.searchable import unpack_attributes

        if any(each.session == session and each.kind == "message" for each in records.values()):
            return
        first = self._store.sessions.first_said(session)
        for place in self._store.chunks.places([first] if first else []).values():
            attributes = unpack_attributes(place.attributes)
            if passes(attributes, conditions.records):
                key = ("message", place.record_number)
                records[key] = Candidate(*key, place, attributes["role"], session)

    def _keep_exact(self, parsed: ParsedQuery, records: dict[tuple[str, int], Candidate]) -> None:
        """Drop what lacks a phrase or holds what was excluded: a leg that works by meaning cannot know."""
        phrases = [phrase for text in parsed.phrases if (phrase := phrase_of(text))]
        excluded = [phrase for text in parsed.excluded if (phrase := phrase_of(text))]
        for kind in {key[0] for key in records}:
            numbers = [key[1] for key in records if key[0] == kind]
            texts = passage_texts(self._store, kind, numbers)
            for number in numbers:
                whole = "\n".join(text for (record, _), text in texts.items() if record == number)
                stands = _Standing(whole)
                if not all(map(stands.holds, phrases)) or any(map(stands.holds, excluded)):
                    del records[kind, number]

    def _hits(
        self, request: SearchRequest, conditions: Conditions, candidates: list[Candidate]
    ) -> tuple[list[SearchHit], bool]:
        """Read the best candidates from the store, drop what is no answer, fold what says the same."""
        floor = MIN_SCORE if request.min_score is None else request.min_score
        if not (request.parsed.words or request.parsed.phrases):
            floor = 0.0
        certain = Certain(request.parsed)
        stems = query_stems([body_query(request.parsed), title_query(request.parsed)])
        hits: list[SearchHit] = []
        seen: dict[object, SearchHit] = {}
        below = 0
        some = request.limit + 6
        for start in range(0, len(candidates), some):
            read = _Read(self._store, candidates[start : start + some])
            for candidate in candidates[start : start + some]:
                record = read.records.get(candidate.record)
                if record is None:
                    continue
                text = read.text(candidate)
                if candidate.score < floor and not (floor <= MIN_SCORE and certain.holds(text)):
                    below += 1
                    if below >= MOST_BELOW:
                        # behind these nothing holds what was asked for, either
                        return hits, not hits
                    continue
                same = _same(request, candidate, read.whole(candidate))
                if same is not None and same in seen:
                    seen[same].count += 1
                    continue
                if len(hits) >= request.limit:
                    return hits, False
                hit = self._hit(request, candidate, record, read, snippet(text, *stems))
                hits.append(hit)
                if same is not None:
                    seen[same] = hit
        asked = request.parsed.has_words or _narrows(request.parsed)
        return hits, not hits and asked

    def _hit(
        self, request: SearchRequest, candidate: Candidate, record: dict[str, Any], read: "_Read", shown: str
    ) -> SearchHit:
        session = read.sessions.get(candidate.session, {})
        source = session.get("source")
        hit = SearchHit(
            kind=candidate.kind,
            id=record["id"],
            session_id=session.get("id"),
            session_title=session.get("title"),
            project=read.projects.get(record.get("project_id") or session.get("project_id") or 0),
            seq=record.get("seq"),
            role=record.get("role"),
            sender=record.get("sender_id"),
            category=record.get("category"),
            trust=record.get("trust"),
            created_at=record["created_at"],
            score=candidate.score,
            snippet=shown,
            source={"format": source["format"], "path": source["path"]} if source else None,
            why={name: Why(rank=leg.rank, score=round(leg.score, 4)) for name, leg in candidate.legs.items()},
        )
        if request.context and candidate.kind == "message":
            near = self._around(hit.id, before=request.context, after=request.context)
            hit.context = [_neighbour(each) for each in near if each.id != hit.id]
        return hit


_FIELDS = {
    "message": (
        "id",
        "created_at",
        "role",
        "content",
        "parts",
        "tool_name",
        "tool_call",
        "tool_result",
        "seq",
        "sender_id",
    ),
    "learning": ("id", "created_at", "content", "related_files", "tags", "category", "trust", "project_id"),
    "session": ("id", "created_at", "title", "summary", "keywords"),
}
_SAID = ("role", "content", "parts", "tool_name", "tool_call", "tool_result")
_SESSION_FIELDS = ("id", "title", "source", "project_id")


class _Read:
    """What is shown of some candidates, read together."""

    def __init__(self, store: Store, candidates: Sequence[Candidate]) -> None:
        self.records: dict[tuple[str, int], dict[str, Any]] = {}
        self._texts: dict[tuple[str, int], dict[int, str]] = {}
        for kind in {each.kind for each in candidates}:
            numbers = [each.number for each in candidates if each.kind == kind]
            for number, *values in store.records.values(kind, _FIELDS[kind], numbers):
                record = dict(zip(_FIELDS[kind], values, strict=True))
                self.records[kind, number] = record
                self._texts[kind, number] = {passage.number: passage.text for passage in passages_of(kind, record)}
        sessions = sorted({each.session for each in candidates if each.session})
        rows = store.records.values("session", _SESSION_FIELDS, sessions)
        self.sessions = {number: dict(zip(_SESSION_FIELDS, values, strict=True)) for number, *values in rows}
        projects = {
            each["project_id"] for each in (*self.sessions.values(), *self.records.values()) if each.get("project_id")
        }
        self.projects = dict(store.records.values("project", ("name",), sorted(projects)))

    def text(self, candidate: Candidate) -> str:
        """The piece that was found."""
        place = candidate.place
        return self._texts[candidate.record].get(place.passage, "")[place.start_at : place.end_at]

    def whole(self, candidate: Candidate) -> str:
        """All of what the record says and holds."""
        return "\n".join(self._texts[candidate.record].values())


def passages_of(kind: str, record: dict[str, Any]) -> list[Passage]:
    """Give the texts of a record that is read as a dict."""
    if kind == "message":
        return message_passages(*(record[name] for name in _SAID))
    if kind == "learning":
        return learning_passages(record["content"], record["related_files"], record["tags"])
    return session_passages(record["title"], record["summary"], record["keywords"])


class _Standing:
    """Says whether terms stand side by side in a text."""

    def __init__(self, text: str) -> None:
        from indexers.words import bigrams, stems

        self._words = stems(text)
        self._text = text
        self._pairs = bigrams(text).split()

    def holds(self, phrase: Sequence[Any]) -> bool:
        wanted = [term.text for term in phrase]
        words = self._pairs if phrase and phrase[0].field == "bigrams" else self._words
        if not wanted:
            return False
        starts = [i for i, word in enumerate(words) if word == wanted[0]]
        return any(words[i : i + len(wanted)] == wanted for i in starts)


def request_of(query: str, arguments: dict[str, Any]) -> SearchRequest:
    """Check the arguments of a search and read its query.

    Raises:
        InvalidInput: An argument cannot be what it is; a query always can.
    """
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
    as_of = given_date(given["as_of"], "as_of", now)[1] if "as_of" in given else None
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
    )


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


def _narrows(parsed: ParsedQuery) -> bool:
    return parsed.filters != Filters() or bool(parsed.title_words)


def _of_kinds(conditions: Conditions) -> Any:
    from indexers.document import AnyOf
    from memory.searchable import KINDS

    return (*conditions.records, AnyOf("kind", frozenset(KINDS[kind] for kind in conditions.kinds)))


def _titles(leg: LegAnswer | None, places: dict[int, ChunkRow]) -> dict[int, LegScore]:
    found: dict[int, LegScore] = {}
    for hit in leg.hits if leg else ():
        place = places.get(hit.key)
        if place is not None and place.kind == "session" and place.record_number not in found:
            assert leg is not None
            found[place.record_number] = LegScore(len(found) + 1, hit.score, min(1.0, hit.score / leg.best_possible))
    return found


def _found(leg: LegAnswer, candidates: list[Candidate]) -> int:
    return len(leg.hits) if leg.name == "graph" else sum(leg.name in each.legs for each in candidates)


def _same(request: SearchRequest, candidate: Candidate, text: str) -> object | None:
    """What makes two hits one: their session, when grouped; else role and text but for case and white space."""
    if request.by_session and candidate.session:
        return candidate.session
    if not request.fold or candidate.kind != "message" or not text.strip():
        return None
    return candidate.role, " ".join(text.casefold().split())


def _neighbour(message: Message) -> Neighbour:
    return Neighbour(
        id=message.id,
        seq=message.seq,
        role=message.role,
        sender=message.sender_id,
        created_at=message.created_at,
        content=message.content,
    )


__all__ = ["Leg", "Mode", "SearchRequest", "Searcher", "request_of"]
