"""Exact search over float32 in memory: the oracle of the tests."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from indexers.document import Filter, Hit
from indexers.vectors import check_vectors, mask_of

if TYPE_CHECKING:
    from indexers.vectors import Columns, Vectors


class ExactIndex:
    """Every row is compared."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._keys = np.empty(0, dtype=np.int64)
        self._vectors = np.empty((0, dim), dtype=np.float32)
        self._columns: dict[str, np.ndarray] = {}

    def put(self, keys: Sequence[int], vectors: "Vectors", attributes: "Columns") -> None:
        """Add vectors under keys that are not there yet."""
        check_vectors(vectors, self._dim, "exact")
        self._keys = np.concatenate([self._keys, np.asarray(keys, dtype=np.int64)])
        self._vectors = np.concatenate([self._vectors, vectors.astype(np.float32)])
        for name, values in attributes.items():
            self._columns[name] = np.concatenate([self._columns.get(name, np.empty(0, np.int64)), values])

    def remove(self, keys: Sequence[int]) -> None:
        """Remove vectors; keys that are not there are passed over."""
        keep = ~np.isin(self._keys, np.asarray(list(keys), dtype=np.int64))
        self._keys, self._vectors = self._keys[keep], self._vectors[keep]
        self._columns = {name: values[keep] for name, values in self._columns.items()}

    def search(self, vector: "Vectors", conditions: Filter, limit: int) -> list[Hit]:
        """Find the rows nearest to a vector among those that fulfil the conditions; score is the cosine."""
        check_vectors(vector[None, :], self._dim, "exact")
        scores = self._vectors @ vector
        mask = mask_of(self._columns, conditions, len(self._keys))
        rows = np.arange(len(self._keys)) if mask is None else np.flatnonzero(mask)
        best = rows[np.argsort(-scores[rows], kind="stable")[:limit]]
        return [Hit(int(self._keys[row]), float(scores[row])) for row in best]
