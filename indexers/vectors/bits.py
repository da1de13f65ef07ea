"""Sign bits of vectors in memory, column by column: the first, coarse pass of the search.

32 bytes a vector of 256 dimensions; xor and popcount over a million of them takes under 3 ms (LIMITS.md, 2c).
Source of the two passes: binary quantisation with rescoring (Shakir, Aarsen & Lee, 2024).
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexers.document import Filter
from indexers.vectors import mask_of

if TYPE_CHECKING:
    from indexers.vectors import Columns

_BLOCK = 1 << 16


class Bits:
    """Rows of sign bits with their keys and attributes; rows are appended, and dropped by clearing a flag."""

    def __init__(self, dim: int, attributes: dict[str, "np.dtype[np.integer]"]) -> None:
        self._words = dim // 64
        self.count = 0
        self._capacity = 0
        self._codes = [np.empty(0, np.uint64) for _ in range(self._words)]
        self._keys = np.empty(0, np.int64)
        self._alive = np.empty(0, bool)
        self._all_alive = True
        self._columns: dict[str, np.ndarray] = {name: np.empty(0, dtype) for name, dtype in attributes.items()}

    @classmethod
    def of(
        cls, dim: int, attributes: dict[str, "np.dtype[np.integer]"], arrays: "dict[str, np.ndarray]"
    ) -> "Bits | None":
        """Make one of what `arrays` gave; None when these are of another dim, or of other attributes."""
        made = cls(dim, attributes)
        names = ["keys", *(f"code{word}" for word in range(made._words)), *attributes]
        if list(arrays) != names or any(arrays[name].dtype != dtype for name, dtype in attributes.items()):
            return None
        made.count = made._capacity = len(arrays["keys"])
        made._keys = arrays["keys"]
        made._codes = [arrays[f"code{word}"] for word in range(made._words)]
        made._columns = {name: arrays[name] for name in attributes}
        made._alive = np.ones(made.count, bool)
        return made

    def arrays(self) -> "list[tuple[str, np.ndarray]]":
        """Give all that is known of the rows that are not dropped, name by name."""
        rows: slice | NDArray[np.int64] = slice(0, self.count)
        if not self._all_alive:
            rows = np.flatnonzero(self._alive[: self.count])
        found: list[tuple[str, np.ndarray]] = [("keys", self._keys[rows])]
        found += [(f"code{word}", codes[rows]) for word, codes in enumerate(self._codes)]
        return found + [(name, column[rows]) for name, column in self._columns.items()]

    @property
    def keys(self) -> NDArray[np.int64]:
        """Keys of all rows, in ascending order, dropped ones included."""
        return self._keys[: self.count]

    def column(self, name: str) -> NDArray[np.int64]:
        """Give an attribute of all rows."""
        return self._columns[name][: self.count]

    def append(self, keys: NDArray[np.int64], codes: NDArray[np.uint8], attributes: "Columns") -> None:
        """Add rows.

        Args:
            keys: int64 of shape (n,), ascending and above all that are there.
            codes: uint8 of shape (n, dim / 8), the sign bits.
            attributes: For each name an array of shape (n,).
        """
        added = len(keys)
        if not added:
            return
        self._grow(self.count + added)
        rows = slice(self.count, self.count + added)
        words = np.ascontiguousarray(codes).view(np.uint64)
        for word in range(self._words):
            self._codes[word][rows] = words[:, word]
        self._keys[rows] = keys
        self._alive[rows] = True
        for name, column in self._columns.items():
            column[rows] = attributes[name]
        self.count += added

    def drop(self, keys: NDArray[np.int64]) -> None:
        """Forget rows; keys that are not there are passed over."""
        rows = np.searchsorted(self.keys, keys)
        rows = rows[rows < self.count]
        rows = rows[np.isin(self._keys[rows], keys)]
        if len(rows):
            self._alive[rows] = False
            self._all_alive = False

    def drop_where(self, attribute: str, values: NDArray[np.int64]) -> None:
        """Forget all rows with one of these values."""
        rows = np.isin(self._columns[attribute][: self.count], values)
        if rows.any():
            self._alive[: self.count][rows] = False
            self._all_alive = False

    def candidates(
        self, code: NDArray[np.uint8], conditions: Filter, limit: int, exact_below: int
    ) -> NDArray[np.int64]:
        """Give the rows whose bits are nearest, in ascending order.

        Args:
            code: uint8 of shape (dim / 8,), the query's sign bits.
            conditions: All hold for every row.
            limit: How many are wanted; a few more come where distances are equal.
            exact_below: When no more rows than this fulfil the conditions, all of them are given.
        """
        mask = mask_of(self._columns, conditions, self.count)
        if not self._all_alive:
            mask = self._alive[: self.count] if mask is None else mask & self._alive[: self.count]
        if mask is None:
            if self.count <= exact_below:
                return np.arange(self.count)
            rows = None
        else:
            passing = int(np.count_nonzero(mask))
            if passing <= max(exact_below, limit):
                return np.flatnonzero(mask)
            # picking rows out costs more than looking at all of them, when they are many
            rows = np.flatnonzero(mask) if passing * 4 < self.count else None
        distances = self._distances(code.view(np.uint64), rows)
        farthest = self._words * 64
        if mask is not None and rows is None:
            distances[~mask] = farthest + 1
        histogram = np.bincount(distances, minlength=farthest + 2)[: farthest + 1]
        enough = min(int(np.searchsorted(np.cumsum(histogram), min(limit, int(histogram.sum())))), farthest)
        near = np.flatnonzero(distances <= enough)
        return near if rows is None else rows[near]

    def likeness(self, rows: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the products of a vector with the signs of rows: finer than bits against bits, coarser than floats.

        Source: asymmetric distances (Gordo et al., 2014).
        """
        words = np.stack([codes[rows] for codes in self._codes], axis=1)
        bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
        found: NDArray[np.float32] = bits.astype(np.float32) @ vector
        return found

    def _distances(self, code: NDArray[np.uint64], rows: NDArray[np.int64] | None) -> NDArray[np.uint16]:
        count = self.count if rows is None else len(rows)
        distances = np.empty(count, np.uint16)
        for start in range(0, count, _BLOCK):
            end = min(start + _BLOCK, count)
            block: slice | NDArray[np.int64] = slice(start, end) if rows is None else rows[start:end]
            total = np.bitwise_count(self._codes[0][block] ^ code[0]).astype(np.uint16)
            for word in range(1, self._words):
                total += np.bitwise_count(self._codes[word][block] ^ code[word])
            distances[start:end] = total
        return distances

    def _grow(self, needed: int) -> None:
        if needed <= self._capacity:
            return
        self._capacity = max(needed, self._capacity * 5 // 4, 1024)
        self._codes = [_longer(codes, self._capacity) for codes in self._codes]
        self._keys = _longer(self._keys, self._capacity)
        self._alive = _longer(self._alive, self._capacity)
        self._columns = {name: _longer(column, self._capacity) for name, column in self._columns.items()}


def sign_bits(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Give the sign bits of vectors, eight to a byte, the first dimension in the lowest bit, as sqlite-vec orders them."""
    return np.packbits(vectors > 0, axis=-1, bitorder="little")


def _longer(array: np.ndarray, capacity: int) -> np.ndarray:
    longer = np.empty(capacity, array.dtype)
    longer[: len(array)] = array
    return longer
