"""What an export holds beside records: bytes of attachments, tombstones, import marks and kept sources."""

from array import array
from base64 import b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any

from memory.store.blobs import Blobs
from memory.store.exchange import Plain, decoded_json
from memory.store.kept_sources import KeptSources, SourcePiece
from memory.store.marks import joined
from memory.store.schema import micros, moment, to_json
from memory.store.sqlite import SqliteDatabase

ROWS_AT_ONCE = 500
"""Rows that are held in memory together. Untuned."""


class ExtraRows:
    """What belongs to one workspace and is no record."""

    def __init__(self, database: SqliteDatabase, workspace_number: int) -> None:
        self._database = database
        self._workspace_number = workspace_number
        self._blobs = Blobs(database)

    def blobs(self, deleted: bool) -> Iterator[tuple[str, str]]:
        """Yield the hash of all attachments' bytes, each once, and of which media type they are."""
        alive = "" if deleted else " and deleted_at is null"
        sql = (
            "select sha256, media_type, min(number) from attachment where workspace_number = ? and sha256 > ?"
            f"{alive} group by sha256 order by sha256 limit {ROWS_AT_ONCE}"
        )
        last = ""
        while rows := self._database.rows(sql, (self._workspace_number, last)):
            last = rows[-1][0]
            for sha256, media_type, _ in rows:
                yield sha256, media_type

    def blob(self, sha256: str, media_type: str) -> Plain | None:
        """Read bytes; None when they are not there."""
        data = self._blobs.get(sha256)
        if data is None:
            return None
        return {"sha256": sha256, "media_type": media_type, "data": b64encode(data).decode()}

    def has_blob(self, sha256: str) -> bool:
        """Say whether there are bytes under a hash."""
        return bool(self._database.rows("select 1 from blob where sha256 = ?", (sha256,)))

    def tombstones(self) -> Iterator[Plain]:
        """Yield what was forgotten."""
        sql = (
            "select kind, id, at from tombstone where workspace_number = ? and (kind, id) > (?, ?)"
            f" order by kind, id limit {ROWS_AT_ONCE}"
        )
        last = ("", "")
        while rows := self._database.rows(sql, (self._workspace_number, *last)):
            last = rows[-1][:2]
            for kind, id, at in rows:
                yield {"kind": kind, "id": id, "at": _time(at)}

    def tombstone(self, kind: str, id: str) -> Plain | None:
        """Read one."""
        sql = "select at from tombstone where workspace_number = ? and kind = ? and id = ?"
        row = self._database.row(sql, (self._workspace_number, kind, id))
        return None if row is None else {"kind": kind, "id": id, "at": _time(row[0])}

    def put_tombstone(self, kind: str, id: str, at: Any) -> None:
        """Note that something was forgotten; inside a transaction."""
        sql = "insert or ignore into tombstone (workspace_number, kind, id, at) values (?, ?, ?, ?)"
        self._database.rows(sql, (self._workspace_number, kind, id, micros(at)))

    def marks(self, messages: "array[int]") -> Iterator[Plain]:
        """Yield how far each source was read, by path.

        Args:
            messages: Ascending numbers of all messages: those that a mark counts are named by their place among these.
        """
        sql = "select path from import_mark where workspace_number = ? and path > ? order by path limit 500"
        last = ""
        while rows := self._database.rows(sql, (self._workspace_number, last)):
            last = rows[-1][0]
            for (path,) in rows:
                if mark := self.import_mark(path, messages):
                    yield mark

    def import_mark(self, path: str, messages: "array[int] | None" = None) -> Plain | None:
        """Read how far a source was read; see `marks`. Without messages, without those that it counts."""
        row = self._database.row(
            "select format, size_bytes, modified_ns, offset_bytes, lines, state, read_hash, project, sessions, messages,"
            " problems, imported_at from import_mark where workspace_number = ? and path = ?",
            (self._workspace_number, path),
        )
        if row is None:
            return None
        state = decoded_json(row[5], {})
        mark = {"path": path, "format": row[0], "size_bytes": row[1], "modified_ns": row[2], "offset_bytes": row[3]}
        mark |= {"lines": row[4], "state": state.get("importer", {}), "read_hash": (row[6] or b"").hex()}
        mark |= {"counted": _places(state.get("counted", []), messages) if messages else []}
        mark |= {"project": row[7], "sessions": row[8], "messages": row[9]}
        return mark | {"problems": decoded_json(row[10], []), "imported_at": _time(row[11])}

    def put_mark(self, mark: Plain, counted: list[list[int]], imported_at: Any) -> None:
        """Write how far a source was read, in place of what was noted before; inside a transaction.

        Args:
            mark: Its values, but for `counted`.
            counted: Numbers of messages, as pairs of first and last.
            imported_at: When it was read.
        """
        self._database.rows(
            f"insert or replace into import_mark values ({', '.join('?' * 14)})",
            (
                self._workspace_number,
                *(mark[name] for name in ("path", "format", "size_bytes", "modified_ns", "offset_bytes", "lines")),
                to_json({"importer": mark["state"], "counted": counted}),
                bytes.fromhex(mark["read_hash"]),
                *(mark[name] for name in ("project", "sessions", "messages")),
                to_json(mark["problems"]),
                micros(imported_at),
            ),
        )

    def mark_sessions(self) -> Iterator[Plain]:
        """Yield which sessions were seen in which source."""
        sql = (
            "select path, session_id from import_session where workspace_number = ? and (path, session_id) > (?, ?)"
            f" order by path, session_id limit {ROWS_AT_ONCE}"
        )
        last = ("", "")
        while rows := self._database.rows(sql, (self._workspace_number, *last)):
            last = rows[-1]
            for path, session in rows:
                yield {"path": path, "session_id": session}

    def has_mark_session(self, path: str, session_id: str) -> bool:
        """Say whether a session is noted as seen in a source."""
        sql = "select 1 from import_session where workspace_number = ? and path = ? and session_id = ?"
        return bool(self._database.rows(sql, (self._workspace_number, path, session_id)))

    def sources(self) -> Iterator[Plain]:
        """Yield what is kept of sources, piece by piece, as it is compressed."""
        sql = "select path, start_at from kept_source where workspace_number = ? order by path, start_at"
        for path, start in self._database.rows(sql, (self._workspace_number,)):
            piece = self.source(path, start)
            if piece is not None:
                yield piece

    def source(self, path: str, start: int) -> Plain | None:
        """Read one piece of what is kept of a source."""
        row = self._database.row(
            "select size_bytes, data from kept_source where workspace_number = ? and path = ? and start_at = ?",
            (self._workspace_number, path, start),
        )
        if row is None:
            return None
        return {"path": path, "start_at": start, "size_bytes": row[0], "data": b64encode(row[1]).decode()}

    def put_source(self, path: str, piece: SourcePiece) -> None:
        """Write one piece of what is kept of a source; inside a transaction."""
        KeptSources(self._database, self._workspace_number).put(path, [piece], is_anew=False)

    def source_starts(self, path: str) -> list[int]:
        """Give where the pieces begin that are kept of a source."""
        sql = "select start_at from kept_source where workspace_number = ? and path = ? order by start_at"
        return [row[0] for row in self._database.rows(sql, (self._workspace_number, path))]


def _time(stored: int) -> str:
    return moment(stored).isoformat().replace("+00:00", "Z")


def _places(counted: list[list[int]], messages: "array[int]") -> list[list[int]]:
    """Give the places of messages instead of their numbers, counted from 1, as pairs of first and last."""
    pairs = [[bisect_left(messages, first) + 1, bisect_right(messages, last)] for first, last in counted]
    return joined([pair for pair in pairs if pair[0] <= pair[1]], [])
