"""Fuse the legs' lists into one: a convex combination of scaled scores.

Source: Bruch, Gai & Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", 2023; reciprocal ranks lost 3 to 6
points wherever the legs differ in strength (docs/architecture.md).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from memory.search.legs import LegAnswer
from memory.searchable import ROLES, unpack_attributes
from memory.store.chunks import ChunkRow

KEYWORD_WEIGHT, SEMANTIC_WEIGHT, TITLE_WEIGHT, GRAPH_WEIGHT = 0.7, 0.3, 0.15, 0.1
"""What a leg adds at most. Keyword and semantic: benchmarks/recall.py, 2026-11-20; title and graph are untuned."""
PRIORS = {ROLES["user"]: 1.2, ROLES["assistant"]: 1.0, ROLES["system"]: 0.75, ROLES["tool"]: 0.75}
"""People ask about what people said. Untuned."""
LEARNING_PRIOR, ASIDE_PRIOR = 1.15, 0.75
"""For what was written down on purpose, and for reasoning and tool calls inside a message. Untuned."""
NEIGHBOUR_SHARE = 0.18
"""What a message gets of the scores of those beside it (benchmarks/recall.py, 2026-11-20: + 4 points of R@10)."""
FULL_MATCH, NO_MEANING, FULL_MEANING = 0.55, 0.25, 0.8
"""The share of the best possible keyword score that a text holding every word once has; cosines of the static embedder
between texts that have nothing to do with each other, and that say the same. Untuned."""


@dataclass(frozen=True, slots=True)
class LegScore:
    """What one leg says of a candidate."""

    rank: int
    score: float
    scaled: float
    """0 to 1; 1 for the leg's best."""


@dataclass(slots=True)
class Candidate:
    """A record that some leg found, by its best piece."""

    kind: str
    number: int
    place: ChunkRow
    role: int
    session: int
    legs: dict[str, LegScore] = field(default_factory=dict)
    fused: float = 0.0
    score: float = 0.0
    """0 to 1, comparable between queries."""

    @property
    def record(self) -> tuple[str, int]:
        """What it is a candidate for."""
        return self.kind, self.number

    @property
    def prior(self) -> float:
        """How much likelier than another text it is an answer."""
        if self.kind == "learning":
            return LEARNING_PRIOR
        if self.place.passage > 0:
            return ASIDE_PRIOR
        return PRIORS.get(self.role, 1.0)


def gather(legs: Iterable[LegAnswer], places: Mapping[int, ChunkRow]) -> dict[tuple[str, int], Candidate]:
    """Bring the legs' pieces together under their records; pieces that are gone from the store are left out."""
    found: dict[tuple[str, int], Candidate] = {}
    for leg in legs:
        top = max((hit.score for hit in leg.hits if hit.key in places), default=0.0)
        rank = 0
        for hit in leg.hits:
            place = places.get(hit.key)
            if place is None:
                continue
            record = (place.kind, place.record_number)
            candidate = found.get(record)
            if candidate is None:
                attributes = unpack_attributes(place.attributes)
                candidate = Candidate(*record, place, attributes["role"], attributes["session"])
                found[record] = candidate
            if leg.name not in candidate.legs:
                rank += 1
                scaled = max(0.0, hit.score) / top if top > 0 else 0.0
                candidate.legs[leg.name] = LegScore(rank, hit.score, scaled)
                if leg.name == "keyword":
                    candidate.place = place
    return found


def fuse(
    candidates: Iterable[Candidate], legs: Mapping[str, LegAnswer], titles: Mapping[int, LegScore]
) -> list[Candidate]:
    """Order candidates, best first, and give each its score.

    Args:
        candidates: What the legs found; what an earlier stage has put into `legs` under `graph` counts, too.
        legs: The legs that ran, by name.
        titles: For each session whose title matches, how well.
    """
    ordered = list(candidates)
    for candidate in ordered:
        if candidate.session in titles and "title" not in candidate.legs:
            candidate.legs["title"] = titles[candidate.session]
        candidate.fused = _fused(candidate, legs)
    _lend_to_neighbours(ordered)
    ordered.sort(key=lambda each: (-each.fused, -each.number))
    if ordered:
        confidence = max(_confidence(each, legs) for each in ordered[:3])
        top = ordered[0].fused or 1.0
        for candidate in ordered:
            candidate.score = round(min(1.0, confidence * candidate.fused / top), 4)
    return ordered


def _lend_to_neighbours(candidates: Iterable[Candidate]) -> None:
    """Add part of a message's score to the messages before and behind it: an answer often stands beside its question.

    Messages saved one behind the other have numbers one behind the other.
    """
    own = {each.number: each for each in candidates if each.kind == "message"}
    scores = {number: each.fused for number, each in own.items()}
    for number, each in own.items():
        for beside in (number - 1, number + 1):
            if beside in own and own[beside].session == each.session:
                each.fused += NEIGHBOUR_SHARE * scores[beside]


def _fused(candidate: Candidate, legs: Mapping[str, LegAnswer]) -> float:
    keyword, semantic = candidate.legs.get("keyword"), candidate.legs.get("semantic")
    total = 0.0
    if "keyword" in legs:
        total += KEYWORD_WEIGHT * (keyword.scaled if keyword else 0.0)
    if "semantic" in legs:
        total += SEMANTIC_WEIGHT * (semantic.scaled if semantic else _unseen(legs["semantic"]))
    if title := candidate.legs.get("title"):
        total += TITLE_WEIGHT * title.scaled
    if graph := candidate.legs.get("graph"):
        total += GRAPH_WEIGHT * graph.scaled
    return total * candidate.prior


def _unseen(leg: LegAnswer) -> float:
    """What a candidate that the semantic leg did not give has at most: a little less than its last."""
    if not leg.hits or leg.hits[0].score <= 0:
        return 0.0
    return 0.8 * max(0.0, leg.hits[-1].score) / leg.hits[0].score


def _confidence(candidate: Candidate, legs: Mapping[str, LegAnswer]) -> float:
    """Say how sure it is that a candidate is an answer, from what its legs measured, not from its rank."""
    doubt = 1.0
    if keyword := candidate.legs.get("keyword"):
        doubt *= 1 - min(0.95, keyword.score / legs["keyword"].best_possible / FULL_MATCH)
    if semantic := candidate.legs.get("semantic"):
        doubt *= 1 - min(0.95, max(0.0, (semantic.score - NO_MEANING) / (FULL_MEANING - NO_MEANING)))
    if (title := candidate.legs.get("title")) and "title" in legs:
        share = title.score / legs["title"].best_possible / FULL_MATCH
        doubt *= 1 - min(0.95, share if not {"keyword", "semantic"} & legs.keys() else 0.5 * share)
    return 1 - doubt
