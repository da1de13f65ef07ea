"""Late interaction over static token vectors: how near each word asked for comes to some word of a text.

Source: ColBERT's MaxSim (Khattab & Zaharia, 2020), with the static vectors of the built-in embedder for those of a
transformer, so that it is table look-ups and one small product. Alone it finds more than BM25 in conversations
(docs/recall.md).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexers.embedders.static import StaticEmbedder
from indexers.words import STOP_WORDS

Tokens = NDArray[np.int32]
MOST_WORDS = 48
"""Tokens of a query that are compared. Untuned: questions have about 10, pasted errors hundreds."""
_WORD = re.compile(r"[^\W_]+(?:['’]\w+)?|[^\W]+")


@dataclass(frozen=True)
class AskedTokens:
    """A query, ready to be compared with texts."""

    tokens: Tokens
    """int32 of shape (q,), each once, ascending."""
    directions: NDArray[np.float32]
    """float32 of shape (q, dim), rows of length 1."""
    rarities: NDArray[np.float32]
    """float32 of shape (q,), 0 to 1."""


class LateInteraction:
    """Compares queries with texts, token by token."""

    def __init__(self, model: Callable[[], StaticEmbedder]) -> None:
        """Compare with the tokens of a model, which is opened when it is first needed."""
        self._open = model
        self._model: StaticEmbedder | None = None
        self._rarities: NDArray[np.float32] | None = None

    @property
    def model(self) -> StaticEmbedder:
        """The model whose tokens are compared."""
        if self._model is None:
            self._model = self._open()
        return self._model

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Cut texts into tokens, each once in a text, in the order of the text; a last `?` stays the last."""
        return [once(found) for found in self.model.token_ids(texts)]

    def asked(self, query: str) -> AskedTokens:
        """Make a query ready; stop words do not count unless there are no others."""
        if self._rarities is None:
            self._rarities = self.model.token_weights()
        words = _words(query)
        found = np.unique(self.model.token_ids([" ".join(words) or query])[0])
        if len(found) > MOST_WORDS:
            rarest = np.argsort(-self._rarities[found], kind="stable")[:MOST_WORDS]
            found = np.sort(found[rarest])
        return AskedTokens(found, self.model.directions(found), self._rarities[found])

    def known(self, query: str) -> float:
        """Say how well the model knows a query's words, 0 to 1: a word of one token wholly, one cut into three a third."""
        pieces = [len(found) for found in self.model.token_ids(_words(query))]
        return sum(1 / count for count in pieces if count) / len(pieces) if pieces else 1.0

    def nearest(self, asked: AskedTokens, texts: Sequence[Tokens]) -> NDArray[np.float32]:
        """Say of each text how near its nearest token comes to each token asked for.

        Returns:
            float32 of shape (len(texts), q): cosines, 0 at least; a text without tokens has a row of zeros.
        """
        nearest = np.zeros((len(texts), len(asked.tokens)), np.float32)
        lengths = np.array([len(each) for each in texts], np.int64)
        if not lengths.any() or not len(asked.tokens):
            return nearest
        together = np.concatenate(texts)
        distinct, places = np.unique(together, return_inverse=True)
        cosines = np.maximum(self.model.directions(distinct) @ asked.directions.T, 0.0)
        filled = lengths > 0
        starts = (np.cumsum(lengths) - lengths)[filled]
        nearest[filled] = np.maximum.reduceat(cosines[places], starts, axis=0)
        return nearest


def _words(query: str) -> list[str]:
    return [word for word in _WORD.findall(query) if word.lower().partition("'")[0] not in STOP_WORDS]


def once(tokens: Tokens) -> Tokens:
    """Keep each token's first place, but for the last token of all, which keeps its last."""
    if len(tokens) < 2:
        return tokens
    distinct, first = np.unique(tokens[::-1][1:][::-1], return_index=True)
    kept = tokens[:-1][np.sort(first[distinct != tokens[-1]])]
    return np.append(kept, tokens[-1])
