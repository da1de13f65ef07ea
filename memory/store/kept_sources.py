"""What imported files held, in compressed pieces."""

from collections.abc import Iterator
from dataclasses import dataclass

import zstandard

from memory.store.sqlite import SqliteDatabase

LEVEL = 6
"""Of zstd. Measured on transcripts: 9.0 times smaller at 185 MB/s; level 3 gives 8.1 at 520, level 12 9.7 at 40."""


@dataclass(frozen=True)
class SourcePiece:
    """One stretch of a file, without its secrets."""

    start_at: int
    """Bytes of the file before it, as the file was."""
    size_bytes: int
    """Of the piece as it is kept, before it is compressed."""
    packed: bytes


@dataclass(frozen=True)
class KeptSource:
    """What is kept of one file."""

    path: str
    size_bytes: int
    packed_bytes: int


def pack(start_at: int, data: bytes) -> SourcePiece:
    """Compress one stretch of a file."""
    return SourcePiece(start_at, len(data), zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(data))


class KeptSources:
    """The kept sources of one workspace."""

    def __init__(self, database: SqliteDatabase, workspace_number: int) -> None:
        self._database = database
        self._workspace_number = workspace_number

    def put(self, path: str, pieces: list[SourcePiece], *, is_anew: bool) -> None:
        """Write pieces of a file, in place of all that is kept of it when it was read anew; inside a transaction."""
        if is_anew:
            self.drop(path)
        self._database.execute_many(
            "insert or replace into kept_source values (?, ?, ?, ?, ?)",
            ((self._workspace_number, path, piece.start_at, piece.size_bytes, piece.packed) for piece in pieces),
        )

    def has(self, path: str) -> bool:
        """Say whether a file is kept from its beginning on."""
        sql = "select 1 from kept_source where workspace_number = ? and path = ? and start_at = 0"
        return self._database.row(sql, (self._workspace_number, path)) is not None

    def drop(self, path: str) -> None:
        """Drop what is kept of a file; inside a transaction."""
        sql = "delete from kept_source where workspace_number = ? and path = ?"
        self._database.rows(sql, (self._workspace_number, path))

    def pieces(self, path: str) -> Iterator[bytes]:
        """Yield what a file held, piece by piece; nothing when it is not kept."""
        sql = "select start_at from kept_source where workspace_number = ? and path = ? order by start_at"
        for (start,) in self._database.rows(sql, (self._workspace_number, path)):
            row = self._database.row(
                "select data from kept_source where workspace_number = ? and path = ? and start_at = ?",
                (self._workspace_number, path, start),
            )
            if row is not None:
                yield zstandard.ZstdDecompressor().decompress(row[0])

    def all(self) -> list[KeptSource]:
        """Say of each kept file how large it is, by path."""
        rows = self._database.rows(
            "select path, sum(size_bytes), sum(length(data)) from kept_source where workspace_number = ? group by path order by path",
            (self._workspace_number,),
        )
        return [KeptSource(*row) for row in rows]
