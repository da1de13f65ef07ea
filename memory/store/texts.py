"""All texts of one workspace, whatever holds them, read a few records at a time and written back as they are stored."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import zstandard

from memory.kinds import kinds
from memory.store.kept_sources import pack
from memory.store.parts import fold_parts, unfold_parts
from memory.store.schema import Column, columns, reading
from memory.store.sqlite import Row, SqliteDatabase

ROWS_AT_ONCE = 32
"""Records that are held in memory together. Untuned."""
_NO_TEXT = {"sha256"}


@dataclass(frozen=True)
class TextRow:
    """The texts of one record, deleted ones included."""

    number: int
    id: str
    values: dict[str, Any]
    """By field; what is JSON is decoded, parts are whole."""
    folded_parts: list[dict[str, Any]] | None = None
    """Parts as they are stored: without the texts that stand in the content."""


class Texts:
    """The texts of one workspace."""

    def __init__(self, database: SqliteDatabase, workspace_number: int) -> None:
        self._database = database
        self._workspace_number = workspace_number

    def count(self, kind: str) -> int:
        """Count the records of a kind, deleted ones included."""
        sql = f"select count(*) from {kind} where workspace_number = ?"
        return int((self._database.row(sql, (self._workspace_number,)) or (0,))[0])

    def after(self, kind: str, number: int) -> list[TextRow]:
        """Read the texts of the next records behind a number, in order; [] behind the last."""
        return self._read(kind, f"number > ? order by number limit {ROWS_AT_ONCE}", number)

    def one(self, kind: str, number: int) -> TextRow | None:
        """Read the texts of a record; None when it is gone."""
        return next(iter(self._read(kind, "number = ?", number)), None)

    def write(self, kind: str, number: int, values: dict[str, Any], content: str = "") -> None:
        """Write texts of a record; inside a transaction.

        Args:
            kind: Of the record.
            number: Of the record.
            values: By field, only those that change; parts always together with a changed content.
            content: What the parts stand beside.
        """
        by_field = {column.field: column for column in text_columns(kind)}
        folds = kinds()[kind].declaration.folds_parts
        stored = {
            by_field[name].name: by_field[name].encode(
                fold_parts(content, value) if folds and name == "parts" else value
            )
            for name, value in values.items()
        }
        sets = ", ".join(f"{by_field[name].name} = {by_field[name].bound}" for name in values)
        self._database.rows(f"update {kind} set {sets} where number = ?", (*stored.values(), number))

    def session_of(self, kind: str, number: int) -> str | None:
        """Give the id of the session that a record belongs to; None for none."""
        names = {column.name for column in columns(kind)}
        if kind == "session":
            sql = "select id from session where number = ?"
        elif "session_number" in names:
            sql = f"select s.id from {kind} t join session s on s.number = t.session_number where t.number = ?"
        elif "message_number" in names:
            sql = (
                f"select s.id from {kind} t join message m on m.number = t.message_number"
                " join session s on s.number = m.session_number where t.number = ?"
            )
        else:
            return None
        row = self._database.row(sql, (number,))
        return str(row[0]) if row else None

    def attachments(self) -> Iterator[tuple[int, str, str, str]]:
        """Yield number, id, media type and sha256 of every attachment, deleted ones included."""
        last = 0
        sql = (
            "select number, id, media_type, sha256 from attachment where workspace_number = ? and number > ?"
            " order by number limit 500"
        )
        while rows := self._database.rows(sql, (self._workspace_number, last)):
            last = rows[-1][0]
            for row in rows:
                yield row[0], row[1], row[2], row[3]

    def set_content(self, attachment: int, sha256: str, size_bytes: int, before: str) -> None:
        """Let an attachment have other bytes, and drop those before when nothing else has them; inside a transaction."""
        sql = "update attachment set sha256 = ?, size_bytes = ? where number = ?"
        self._database.rows(sql, (sha256, size_bytes, attachment))
        sql = "delete from blob where sha256 = ? and not exists (select 1 from attachment where sha256 = ?)"
        self._database.rows(sql, (before, before))

    def pieces(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield path, place and content of every piece of a kept source, one at a time."""
        sql = "select path, start_at from kept_source where workspace_number = ? order by path, start_at"
        for path, start in self._database.rows(sql, (self._workspace_number,)):
            sql = "select data from kept_source where workspace_number = ? and path = ? and start_at = ?"
            if row := self._database.row(sql, (self._workspace_number, path, start)):
                yield path, start, zstandard.ZstdDecompressor().decompress(row[0])

    def write_piece(self, path: str, start: int, data: bytes) -> None:
        """Write a piece of a kept source; inside a transaction."""
        piece = pack(start, data)
        self._database.rows(
            "update kept_source set size_bytes = ?, data = ? where workspace_number = ? and path = ? and start_at = ?",
            (piece.size_bytes, piece.packed, self._workspace_number, path, start),
        )

    def marks(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield path, state and problems of every import mark."""
        sql = "select path, state, problems, project from import_mark where workspace_number = ? order by path"
        for path, state, problems, project in self._database.rows(sql, (self._workspace_number,)):
            yield (
                path,
                {"state": json.loads(state or "{}"), "problems": json.loads(problems or "[]"), "project": project},
            )

    def write_mark(self, path: str, values: dict[str, Any]) -> None:
        """Write state, problems and project of an import mark; inside a transaction."""
        stored = [json.dumps(values[name], ensure_ascii=False, separators=(",", ":")) for name in ("state", "problems")]
        self._database.rows(
            "update import_mark set state = ?, problems = ?, project = ? where workspace_number = ? and path = ?",
            (*stored, values["project"], self._workspace_number, path),
        )

    def words(self) -> list[tuple[int, str]]:
        """Give the names of tools, of all workspaces, with their numbers."""
        return [(row[0], row[1]) for row in self._database.rows("select number, word from word order by number")]

    def write_word(self, number: int, word: str) -> None:
        """Write the name of a tool; one of that name takes the place of it, where there is one. Inside a transaction."""
        self._database.rows("update or ignore word set word = ? where number = ?", (word, number))
        # the pieces that had it have been made anew with the other one
        self._database.rows("delete from word where number = ? and word <> ?", (number, word))

    def _read(self, kind: str, condition: str, number: int) -> list[TextRow]:
        found = text_columns(kind)
        names = ", ".join(column.name for column in found)
        sql = f"select number, id, {names} from {kind} where workspace_number = ? and {condition}"
        rows = self._database.rows(sql, (self._workspace_number, number))
        return [_decoded(kind, found, row) for row in rows]


@cache
def text_columns(kind: str) -> tuple[Column, ...]:
    """Give the columns of a kind that hold text or JSON which somebody wrote."""
    return tuple(
        column
        for column in columns(kind)
        if column.sql_type == "text" and not column.values and column.field not in _NO_TEXT
    )


def _decoded(kind: str, found: Sequence[Column], row: Row) -> TextRow:
    with reading(kind, row[1]):
        return _row(kind, row[0], row[1], {c.field: c.decode(value) for c, value in zip(found, row[2:], strict=True)})


def _row(kind: str, number: int, id: str, values: dict[str, Any]) -> TextRow:
    folded = values.get("parts") if kinds()[kind].declaration.folds_parts else None
    if folded:
        values["parts"] = unfold_parts(values["content"], folded)
    return TextRow(number, id, values, folded)
