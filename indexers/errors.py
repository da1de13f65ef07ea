"""What can go wrong with an index.

IndexerError
├── EmbedderError        an embedder, or a reranker, is missing, unreadable or gave something unusable
│   └── DimensionError   a vector has another length than its index
├── VectorError          a vector is not finite, or all zeros
├── IndexBroken          an index cannot be read, or holds another store's content; rebuild it
└── IndexBusy            another process is writing the index; not broken, try later
"""


class IndexerError(Exception):
    """Any fault of the package `indexers`; the message says what, which, and what to do."""


class EmbedderError(IndexerError):
    """An embedder, or a reranker, is missing, unreadable, or gave something unusable."""


class DimensionError(EmbedderError):
    """A vector has another number of dimensions than its index."""


class VectorError(IndexerError):
    """A vector is not finite, or all zeros: it has no direction, so it cannot be compared."""


class IndexBroken(IndexerError):
    """An index cannot be read or holds another store's content; the store can rebuild it."""


class IndexBusy(IndexerError):
    """Another process is writing the index; nothing is wrong with it."""
