"""What is left beside records when they are gone: bytes of attachments, marks of sources, what is known of sessions."""

from collections.abc import Sequence

from memory.store.schema import to_json
from memory.store.sqlite import SqliteDatabase


class Leavings:
    """What belongs to records of one workspace and has no row of their kinds."""

    def __init__(self, database: SqliteDatabase, workspace_number: int) -> None:
        self._database = database
        self._workspace_number = workspace_number

    def paths_of(self, session_ids: Sequence[str]) -> list[str]:
        """Give the sources in which sessions were seen, by path."""
        found: set[str] = set()
        for start in range(0, len(session_ids), 500):
            some = session_ids[start : start + 500]
            sql = (
                "select distinct path from import_session where workspace_number = ?"
                f" and session_id in ({', '.join('?' * len(some))})"
            )
            found.update(row[0] for row in self._database.rows(sql, (self._workspace_number, *some)))
        return sorted(found)

    def drop_sessions(self, session_ids: Sequence[str]) -> None:
        """Drop where sessions were seen; inside a transaction."""
        sql = "delete from import_session where workspace_number = ? and session_id = ?"
        self._database.execute_many(sql, ((self._workspace_number, id) for id in session_ids))

    def begin_anew(self, path: str) -> None:
        """Let the next import read a source from its beginning, and keep nothing that was noted of it; inside a transaction."""
        self._database.rows(
            "update import_mark set size_bytes = 0, modified_ns = 0, offset_bytes = 0, lines = 0, state = null,"
            " read_hash = x'', problems = null where workspace_number = ? and path = ?",
            (self._workspace_number, path),
        )

    def drop_unused_bytes(self) -> int:
        """Drop the bytes that no attachment of any workspace has, and say how many there were; inside a transaction."""
        unused = "from blob where not exists (select 1 from attachment a where a.sha256 = blob.sha256)"
        row = self._database.row(f"select coalesce(sum(length(data)), 0) {unused}")
        self._database.rows(f"delete {unused}")
        return int(row[0]) if row else 0

    def drop_everything(self) -> None:
        """Drop marks, kept sources and tombstones; inside a transaction."""
        for table in ("import_mark", "import_session", "kept_source", "tombstone"):
            self._database.rows(f"delete from {table} where workspace_number = ?", (self._workspace_number,))

    def arrows_at(self, references: Sequence[str]) -> list[int]:
        """Give the relationships that one of these references is an end of."""
        found: set[int] = set()
        for start in range(0, len(references), 400):
            some = tuple(references[start : start + 400])
            marks = ", ".join("?" * len(some))
            for end in ("source", "target"):
                sql = f"select number from relationship where workspace_number = ? and {end} in ({marks})"
                found.update(row[0] for row in self._database.rows(sql, (self._workspace_number, *some)))
        return sorted(found)

    def drawn_from(self, message_ids: Sequence[str]) -> list[int]:
        """Give the learnings that name one of these messages as a source."""
        found: set[int] = set()
        for start in range(0, len(message_ids), 5_000):
            found.update(
                row[0]
                for row in self._database.rows(
                    "select distinct l.number from learning l, json_each(l.source_messages) s"
                    " where l.workspace_number = ? and s.value in (select value from json_each(?))",
                    (self._workspace_number, to_json(message_ids[start : start + 5_000])),
                )
            )
        return sorted(found)

    def arrows_drawn_from(self, messages: Sequence[int]) -> list[int]:
        """Give the relationships of messages' sessions that were drawn from them: those of moments of which nothing stays."""
        going = set(messages)
        moments: dict[int, set[int]] = {}
        for start in range(0, len(messages), 500):
            some = messages[start : start + 500]
            sql = f"select session_number, created_at from message where number in ({', '.join('?' * len(some))})"
            for session, at in self._database.rows(sql, tuple(some)):
                moments.setdefault(session, set()).add(at)
        found = []
        for session, its in moments.items():
            sql = "select number, created_at from message where session_number = ? and deleted_at is null"
            # an arrow of a moment at which another message was said, too, may be that one's
            its -= {at for number, at in self._database.rows(sql, (session,)) if at in its and number not in going}
            sql = "select number, created_at from relationship where session_number = ? and workspace_number = ?"
            found += [number for number, at in self._database.rows(sql, (session, self._workspace_number)) if at in its]
        return found

    def drop_unused_words(self) -> None:
        """Drop the names of tools that no piece of any workspace has; inside a transaction."""
        # `tool` in the packed attributes: memory/searchable.py
        packed = self._database.rows("select distinct substr(attributes, 24, 4) from chunk")
        used = {int.from_bytes(row[0], "little", signed=True) for row in packed}
        for (number,) in self._database.rows("select number from word"):
            if number not in used:
                self._database.rows("delete from word where number = ?", (number,))
