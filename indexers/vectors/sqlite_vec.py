"""sqlite-vec: vectors as rows beside their records, searched through their sign bits held in memory.

The rows (float32 and bits) are the truth and are written in the caller's transaction. Searching scans the bits
in memory, then reads the float32 of the best from the table's own chunks: sqlite-vec's scan takes 333 ms at a
million rows, this 4 ms (LIMITS.md, 2).
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from indexers.document import Filter, Hit
from indexers.vectors import check_vectors
from indexers.vectors.bits import Bits, sign_bits
from indexers.vectors.bits_file import read_bits, write_bits

if TYPE_CHECKING:
    from indexers.vectors import Vectors

CANDIDATES = 2_000
"""Rows that are looked at again after the scan of the bits, for 10 hits. Source: LIMITS.md 2c (recall .995 at a million)."""
RESCORED = 320
"""Of these, the rows whose float32 are read, chosen by the vector's numbers against their signs. On 48,000 pieces of agents'
histories recall@10 is .98 so, in the time in which 400 of the bits alone give .94."""
EXACT_BELOW = 400
"""When fewer rows fulfil a filter, each is compared in float32. Untuned."""
_CHUNK_ROWS = 16
"""Rows of one blob. SQLite goes through a blob's pages one by one to what is wanted: with vec0's 1,024 rows the best 500
take 24 ms, with 16 they take 2.2 ms, for 37 bytes a row more (benchmarks/speed.py, 2026-11-20)."""
_SOME = 200


class Database(Protocol):
    """What is needed of the database that holds the table."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...

    def read_blobs(self, table: str, column: str, places: Iterable[tuple[int, int]], size_bytes: int) -> bytes: ...


def create_table(database: Database, table: str, dim: int) -> None:
    """Make a table for vectors of a number of dimensions; inside a transaction."""
    database.rows(
        f"create virtual table {table} using vec0(f float[{dim}] distance_metric=cosine, b bit[{dim}],"
        f" chunk_size={_CHUNK_ROWS})"
    )


def put_rows(database: Database, table: str, dim: int, keys: Sequence[int], vectors: "Vectors", model: str) -> None:
    """Write vectors; inside the transaction of the records they belong to.

    Raises:
        DimensionError: They have another length than the table.
        VectorError: One is not finite, or all zeros.
    """
    if not len(keys):
        return
    check_vectors(vectors, dim, model)
    floats = np.ascontiguousarray(vectors, dtype=np.float32)
    codes = sign_bits(floats)
    database.execute_many(
        f"insert into {table} (rowid, f, b) values (?, ?, vec_bit(?))",
        ((int(key), floats[i].tobytes(), codes[i].tobytes()) for i, key in enumerate(keys)),
    )


def remove_rows(database: Database, table: str, keys: Iterable[int]) -> None:
    """Delete vectors; inside a transaction."""
    database.execute_many(f"delete from {table} where rowid = ?", ((int(key),) for key in keys))


