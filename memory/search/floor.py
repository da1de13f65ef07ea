"""When is a hit an answer? A floor for scores, and what clears it in any case."""

import re

from indexers.words import ENDING, STOP_WORDS, bigrams, is_beginning, names, normal, signs, stems
from memory.search.query import ParsedQuery

MIN_SCORE = 0.1
"""Hits below are no answers: under it lie 0 to 1 of 100 questions whose answer is there, and 53 to 89 of 100 about other things
(docs/recall.md)."""


TAIL_SCORE = 0.02
"""Hits below are left out behind one that is an answer, too. Untuned."""


def least_score(best: float, min_score: float | None) -> float:
    """Give the score that a hit must have.

    Args:
        best: The score of the best hit. When it is an answer, what stands behind it is worth a look, too.
        min_score: What was asked for; None for the calibrated floor.
    """
    if min_score is not None:
        return min_score
    return TAIL_SCORE if best >= MIN_SCORE else MIN_SCORE


class Certain:
    """Says of a text that it holds what the query asks for, word for word."""

    def __init__(self, parsed: ParsedQuery) -> None:
        self._phrases = [" ".join(normal(text).lower().split()) for text in parsed.phrases]
        begun = [word for word in parsed.words if is_beginning(word)]
        words = [word for word in parsed.words if word not in begun]
        found = [name for word in words for name in names(word)[0].split() if not name.startswith(ENDING)]
        self._names = [name for name in found if len(name) > 3]
        self._beginnings = [re.compile(rf"(?<![^\W_]){re.escape(normal(word[:-1]).lower())}") for word in begun]
        wanted = [word for word in words if word.lower() not in STOP_WORDS]
        self._stems = {stem for word in wanted for stem in stems(word)}
        self._pairs = {pair for word in words for pair in f"{bigrams(word)} {signs(word)}".split()}

    def holds(self, text: str) -> bool:
        """Say whether a text holds the whole quoted phrase, an identifier of the query, or all its words but stop words."""
        text = normal(text)
        lower = text.lower()
        if any(name in lower for name in self._names):
            return True
        flat = " ".join(lower.split())
        if self._phrases and all(phrase in flat for phrase in self._phrases):
            return True
        if not self._stems and not self._pairs and not self._beginnings:
            return False
        if not all(beginning.search(lower) for beginning in self._beginnings):
            return False
        return self._stems <= set(stems(text)) and all(pair in text for pair in self._pairs)
