"""Late interaction over static token vectors: how near each word asked for comes to some word of a text.

Source: ColBERT's MaxSim (Khattab & Zaharia, 2020), with the static vectors of the built-in embedder for those of a
transformer, so that it is table look-ups and one small product. Alone it finds more than BM25 in conversations
(docs/recall.md).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from indexers.embedders.static import StaticEmbedder
from indexers.words import STOP_WORDS

Tokens = NDArray[np.int32]
MOST_WORDS = 48
"""Tokens of a query that are compared. Untuned: questions have about 10, pasted errors hundreds."""
_TAG_BYTES = 2
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
        return [np.array(once(found), np.int32) for found in self.model.token_ids(texts)]

    def unpacked(self, packed: bytes) -> Tokens | None:
        """Give tokens that `pack_tokens` packed; None when another model made them."""
        if packed[:_TAG_BYTES] != tag_of(self.model.model):
            return None
        return np.frombuffer(packed, np.uint16, offset=_TAG_BYTES).astype(np.int32)

    def asked(self, query: str) -> AskedTokens:
        """Make a query ready; stop words do not count unless there are no others."""
        rarities = self._rarities_of_all()
        words = _words(query)
        found = np.unique(self.model.token_ids([" ".join(words) or query])[0])
        if len(found) > MOST_WORDS:
            rarest = np.argsort(-rarities[found], kind="stable")[:MOST_WORDS]
            found = np.sort(found[rarest])
        return AskedTokens(found, self.model.directions(found), rarities[found])

    def _rarities_of_all(self) -> NDArray[np.float32]:
        if self._rarities is None:
            self._rarities = self.model.token_weights()
        return self._rarities

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
        # np.unique sorts; marking what is there takes a fifth of the time
        there = np.zeros(len(self._rarities_of_all()), bool)
        there[together] = True
        distinct = np.flatnonzero(there)
        numbers = np.empty(len(there), np.int32)
        numbers[distinct] = np.arange(len(distinct), dtype=np.int32)
        places = numbers[together]
        cosines = np.maximum(self.model.directions(distinct) @ asked.directions.T, 0.0)
        filled = lengths > 0
        starts = (np.cumsum(lengths) - lengths)[filled]
        nearest[filled] = np.maximum.reduceat(cosines[places], starts, axis=0)
        return nearest


def _words(query: str) -> list[str]:
    return [word for word in _WORD.findall(query) if word.lower().partition("'")[0] not in STOP_WORDS]


def once(tokens: Tokens) -> list[int]:
    """Keep each token's first place, but for the last token of all, which keeps its last."""
    kept = dict.fromkeys(tokens.tolist())
    if kept:
        last = int(tokens[-1])
        del kept[last]
        kept[last] = None
    return list(kept)


def tag_of(model: str) -> bytes:
    """Give the two bytes that packed tokens of a model begin with."""
    return (crc32(model.encode()) & 0xFFFF).to_bytes(_TAG_BYTES, "little")


def pack_tokens(model: str, texts: Sequence[Tokens]) -> list[bytes]:
    """Pack the tokens of texts, each once, two bytes a token, to be kept beside their pieces."""
    tag = tag_of(model)
    return [tag + np.array(once(tokens), np.uint16).tobytes() for tokens in texts]
