"""Pieces of the searchable text of records, and their vectors, one table a model."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memory.store.sqlite import Row, SqliteDatabase

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """One piece of one record's text."""

    kind: str
    record_number: int
    passage: int
    """Which of the record's texts, as `memory/searchable.py` numbers them."""
    start_at: int
    end_at: int
    attributes: bytes
    """Packed as `memory/searchable.py` says."""
    has_vector: bool = True
    """Whether it is to be found by meaning, too."""


@dataclass(frozen=True, slots=True)
class VectorTable:
    """Where the vectors of one model are."""

    name: str
    model: str
    dim: int


_LAST_TABLE = "vectors_last_table"


def _tried_key(table: VectorTable) -> str:
    return f"{table.name}_tried"


class Chunks:
    """Chunk rows and vectors of a store."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def vector_table(self, model: str) -> VectorTable | None:
        """Find a model's table; None when it has none yet."""
        row = self._database.row("select number, dim from vector_model where model = ?", (model,))
        return None if row is None else VectorTable(f"vectors_{row[0]}", model, int(row[1]))

    def vector_tables(self) -> list[VectorTable]:
        """List the tables of all models."""
        rows = self._database.rows("select number, model, dim from vector_model order by number")
        return [VectorTable(f"vectors_{number}", model, dim) for number, model, dim in rows]

    def make_vector_table(self, model: str, dim: int) -> VectorTable:
        """Find a model's table, or make it."""
        with self._database.transaction():
            if found := self.vector_table(model):
                return found
            # a number is never used again, since other programs may still hold the table that had it
            number = int(self._state(_LAST_TABLE) or self._highest_table()) + 1
            self._database.rows("insert into vector_model (number, model, dim) values (?, ?, ?)", (number, model, dim))
            self._set_state(_LAST_TABLE, str(number))
            name = f"vectors_{number}"
            from indexers.vectors import sqlite_vec

            sqlite_vec.create_table(self._database, name, dim)
        return VectorTable(name, model, dim)

    def is_there(self, table: VectorTable) -> bool:
        """Say whether a table has not been dropped."""
        return self.vector_table(table.model) == table

    def drop_vector_table(self, table: VectorTable) -> None:
        """Drop a model's vectors; inside a transaction."""
        if self.is_there(table):
            self._database.rows("delete from vector_model where model = ?", (table.model,))
            self._database.rows("delete from state where key = ?", (_tried_key(table),))
            self._database.rows(f"drop table {table.name}")

    def tried_to(self, table: VectorTable) -> int:
        """Give the chunk up to which each has a vector under a model, or can have none since it holds no known word."""
        return int(self._state(_tried_key(table)) or 0)

    def set_tried(self, table: VectorTable, key: int) -> None:
        """Write `tried_to`; inside a transaction."""
        self._set_state(_tried_key(table), str(key))

    def last_key(self) -> int:
        """Give the highest number that a chunk has or had; 0 when there was none."""
        row = self._database.row("select seq from sqlite_sequence where name = 'chunk'")
        return int(row[0]) if row else 0

    def put(
        self,
        chunks: Sequence[ChunkRow],
        table: VectorTable | None = None,
        rows: "NDArray[np.int64] | None" = None,
        vectors: "NDArray[np.float32] | None" = None,
        tokens: Sequence[bytes] = (),
    ) -> list[int]:
        """Write chunks, and vectors of some of them, and give the chunks' numbers; inside a transaction.

        Args:
            chunks: What to write.
            table: Where the vectors go.
            rows: int64 of shape (n,): which of the chunks have a vector.
            vectors: float32 of shape (n, dim), each row of length 1.
            tokens: Those of each chunk, packed; none when they are not known.
        """
        first = self.last_key() + 1
        self._database.execute_many(
            "insert into chunk (number, kind, record_number, passage, start_at, end_at, has_vector, attributes)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    number,
                    each.kind,
                    each.record_number,
                    each.passage,
                    each.start_at,
                    each.end_at,
                    int(each.has_vector),
                    each.attributes,
                )
                for number, each in enumerate(chunks, first)
            ),
        )
        self._database.execute_many("insert into piece_tokens (number, tokens) values (?, ?)", enumerate(tokens, first))
        # a table that was dropped since the vectors were made: the embedder that took over makes them later
        if table is not None and rows is not None and vectors is not None and self.is_there(table):
            from indexers.vectors import sqlite_vec

            keys = [first + row for row in rows.tolist()]
            sqlite_vec.put_rows(self._database, table.name, table.dim, keys, vectors, table.model)
        return list(range(first, first + len(chunks)))

    def put_vectors(self, table: VectorTable, keys: Sequence[int], vectors: "NDArray[np.float32]") -> None:
        """Write vectors of chunks that have none yet under this model; inside a transaction."""
        from indexers.vectors import sqlite_vec

        there = {row[0] for row in self._of(f"select rowid from {table.name}_rowids where rowid in", keys)}
        known = {row[0] for row in self._of("select number from chunk where number in", keys)}
        wanted = [i for i, key in enumerate(keys) if key in known and key not in there]
        sqlite_vec.put_rows(
            self._database, table.name, table.dim, [keys[i] for i in wanted], vectors[wanted], table.model
        )

    def remove(self, kind: str, numbers: Sequence[int]) -> None:
        """Delete the chunks of records, and their vectors under every model; inside a transaction."""
        keys: list[int] = []
        for number in numbers:
            sql = "select number from chunk where record_number = ? and kind = ?"
            keys.extend(row[0] for row in self._database.rows(sql, (number, kind)))
        if not keys:
            return
        from indexers.vectors import sqlite_vec

        for table in self.vector_tables():
            sqlite_vec.remove_rows(self._database, table.name, keys)
        self._database.execute_many("delete from chunk where number = ?", ((key,) for key in keys))

    def tokens_of(self, keys: Sequence[int]) -> dict[int, bytes]:
        """Give the packed tokens of chunks by their numbers, where they are kept."""
        return {row[0]: row[1] for row in self._of("select number, tokens from piece_tokens where number in", keys)}

    def places(self, keys: Sequence[int]) -> dict[int, ChunkRow]:
        """Give chunks by their numbers; those that are gone are missing."""
        sql = "select number, kind, record_number, passage, start_at, end_at, attributes from chunk where number in"
        return {row[0]: ChunkRow(*row[1:]) for row in self._of(sql, keys)}

    def of_records(self, kind: str, numbers: Iterable[int]) -> list[tuple[int, int, int, int, int, bytes]]:
        """Give number, record number, passage, start, end and attributes of the chunks of records of one kind."""
        sql = f"select number, record_number, passage, start_at, end_at, attributes from chunk where kind = '{kind}'"
        return [
            (row[0], row[1], row[2], row[3], row[4], row[5])
            for row in self._of(sql + " and record_number in", list(numbers))
        ]

    def attributes_after(self, key: int, limit: int = 1 << 40) -> list[tuple[int, bytes]]:
        """Give number and attributes of the chunks behind a number, in order."""
        sql = "select number, attributes from chunk where number > ? order by number limit ?"
        return [(row[0], row[1]) for row in self._database.rows(sql, (key, limit))]

    def attributes(self, keys: Sequence[int]) -> list[tuple[int, bytes]]:
        """Give number and attributes of chunks, in order; those that are gone are missing."""
        rows = self._of("select number, attributes from chunk where number in", keys)
        return sorted((row[0], row[1]) for row in rows)

    def without_vector(self, table: VectorTable, after: int, before: int, limit: int) -> list[int]:
        """Give chunks between two numbers that ought to have a vector under a model and have none, the newest first."""
        sql = (
            "select number from chunk c where number > ? and number < ? and has_vector = 1 and not exists"
            f" (select 1 from {table.name}_rowids v where v.rowid = c.number) order by number desc limit ?"
        )
        return [row[0] for row in self._database.rows(sql, (after, before, limit))]

    def counts(self, table: VectorTable | None) -> tuple[int, int]:
        """Count the chunks that ought to have a vector, and the vectors that there are under a model."""
        wanted = self._database.row("select count(*) from chunk where has_vector = 1")
        made = self._database.row(f"select count(*) from {table.name}_rowids") if table else (0,)
        return int(wanted[0]) if wanted else 0, int(made[0]) if made else 0

    def vectors_after(
        self, table: VectorTable, kind: str, workspace_number: int, after: int, limit: int
    ) -> list[tuple[int, str, bytes]]:
        """Give chunk number, record id and vector of a kind's records that are not deleted, behind a number, in order."""
        sql = (
            f"select c.number, r.id, v.f from chunk c join {kind} r on r.number = c.record_number"
            f" join {table.name} v on v.rowid = c.number"
            " where c.kind = ? and c.number > ? and r.workspace_number = ? and r.deleted_at is null"
            " order by c.number limit ?"
        )
        rows = self._database.rows(sql, (kind, after, workspace_number, limit))
        return [(row[0], row[1], row[2]) for row in rows]

    def record_numbers(self, kind: str, after: int = 0) -> Iterator[int]:
        """Give the records of a kind behind a number that have chunks, in ascending order, without holding them all."""
        last = after
        while rows := self._database.rows(
            "select distinct record_number from chunk where kind = ? and record_number > ? order by record_number"
            " limit 5000",
            (kind, last),
        ):
            yield from (row[0] for row in rows)
            last = rows[-1][0]

    def count(self) -> int:
        """Count all chunks."""
        row = self._database.row("select count(*) from chunk")
        return int(row[0]) if row else 0

    def word_number(self, word: str) -> int:
        """Give a word's number, making one where it has none; inside a transaction when it may be new."""
        if row := self._database.row("select number from word where word = ?", (word,)):
            return int(row[0])
        with self._database.transaction():
            self._database.rows("insert into word (word) values (?) on conflict do nothing", (word,))
            row = self._database.row("select number from word where word = ?", (word,))
        assert row is not None
        return int(row[0])

    def words_like(self, word: str) -> list[int]:
        """Give the numbers of words equal to one but for case."""
        rows = self._database.rows("select number from word where lower(word) = lower(?)", (word,))
        return [row[0] for row in rows]

    def _highest_table(self) -> int:
        return max((int(table.name.rpartition("_")[2]) for table in self.vector_tables()), default=0)

    def _state(self, key: str) -> str | None:
        row = self._database.row("select value from state where key = ?", (key,))
        return None if row is None else str(row[0])

    def _set_state(self, key: str, value: str) -> None:
        self._database.rows(
            "insert into state (key, value) values (?, ?) on conflict (key) do update set value = excluded.value",
            (key, value),
        )

    def _of(self, sql: str, keys: Sequence[int]) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(keys), 500):
            some = tuple(keys[start : start + 500])
            found.extend(self._database.rows(f"{sql} ({', '.join('?' * len(some))})", some))
        return found
