"""A BM25 engine in plain Python: for the newest changes that tantivy has not seen, and the oracle of the tests."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from indexers.document import Document, Filter, Hit, passes
from indexers.keyword import (
    EXTRA_WEIGHT,
    K1,
    B,
    KeywordHits,
    KeywordQuery,
    Statistics,
    Term,
    beginnings,
    expansion_weight,
    inverse_document_frequency,
    misspellings,
)
from indexers.words import stems

_FIELDS = ("body", "title", "identifiers", "bigrams")


class InMemoryEngine:
    """BM25 over a few thousand documents."""

    def __init__(self) -> None:
        self._documents: dict[int, Document] = {}
        self._words: dict[int, dict[str, list[str]]] = {}
        self._postings: dict[Term, dict[int, int]] = defaultdict(dict)
        self._groups: dict[str, set[int]] = defaultdict(set)
        self._lengths: Counter[str] = Counter()
        self._filled: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._documents)

    def put(self, documents: Iterable[Document]) -> None:
        """Add documents; all of their groups are removed first."""
        added = list(documents)
        self.remove({document.group for document in added})
        for document in added:
            words = {
                "body": stems(document.body),
                "title": stems(document.title),
                "identifiers": document.identifiers.split(),
                "bigrams": document.bigrams.split(),
            }
            self._documents[document.key] = document
            self._words[document.key] = words
            self._groups[document.group].add(document.key)
            for field, each in words.items():
                self._lengths[field] += len(each)
                self._filled[field] += bool(each)
                for word, count in Counter(each).items():
                    self._postings[Term(field, word)][document.key] = count

    def remove(self, groups: Iterable[str]) -> None:
        """Remove every document of these groups."""
        for group in groups:
            for key in self._groups.pop(group, set()):
                del self._documents[key]
                for field, words in self._words.pop(key).items():
                    self._lengths[field] -= len(words)
                    self._filled[field] -= bool(words)
                    for word in set(words):
                        del self._postings[Term(field, word)][key]

    def search(
        self, query: KeywordQuery, conditions: Filter, limit: int, statistics: Statistics | None = None
    ) -> KeywordHits:
        """Find documents that fulfil the conditions, best first; equal scores by key.

        Args:
            query: What to look for.
            conditions: All hold for every hit.
            limit: How many hits are given at most.
            statistics: How often terms stand in the collection that this is a part of; None for its own.
        """
        known = statistics or self._own_statistics(query)
        scores: dict[int, float] = defaultdict(float)
        best_possible = 0.0
        for term in _all_terms(query):
            found_in = known.found_in.get(term, 0)
            if statistics is not None:
                # what the collection's statistics have not seen yet is here
                found_in += len(self._postings.get(Term(term.field, term.text), {}))
            if term.is_extra and not found_in:
                continue
            if term.is_prefix or not found_in:
                weight = expansion_weight(known.documents)
                best_possible += weight
                for key in self._expanded(term):
                    scores[key] += weight
                continue
            weight = (K1 + 1) * inverse_document_frequency(found_in, max(1, known.documents))
            if term.is_extra:
                weight *= EXTRA_WEIGHT
            best_possible += weight
            mine = self._lengths[term.field] / max(1, self._filled[term.field])
            average = max(1e-9, known.average_length.get(term.field, mine))
            for key, count in self._postings.get(Term(term.field, term.text), {}).items():
                length = len(self._words[key][term.field])
                scores[key] += weight * count / (count + K1 * (1 - B + B * length / average))
        kept = [
            Hit(key, score)
            for key, score in scores.items()
            if passes(self._documents[key].attributes, conditions)
            and all(self._holds(key, phrase) for phrase in query.phrases)
            and not any(self._holds(key, phrase) for phrase in query.excluded)
        ]
        kept.sort(key=lambda hit: (-hit.score, hit.key))
        return KeywordHits(kept[:limit], best_possible)

    def newest(self, attribute: str, conditions: Filter, limit: int) -> list[tuple[int, int]]:
        """Give key and attribute of the documents that fulfil the conditions, the highest attribute first."""
        found = [
            (key, document.attributes.get(attribute, 0))
            for key, document in self._documents.items()
            if passes(document.attributes, conditions)
        ]
        return sorted(found, key=lambda pair: (-pair[1], -pair[0]))[:limit]

    def terms_held(self, query: KeywordQuery) -> frozenset[Term]:
        """Give those of a query's terms that stand here."""
        return frozenset(term for term in _all_terms(query) if self._postings.get(Term(term.field, term.text)))

    def _own_statistics(self, query: KeywordQuery) -> Statistics:
        documents = len(self._documents)
        return Statistics(
            documents,
            {term: len(self._postings.get(Term(term.field, term.text), {})) for term in _all_terms(query)},
            {field: self._lengths[field] / max(1, documents) for field in _FIELDS},
        )

    def _expanded(self, term: Term) -> set[int]:
        """Which documents hold a word that begins like the term, or is a typo away from it."""
        found: set[int] = set()
        near = [] if term.is_prefix else misspellings(term)
        heads: dict[str, tuple[str, ...]] = defaultdict(tuple)
        for field, head in beginnings(term):
            heads[field] += (head,)
        for other, keys in self._postings.items():
            near_here = near if other.field == term.field else []
            begins = other.text.startswith(heads[other.field])
            if begins or any(letters_apart(text, other.text, far) <= far for text, far in near_here):
                found.update(keys)
        return found

    def _holds(self, key: int, phrase: tuple[Term, ...]) -> bool:
        if not phrase:
            return False
        words = self._words[key][phrase[0].field]
        wanted = [term.text for term in phrase]
        return any(words[i : i + len(wanted)] == wanted for i in range(len(words) - len(wanted) + 1))


def _all_terms(query: KeywordQuery) -> list[Term]:
    return list(dict.fromkeys([*query.terms, *(term for phrase in query.phrases for term in phrase)]))


def letters_apart(a: str, b: str, most: int) -> int:
    """Count the letters to insert, drop, change or swap with the next to turn one word into another.

    Source: optimal string alignment distance (Damerau 1964, restricted). Above `most` any number above it may come.
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        current = [i]
        for j, right in enumerate(b, 1):
            cost = min(row[j] + 1, current[j - 1] + 1, row[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        before, row = row, current
    return row[-1]
