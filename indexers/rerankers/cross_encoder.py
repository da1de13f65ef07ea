"""Cross-encoders of sentence-transformers, which read query and text together: `cross_encoder:NAME`, or `:FOLDER`.

A folder is read as it is; a name of the hub is looked for in its cache, and downloaded where there is no copy.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexers.errors import EmbedderError
from indexers.model_folders import (
    as_fault,
    cached_copy,
    check_setting,
    fetched,
    fingerprint,
    folder_at,
    harmless,
    is_folder,
    without_bars,
)

KIND = "cross_encoder"
BATCH = 32
"""Pairs that are read at once. Untuned."""
MAX_CHARACTERS = 8_192
"""What stands behind these characters of a text is not read; most models read less."""


class CrossEncoderReranker:
    """Scores with one model; it is loaded at the first query. Safe in threads, which wait for each other."""

    def __init__(self, name: str, folder: Path) -> None:
        self.model = f"{KIND}:{name}@{fingerprint(folder)}"
        self._folder = folder
        self._loaded: Any = None  # a CrossEncoder
        self._guard = threading.Lock()

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Say how well each text answers a query; see `Reranker.score`."""
        asked = harmless(query, MAX_CHARACTERS)
        pairs = [(asked, harmless(text, MAX_CHARACTERS)) for text in texts]
        if not pairs:
            return np.zeros(0, np.float32)
        with self._guard:
            if self._loaded is None:
                with as_fault(f"{self.model} cannot be loaded"):
                    self._loaded = _load(str(self._folder), local=True)
            with as_fault(f"{self.model} cannot score"):
                scores = self._loaded.predict(pairs, batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True)
        found: NDArray[np.float32] = np.asarray(scores, np.float32)
        if found.shape != (len(pairs),) or not np.isfinite(found).all():
            raise EmbedderError(
                f"{self.model} gave an array of shape {found.shape} for {len(pairs)} texts, or numbers that are not finite; "
                "choose a model with one label"
            )
        return found


def open_reranker(name: str) -> CrossEncoderReranker:
    """Open the model in a folder, or one of the hub, which is downloaded where there is no copy of it.

    Raises:
        EmbedderError: The package is not installed, no model is named, or it cannot be had.
    """
    check_setting(KIND, "sentence-transformers", name)
    if is_folder(name):
        folder = folder_at(KIND, name)
        return CrossEncoderReranker(folder.name, folder)
    return CrossEncoderReranker(name, cached_copy(name) or fetched(KIND, name, lambda: _load(name, local=False)))


def _load(name: str, *, local: bool) -> Any:
    from sentence_transformers import CrossEncoder

    with without_bars(local):
        return CrossEncoder(name, local_files_only=local)
