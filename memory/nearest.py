"""The vector index, level with the store: what is near in meaning to a text."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexers.document import Filter, Hit
from indexers.embedders import Embedder, embed_queries
from indexers.errors import EmbedderError, IndexerError
from memory.embedding import FAULT, PATIENCE_SECONDS
from memory.errors import InvalidInput
from memory.filling import FILLED
from memory.saving import Saver
from memory.searchable import ATTRIBUTES, record_key
from memory.store.alone import alone
from memory.store.chunks import VectorTable
from memory.store.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexers.vectors.sqlite_vec import SqliteVecIndex

RELOAD_ABOVE = 3_000
"""New pieces above which the whole table is read again instead of row by row. Untuned."""
FILE_FROM = 20_000
"""Pieces from which on what is held in memory is written to a file for the next start. Untuned."""
BITS = ".bits"
"""End of the names of these files."""
FILE_BEHIND = 0.05
"""Part of the pieces that may be newer than the file before it is written anew. Untuned."""
LACKING = 20
"""Pieces without a vector up to which nothing is said: some hold no known word and never get one."""


@dataclass(frozen=True)
class VectorPage:
    """Vectors of pieces of records, and whose they are."""

    ids: list[str]
    """A record's id, once for each of its pieces."""
    vectors: "NDArray[np.float32]"
    """float32 of shape (len(ids), dim), each row of length 1."""


