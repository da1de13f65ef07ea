"""Vector indexes: the rows nearest to a query by cosine. One file an index (`tests/contracts/test_vector_indexes.py`)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from indexers.document import AnyOf, Between, Condition, Either, Filter, Hit, Not
from indexers.errors import DimensionError, VectorError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Columns = Mapping[str, NDArray[np.integer[Any]]]
    Mask = NDArray[np.bool_]


class VectorIndex(Protocol):
    """What every index promises."""

    def put(self, keys: Sequence[int], vectors: "Vectors", attributes: "Columns") -> None:
        """Add vectors under keys that are not there yet.

        Args:
            keys: Above 0, each once.
            vectors: float32 of shape (len(keys), dim), each row of length 1.
            attributes: For each name an array of len(keys) whole numbers.

        Raises:
            DimensionError: The rows have another length than the index.
            VectorError: A row is not finite, or all zeros.
        """
        ...

    def remove(self, keys: Sequence[int]) -> None:
        """Remove vectors; keys that are not there are passed over."""
        ...

    def search(self, vector: "Vectors", conditions: Filter, limit: int) -> list[Hit]:
        """Find the rows nearest to a vector of shape (dim,) among those that fulfil the conditions; score is the cosine."""
        ...


def check_vectors(vectors: "Vectors", dim: int, model: str) -> None:
    """See that vectors can be compared.

    Raises:
        DimensionError: They are not of shape (n, dim).
        VectorError: A row is not finite, or all zeros.
    """
    import numpy as np

    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise DimensionError(f"vectors have shape {vectors.shape}, the index of {model} takes rows of {dim}")
    if not np.isfinite(vectors).all():
        raise VectorError(f"a vector of {model} is not finite; nothing was written")
    if not vectors.any(axis=1).all():
        raise VectorError(f"a vector of {model} is all zeros; it has no direction, leave it out")


FEW_VALUES = 8
"""Up to so many values a comparison each is quicker than `isin` (.02 against .6 ms a hundred thousand rows)."""


def mask_of(columns: "Columns", conditions: Filter, count: int) -> "Mask | None":
    """Say for each row whether it fulfils all conditions; None when there are none."""
    mask: Mask | None = None
    for condition in conditions:
        each = _holding(columns, condition, count)
        mask = each if mask is None else mask & each
    return mask


def _holding(columns: "Columns", condition: Condition, count: int) -> "Mask":
    import numpy as np

    match condition:
        case AnyOf(attribute, values):
            column = columns[attribute][:count]
            if 0 < len(values) <= FEW_VALUES:
                return np.asarray(np.logical_or.reduce([column == value for value in values]))
            return np.isin(column, np.fromiter(values, dtype=np.int64, count=len(values)))
        case Between(attribute, low, high):
            column = columns[attribute][:count]
            mask = np.ones(count, dtype=bool)
            if low is not None:
                mask &= column >= low
            if high is not None:
                mask &= column <= high
            return mask
        case Not(inner):
            return ~_holding(columns, inner, count)
        case Either(conditions):
            mask = np.zeros(count, dtype=bool)
            for each in conditions:
                mask |= _holding(columns, each, count)
            return mask
