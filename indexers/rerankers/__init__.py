"""Rerankers: a second, slower look at the best of what was found. One file a reranker; a file is found by its name.

A file here gives `open_reranker(name: str) -> Reranker`, where `name` is what follows the first colon of a setting such
as `cross_encoder:cross-encoder/ms-marco-MiniLM-L6-v2`.
"""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Protocol

from indexers.errors import EmbedderError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NONE = "none"
"""The setting under which nothing is reranked; `open_reranker` is not called then."""


class Reranker(Protocol):
    """What every reranker promises; `tests/test_rerankers.py` runs it."""

    @property
    def model(self) -> str:
        """Which model it is, weights included."""
        ...

    def score(self, query: str, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Say how well each text answers a query.

        Returns:
            float32 of shape (len(texts),); higher is better, and finite. The range is the model's own.

        Raises:
            EmbedderError: The model cannot be loaded, or gave something unusable.
        """
        ...


def reranker_names() -> list[str]:
    """List the rerankers there are files for, in alphabetical order."""
    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


def open_reranker(setting: str) -> Reranker:
    """Open the reranker a setting names; its model is loaded at the first score.

    Raises:
        EmbedderError: No such reranker, its package is not installed, or its model cannot be had.
    """
    kind, _, name = setting.partition(":")
    if kind not in reranker_names():
        raise EmbedderError(f"no reranker is called {kind!r}; there are: {', '.join([NONE, *reranker_names()])}")
    reranker: Reranker = import_module(f"{__name__}.{kind}").open_reranker(name)
    return reranker
