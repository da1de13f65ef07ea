"""What a store holds, in numbers."""

from pydantic import BaseModel


class IndexStats(BaseModel):
    """The keyword index."""

    documents: int
    """Pieces of records that it holds."""
    lag: int
    """Changes that it has not seen; searches read them from the store."""
    fault: str | None = None
    """Why it does not answer; None when it does."""


class ModelStats(BaseModel):
    """The vectors of one model."""

    model: str
    dim: int


class Stats(BaseModel):
    """Counts and sizes of one workspace of a store."""

    store: str
    workspace: str
    counts: dict[str, int]
    """Records that are not deleted, by kind."""
    chunks: int
    """Pieces of records, of all workspaces."""
    index: IndexStats
    models: list[ModelStats]
    size_bytes: int
    """Of all files of the store."""


class Reindexed(BaseModel):
    """What making the indexes anew has made."""

    documents: int
    vectors: int
    """Those that were missing."""
