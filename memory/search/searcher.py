"""Answer a search: read the query, run the legs, fuse, read the hits from the store."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from indexers.document import AnyOf, Condition
from indexers.keyword import KeywordQuery, phrase_of
from indexers.rerankers import NONE as NO_RERANKER
from indexers.rerankers import open_reranker
from memory.catch_up import KeywordIndex
from memory.kinds.message import Message
from memory.nearest import SemanticIndex
from memory.search.answer import Leg, Neighbour, SearchHit, SearchResult, Why
from memory.search.candidates import Candidate
from memory.search.conditions import NOTHING, Conditions, conditions_of
from memory.search.finding import Finder
from memory.search.floor import MIN_SCORE, Certain, least_score
from memory.search.legs import LegAnswer, body_query, keyword_leg, query_stems, title_query
from memory.search.reading import Reading
from memory.search.request import SearchRequest
from memory.search.rerank import Reranking
from memory.search.snippets import snippet
from memory.search.times import SearchTimes
from memory.store.store import Store

if TYPE_CHECKING:
    from indexers.late_interaction import LateInteraction

DEEPER = (1, 6, 36)
"""How many times as deep the legs look when hits that say the same, or are of one session, leave fewer than were asked for.
Untuned."""
MOST_BELOW = 24
"""Hits below the floor that are looked into for what was asked for word for word. Untuned."""


class Searcher:
    """Searches one workspace of one store."""

    def __init__(
        self,
        store: Store,
        keyword: KeywordIndex,
        semantic: SemanticIndex,
        projects_below: Callable[[str], list[int]],
        around: Callable[..., Sequence[Message]],
        reranker: str = NO_RERANKER,
    ) -> None:
        self._store = store
        self._keyword = keyword
        self.finder = Finder(store, keyword, semantic, _late_interaction)
        if reranker != NO_RERANKER:
            self.finder.reranking = Reranking(partial(open_reranker, reranker))
        self._projects_below = projects_below
        self._around = around
        self.times = SearchTimes()

    def search(self, request: SearchRequest) -> SearchResult:
        """Find what was asked for; every leg that ran, or could not, is named in the answer."""
        started = time.perf_counter()
        self._keyword.level()
        damaged: dict[int, str] = {}
        with self._store.snapshot():
            conditions = self._conditions(request)
            for times in DEEPER:
                legs, candidates, is_more = self.finder.find(request, conditions, times)
                hits, abstained = self._hits(request, candidates, damaged)
                if not is_more or len(hits) >= request.limit or all(hit.count == 1 for hit in hits):
                    break
        answered = [leg.named(_found(leg, candidates)) for leg in legs.values()]
        if damaged:
            # they might have been answers
            answered.append(Leg(name="store", took_ms=0.0, found=0, fault="; ".join(sorted(damaged.values())[:5])))
        took_ms = round((time.perf_counter() - started) * 1000, 3)
        self.times.note(request.mode, took_ms)
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
        if request.within is not None:
            bounds = {number for each in request.within for number in self._projects_below(each)}
            projects = sorted(bounds if projects is None else bounds & set(projects))
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

    def _hits(
        self, request: SearchRequest, candidates: list[Candidate], damaged: dict[int, str]
    ) -> tuple[list[SearchHit], bool]:
        """Read the best candidates from the store, drop what is no answer, fold what says the same."""
        floor = least_score(candidates[0].score if candidates else 0.0, request.min_score)
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
            damaged.update(read.damaged)
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
                hit = self._hit(
                    request, candidate, record, read, snippet(text, *stems, looks_for_typos="keyword" in candidate.legs)
                )
                hits.append(hit)
                if same is not None:
                    seen[same] = hit
        asked = request.parsed.has_words or request.parsed.narrows
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
            why={
                name: Why(rank=leg.rank, score=round(leg.score, 4)) for name, leg in candidate.legs.items() if leg.rank
            },
        )
        if request.context and candidate.kind == "message":
            near = self._around(hit.id, before=request.context, after=request.context)
            hit.context = [_neighbour(each) for each in near if each.id != hit.id]
        return hit


def _late_interaction() -> "LateInteraction":
    from indexers.embedders.static import built_in
    from indexers.late_interaction import LateInteraction

    return LateInteraction(built_in)


def _found(leg: LegAnswer, candidates: list[Candidate]) -> int:
    if leg.name == "graph":
        return len(leg.hits)
    return sum(leg.name in each.legs and each.legs[leg.name].rank > 0 for each in candidates)


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