class SqliteVecIndex:
    """Searches one table; `append` and `drop` keep its memory level with the rows."""

    def __init__(
        self, database: Database, table: str, dim: int, attributes: dict[str, "np.dtype[np.integer]"], model: str = ""
    ) -> None:
        self._database = database
        self._table = table
        self._dim = dim
        self._model = model
        places: dict[str, np.dtype[np.integer]] = {"_chunk": np.dtype("i4"), "_offset": np.dtype("i2")}
        self._attributes = {**attributes, **places}
        self._bits = Bits(dim, self._attributes)

    @property
    def count(self) -> int:
        """How many rows are held in memory, those that are gone included."""
        return self._bits.count

    def read(self, path: Path) -> bool:
        """Take up the rows that a file holds; False when there is none that can be used."""
        found = read_bits(path, self._dim, self._attributes)
        if found is not None:
            self._bits = found
        return found is not None

    def write(self, path: Path, head: dict[str, Any]) -> None:
        """Write the rows to a file, with what they are of.

        Raises:
            OSError: It cannot be written.
        """
        write_bits(path, self._bits, head)

    def load(self, attributes_of: Callable[[NDArray[np.int64]], dict[str, NDArray[Any]]]) -> None:
        """Read the bits of all rows, chunk by chunk.

        Args:
            attributes_of: Gives the attributes of ascending keys; a key it does not know is a row left out by
                returning `known` as a mask among them.
        """
        keys, codes, chunks, offsets = self._stored_rows()
        order = np.argsort(keys, kind="stable")
        attributes = attributes_of(keys[order])
        known = attributes.pop("known", None)
        if known is not None:
            order = order[known]
        attributes |= {"_chunk": chunks[order], "_offset": offsets[order]}
        self._bits.append(keys[order], codes[order], attributes)

    def append(self, keys: NDArray[np.int64], attributes: dict[str, NDArray[Any]]) -> None:
        """Take up rows written since, by ascending keys; keys without a row are passed over."""
        places = self._places(keys)
        there = np.fromiter((key in places for key in keys.tolist()), dtype=bool, count=len(keys))
        width = self._dim // 8
        codes = [self._read("01", *places[key], width) for key in keys[there].tolist()]
        columns = {name: values[there] for name, values in attributes.items()}
        where = np.array([places[key] for key in keys[there].tolist()], np.int64).reshape(-1, 2)
        columns |= {"_chunk": where[:, 0], "_offset": where[:, 1]}
        self._bits.append(keys[there], np.frombuffer(b"".join(codes), np.uint8).reshape(-1, width), columns)

    def drop(self, keys: NDArray[np.int64]) -> None:
        """Take note that rows are gone."""
        self._bits.drop(keys)

    def drop_where(self, attribute: str, values: NDArray[np.int64]) -> None:
        """Take note that all rows with one of these attribute values are gone."""
        self._bits.drop_where(attribute, values)

    def search(self, vector: "Vectors", conditions: Filter, limit: int, last_key: int | None = None) -> list[Hit]:
        """Find the rows nearest to a vector among those that fulfil the conditions; score is the cosine.

        Args:
            vector: float32 of shape (dim,).
            conditions: All hold for every hit.
            limit: How many hits are wanted.
            last_key: Keys above it are left out: the memory may be newer than the snapshot that the rows are read in.

        Raises:
            DimensionError: The vector has another length than the table.
            VectorError: It is not finite, or all zeros.
        """
        check_vectors(vector[None, :], self._dim, self._model)
        if not self._bits.count or limit < 1:
            return []
        wanted = max(CANDIDATES, 4 * limit)
        rows = self._bits.candidates(sign_bits(vector), conditions, wanted, max(EXACT_BELOW, wanted))
        if last_key is not None:
            rows = rows[self._bits.keys[rows] <= last_key]
        if not len(rows):
            return []
        finer = max(RESCORED, 2 * limit)
        if len(rows) > max(EXACT_BELOW, wanted):
            rows = np.sort(rows[np.argpartition(-self._bits.likeness(rows, vector), finer)[:finer]])
        scores = self._floats(rows) @ vector
        best = np.argsort(-scores, kind="stable")[:limit]
        return [Hit(int(self._bits.keys[rows[i]]), float(scores[i])) for i in best]

    def scores(self, vector: "Vectors", keys: Sequence[int], last_key: int | None = None) -> dict[int, float]:
        """Give the cosines of rows to a vector, by their keys; rows that are not there, or above `last_key`, are missing."""
        wanted = np.unique(np.array(keys, np.int64))
        if last_key is not None:
            wanted = wanted[wanted <= last_key]
        rows = np.searchsorted(self._bits.keys, wanted)
        rows = rows[rows < self._bits.count]
        rows = rows[np.isin(self._bits.keys[rows], wanted)]
        if not len(rows):
            return {}
        found = self._floats(rows) @ vector
        return dict(zip(self._bits.keys[rows].tolist(), found.tolist(), strict=True))

    def _floats(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read the float32 of rows, as an array of shape (len(rows), dim)."""
        chunks, offsets = self._bits.column("_chunk")[rows], self._bits.column("_offset")[rows]
        if len(rows) * 4 > _CHUNK_ROWS * len(np.unique(chunks)):
            return self._from_whole_chunks(chunks, offsets)
        size = self._dim * 4
        table = f"{self._table}_vector_chunks00"
        places = ((chunk, offset * size) for chunk, offset in zip(chunks.tolist(), offsets.tolist(), strict=True))
        data = self._database.read_blobs(table, "vectors", places, size)
        return np.frombuffer(data, np.float32).reshape(-1, self._dim)

    def _from_whole_chunks(self, chunks: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        floats = np.empty((len(chunks), self._dim), np.float32)
        table = f"{self._table}_vector_chunks00"
        for chunk in np.unique(chunks):
            data = self._database.rows(f"select vectors from {table} where rowid = ?", (int(chunk),))[0][0]
            mine = chunks == chunk
            floats[mine] = np.frombuffer(data, np.float32).reshape(-1, self._dim)[offsets[mine]]
        return floats

    def _places(self, keys: NDArray[np.int64]) -> dict[int, tuple[int, int]]:
        """Say in which of the table's chunks, and where in it, rows are."""
        found: dict[int, tuple[int, int]] = {}
        for start in range(0, len(keys), _SOME):
            some = keys[start : start + _SOME].tolist()
            marks = ", ".join("?" * len(some))
            sql = f"select rowid, chunk_id, chunk_offset from {self._table}_rowids where rowid in ({marks})"
            found.update((row[0], (row[1], row[2])) for row in self._database.rows(sql, some))
        return found

    def _read(self, column: str, chunk: int, offset: int, size: int) -> bytes:
        return self._database.read_blobs(
            f"{self._table}_vector_chunks{column}", "vectors", [(chunk, offset * size)], size
        )

    def _stored_rows(self) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """Read keys, sign bits, chunks and offsets of all rows."""
        # vec0 keeps rows in chunks: which are valid, their keys, and for each column one blob
        width = self._dim // 8
        keys, codes = [np.empty(0, np.int64)], [np.empty((0, width), np.uint8)]
        chunks, offsets = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        sql = (
            f"select c.chunk_id, c.validity, c.rowids, v.vectors from {self._table}_chunks c"
            f" join {self._table}_vector_chunks01 v on v.rowid = c.chunk_id order by c.chunk_id"
        )
        for chunk, validity, rowids, vectors in self._database.rows(sql):
            valid = np.flatnonzero(np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little"))
            keys.append(np.frombuffer(rowids, np.int64)[valid])
            codes.append(np.frombuffer(vectors, np.uint8).reshape(-1, width)[valid])
            chunks.append(np.full(len(valid), chunk, np.int64))
            offsets.append(valid)
        return np.concatenate(keys), np.concatenate(codes), np.concatenate(chunks), np.concatenate(offsets)
