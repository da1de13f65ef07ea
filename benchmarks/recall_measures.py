"""Measures of ranked answers; RETRIEVAL.md's definitions.

R@k: the share of the gold items among the first k. hit@k: at least one is. all@k: every one is. MRR@10: one by the rank of
the first gold item among the first ten. nDCG@10: with the grades as gains, against the best order there could be.
AUC: how often the top score of a question with an answer is above that of one without; ties count half.
"""

import math
from collections.abc import Callable, Mapping, Sequence

Gold = Mapping[str, float]
Ranked = Sequence[str]


def share_found(gold: Gold, ranked: Ranked, k: int) -> float:
    """Give the share of the gold items among the first k."""
    return len(gold.keys() & set(ranked[:k])) / len(gold)


def is_hit(gold: Gold, ranked: Ranked, k: int) -> float:
    """Give 1 when at least one gold item is among the first k, else 0."""
    return float(any(id in gold for id in ranked[:k]))


def are_all(gold: Gold, ranked: Ranked, k: int) -> float:
    """Give 1 when all gold items are among the first k, else 0."""
    return float(gold.keys() <= set(ranked[:k]))


def reciprocal_rank(gold: Gold, ranked: Ranked, k: int) -> float:
    """Give one by the rank of the first gold item among the first k, 0 without one."""
    return next((1 / rank for rank, id in enumerate(ranked[:k], 1) if id in gold), 0.0)


def ndcg(gold: Gold, ranked: Ranked, k: int) -> float:
    """Give the discounted gain of the first k by that of the best order."""
    gained = _discounted([gold.get(id, 0.0) for id in ranked[:k]])
    return gained / _discounted(sorted(gold.values(), reverse=True)[:k])


def area_under_roc(answerable: Sequence[float], unanswerable: Sequence[float]) -> float:
    """Give how often a score of the first is above one of the second, ties as half; NaN without both."""
    if not answerable or not unanswerable:
        return math.nan
    pairs = len(answerable) * len(unanswerable)
    return sum((one > other) + (one == other) / 2 for one in answerable for other in unanswerable) / pairs


_BY_NAME: dict[str, Callable[[Gold, Ranked, int], float]] = {
    "R": share_found,
    "hit": is_hit,
    "all": are_all,
    "MRR": reciprocal_rank,
    "nDCG": ndcg,
}


def measure(name: str, gold: Gold, ranked: Ranked) -> float:
    """Give a measure such as `R@10` of one answer, 0 to 1; an id that comes again counts where it came first."""
    kind, _, k = name.partition("@")
    return _BY_NAME[kind](gold, list(dict.fromkeys(ranked)), int(k))


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))
