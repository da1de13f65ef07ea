"""How far each source file was read: what makes an import go on, or begin anew."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from memory.store.schema import micros, moment, to_json
from memory.store.sqlite import SqliteDatabase


@dataclass(frozen=True)
class ImportMark:
    """How far one file was read."""

    path: str
    format: str
    size_bytes: int
    modified_ns: int
    """When the file was last written, by its own clock."""
    offset_bytes: int
    lines: int
    state: dict[str, Any] = field(default_factory=dict)
    read_hash: bytes = b""
    """Of parts of what stood before the offset: when it differs, the file was rewritten."""
    project: str | None = None
    sessions: int = 0
    messages: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    counted: list[list[int]] = field(default_factory=list)
    """Numbers of the messages that `messages` counts, as pairs of first and last: what is met again is not one more."""
    imported_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MarkOutline:
    """How a file was when it was read, without what was read."""

    path: str
    format: str
    size_bytes: int
    modified_ns: int
    imported_at: datetime | None


class Marks:
    """The import marks of one workspace."""

    def __init__(self, database: SqliteDatabase, workspace_number: int) -> None:
        self._database = database
        self._workspace_number = workspace_number

    def get(self, path: str) -> ImportMark | None:
        """Read a file's mark; None when it was never imported."""
        found = self._read("and path = ?", (path,))
        return found[0] if found else None

    def all(self) -> list[ImportMark]:
        """Read all marks, by path."""
        return self._read("order by path", ())

    def outlines(self) -> list[MarkOutline]:
        """Read what all marks say of their files, by path; quicker than `all`."""
        rows = self._database.rows(
            "select path, format, size_bytes, modified_ns, imported_at from import_mark"
            " where workspace_number = ? order by path",
            (self._workspace_number,),
        )
        return [MarkOutline(row[0], row[1], row[2], row[3], moment(row[4])) for row in rows]

    def newest_below(self, directory: str, limit: int) -> list[tuple[str, str]]:
        """Give path and format of the files below a directory that were imported, those written last first."""
        first = directory.rstrip(os.sep) + os.sep
        rows = self._database.rows(
            "select path, format from import_mark where workspace_number = ? and path >= ? and path < ?"
            " order by modified_ns desc limit ?",
            (self._workspace_number, first, first[:-1] + chr(ord(os.sep) + 1), limit),
        )
        return [(row[0], row[1]) for row in rows]

    def has(self, path: str) -> bool:
        """Say whether a file was imported."""
        sql = "select 1 from import_mark where workspace_number = ? and path = ?"
        return self._database.row(sql, (self._workspace_number, path)) is not None

    def below(self, path: str) -> list[ImportMark]:
        """Read the marks of an archive's members, by path."""
        first = f"{path}/"
        return self._read("and path >= ? and path < ? order by path", (first, first[:-1] + chr(ord("/") + 1)))

    def put(self, mark: ImportMark) -> None:
        """Write a file's mark, in place of the one before; inside the transaction of what was read."""
        self._database.rows(
            "insert into import_mark values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " on conflict (workspace_number, path) do update set format = excluded.format,"
            " size_bytes = excluded.size_bytes, modified_ns = excluded.modified_ns,"
            " offset_bytes = excluded.offset_bytes, lines = excluded.lines,"
            " state = excluded.state, read_hash = excluded.read_hash, project = excluded.project,"
            " sessions = excluded.sessions, messages = excluded.messages, problems = excluded.problems,"
            " imported_at = excluded.imported_at",
            (
                self._workspace_number,
                mark.path,
                mark.format,
                mark.size_bytes,
                mark.modified_ns,
                mark.offset_bytes,
                mark.lines,
                to_json({"importer": mark.state, "counted": mark.counted}),
                mark.read_hash,
                mark.project,
                mark.sessions,
                mark.messages,
                to_json(mark.problems),
                micros(datetime.now(UTC)),
            ),
        )

    def add_sessions(self, path: str, ids: Iterable[str]) -> None:
        """Note which sessions were seen in a file; inside the transaction of what was read."""
        self._database.execute_many(
            "insert into import_session values (?, ?, ?) on conflict do nothing",
            ((self._workspace_number, path, id) for id in ids),
        )

    def sessions(self, path: str) -> set[str]:
        """Give the ids of the sessions seen in a file."""
        sql = "select session_id from import_session where workspace_number = ? and path = ?"
        return {row[0] for row in self._database.rows(sql, (self._workspace_number, path))}

    def _read(self, condition: str, parameters: tuple[Any, ...]) -> list[ImportMark]:
        rows = self._database.rows(
            "select path, format, size_bytes, modified_ns, offset_bytes, lines, state, read_hash, project, sessions, messages,"
            f" problems, imported_at from import_mark where workspace_number = ? {condition}",
            (self._workspace_number, *parameters),
        )
        kept = [json.loads(row[6] or "{}") for row in rows]
        return [
            ImportMark(
                path=row[0],
                format=row[1],
                size_bytes=row[2],
                modified_ns=row[3],
                offset_bytes=row[4],
                lines=row[5],
                state=state.get("importer", {}),
                read_hash=row[7],
                project=row[8],
                sessions=row[9],
                messages=row[10],
                problems=json.loads(row[11] or "[]"),
                counted=state.get("counted", []),
                imported_at=moment(row[12]),
            )
            for row, state in zip(rows, kept, strict=True)
        ]


def joined(ranges: Iterable[list[int]], numbers: Iterable[int]) -> list[list[int]]:
    """Add numbers to ranges (pairs of first and last), sorted and as few as can be.

    >>> joined([[4, 6], [9, 9]], [7, 1, 5])
    [[1, 1], [4, 7], [9, 9]]
    """
    found: list[list[int]] = []
    for first, last in sorted([*ranges, *([number, number] for number in numbers)]):
        if found and first <= found[-1][1] + 1:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last])
    return found
