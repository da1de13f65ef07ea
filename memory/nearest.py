"""The vector index, level with the store: what is near in meaning to a text."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexers.document import Filter, Hit
from memory.catch_up import passage_texts
from memory.errors import InvalidInput
from memory.saving import Saver
from memory.searchable import ATTRIBUTES, record_key
from memory.store.chunks import VectorTable
from memory.store.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexers.vectors.sqlite_vec import SqliteVecIndex

RELOAD_ABOVE = 3_000
"""New pieces above which the whole table is read again instead of row by row. Untuned."""
FILL_BATCH = 256
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
        self._index: SqliteVecIndex | None = None
        self._seq = self._last_chunk = 0
        self._filled: str | None = None
        self._table: str | None = None
        self._wanted = self._lacks = 0
        self._guard = threading.Lock()
        self.fault: str | None = None
        """Why it does not answer, or not for all; None when it does."""

    def search(self, text: str, conditions: Filter, limit: int) -> list[Hit]:
        """Find the pieces nearest in meaning to a text; score is the cosine. [] for a text without a known word.

        Raises:
            IndexerError: There is no embedder, or its vectors cannot be compared.
        """
        vector = self._saver.embedder.embed([text])[0]
        if not vector.any():
            return []
        embedder = self._saver.embedder
        table = self._store.chunks.vector_table(embedder.model, embedder.dim)
        if table is None:
            lacks = self._store.chunks.counts(None)[0]
            self.fault = self._saver.fault or _fault(lacks, lacks, embedder.model)
            return []
        with self._guard:
            index = self._level(table)
            self.fault = self._saver.fault or _fault(self._lacks, self._wanted, embedder.model)
            return index.search(vector, conditions, limit)

    def pages(self, kind: str, size: int) -> Iterator[VectorPage]:
        """Give the stored vectors of a kind's records, in the order in which they were written; see `Memory.vectors`."""
        if kind not in (known := ("message", "learning", "session")):
            raise InvalidInput(f"there are no vectors of {kind!r}; there are: {', '.join(known)}")
        if size < 1:
            raise InvalidInput(f"page_size is {size}; it must be 1 or more")
        return self._pages(kind, size)

    def _pages(self, kind: str, size: int) -> Iterator[VectorPage]:
        import numpy as np

        embedder, after = self._saver.embedder, 0
        table = self._store.chunks.vector_table(embedder.model, embedder.dim)
        while table is not None and (
            rows := self._store.chunks.vectors_after(table, kind, self._store.workspace_number, after, size)
        ):
            after = rows[-1][0]
            floats = np.frombuffer(b"".join(row[2] for row in rows), np.float32).reshape(len(rows), table.dim)
            yield VectorPage([row[1] for row in rows], floats)

    def fill(self, most: int = 1 << 40) -> int:
        """Make the vectors that are missing under the embedder's model, and give how many were made.

        Vectors of other models stay as they are. It can be broken off at any time and goes on where it was.

        Raises:
            IndexerError: The embedder failed.
        """
        table = self._saver.vector_table()
        made, last = 0, 1 << 62
        while made < most and (keys := self._store.chunks.without_vector(table, last, FILL_BATCH)):
            last = keys[-1]
            places = self._store.chunks.places(keys)
            texts: dict[int, str] = {}
            for kind in {place.kind for place in places.values()}:
                mine = {key: place for key, place in places.items() if place.kind == kind}
                said = passage_texts(self._store, kind, [place.record_number for place in mine.values()])
                for key, place in mine.items():
                    if text := said.get((place.record_number, place.passage), "")[place.start_at : place.end_at]:
                        texts[key] = text
            made += self._fill_some(list(texts), list(texts.values()))
        if made:
            self._store.set_state(
                "vectors_filled", f"{self._saver.embedder.model} {self._store.changes.last_seq()} {made}"
            )
        return made

    def _fill_some(self, keys: list[int], texts: list[str]) -> int:
        vectors = self._saver.embedder.embed(texts)
        has_direction = vectors.any(axis=1)
        wanted = [key for key, vector in zip(keys, vectors, strict=True) if vector.any()]
        with self._store.transaction():
            self._store.chunks.put_vectors(self._saver.vector_table(), wanted, vectors[has_direction])
        return len(wanted)

    def _level(self, table: VectorTable) -> "SqliteVecIndex":
        """Bring the memory level with the rows: by the change log, or as a whole."""
        with self._store.snapshot():
            last = self._store.changes.last_seq()
            filled = self._store.state("vectors_filled")
            if self._index is None or filled != self._filled or table.name != self._table:
                return self._load(table, last, filled)
            if last <= self._seq:
                # an older snapshot may use a newer memory: what it cannot see is dropped where hits are read
                return self._index
            added = self._store.chunks.attributes_after(self._last_chunk, RELOAD_ABOVE + 1)
            if len(added) > RELOAD_ABOVE:
                return self._load(table, last, filled)
            import numpy as np

            rewritten = [record_key(*each) for each in self._store.changes.rewritten(self._seq, last)]
            if rewritten:
                self._index.drop_where("record", np.array(rewritten, np.int64))
            if added:
                keys = np.array([key for key, _ in added], np.int64)
                self._index.append(keys, _columns([packed for _, packed in added]))
                self._last_chunk = added[-1][0]
            self._seq = last
            return self._index

    def _load(self, table: VectorTable, last: int, filled: str | None) -> "SqliteVecIndex":
        import numpy as np

        from indexers.vectors.sqlite_vec import SqliteVecIndex

        dtypes = {name: np.dtype(kind) for name, kind in ATTRIBUTES.items()}
        index = SqliteVecIndex(self._store.database, table.name, table.dim, dtypes, table.model)
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
        return index


def _fault(lacks: int, wanted: int, model: str) -> str | None:
    """Say that pieces cannot be found by meaning; a few in a hundred never can, since they hold no known word."""
    if (lacks < wanted and lacks <= max(LACKING, wanted // 50)) or not wanted:
        return None
    return f"{lacks:,} of {wanted:,} pieces have no vector of {model}; `hark reindex` makes them"


def _columns(packed: list[bytes]) -> "dict[str, NDArray[np.generic]]":
    import numpy as np

    rows = np.frombuffer(b"".join(packed), dtype=np.dtype(list(ATTRIBUTES.items())))
    return {name: np.ascontiguousarray(rows[name]) for name in ATTRIBUTES}
