"""What hangs together in sessions: the order of messages, forks, and counts."""

from collections.abc import Sequence

from memory.store.records import Where
from memory.store.schema import columns
from memory.store.sqlite import SqliteDatabase


class SessionRows:
    """Sessions and what lies in them, by their numbers."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def lineage(self, number: int) -> list[tuple[int, int | None]]:
        """Give a session and those it was forked from, each with the last `seq` that is read of it; None for all."""
        found: list[tuple[int, int | None]] = [(number, None)]
        seen = {number}
        least: int | None = None
        while True:
            row = self._database.row(
                "select m.session_number, m.seq from session s join message m on m.number = s.forked_at_number"
                " where s.number = ?",
                (found[-1][0],),
            )
            if row is None or row[0] in seen:
                return found
            least = row[1] if least is None else min(least, row[1])
            seen.add(row[0])
            found.append((row[0], least))

    def last_place(self, number: int) -> tuple[int, int]:
        """Give `seq` and `turn` of the last message; those of the message it was forked at when it has none."""
        row = self._database.row(
            "select seq, turn from message where session_number = ? order by seq desc limit 1", (number,)
        ) or self._database.row(
            "select m.seq, m.turn from session s join message m on m.number = s.forked_at_number where s.number = ?",
            (number,),
        )
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def count_added(self, number: int, added: int, last_at: int) -> None:
        """Note new messages in their session's row; inside their transaction."""
        self._database.rows(
            "update session set message_count = message_count + ?,"
            " last_message_at = case when last_message_at > ? then last_message_at else ? end where number = ?",
            (added, last_at, last_at, number),
        )

    def count_anew(self, number: int) -> None:
        """Write the count of messages and the time of the last one from their rows."""
        with self._database.transaction():
            self._database.rows(
                "update session set (message_count, last_message_at) = (select count(*), max(created_at) from message m"
                " where m.session_number = session.number and m.deleted_at is null) where number = ?",
                (number,),
            )

    def members(self, kind: str, number: int) -> list[int]:
        """Give the records of a kind that lie in a session and are not deleted."""
        sql = f"select number from {kind} where session_number = ? and deleted_at is null"
        return [row[0] for row in self._database.rows(sql, (number,))]

    def id_of(self, kind: str, number: int) -> str | None:
        """Give the id of the session that a record lies in, deleted ones included; None for none."""
        if not any(column.name == "session_number" for column in columns(kind)):
            return None
        sql = f"select s.id from {kind} r join session s on s.number = r.session_number where r.number = ?"
        row = self._database.row(sql, (number,))
        return str(row[0]) if row else None

    def of_reaction(self, number: int) -> tuple[str, str] | None:
        """Give the ids of the session and of the message that a reaction is on, deleted ones included."""
        sql = (
            "select s.id, m.id from reaction r join message m on m.number = r.message_number"
            " join session s on s.number = m.session_number where r.number = ?"
        )
        row = self._database.row(sql, (number,))
        return (str(row[0]), str(row[1])) if row else None

    def project_of(self, number: int) -> int:
        """Give the number of a session's project; 0 for none."""
        row = self._database.row("select coalesce(project_number, 0) from session where number = ?", (number,))
        return int(row[0]) if row else 0

    def first_said(self, number: int) -> int | None:
        """Give the chunk of the first thing that a person, or else anybody, said."""
        row = self._database.row(
            "select c.number from message m join chunk c on c.record_number = m.number and c.kind = 'message'"
            " where m.session_number = ? and m.deleted_at is null and c.passage = 0"
            " order by m.role <> 'user', m.seq limit 1",
            (number,),
        )
        return int(row[0]) if row else None

    def beside(self, messages: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Give for each message the one before it and the one behind it in its session; 0 for none."""
        found: dict[int, tuple[int, int]] = {}
        for start in range(0, len(messages), 500):
            some = tuple(messages[start : start + 500])
            rows = self._database.rows(
                "select m.number, n.number, n.seq > m.seq from message m join message n"
                " on n.session_number = m.session_number and n.seq in (m.seq - 1, m.seq + 1) and n.deleted_at is null"
                f" where m.number in ({', '.join('?' * len(some))})",
                some,
            )
            for number, other, is_behind in rows:
                before, behind = found.get(number, (0, 0))
                found[number] = (before, other) if is_behind else (other, behind)
        return found

    def ends(self, messages: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Give the first and the last chunk of what each message says; the chunks between have the numbers between."""
        found: dict[int, tuple[int, int]] = {}
        for start in range(0, len(messages), 500):
            some = tuple(messages[start : start + 500])
            rows = self._database.rows(
                "select record_number, min(number), max(number) from chunk where kind = 'message' and passage = 0"
                f" and record_number in ({', '.join('?' * len(some))}) group by record_number",
                some,
            )
            found.update((row[0], (row[1], row[2])) for row in rows)
        return found

    def last_version(self, message: int) -> int:
        """Give the highest version that is kept of a message; 0 for none."""
        row = self._database.row("select max(version) from message_version where message_number = ?", (message,))
        return int(row[0] or 0) if row else 0

    def version_counts(self, message_ids: Sequence[str]) -> dict[str, int]:
        """Count what is kept of former texts of some messages, up to 500; those that were never edited are left out."""
        sql = (
            "select m.id, count(*) from message m join message_version v on v.message_number = m.number"
            f" where m.id in ({', '.join('?' * len(message_ids[:500]))}) group by m.id"
        )
        return {row[0]: row[1] for row in self._database.rows(sql, tuple(message_ids[:500]))}

    def forks(self, number: int) -> list[tuple[int, int, int]]:
        """Give the living forks of a session by where they begin: fork, message and `seq` it was forked at."""
        rows = self._database.rows(
            "select s.number, m.number, m.seq from session s join message m on m.number = s.forked_at_number"
            " where m.session_number = ? and s.deleted_at is null and s.number <> ? order by m.seq, s.number",
            (number, number),
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def set_parents(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Write of messages which one they answer, as pairs of parent and child; inside a transaction."""
        self._database.execute_many("update message set parent_number = ? where number = ?", pairs)

    def link(self, number: int) -> tuple[int | None, int | None]:
        """Give a session's parent and the message it was forked at."""
        row = self._database.row("select parent_number, forked_at_number from session where number = ?", (number,))
        return (row[0], row[1]) if row else (None, None)

    def set_link(self, number: int, parent: int | None, forked_at: int | None) -> None:
        """Write a session's parent and the message it was forked at; inside a transaction."""
        sql = "update session set parent_number = ?, forked_at_number = ? where number = ?"
        self._database.rows(sql, (parent, forked_at, number))

    def stretch(self, number: int, above: int, up_to: int) -> list[int]:
        """Give the messages of a stretch of a session that are not deleted."""
        rows = self._database.rows(
            "select number from message where session_number = ? and seq > ? and seq <= ? and deleted_at is null",
            (number, above, up_to),
        )
        return [row[0] for row in rows]

    def move(self, messages: Sequence[int], number: int) -> None:
        """Put messages into another session; inside a transaction."""
        sql = "update message set session_number = ? where number = ?"
        self._database.execute_many(sql, ((number, each) for each in messages))


def messages_of(sessions: list[tuple[int, int | None]]) -> Where:
    """Make the condition that a message is one of a session, those before a fork included."""
    words, parameters = [], []
    for number, up_to in sessions:
        words.append("{t}.session_number = ?" + ("" if up_to is None else " and {t}.seq <= ?"))
        parameters += [number] if up_to is None else [number, up_to]
    return Where(f"{{t}}.deleted_at is null and ({' or '.join(f'({each})' for each in words)})", tuple(parameters))
