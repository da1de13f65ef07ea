"""How far each source file was read: what makes an import go on, or begin anew."""

import json
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
    tail_hash: bytes = b""
    """Of what stood just before the offset: when it differs, the file was rewritten."""
    project: str | None = None
    sessions: int = 0
    messages: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    imported_at: datetime | None = None


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

    def put(self, mark: ImportMark) -> None:
        """Write a file's mark, in place of the one before; inside the transaction of what was read."""
        self._database.rows(
            "insert into import_mark values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " on conflict (workspace_number, path) do update set format = excluded.format,"
            " size_bytes = excluded.size_bytes, modified_ns = excluded.modified_ns,"
            " offset_bytes = excluded.offset_bytes, lines = excluded.lines,"
            " state = excluded.state, tail_hash = excluded.tail_hash, project = excluded.project,"
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
                to_json(mark.state),
                mark.tail_hash,
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
            "select path, format, size_bytes, modified_ns, offset_bytes, lines, state, tail_hash, project, sessions, messages,"
            f" problems, imported_at from import_mark where workspace_number = ? {condition}",
            (self._workspace_number, *parameters),
        )
        return [
            ImportMark(
                path=row[0],
                format=row[1],
                size_bytes=row[2],
                modified_ns=row[3],
                offset_bytes=row[4],
                lines=row[5],
                state=json.loads(row[6] or "{}"),
                tail_hash=row[7],
                project=row[8],
                sessions=row[9],
                messages=row[10],
                problems=json.loads(row[11] or "[]"),
                imported_at=moment(row[12]),
            )
            for row in rows
        ]
