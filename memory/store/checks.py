"""Look a store's rows through: what refers to what, what is counted, what hashes say. Nothing is written."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from random import SystemRandom

from memory.kinds import kinds
from memory.store.blobs import Blobs
from memory.store.chunks import VectorTable
from memory.store.sqlite import SqliteDatabase

SHOWN = 20
"""Faults of one sort that are told one by one. Untuned."""
_random = SystemRandom()


class Checks:
    """Questions to the rows of all workspaces of a store."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def integrity(self, *, quick: bool) -> list[str]:
        """Give what SQLite finds wrong with its file; [] for nothing."""
        rows = self._database.rows(f"pragma {'quick' if quick else 'integrity'}_check({SHOWN})")
        return [str(row[0]) for row in rows if row[0] != "ok"]

    def dangling(self) -> list[tuple[str, int, str]]:
        """Give the rows that refer to one that is not there: table, row number, the other table."""
        rows = self._database.rows("pragma foreign_key_check")
        return [(row[0], int(row[1] or 0), row[2]) for row in rows]

    def miscounted(self) -> list[int]:
        """Give the sessions whose count of messages is not how many they have."""
        rows = self._database.rows(
            "select s.number from session s left join (select session_number, count(*) as there from message"
            " where deleted_at is null group by session_number) m on m.session_number = s.number"
            " where s.message_count <> coalesce(m.there, 0) and s.deleted_at is null"
        )
        return [row[0] for row in rows]

    def chunks_without_record(self) -> list[tuple[str, int]]:
        """Give kind and number of the records that have chunks and are not there, or deleted."""
        found: list[tuple[str, int]] = []
        for kind, record in kinds().items():
            if record.declaration.searchable:
                rows = self._database.rows(
                    f"select distinct c.record_number from chunk c left join {kind} r on r.number = c.record_number"
                    " where c.kind = ? and (r.number is null or r.deleted_at is not null)",
                    (kind,),
                )
                found += [(kind, row[0]) for row in rows]
        return found

    def records_without_chunk(self, kind: str, settled_before: int) -> Iterator[list[int]]:
        """Yield the records of a kind that are there and have no chunk, some at a time; they may have nothing to find.

        A message that is still being streamed has none yet; it counts when nothing was written to it since `settled_before`.
        """
        last, settled = 0, ""
        if kind == "message":
            settled = f" and (r.status not in ('pending', 'streaming') or r.updated_at < {int(settled_before)})"
        while rows := self._database.rows(
            f"select r.number from {kind} r where r.number > ? and r.deleted_at is null{settled} and not exists"
            " (select 1 from chunk c where c.record_number = r.number and c.kind = ?) order by r.number limit 500",
            (last, kind),
        ):
            last = rows[-1][0]
            yield [row[0] for row in rows]

    def chunk_keys(self) -> list[int]:
        """Give the numbers of all chunks, in order."""
        return [row[0] for row in self._database.rows("select number from chunk order by number")]

    def vectors_without_chunk(self, table: VectorTable) -> list[int]:
        """Give the vectors of a model that belong to no chunk."""
        rows = self._database.rows(
            f"select v.rowid from {table.name}_rowids v left join chunk c on c.number = v.rowid where c.number is null"
        )
        return [row[0] for row in rows]

    def vector(self, table: VectorTable, key: int) -> bytes | None:
        """Read one vector as it is stored; None when there is none."""
        row = self._database.row(f"select f from {table.name} where rowid = ?", (key,))
        return None if row is None else bytes(row[0])

    def sample(self, kind: str, count: int) -> list[int]:
        """Draw records of a kind that have chunks, all of them when there are no more than that."""
        row = self._database.row("select min(record_number), max(record_number) from chunk where kind = ?", (kind,))
        if row is None or row[0] is None:
            return []
        first, last = int(row[0]), int(row[1])
        if last - first < count:
            drawn: Sequence[int] = range(first, last + 1)
        else:
            drawn = sorted(_random.sample(range(first, last + 1), count))
        return [number for number in drawn if self._has_chunk(kind, number)]

    def wrong_bytes(self) -> list[str]:
        """Give the sha256 of attachments' bytes that are not what they are kept under, or cannot be read."""
        blobs = Blobs(self._database)
        wrong = []
        for (sha256,) in self._database.rows("select sha256 from blob order by sha256"):
            try:
                data = blobs.get(sha256)
            except (ValueError, zlib.error):
                data = None
            if data is None or hashlib.sha256(data).hexdigest() != sha256:
                wrong.append(str(sha256))
        return wrong

    def attachments_without_bytes(self) -> list[str]:
        """Give the ids of attachments whose bytes are not there."""
        sql = (
            "select a.id from attachment a where a.sha256 <> ''"
            " and not exists (select 1 from blob b where b.sha256 = a.sha256)"
        )
        return [row[0] for row in self._database.rows(sql)]

    def risen(self) -> list[tuple[str, str]]:
        """Give kind and id of what was forgotten and is there all the same."""
        return [
            (kind, row[0])
            for kind in kinds()
            for row in self._database.rows(
                f"select r.id from {kind} r join tombstone t on t.id = r.id and t.workspace_number = r.workspace_number"
                " and t.kind = ?",
                (kind,),
            )
        ]

    def free_pages(self) -> tuple[int, int, int]:
        """Give free pages, all pages, and the size of one in bytes."""
        names = ("freelist_count", "page_count", "page_size")
        free, total, size = (int((self._database.row(f"pragma {name}") or (0,))[0]) for name in names)
        return free, total, size

    def clear_reference(self, table: str, number: int, column: str) -> None:
        """Let a row refer to nothing; inside a transaction."""
        self._database.rows(f"update {table} set {column} = null where number = ?", (number,))

    def make_indexes_anew(self) -> None:
        """Write SQLite's own indexes anew from their tables; inside a transaction."""
        self._database.rows("reindex")

    def _has_chunk(self, kind: str, number: int) -> bool:
        sql = "select 1 from chunk where record_number = ? and kind = ? limit 1"
        return self._database.row(sql, (number, kind)) is not None
