"""The ordered log of every write, and the tombstones of what was forgotten."""

import random
import time
from collections.abc import Iterable, Sequence

from pydantic import BaseModel

from memory.errors import ChangesGone
from memory.kinds import kinds
from memory.store.sqlite import Row, SqliteDatabase

_tokens = random.SystemRandom()


class Change(BaseModel):
    """One write."""

    seq: int
    """Its place in the order of writes."""
    kind: str
    record_number: int
    verb: str
    """create, update, delete, restore or forget."""
    id: str | None
    """The record's id; None in what was logged of a record before it was deleted for good."""
    at: int
    """Microseconds since 1970."""
    status: str | None = None
    """Of a message: what its status became with this write; None when that was not written."""
    length: int | None = None
    """Of a message that is being streamed: how many characters it had then."""


class Changes:
    """The change log of a store, of all workspaces."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def add(
        self,
        workspace_number: int,
        kind: str,
        numbers: Sequence[int],
        verb: str,
        *,
        status: str | None = None,
        length: int | None = None,
    ) -> None:
        """Log a write of records; inside its transaction. `status` and `length` are those of a streamed message."""
        at = time.time_ns() // 1000
        token = _tokens.getrandbits(62)
        self._database.execute_many(
            "insert into change (workspace_number, kind, record_number, verb, token, at, status, length)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            ((workspace_number, kind, number, verb, token ^ number, at, status, length) for number in numbers),
        )

    def length_before(self, kind: str, number: int, seq: int) -> int:
        """Give how many characters a streamed message had before a change; 0 where the log does not say."""
        row = self._database.row(
            "select length from change where seq < ? and record_number = ? and kind = ? and length is not null"
            " order by seq desc limit 1",
            (seq, number, kind),
        )
        return int(row[0]) if row else 0

    def bury(self, workspace_number: int, kind: str, number: int, id: str, *, buries: bool = True) -> None:
        """Log that a record goes for good and remember its id, unless `buries` is unset; inside the transaction that removes it."""
        at = time.time_ns() // 1000
        self._database.rows(
            "insert into change (workspace_number, kind, record_number, verb, id, token, at)"
            " values (?, ?, ?, 'forget', ?, ?, ?)",
            (workspace_number, kind, number, id, _tokens.getrandbits(62), at),
        )
        if not buries:
            return
        self._database.rows(
            "insert into tombstone (workspace_number, kind, id, at) values (?, ?, ?, ?) on conflict do nothing",
            (workspace_number, kind, id, at),
        )

    def withhold_source(self, workspace_number: int, path: str) -> None:
        """Remember that nothing of a source is to be kept, since it holds what was forgotten; inside a transaction."""
        self._database.rows(
            "insert into tombstone (workspace_number, kind, id, at) values (?, 'source', ?, ?) on conflict do nothing",
            (workspace_number, path, time.time_ns() // 1000),
        )

    def buried(self, workspace_number: int, kind: str, ids: Iterable[str]) -> set[str]:
        """Say which of these ids were forgotten."""
        found: set[str] = set()
        wanted = list(ids)
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            rows = self._database.rows(
                f"select id from tombstone where workspace_number = ? and kind = ? and id in"
                f" ({', '.join('?' * len(some))})",
                (workspace_number, kind, *some),
            )
            found.update(row[0] for row in rows)
        return found

    def unbury(self, workspace_number: int, kind: str, id: str) -> None:
        """Take an id off what was forgotten: somebody gives it to a new record; inside the transaction that writes that."""
        self._database.rows(
            "delete from tombstone where workspace_number = ? and kind = ? and id = ?", (workspace_number, kind, id)
        )

    def last_seq(self) -> int:
        """Give the newest change's number; 0 in an empty log."""
        row = self._database.row("select seq from change order by seq desc limit 1")
        return int(row[0]) if row else 0

    def is_whole(self) -> bool:
        """Say whether the log still begins with the first change there was."""
        row = self._database.row("select seq from change order by seq limit 1")
        return row is None or row[0] == 1

    def token(self, seq: int) -> int | None:
        """Give the random token of a change: the proof that an index followed this very log."""
        row = self._database.row("select token from change where seq = ?", (seq,))
        return int(row[0]) if row else None

    def after(self, seq: int, limit: int = 10_000) -> list[Change]:
        """Read changes behind a number, in order, of all workspaces."""
        rows = self._database.rows(
            "select seq, kind, record_number, verb, id, at, status, length from change where seq > ? order by seq limit ?",
            (seq, limit),
        )
        return [_change(row) for row in rows]

    def in_workspace(self, workspace_number: int, seq: int, limit: int) -> list[Change]:
        """Read one workspace's changes behind a number, in order, with the ids of their records.

        Raises:
            ChangesGone: The log does not reach back to that number any more.
        """
        rows = self._database.rows(
            "select seq, kind, record_number, verb, id, at, status, length from change where seq > ? and workspace_number = ?"
            " order by seq limit ?",
            (seq, workspace_number, limit),
        )
        # looked at behind the rows, so that none of them can have been dropped in between
        row = self._database.row("select seq from change order by seq limit 1")
        if row is not None and seq + 1 < row[0]:
            raise ChangesGone(
                f"changes behind {seq} are gone, the log begins with {row[0]}; read what there is, then go on after"
                f" {self.last_seq()}"
            )
        return self._with_ids([_change(each) for each in rows])

    def _with_ids(self, changes: list[Change]) -> list[Change]:
        """Put in the ids of the records that are there."""
        wanted: dict[str, set[int]] = {}
        for change in changes:
            if change.id is None:
                wanted.setdefault(change.kind, set()).add(change.record_number)
        for kind, numbers in wanted.items():
            if kind not in kinds():
                continue
            ids: dict[int, str] = {}
            listed = sorted(numbers)
            for start in range(0, len(listed), 500):
                some = listed[start : start + 500]
                sql = f"select number, id from {kind} where number in ({', '.join('?' * len(some))})"
                ids.update(dict(self._database.rows(sql, some)))
            for change in changes:
                if change.kind == kind and change.id is None:
                    change.id = ids.get(change.record_number)
        return changes

    def touched(self, after: int, up_to: int) -> list[tuple[str, int]]:
        """Give kind and number of the searchable records that were written behind `after`, up to `up_to`, newest last."""
        rows = self._database.rows(
            "select kind, record_number from change where seq > ? and seq <= ?"
            " and kind in ('message', 'learning', 'session') group by kind, record_number order by max(seq)",
            (after, up_to),
        )
        return [(row[0], row[1]) for row in rows]

    def rewritten(self, after: int, up_to: int) -> set[tuple[str, int]]:
        """Give kind and number of the searchable records that were written again, or are gone, behind `after`."""
        rows = self._database.rows(
            "select distinct kind, record_number from change where seq > ? and seq <= ? and verb <> 'create'"
            " and kind in ('message', 'learning', 'session')",
            (after, up_to),
        )
        return {(row[0], row[1]) for row in rows}

    def prune(self, applied: int, keep_days: int, keep_rows: int = 100_000) -> None:
        """Drop old rows that every index has applied; the last applied one always stays. Inside a transaction."""
        before = time.time_ns() // 1000 - keep_days * 86_400_000_000
        up_to = min(applied - 1, self.last_seq() - keep_rows)
        if up_to > 0:
            self._database.rows("delete from change where seq <= ? and at < ?", (up_to, before))


def _change(row: Row) -> Change:
    names = ("seq", "kind", "record_number", "verb", "id", "at", "status", "length")
    return Change.model_validate(dict(zip(names, row, strict=True)))
