"""How sure it is that a candidate is an answer: a score from 0 to 1 that can be compared between queries.

A logistic function of what the legs measured, fitted to development questions whose answer is there, whose answer is
in another conversation, and that belong to another subject altogether; docs/recall.md says how well it tells them apart.
"""

import math
from collections.abc import Mapping, Sequence

from memory.search.asked import Asked
from memory.search.candidates import Candidate
from memory.search.legs import LegAnswer

BASE = -6.2
COVER, MEANING, CONTRAST, WORDS = 7.0, 3.0, 20.0, 4.0
"""What the logit gains from: all words standing in the text, by themselves or by near ones; a cosine of 1; being said by
whom the query names and not by another; and the keyword score above `MANY_WORDS` of the best possible."""
MANY_WORDS = 0.4
CONTRASTED = 3
"""Texts of each side that are compared; one alone tells less (docs/recall.md)."""
COMMON_COSINE = 0.45
"""What the built-in embedder gives on average; it stands for the cosines of others, which lie elsewhere."""
ALONE = 2
"""The power to which what one leg says alone is raised, so that one word of four lies below the floor. Untuned."""
FULL_MATCH, NO_MEANING, FULL_MEANING = 0.55, 0.25, 0.8
"""For modes of one leg. The share of the best possible keyword score that a text holding every word once has; cosines of
the static embedder between texts that have nothing to do with each other, and that say the same. Untuned."""


def score(ordered: Sequence[Candidate], legs: Mapping[str, LegAnswer], asked: Asked, known: float) -> None:
    """Give each candidate its score: how sure it is, but never less than one behind it.

    Args:
        ordered: Candidates, best first.
        legs: What ran.
        asked: What the query asks for beside its words.
        known: How well late interaction knows the query's words, 0 to 1; as far as it does not, the keyword leg is asked.
    """
    contrast = _contrast(ordered, asked)
    held = 0.0
    for candidate in reversed(ordered):
        held = max(held, _confidence(candidate, legs, contrast, known))
        candidate.score = round(held, 4)


def _confidence(candidate: Candidate, legs: Mapping[str, LegAnswer], contrast: float, known: float) -> float:
    keyword, semantic = candidate.legs.get("keyword"), candidate.legs.get("semantic")
    words = keyword.score / legs["keyword"].best_possible if keyword and "keyword" in legs else 0.0
    by_words = min(0.95, words / FULL_MATCH)
    if candidate.cover is not None:
        logit = BASE + COVER * candidate.cover.whole + CONTRAST * contrast + WORDS * max(0.0, words - MANY_WORDS)
        if semantic:
            logit += MEANING * (semantic.score if legs["semantic"].is_built_in else COMMON_COSINE)
        sure = 1 / (1 + math.exp(-logit))
        return known * sure + (1 - known) * max(sure, by_words)
    doubt = 1 - by_words
    if semantic:
        doubt *= 1 - min(0.95, max(0.0, (semantic.score - NO_MEANING) / (FULL_MEANING - NO_MEANING)))
    if title := candidate.legs.get("title"):
        share = title.score / FULL_MATCH
        doubt *= 1 - min(0.95, share if not {"keyword", "semantic"} & legs.keys() else 0.5 * share)
    return (1 - doubt) ** ALONE


def _contrast(candidates: Sequence[Candidate], asked: Asked) -> float:
    """Say how much better the best of whom the query names fit than the best of the others, names aside; 0 for no names.

    What was said by somebody else is the commonest wrong answer to a question about a person.
    """
    named = [each.cover.unnamed for each in candidates if each.cover and asked.is_named(each.sender)]
    others = [
        each.cover.unnamed for each in candidates if each.cover and each.sender and not asked.is_named(each.sender)
    ]
    if not named or not others:
        return 0.0
    return _mean_of_best(named) - _mean_of_best(others)


def _mean_of_best(covers: list[float]) -> float:
    best = sorted(covers, reverse=True)[:CONTRASTED]
    return sum(best) / len(best)
