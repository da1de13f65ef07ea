"""Who may do what, and who did what: tokens, links to one session, the audit log."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel

from memory.errors import InvalidInput, UnknownRecord
from memory.ids import new_id
from memory.store.access import Access, AuditRow, TokenRow
from memory.store.schema import micros, moment
from memory.store.store import Store

Role = Literal["reader", "writer", "admin"]
ROLES: tuple[Role, ...] = ("reader", "writer", "admin")
"""Each may do what those before it may."""
PREFIX = "hark_"
"""Tokens begin so, that a program which looks for secrets knows one."""


class Token(BaseModel):
    """What a token allows."""

    id: str
    name: str
    role: Role
    workspace: str
    projects: list[str]
    """Ids of the projects, with those below them, that it is confined to; [] for all."""
    session_id: str | None
    """The one session that it shows; None for all."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def counts(self) -> bool:
        """Whether it lets anybody in."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > datetime.now(UTC))


class NewToken(Token):
    """A token that was just made, with the secret that is shown once."""

    token: str


class AuditEntry(BaseModel):
    """Something that was done, or refused."""

    seq: int
    at: datetime
    who: str
    """The id of a token, or `local`."""
    what: str
    """Method and route, or the name of a tool."""
    target: str | None
    outcome: str
    """`done`, or the code of the refusal."""
    count: int | None
    """Records that were concerned, where that is known."""


@dataclass(frozen=True)
class Caller:
    """Who asks, and what is allowed."""

    who: str
    role: Role
    workspace: str
    projects: tuple[str, ...] = ()
    session_id: str | None = None

    def may(self, role: Role) -> bool:
        """Say whether what a role may do is allowed."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Tokens:
    """The tokens of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._access = Access(store.database)

    def add(
        self,
        name: str,
        role: str = "reader",
        *,
        projects: Sequence[str] = (),
        session_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> NewToken:
        """Make a token for the store's workspace; what it is known by is in the answer, and nowhere else.

        Raises:
            InvalidInput: There is no such role, or it has run out already.
        """
        if role not in ROLES:
            raise InvalidInput(f"there is no role {role!r}; there are: {', '.join(ROLES)}")
        now = datetime.now(UTC)
        if expires_at is not None and expires_at <= now:
            raise InvalidInput(f"a token that runs out at {expires_at:%Y-%m-%d %H:%M} has run out already")
        secret, id = PREFIX + secrets.token_urlsafe(32), new_id()
        ends = micros(expires_at) if expires_at else None
        kept = json.dumps(list(projects)) if projects else None
        number = self._store.workspace_number
        self._access.add_token((id, _hash(secret), name, role, number, kept, session_id, micros(now), ends))
        row = self._access.token_of(_hash(secret))
        assert row is not None
        return NewToken(**_token(row).model_dump(), token=secret)

    def all(self) -> list[Token]:
        """List the tokens of all workspaces, the oldest first."""
        return [_token(row) for row in self._access.tokens()]

    def revoke(self, id: str) -> None:
        """Let a token count for nothing.

        Raises:
            UnknownRecord: There is no such token.
        """
        if not self._access.revoke(id, micros(datetime.now(UTC))):
            raise UnknownRecord(f"there is no token {id!r}; `hark token` lists them")

    def caller(self, secret: str) -> Caller | None:
        """Say who asks with a token; None when it is unknown, revoked or has run out.

        It is looked up by its hash, so the time that takes tells nothing of it.
        """
        row = self._access.token_of(_hash(secret))
        if row is None or row.revoked_at is not None:
            return None
        if row.expires_at is not None and row.expires_at <= micros(datetime.now(UTC)):
            return None
        token = _token(row)
        return Caller(token.id, token.role, token.workspace, tuple(token.projects), token.session_id)


class Audit:
    """The audit log: ids and counts, never content. Each row holds a hash over itself and the row before."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._access = Access(store.database)

    def note(self, who: str, what: str, target: str | None, outcome: str, count: int | None = None) -> None:
        """Write down what was done, or refused."""
        at = micros(datetime.now(UTC))
        with self._store.transaction():
            number = self._store.workspace_number
            chain = _chain(self._access.last_chain(), (number, at, who, what, target, outcome, count))
            self._access.add_audit((number, at, who, what, target, outcome, count, chain))

    def entries(self, after: int = 0, limit: int = 200) -> list[AuditEntry]:
        """Read the entries of this workspace behind a number, in order."""
        rows = self._access.audit(after, limit, self._store.workspace_number)
        return [
            AuditEntry(
                seq=row.seq,
                at=moment(row.at),
                who=row.who,
                what=row.what,
                target=row.target,
                outcome=row.outcome,
                count=row.count,
            )
            for row in rows
        ]

    def broken_at(self) -> int | None:
        """Give the first row that does not prove the one before it; None when all do."""
        after, before = 0, ""
        while rows := self._access.audit(after, 1_000):
            for row in rows:
                # rows at the beginning may have been dropped for their age
                if before and row.chain != _chain(before, _said(row)):
                    return row.seq
                after, before = row.seq, row.chain
        return None


def _said(row: AuditRow) -> tuple[object, ...]:
    return (row.workspace_number, row.at, row.who, row.what, row.target, row.outcome, row.count)


def _chain(before: str, said: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps([before, *said]).encode()).hexdigest()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _token(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        role=row.role,  # type: ignore[arg-type]
        workspace=row.workspace,
        projects=json.loads(row.projects or "[]"),
        session_id=row.session_id,
        created_at=moment(row.created_at),
        expires_at=None if row.expires_at is None else moment(row.expires_at),
        revoked_at=None if row.revoked_at is None else moment(row.revoked_at),
    )
