"""Tokens, the audit log, and answers to requests that may come again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from memory.store.sqlite import Row, SqliteDatabase

ANSWER_GONE = (
    '{"type": "about:blank", "title": "Gone", "status": 410, "code": "answer_gone",'
    ' "detail": "that was done when it was asked first; its answer is not kept"}'
)
"""What a request that comes again is answered, when what it was answered first is kept no more, or never was."""
AUDIT_KEPT = 100_000
"""Rows of the audit log that are kept. Untuned."""


@dataclass(frozen=True)
class TokenRow:
    """A token, without what it is known by."""

    id: str
    name: str
    role: str
    workspace: str
    projects: str | None
    session_id: str | None
    created_at: int
    expires_at: int | None
    revoked_at: int | None


@dataclass(frozen=True)
class AuditRow:
    """Who did what."""

    seq: int
    workspace_number: int | None
    at: int
    who: str
    what: str
    target: str | None
    outcome: str
    count: int | None
    chain: str


class Access:
    """Tokens and audit log of a store, of all workspaces."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def add_token(self, values: Sequence[Any]) -> None:
        """Write a token: id, hash, name, role, workspace number, projects, session id, created at, expires at."""
        with self._database.transaction():
            self._database.rows(
                "insert into token (id, hash, name, role, workspace_number, projects, session_id, created_at, expires_at)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )

    def token_of(self, hash: str) -> TokenRow | None:
        """Find a token by its hash."""
        found = self._tokens("where t.hash = ?", (hash,))
        return found[0] if found else None

    def tokens(self) -> list[TokenRow]:
        """List all tokens, the oldest first."""
        return self._tokens("", ())

    def revoke(self, id: str, at: int) -> bool:
        """Let a token count for nothing from now on; False when there is none."""
        with self._database.transaction():
            there = self._database.row("select 1 from token where id = ?", (id,)) is not None
            self._database.rows("update token set revoked_at = coalesce(revoked_at, ?) where id = ?", (at, id))
        return there

    def last_chain(self) -> str:
        """Give what the last row of the audit log proves; "" for none."""
        row = self._database.row("select chain from audit order by seq desc limit 1")
        return str(row[0]) if row else ""

    def add_audit(self, values: Sequence[Any]) -> None:
        """Write a row of the audit log (workspace number, at, who, what, target, outcome, count, chain); inside a transaction."""
        self._database.rows(
            "insert into audit (workspace_number, at, who, what, target, outcome, count, chain) values (?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        self._database.rows(f"delete from audit where seq <= (select max(seq) - {AUDIT_KEPT} from audit)")

    def audit(self, after: int, limit: int, workspace_number: int | None = None) -> list[AuditRow]:
        """Read rows of the audit log behind a number, in order."""
        within = "" if workspace_number is None else " and workspace_number = ?"
        parameters = (after,) if workspace_number is None else (after, workspace_number)
        rows = self._database.rows(
            f"select seq, workspace_number, at, who, what, target, outcome, count, chain from audit where seq > ?{within}"
            " order by seq limit ?",
            (*parameters, limit),
        )
        return [AuditRow(*row) for row in rows]

    def answer_to(self, key: str) -> Row | None:
        """Give request, status and answer of a request that came before; None when it did not."""
        return self._database.row("select request, status, answer from idempotency where key = ?", (key,))

    def keep_answer(self, key: str, request: str, status: int, answer: str, at: int, drop_before: int) -> None:
        """Keep an answer for when the request comes again, and drop old ones."""
        with self._database.transaction():
            self._database.rows(
                "insert into idempotency values (?, ?, ?, ?, ?) on conflict do nothing",
                (key, request, status, answer, at),
            )
            self._database.rows("delete from idempotency where at < ?", (drop_before,))

    def blank_answers(self, answer: str) -> None:
        """Put another text in the place of all kept answers, so that nothing of them is left; inside a transaction."""
        self._database.rows("update idempotency set status = 410, answer = ?", (answer,))

    def _tokens(self, condition: str, parameters: Sequence[Any]) -> list[TokenRow]:
        rows = self._database.rows(
            "select t.id, t.name, t.role, w.id, t.projects, t.session_id, t.created_at, t.expires_at, t.revoked_at"
            f" from token t join workspace w on w.number = t.workspace_number {condition} order by t.number",
            parameters,
        )
        return [TokenRow(*row) for row in rows]
