"""Answer a search: read the query, run the legs, fuse, read the hits from the store."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from indexers.document import AnyOf, Condition, Filter, passes
from indexers.keyword import KeywordQuery, phrase_of
from memory.catch_up import KeywordIndex, passage_texts
from memory.kinds.message import Message
from memory.nearest import SemanticIndex
from memory.search.answer import Neighbour, SearchHit, SearchResult, Why
from memory.search.conditions import NOTHING, Conditions, conditions_of
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
from memory.search.query import Filters, ParsedQuery
from memory.search.reading import Reading, Standing
from memory.search.request import SearchRequest
from memory.search.snippets import snippet
from memory.searchable import KINDS, unpack_attributes
from memory.store.chunks import ChunkRow
from memory.store.store import Store

MOST_BELOW = 24
"""Hits below the floor that are looked into for what was asked for word for word. Untuned."""
DEPTH = 80
"""Pieces that a leg gives for 10 hits. Untuned; RETRIEVAL.md's figures hold from 50 on."""


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

    def _sessions_named(self, words: Sequence[str], conditions: Conditions) -> Condition:
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
                stands = Standing(whole)
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
            read = Reading(self._store, candidates[start : start + some])
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
        self, request: SearchRequest, candidate: Candidate, record: dict[str, Any], read: Reading, shown: str
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


def _narrows(parsed: ParsedQuery) -> bool:
    return parsed.filters != Filters() or bool(parsed.title_words)


def _of_kinds(conditions: Conditions) -> Filter:
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