class SemanticIndex:
    """Searches the vectors of the store's embedder; follows the change log before every search."""

    def __init__(self, store: Store, saver: Saver) -> None:
        self._store = store
        self._saver = saver
        self._embedders = saver.embedders
        self._index: SqliteVecIndex | None = None
        self._seq = self._last_chunk = 0
        self._filled: str | None = None
        self._table: str | None = None
        self._wanted = self._lacks = 0
        self._guard = threading.Lock()
        self._failed: tuple[str, str, float] | None = None
        """A model that could not embed a query, why, and until when it is not asked again."""
        self._asked: tuple[str, str, NDArray[np.float32]] | None = None
        self.model = ""
        """The model that answered last."""
        self.fault: str | None = None
        """Why it does not answer, or not for all; None when it does."""

    def search(self, text: str, conditions: Filter, limit: int) -> list[Hit]:
        """Find the pieces nearest in meaning to a text; score is the cosine. [] for a text without a known word.

        Raises:
            IndexerError: There is no embedder, or its vectors cannot be compared.
        """
        # the choice and the table that it names are read at one moment, at which another embedder may be taking over
        with self._store.snapshot():
            embedder = self._embedders.answering()
            self.model = embedder.model
            vector = self._vector(embedder, text)
            if not vector.any():
                return []
            table = self._store.chunks.vector_table(embedder.model)
            if table is None:
                lacks = self._store.chunks.counts(None)[0]
                self.fault = self._standing(lacks, lacks, embedder.model)
                return []
            with self._guard:
                index = self._level(table)
                self.fault = self._standing(self._lacks, self._wanted, embedder.model)
                return index.search(vector, conditions, limit, self._store.chunks.last_key())

    def scores(self, text: str, keys: list[int]) -> dict[int, float]:
        """Give the cosines of pieces to a text that was searched for just now; pieces without a vector are missing."""
        with self._store.snapshot():
            embedder = self._embedders.answering()
            table = self._store.chunks.vector_table(embedder.model)
            vector = self._vector(embedder, text)
            if table is None or not vector.any() or not keys:
                return {}
            with self._guard:
                return self._level(table).scores(vector, keys, self._store.chunks.last_key())

    def _vector(self, embedder: Embedder, text: str) -> "NDArray[np.float32]":
        """Embed a query; the last one is remembered, and for a while that it could not be done.

        Raises:
            IndexerError: The embedder failed, or did so just now.
        """
        held = self._asked
        if held is not None and held[:2] == (embedder.model, text):
            return held[2]
        if self._failed is not None and self._failed[0] == embedder.model and time.monotonic() < self._failed[2]:
            raise EmbedderError(self._failed[1])
        try:
            vector: NDArray[np.float32] = embed_queries(embedder, [text])[0]
        except IndexerError as error:
            self._failed = (embedder.model, str(error), time.monotonic() + PATIENCE_SECONDS)
            raise
        self._asked, self._failed = (embedder.model, text, vector), None
        return vector

    def _standing(self, lacks: int, wanted: int, model: str) -> str | None:
        coming = self._store.state(FAULT)
        late = f"the embedder that was chosen cannot take over yet, {model} answers: {coming}" if coming else None
        return self._embedders.is_resting() or late or _fault(lacks, wanted, model)

    def pages(self, kind: str, size: int) -> Iterator[VectorPage]:
        """Give the stored vectors of a kind's records, in the order in which they were written; see `Memory.vectors`."""
        if kind not in (known := ("message", "learning", "session")):
            raise InvalidInput(f"there are no vectors of {kind!r}; there are: {', '.join(known)}")
        if size < 1:
            raise InvalidInput(f"page_size is {size}; it must be 1 or more")
        return self._pages(kind, size)

    def _pages(self, kind: str, size: int) -> Iterator[VectorPage]:
        import numpy as np

        after = 0
        table = self._store.chunks.vector_table(self._embedders.answering().model)
        while table is not None and (
            rows := self._store.chunks.vectors_after(table, kind, self._store.workspace_number, after, size)
        ):
            after = rows[-1][0]
            floats = np.frombuffer(b"".join(row[2] for row in rows), np.float32).reshape(len(rows), table.dim)
            yield VectorPage([row[1] for row in rows], floats)

    def _level(self, table: VectorTable) -> "SqliteVecIndex":
        """Bring the memory level with the rows: by the change log, or as a whole."""
        with self._store.snapshot():
            last = self._store.changes.last_seq()
            filled = self._store.state(FILLED)
            if self._index is None or filled != self._filled or table.name != self._table:
                return self._load(table, last, filled)
            if last <= self._seq:
                # an older snapshot may use a newer memory: rows that it cannot see are left out by their keys
                return self._index
            added = self._store.chunks.attributes_after(self._last_chunk, RELOAD_ABOVE + 1)
            if len(added) > RELOAD_ABOVE:
                return self._load(table, last, filled)
            self._follow(added, last)
            return self._index

    def _follow(self, added: "list[tuple[int, bytes]]", last: int) -> None:
        """Take up what was written since: pieces that are gone, and new ones."""
        import numpy as np

        assert self._index is not None
        rewritten = [record_key(*each) for each in self._store.changes.rewritten(self._seq, last)]
        if rewritten:
            self._index.drop_where("record", np.array(rewritten, np.int64))
        if added:
            keys = np.array([key for key, _ in added], np.int64)
            self._index.append(keys, _columns([packed for _, packed in added]))
            self._last_chunk = added[-1][0]
        self._seq = last

    def _load(self, table: VectorTable, last: int, filled: str | None) -> "SqliteVecIndex":
        import numpy as np

        from indexers.vectors.sqlite_vec import SqliteVecIndex

        dtypes = {name: np.dtype(kind) for name, kind in ATTRIBUTES.items()}
        index = SqliteVecIndex(self._store.database, table.name, table.dim, dtypes, table.model)
        if self._read_file(index, table, last, filled):
            return index
        rows = self._store.chunks.attributes_after(0)
        numbers = np.fromiter((row[0] for row in rows), np.int64, len(rows))
        columns = _columns([row[1] for row in rows])

        def attributes_of(keys: "NDArray[np.int64]") -> "dict[str, NDArray[np.generic]]":
            at = np.minimum(np.searchsorted(numbers, keys), max(0, len(numbers) - 1))
            known = numbers[at] == keys if len(numbers) else np.zeros(len(keys), bool)
            at = at[known]
            return {name: column[at] for name, column in columns.items()} | {"known": known}

        index.load(attributes_of)
        self._wanted, made = self._store.chunks.counts(table)
        self._lacks = self._wanted - made
        self._index, self._seq, self._filled, self._table = index, last, filled, table.name
        self._last_chunk = int(numbers[-1]) if len(numbers) else 0
        self._write_file(index, table)
        return index

    def _read_file(self, index: "SqliteVecIndex", table: VectorTable, last: int, filled: str | None) -> bool:
        """Take up the file of an earlier start, and what was written since; False when it does not help."""
        from indexers.vectors.bits_file import read_head

        path = self._store.directory / f"{table.name}{BITS}"
        head = read_head(path)
        if head is None or {name: head.get(name) for name in ("store", "model", "filled")} != {
            "store": self._store.uuid,
            "model": table.model,
            "filled": filled,
        }:
            return False
        seq = int(head["seq"])
        # the token proves that the file followed this very log
        if seq > last or self._store.changes.token(seq) != head["token"]:
            return False
        behind = max(RELOAD_ABOVE, int(head["count"] * FILE_BEHIND))
        added = self._store.chunks.attributes_after(int(head["last_chunk"]), behind + 1)
        if len(added) > behind or not index.read(path):
            return False
        self._wanted, made = self._store.chunks.counts(table)
        self._lacks = self._wanted - made
        self._index, self._seq, self._filled, self._table = index, seq, filled, table.name
        self._last_chunk = int(head["last_chunk"])
        self._follow(added, last)
        return True

    def _write_file(self, index: "SqliteVecIndex", table: VectorTable) -> None:
        """Write what was just read, for the next start; without a token of the log it could not be trusted."""
        token = self._store.changes.token(self._seq)
        if index.count < FILE_FROM or token is None:
            return
        head = {
            "store": self._store.uuid,
            "model": table.model,
            "filled": self._filled,
            "seq": self._seq,
            "token": token,
            "last_chunk": self._last_chunk,
            "count": index.count,
        }
        path = self._store.directory / f"{table.name}{BITS}"
        with suppress(OSError), alone(path.with_name("vectors-file.lock")) as is_mine:
            if is_mine:
                # of an embedder that another one has taken over from, one is left
                drop_files(self._store, but=path.name)
                index.write(path, head)


def drop_files(store: Store, but: str | None = None) -> None:
    """Delete the files of sign bits, all `but` one; the next search makes them anew."""
    for path in store.directory.glob(f"*{BITS}"):
        if path.name != but:
            path.unlink(missing_ok=True)


def _fault(lacks: int, wanted: int, model: str) -> str | None:
    """Say that pieces cannot be found by meaning; a few in a hundred never can, since they hold no known word."""
    if (lacks < wanted and lacks <= max(LACKING, wanted // 50)) or not wanted:
        return None
    return f"{lacks:,} of {wanted:,} pieces have no vector of {model} yet; `hark reindex` makes them at once"


def _columns(packed: list[bytes]) -> "dict[str, NDArray[np.generic]]":
    import numpy as np

    rows = np.frombuffer(b"".join(packed), dtype=np.dtype(list(ATTRIBUTES.items())))
    return {name: np.ascontiguousarray(rows[name]) for name in ATTRIBUTES}
