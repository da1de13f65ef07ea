"""Rerank: a model that reads query and text together looks again at the best of an order."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from indexers.errors import EmbedderError
from memory.piece_texts import told_texts
from memory.search.candidates import Candidate, LegScore
from memory.search.legs import LegAnswer, timed
from memory.store.store import Store

if TYPE_CHECKING:
    from indexers.rerankers import Reranker

MOST_READ = 30
"""The best of an order that are read; what lies behind them stays there. Untuned."""
WEIGHT = 0.6
"""What the model says weighs against the order as it was, both scaled from the least to the best of those read. Untuned."""
PATIENCE_SECONDS = 30.0
"""After a fault searches go without the model for so long, so that one that cannot be had does not hold up each. Untuned."""


class Reranking:
    """Holds the model, which is opened at the first search."""

    def __init__(self, opens: "Callable[[], Reranker]") -> None:
        self._opens = opens
        self._reranker: Reranker | None = None
        self._fault = ""
        self._failed_at = -PATIENCE_SECONDS

    def rerank(self, store: Store, query: str, ordered: Sequence[Candidate]) -> tuple[LegAnswer, list[Candidate]]:
        """Put the best of an order into the model's; on a fault, which the leg names, the order stays as it is."""
        blended = list(ordered)

        def run(answer: LegAnswer) -> None:
            read = [each for each in ordered if each.pieces][:MOST_READ]
            said = told_texts(store, [_key(each) for each in read])
            read = [each for each in read if _key(each) in said]
            if read:
                scores = self._score(query, [said[_key(each)] for each in read])
                best = _blend(read, scores)
                chosen = {each.record for each in best}
                blended[:] = [*best, *(each for each in ordered if each.record not in chosen)]

        return timed("rerank", run), blended

    def _score(self, query: str, texts: Sequence[str]) -> list[float]:
        if time.monotonic() - self._failed_at < PATIENCE_SECONDS:
            raise EmbedderError(self._fault)
        try:
            self._reranker = self._reranker or self._opens()
            scores: list[float] = self._reranker.score(query, texts).tolist()
        except EmbedderError as error:
            self._fault, self._failed_at = str(error), time.monotonic()
            raise
        return scores


def _key(candidate: Candidate) -> int:
    """Give the key of the piece that is shown."""
    pieces = candidate.pieces.items()
    return next((key for key, place in pieces if place == candidate.place), next(iter(candidate.pieces)))


def _blend(read: Sequence[Candidate], scores: Sequence[float]) -> list[Candidate]:
    """Order candidates by both; each is given its rank and score in the model's own order."""
    ranks = {row: rank for rank, row in enumerate(sorted(range(len(read)), key=lambda row: -scores[row]), 1)}
    before, now = _scaled([each.fused for each in read]), _scaled(scores)
    for row, each in enumerate(read):
        each.legs["rerank"] = LegScore(ranks[row], scores[row])
    order = sorted(range(len(read)), key=lambda row: -(WEIGHT * now[row] + (1 - WEIGHT) * before[row]))
    return [read[row] for row in order]


def _scaled(scores: Sequence[float]) -> list[float]:
    low, span = min(scores), max(scores) - min(scores)
    return [(each - low) / span if span > 0 else 0.0 for each in scores]
