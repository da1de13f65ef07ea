"""The legs of a search: keyword, title, semantic, graph. Each gives pieces or records with a score."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from indexers.document import AnyOf, Filter, Hit
from indexers.errors import IndexerError
from indexers.keyword import KeywordHits, KeywordQuery, Term, phrase_of, terms_of
from memory.catch_up import KeywordIndex
from memory.errors import MemoryFault
from memory.nearest import SemanticIndex
from memory.search.answer import Leg
from memory.search.query import ParsedQuery
from memory.searchable import KINDS

BEYOND = 10
"""How many times as many pieces the keyword engine is asked for as the leg gives: the scores of the others tell what their
neighbours are worth, and cost less than to ask again. Untuned."""


@dataclass
class LegAnswer:
    """What one leg found."""

    name: str
    hits: list[Hit] = field(default_factory=list)
    """Keys of pieces with scores, best first."""
    best_possible: float = 1.0
    took_ms: float = 0.0
    fault: str | None = None
    unseen: int = 0
    """Changes that it could not look at."""
    beyond: dict[int, float] = field(default_factory=dict)
    """Scores of pieces behind the last of `hits`, by their keys."""
    is_built_in: bool = True
    """Whether its cosines are those of the built-in embedder."""

    def named(self, found: int) -> Leg:
        """Say it in the answer's words."""
        return Leg(name=self.name, took_ms=round(self.took_ms, 3), found=found, fault=self.fault)


def timed(name: str, run: Callable[[LegAnswer], None]) -> LegAnswer:
    """Run a leg; a fault of its index is named in the answer, and the other legs go on."""
    answer = LegAnswer(name)
    started = time.perf_counter()
    try:
        run(answer)
    except (IndexerError, MemoryFault) as error:
        answer.fault = str(error)
    answer.took_ms = (time.perf_counter() - started) * 1000
    return answer


def body_query(parsed: ParsedQuery) -> KeywordQuery:
    """Make the keyword query of a query: for the text of messages and learnings."""
    phrases = tuple(phrase for text in parsed.phrases if (phrase := phrase_of(text)))
    return KeywordQuery(terms_of(parsed.words), phrases, _excluded(parsed, "body"))


def title_query(parsed: ParsedQuery) -> KeywordQuery:
    """Make the keyword query for titles of sessions."""
    phrases = tuple(phrase for text in parsed.phrases if (phrase := phrase_of(text, "title")))
    return KeywordQuery(terms_of([*parsed.words, *parsed.title_words], ("title",)), phrases, _excluded(parsed, "title"))


def keyword_leg(
    index: KeywordIndex, query: KeywordQuery, conditions: Filter, limit: int, name: str = "keyword"
) -> LegAnswer:
    """Find by words: in the index, and in what it has not seen."""
    if any(term.field == "bigrams" for term in query.terms):
        # titles and texts share the field of character pairs; see memory/searchable.py
        kinds = ("session",) if name == "title" else ("message", "learning")
        conditions = (*conditions, AnyOf("kind", frozenset(KINDS[kind] for kind in kinds)))

    def run(answer: LegAnswer) -> None:
        if query.is_empty:
            return
        tail, answer.unseen = index.tail()
        engine = index.engine()
        deep = limit * BEYOND if name == "keyword" else limit
        found = KeywordHits([], 0.0)
        statistics = None
        if engine is None:
            answer.fault = index.fault
        else:
            answer.fault = index.shortfall() or (
                f"the keyword index is behind, {answer.unseen:,} changes are not searched yet; ask again in a moment"
                if answer.unseen
                else None
            )
            with index.guard:
                elsewhere = tail.terms_held(query)
            found = engine.search(query, conditions, deep, elsewhere)
            statistics = engine.statistics(query) if len(tail) and engine.documents() > len(tail) else None
        with index.guard:
            # the tail grows while others save
            beside = tail.search(query, conditions, deep, statistics) if len(tail) else KeywordHits([], 0.0)
        best: dict[int, float] = {hit.key: hit.score for hit in found.hits}
        for hit in beside.hits:
            best[hit.key] = max(hit.score, best.get(hit.key, 0.0))
        ordered = sorted(best.items(), key=lambda pair: -pair[1])
        answer.hits = [Hit(key, score) for key, score in ordered[:limit]]
        answer.beyond = dict(ordered[limit:])
        answer.best_possible = max(found.best_possible, beside.best_possible) or 1.0

    return timed(name, run)


def semantic_leg(index: SemanticIndex, text: str, conditions: Filter, limit: int) -> LegAnswer:
    """Find by meaning."""

    def run(answer: LegAnswer) -> None:
        if text.strip():
            answer.hits = index.search(text, conditions, limit)
            answer.fault = index.fault
            answer.is_built_in = index.model.startswith("static")

    return timed("semantic", run)


def newest_leg(index: KeywordIndex, conditions: Filter, limit: int) -> LegAnswer:
    """Find what is newest, for a query that only filters."""

    def run(answer: LegAnswer) -> None:
        tail, answer.unseen = index.tail()
        engine = index.engine()
        answer.fault = index.fault if engine is None else index.shortfall()
        with index.guard:
            pairs = tail.newest("at", conditions, limit)
        pairs += engine.newest("at", conditions, limit) if engine else []
        ordered = sorted(dict(pairs).items(), key=lambda pair: (-pair[1], -pair[0]))[:limit]
        answer.hits = [Hit(key, 1.0 / (rank + 1)) for rank, (key, _) in enumerate(ordered)]

    return timed("keyword", run)


def query_stems(queries: Sequence[KeywordQuery]) -> tuple[set[str], set[str]]:
    """Give the stems, and the whole identifiers and pairs of characters, that queries look for."""
    terms: set[Term] = set()
    for query in queries:
        terms.update(query.terms)
        terms.update(term for phrase in query.phrases for term in phrase)
    words = {term.text for term in terms if term.field in ("body", "title")}
    return words, {term.text for term in terms if term.field in ("identifiers", "bigrams")}


def _excluded(parsed: ParsedQuery, field_name: str) -> tuple[tuple[Term, ...], ...]:
    return tuple(phrase for text in parsed.excluded if (phrase := phrase_of(text, field_name)))
