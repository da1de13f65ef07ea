"""Embedders: text to vectors. One file an embedder; a file is found by its name.

A file here gives `open_embedder(name: str) -> Embedder`, where `name` is what follows the first
colon of a setting such as `fastembed:BAAI/bge-small-en-v1.5` (empty for the built-in one).
"""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Protocol

from indexers.errors import EmbedderError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """What every embedder promises; `tests/contracts/test_embedders.py` runs it on each file here."""

    @property
    def model(self) -> str:
        """Which vectors these are, weights included: two embedders of one `model` give equal vectors."""
        ...

    @property
    def dim(self) -> int:
        """How many dimensions a vector has; a multiple of 64. Asking may load the model."""
        ...

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Embed texts, in order.

        Returns:
            float32 of shape (len(texts), dim); every row has length 1, but for a text without a
            single known token, whose row is all zeros: it has no direction and is not indexed.
            One text gives the same row alone and in a batch: to the last bit where a table is read, to a cosine
            above .9999 where a network computes it, since its sums are ordered by the batch.

        Raises:
            EmbedderError: The model cannot be loaded or reached, or gave something unusable.
        """
        ...


class QueryEmbedder(Embedder, Protocol):
    """An embedder whose model wants questions worded differently from what answers them."""

    def embed_queries(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Embed questions; as `embed` in all else."""
        ...


def embed_queries(embedder: Embedder, texts: Sequence[str]) -> "NDArray[np.float32]":
    """Embed questions, by the embedder's own way where it has one."""
    own = getattr(embedder, "embed_queries", embedder.embed)
    vectors: NDArray[np.float32] = own(texts)
    return vectors


def embedder_names() -> list[str]:
    """List the embedders there are files for, in alphabetical order."""
    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


def open_embedder(setting: str, *, key: str = "") -> Embedder:
    """Open the embedder a setting names, such as `static` or `fastembed:BAAI/bge-small-en-v1.5`.

    Args:
        setting: The embedder's name, and behind a colon its model's.
        key: What a server asks for; a file that needs it says `TAKES_KEY = True`, and no other gets to see it.

    Raises:
        EmbedderError: No such embedder, its package is not installed, or its model cannot be read.
    """
    kind, _, name = setting.partition(":")
    if kind not in embedder_names():
        raise EmbedderError(f"no embedder is called {kind!r}; there are: {', '.join(embedder_names())}")
    module = import_module(f"{__name__}.{kind}")
    takes_key = getattr(module, "TAKES_KEY", False)
    embedder: Embedder = module.open_embedder(name, key) if takes_key else module.open_embedder(name)
    return embedder
