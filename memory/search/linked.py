"""The graph leg: what is linked to strong hits, and to the files that a query names."""

from collections.abc import Sequence
from datetime import UTC, datetime

from indexers.document import Hit, passes
from indexers.words import is_identifier
from memory.search.candidates import Candidate
from memory.search.conditions import Conditions
from memory.search.legs import LegAnswer, timed
from memory.search.query import ParsedQuery
from memory.searchable import unpack_attributes
from memory.store.schema import micros
from memory.store.store import Store

STRONG_HITS, STRONG_SHARE = 5, 0.6
"""Candidates from which the graph is walked: the first ones, as long as they are not far behind the first. Untuned."""
MOST_LINKS = 40


def graph_leg(
    store: Store, parsed: ParsedQuery, ordered: Sequence[Candidate], conditions: Conditions, as_of: datetime | None
) -> LegAnswer:
    """Give the messages and learnings that are one arrow away from strong hits or from a file that the query names."""

    def run(answer: LegAnswer) -> None:
        strong = [each for each in ordered[:STRONG_HITS] if each.fused >= STRONG_SHARE * ordered[0].fused > 0]
        refs = [f"file:{word}" for word in parsed.words if is_identifier(word) and ("/" in word or "." in word)]
        for candidate in strong:
            for _, found_id in store.records.values(candidate.kind, ("id",), [candidate.number]):
                refs.append(f"{candidate.kind}:{found_id}")
        if refs:
            found, _ = store.arrows.around(refs, 1, None, micros(as_of or datetime.now(UTC)))
            linked = [
                ref for ref, distance in found.items() if distance and ref.split(":")[0] in ("message", "learning")
            ]
            answer.hits = _hits(store, linked[:MOST_LINKS], conditions)

    return timed("graph", run)


def _hits(store: Store, refs: Sequence[str], conditions: Conditions) -> list[Hit]:
    hits: list[Hit] = []
    for ref in refs:
        kind, _, named = ref.partition(":")
        number = store.records.number(kind, named)
        if number is None:
            continue
        for key, _, _, _, _, packed in store.chunks.of_records(kind, [number])[:1]:
            if passes(unpack_attributes(packed), conditions.records):
                hits.append(Hit(key, 1.0))
    return hits
