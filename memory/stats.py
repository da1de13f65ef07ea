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
    vectors: int
    """How many there are."""


class VectorStats(BaseModel):
    """What makes vectors, and how far they are."""

    embedder: str
    """The setting of the embedder that answers."""
    coming: str | None
    """The setting of the embedder whose vectors are being made; None when none are."""
    fault: str | None
    """Why the one that is coming cannot go on; None when it can."""
    wanted: int
    """Pieces that ought to have a vector; a few hold no known word and get none."""
    models: list[ModelStats]


class QueryStats(BaseModel):
    """How long the searches of one mode took."""

    mode: str
    count: int
    """Of the last 1,000 searches of this process."""
    p50_ms: float
    p95_ms: float


class Stats(BaseModel):
    """Counts and sizes of one workspace of a store."""

    store: str
    workspace: str
    counts: dict[str, int]
    """Records that are not deleted, by kind."""
    chunks: int
    """Pieces of records, of all workspaces."""
    index: IndexStats
    vectors: VectorStats
    size_bytes: int
    """Of all files of the store."""
    sizes: dict[str, int]
    """In bytes, by what takes them: `store.db`, its write-ahead log, the keyword index, free pages inside the file."""
    queries: list[QueryStats]
    """How long the searches of this process took, by mode; [] before the first."""


class Reindexed(BaseModel):
    """What making the indexes anew has made."""

    documents: int
    vectors: int
    """Those that were missing."""
