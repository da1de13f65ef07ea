"""Keyword engines: BM25 over words. One file an engine; all answer alike (`tests/contracts/test_keyword_engines.py`)."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from indexers.document import Document, Filter, Hit
from indexers.words import (
    ENDING,
    SHORTEST_ENDING,
    STOP_WORDS,
    bigrams,
    humps,
    is_beginning,
    names,
    signs,
    spaced,
    stems,
)

EXTRA_WEIGHT = 2.0
"""What a name made of neighbouring words of the query counts against a word as rare. Untuned."""
MOST_JOINED_WORDS = 6
"""Words of a query up to which names made of them are looked for. Untuned."""
MOST_TERMS = 64
"""Terms of a query that are searched; more add time, not answers. Source: RELIABILITY C.4."""
K1, B = 1.2, 0.75
"""BM25's damping of repetition and of length, as tantivy has them built in."""
EXPANSION_WEIGHT = 0.5
"""What a word that only begins like a term, or differs from it by a typo, counts against the rarest word. Untuned."""
SHORTEST_TYPO, SHORTEST_TWO_TYPOS = 4, 8
"""Letters from which on a term that stands nowhere may be one, or two, letters off. Source: Lucene's `fuzziness: AUTO`."""

_UMLAUTS = re.compile(r"([aou])e")


@dataclass(frozen=True)
class Term:
    """One thing to look for in one field."""

    field: str
    text: str
    is_prefix: bool = False
    """Whether any word that begins so will do."""
    spelled: str = ""
    """The word that `text` is the stem of, in lower case; what a typo is looked for with."""
    is_extra: bool = False
    """Whether it only counts where it stands: nothing is missing when it stands nowhere."""


