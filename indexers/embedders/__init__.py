"""Embedders: text to vectors. One file an embedder; a file is found by its name.

A file here gives `open_embedder(name: str) -> Embedder`, where `name` is what follows the first
colon of a setting such as `fastembed:BAAI/bge-small-en-v1.5` (empty for the built-in one).
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Protocol

from indexers.errors import EmbedderError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """What every embedder promises; `tests/contracts/test_embedders.py` runs it on each file here."""

    model: str
    """Which vectors these are, weights included: two embedders of one `model` give equal vectors."""
    dim: int
    """How many dimensions a vector has; a multiple of 8."""

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Embed texts, in order.

        Returns:
            float32 of shape (len(texts), dim); every row has length 1, but for a text without a
            single known token, whose row is all zeros: it has no direction and is not indexed.
            One text gives the same row alone and in a batch.
        """
        ...


def embedder_names() -> list[str]:
    """List the embedders there are files for, in alphabetical order."""
    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


def open_embedder(setting: str) -> Embedder:
    """Open the embedder a setting names, such as `static` or `fastembed:BAAI/bge-small-en-v1.5`.

    Raises:
        EmbedderError: No such embedder, its package is not installed, or its model cannot be read.
    """
    kind, _, name = setting.partition(":")
    if find_spec(f"{__name__}.{kind}") is None or kind not in embedder_names():
        raise EmbedderError(f"no embedder is called {kind!r}; there are: {', '.join(embedder_names())}")
    embedder: Embedder = import_module(f"{__name__}.{kind}").open_embedder(name)
    return embedder
