"""Models of sentence-transformers, run by torch: `sentence_transformers:NAME`, or `:FOLDER`.

A folder is read as it is. A name of the hub is looked for in the hub's cache on this machine; only when it is not
there, it is downloaded, once. The package is the extra `sentence-transformers`.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexers.embedders._rows import embed_with, padded
from indexers.errors import EmbedderError
from indexers.model_folders import (
    as_fault,
    cached_copy,
    check_setting,
    fetched,
    fingerprint,
    folder_at,
    is_folder,
    without_bars,
)

KIND = "sentence_transformers"
BATCH = 32
"""Texts that are embedded at once; another thread that waits gets its turn between. Untuned."""


class SentenceTransformersEmbedder:
    """Embeds with one model; it is loaded at the first text. Safe in threads, which wait for each other."""

    def __init__(self, name: str, folder: Path) -> None:
        self.model = f"{KIND}:{name}@{fingerprint(folder)}"
        self._folder = folder
        self._loaded: Any = None  # a SentenceTransformer, whose overloads take what `_PLAIN` holds one by one
        self._guard = threading.Lock()

    @property
    def dim(self) -> int:
        """How many dimensions a vector has, zeros at its end included."""
        with self._guard:
            own = self._opened().get_embedding_dimension()
        if not own:
            raise EmbedderError(f"{self.model} does not say how long its vectors are; choose another model")
        return padded(own)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed what is stored; with the prompt that the model has for documents."""
        return self._embed(texts, lambda each: self._opened().encode_document(each, **_PLAIN))

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed what is asked; with the prompt that the model has for queries."""
        return self._embed(texts, lambda each: self._opened().encode_query(each, **_PLAIN))

    def _embed(self, texts: Sequence[str], encode: Callable[[list[str]], NDArray[np.float32]]) -> NDArray[np.float32]:
        def guarded(some: list[str]) -> NDArray[np.float32]:
            # its tokenizer must not be used by two threads at once
            with self._guard, as_fault(f"{self.model} cannot embed"):
                return encode(some)

        vectors = embed_with(self.model, texts, BATCH, guarded)
        return vectors if vectors.size else np.zeros((len(texts), self.dim), np.float32)

    def _opened(self) -> Any:
        if self._loaded is None:
            with as_fault(f"{self.model} cannot be loaded"):
                self._loaded = _load(str(self._folder), local=True)
        return self._loaded


_PLAIN = {"batch_size": BATCH, "show_progress_bar": False, "convert_to_numpy": True}


def open_embedder(name: str) -> SentenceTransformersEmbedder:
    """Open the model in a folder, or one of the hub, which is downloaded where there is no copy of it.

    Raises:
        EmbedderError: The package is not installed, no model is named, or it cannot be had.
    """
    check_setting(KIND, "sentence-transformers", name)
    if is_folder(name):
        folder = folder_at(KIND, name)
        return SentenceTransformersEmbedder(folder.name, folder)
    full = name if "/" in name else f"sentence-transformers/{name}"
    return SentenceTransformersEmbedder(
        full, cached_copy(full) or fetched(KIND, full, lambda: _load(full, local=False))
    )


def _load(name: str, *, local: bool) -> Any:
    from sentence_transformers import SentenceTransformer

    with without_bars(local):
        return SentenceTransformer(name, local_files_only=local)
