"""What embedders of other people's models share: texts made harmless, and rows made comparable."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from indexers.errors import EmbedderError
from indexers.model_folders import harmless

STEP = 64
"""A row is filled up with zeros to a multiple of it, which changes no cosine: sign bits are compared 64 at a time."""
MAX_CHARACTERS = 8_192
"""What stands behind these characters of a text is not embedded. Untuned: chunks have about 700."""


def embed_with(
    model: str, texts: Sequence[str], batch: int, embed: Callable[[list[str]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Embed texts, some at a time, those of like length together.

    Args:
        model: Whose vectors they are, for messages.
        texts: Any; the row of a blank one is all zeros, and it is not given to the model.
        batch: How many are given to the model at once.
        embed: Gives a row for each text, of any length of its own.

    Returns:
        float32 of shape (len(texts), a multiple of `STEP`), each row of length 1 or 0; (0, 0) when no text holds anything.

    Raises:
        EmbedderError: The model gave something else than such rows.
    """
    said = [harmless(text, MAX_CHARACTERS) for text in texts]
    order = sorted((i for i, text in enumerate(said) if text.strip()), key=lambda i: len(said[i]))
    vectors: NDArray[np.float32] | None = None
    for start in range(0, len(order), batch):
        some = order[start : start + batch]
        rows = checked(model, embed([said[i] for i in some]), len(some))
        if vectors is None:
            vectors = np.zeros((len(texts), padded(rows.shape[1])), np.float32)
        if padded(rows.shape[1]) != vectors.shape[1]:
            raise EmbedderError(f"{model} gave vectors of different lengths; choose another embedder")
        vectors[some, : rows.shape[1]] = rows
    return np.zeros((0, 0), np.float32) if vectors is None else vectors


def checked(model: str, given: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Make rows float32 of length 1; a row of zeros stays.

    Raises:
        EmbedderError: They are not one row of finite numbers a text.
    """
    rows = np.asarray(given, np.float32)
    if rows.ndim != 2 or rows.shape[0] != count or not rows.shape[1]:
        raise EmbedderError(
            f"{model} gave an array of shape {rows.shape} for {count} texts; choose a model that gives one row a text"
        )
    if not np.isfinite(rows).all():
        raise EmbedderError(f"{model} gave numbers that are not finite; choose another model")
    # a row far from length 1 would lose its small numbers when they are squared
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return unit


def padded(dim: int) -> int:
    """Give how long a row is when it is filled up."""
    return -(-dim // STEP) * STEP