@dataclass(frozen=True)
class KeywordQuery:
    """What to look for; built from words, never from an engine's own syntax."""

    terms: tuple[Term, ...] = ()
    """Any of them; the more and the rarer, the better."""
    phrases: tuple[tuple[Term, ...], ...] = ()
    """All of them, each word for word: the terms of one field in this order, side by side."""
    excluded: tuple[tuple[Term, ...], ...] = ()
    """None of them; each a phrase, or a single term."""

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing at all; such a query finds nothing."""
        return not self.terms and not self.phrases


@dataclass(frozen=True)
class KeywordHits:
    """Hits, best first, and what they are worth at most."""

    hits: list[Hit]
    best_possible: float
    """The score of a document that holds every term as often as can be; scores divided by it lie in 0 to 1."""


class KeywordEngine(Protocol):
    """What every engine promises."""

    def put(self, documents: Iterable[Document]) -> None:
        """Add documents; all of their groups are removed first."""
        ...

    def remove(self, groups: Iterable[str]) -> None:
        """Remove every document of these groups."""
        ...

    def search(self, query: KeywordQuery, conditions: Filter, limit: int) -> KeywordHits:
        """Find documents that fulfil the conditions, best first."""
        ...


def terms_of(
    words: Sequence[str], fields: Sequence[str] = ("body",), *, keep_stop_words: bool = False
) -> tuple[Term, ...]:
    """Make the terms of a query from its words: stems, whole identifiers, pairs of CJK characters.

    Stop words are left out unless nothing else is there; at most MOST_TERMS terms, each once.
    """
    found: dict[Term, None] = {}
    if "body" in fields:
        found.update((Term("identifiers", name, is_extra=True), None) for name in _joined(words))
    for word in words:
        if is_beginning(word):
            found[Term("identifiers", word[:-1].lower(), is_prefix=True)] = None
            found.update((Term(name, word[:-1].lower(), is_prefix=True), None) for name in fields)
            continue
        found.update((Term("bigrams", pair), None) for pair in [*bigrams(word).split(), *signs(word).split()])
        found.update((term, None) for term in _spelled_terms(spaced(word), fields, keep_stop_words))
        if len(found) >= 2 * MOST_TERMS:
            break
    if all(term.is_extra for term in found) and not keep_stop_words and words:
        return terms_of(words, fields, keep_stop_words=True)
    named = [term for term in found if not term.is_extra][:MOST_TERMS]
    return tuple(named + [term for term in found if term.is_extra])


def _spelled_terms(word: str, fields: Sequence[str], keep_stop_words: bool) -> list[Term]:
    """Make the terms of what is written with letters and spaces."""
    lower = word.lower()
    found = [Term("identifiers", name) for name in names(word)[0].split() if not name.startswith(ENDING)]
    if "body" not in fields:
        found = []
    parts = humps(word)
    for part in stems(word) + ([] if not parts else stems(" ".join(parts))):
        if keep_stop_words or not (lower in STOP_WORDS or part in STOP_WORDS):
            spelled = lower if len(parts) < 2 and word.isalpha() else ""
            found += [Term(name, part, spelled=spelled) for name in fields]
    return found


def phrase_of(text: str, field_name: str = "body") -> tuple[Term, ...]:
    """Make the terms of a phrase; pairs of characters where it is CJK."""
    pairs = bigrams(text).split()
    if pairs:
        return tuple(Term("bigrams", pair) for pair in pairs)
    return tuple(Term(field_name, stem) for stem in stems(text)[:MOST_TERMS])


def expansion_weight(documents: int) -> float:
    """Give the score that a prefix or a typo adds: half of what the rarest word adds at most."""
    return EXPANSION_WEIGHT * (K1 + 1) * inverse_document_frequency(1, max(1, documents))


def misspellings(term: Term) -> list[tuple[str, int]]:
    """Give what a term that stands nowhere may have been meant as: texts, and how many letters words may differ from them.

    A misspelt word may have been given the wrong stem, so its beginnings are tried, too.
    """
    if term.field == "bigrams" or not any(map(str.isalpha, term.text)):
        return []
    texts = dict.fromkeys(
        [*_written(term.text), *(term.spelled[:length] for length in range(len(term.spelled), 5, -1)[:6])]
    )
    return [(text, _letters_off(text)) for text in texts if len(text) >= SHORTEST_TYPO]


def beginnings(term: Term) -> list[tuple[str, str]]:
    """Give what a term that stands nowhere may be the beginning of: fields, and how words in them begin.

    Among the identifiers the ends of compounds stand, so that a word is found in their middle.
    """
    if term.is_prefix or term.field == "identifiers":
        return [(term.field, term.text)]
    if term.field == "bigrams" or not term.spelled:
        return []
    texts = [text for text in _written(term.text) if len(text) >= SHORTEST_ENDING]
    fields = [(term.field, ""), ("identifiers", ENDING)] if term.field == "body" else [(term.field, "")]
    return [(field_name, head + text) for field_name, head in fields for text in texts]


def _written(text: str) -> list[str]:
    """Give a word as it stands and, where it may be German without its umlauts' dots, as the index has it."""
    return list(dict.fromkeys([text, _UMLAUTS.sub(r"\1", text)]))


def _letters_off(text: str) -> int:
    return 2 if len(text) >= SHORTEST_TWO_TYPOS else 1


def _joined(words: Sequence[str]) -> list[str]:
    """Join neighbouring words as names are joined: `parse config` may be `parseConfig`, `parse_config` or `parse-config`."""
    plain = [word.lower() for word in words]
    if not 2 <= len(plain) <= MOST_JOINED_WORDS or not all(word.isalnum() for word in plain):
        return []
    spans = [plain[i:j] for i in range(len(plain)) for j in range(i + 2, min(i + 5, len(plain) + 1))]
    return [glue.join(span) for span in spans for glue in ("", "_", "-")]


def inverse_document_frequency(found_in: int, documents: int) -> float:
    """Weigh a term by its rarity. Source: Robertson & Zaragoza 2009, as Lucene and tantivy compute it."""
    found_in = min(found_in, documents)
    return math.log(1 + (documents - found_in + 0.5) / (found_in + 0.5))


@dataclass
class Statistics:
    """How often terms stand in a whole collection, for engines that hold only a part of it."""

    documents: int = 0
    found_in: Mapping[Term, int] = field(default_factory=dict)
    average_length: Mapping[str, float] = field(default_factory=dict)
