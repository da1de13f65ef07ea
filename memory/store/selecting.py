"""Which records of one workspace a selection names: conditions on sessions, projects, people and times, kind by kind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memory.kinds import kinds
from memory.store.schema import Value, columns
from memory.store.sqlite import SqliteDatabase

_NEVER = "0 = 1"
_SPEAKERS = {"message": "sender_id", "reaction": "author"}
"""Kinds that somebody makes → the column that says who."""


@dataclass(frozen=True)
class Span:
    """What records must fulfil, in numbers; None does not narrow."""

    sessions: tuple[int, ...] | None = None
    projects: tuple[int, ...] | None = None
    participant: str | None = None
    role: str | None = None
    after: int | None = None
    """Microseconds since 1970, from which on."""
    before: int | None = None
    """Microseconds since 1970, up to which, without it."""

    @property
    def is_about_time(self) -> bool:
        """Whether it narrows by time."""
        return self.after is not None or self.before is not None


class Selecting:
    """Numbers of records of one workspace, deleted ones included where they are wanted."""

    def __init__(self, database: SqliteDatabase, workspace_number: int) -> None:
        self._database = database
        self._workspace_number = workspace_number

    def numbers(self, kind: str, span: Span, *, deleted: bool) -> list[int]:
        """Give the records of a kind that fulfil all conditions, in ascending order.

        A record that a condition does not concern, such as a setting and a session, does not fulfil it. A session fulfils
        a time when all of it lies there; what belongs to a message does when its message does.
        """
        conditions, parameters = ["t.workspace_number = ?"], [self._workspace_number]
        if not deleted:
            conditions.append("t.deleted_at is null")
        for condition, values in _conditions(kind, span):
            conditions.append(condition)
            parameters.extend(values)  # type: ignore[arg-type]
        sql = f"select t.number from {kind} t where {' and '.join(conditions)} order by t.number"
        return [row[0] for row in self._database.rows(sql, parameters)]

    def held(self, kind: str, column: str, numbers: Sequence[int]) -> dict[int, int]:
        """Give what a reference of records holds, such as the sessions of messages; those that hold nothing are left out."""
        found: dict[int, int] = {}
        for some in _portions(numbers):
            sql = f"select number, {column} from {kind} where number in ({_marks(some)}) and {column} is not null"
            found.update(dict(self._database.rows(sql, some)))
        return found

    def referring(self, kind: str, column: str, numbers: Sequence[int]) -> list[int]:
        """Give the records of a kind whose reference is one of these numbers, in ascending order."""
        found: list[int] = []
        for some in _portions(numbers):
            sql = f"select number from {kind} where {column} in ({_marks(some)})"
            found += [row[0] for row in self._database.rows(sql, some)]
        return sorted(found)

    def ids(self, kind: str, numbers: Sequence[int]) -> list[str]:
        """Give the ids of records, by number."""
        found: list[str] = []
        for some in _portions(sorted(numbers)):
            sql = f"select id from {kind} where number in ({_marks(some)}) order by number"
            found += [row[0] for row in self._database.rows(sql, some)]
        return found


def _conditions(kind: str, span: Span) -> Iterator[tuple[str, Sequence[Value]]]:
    if span.sessions is not None:
        yield _in_sessions(kind, f"select value from ({_listed(span.sessions)})"), ()
    if span.projects is not None:
        yield _in_projects(kind, span.projects), ()
    if span.participant is not None:
        column = _SPEAKERS.get(kind)
        yield (
            (f"t.{column} = ?", (span.participant,))
            if column
            else _of_messages(kind, "m.sender_id = ?", span.participant)
        )
    if span.role is not None:
        yield ("t.role = ?", (span.role,)) if kind == "message" else _of_messages(kind, "m.role = ?", span.role)
    if span.is_about_time:
        yield from _in_time(kind, span)


def _in_sessions(kind: str, sessions: str) -> str:
    names = _names(kind)
    if kind == "session":
        return f"t.number in ({sessions})"
    if "session_number" in names:
        return f"t.session_number in ({sessions})"
    if "message_number" in names:
        return f"t.message_number in (select number from message where session_number in ({sessions}))"
    return _NEVER


def _in_projects(kind: str, projects: Sequence[int]) -> str:
    inside = f"({', '.join(map(str, projects)) or 'null'})"
    if kind == "project":
        return f"t.number in {inside}"
    sessions = f"select number from session where project_number in {inside}"
    own = f"t.project_number in {inside}" if "project_number" in _names(kind) else None
    through = None if kind == "session" else _in_sessions(kind, sessions)
    return f"({' or '.join(each for each in (own, through) if each)})"


def _in_time(kind: str, span: Span) -> Iterator[tuple[str, Sequence[Value]]]:
    if "message_number" in _names(kind):
        begins = ends = "(select m.created_at from message m where m.number = t.message_number)"
    elif kind in ("session", "message", "learning", "relationship"):
        begins = "t.created_at"
        ends = "coalesce(t.last_message_at, t.created_at)" if kind == "session" else begins
    else:
        yield _NEVER, ()
        return
    if span.after is not None:
        yield f"{begins} >= ?", (span.after,)
    if span.before is not None:
        yield f"{ends} < ?", (span.before,)


def _of_messages(kind: str, condition: str, value: str) -> tuple[str, Sequence[Value]]:
    if "message_number" not in _names(kind):
        return _NEVER, ()
    return f"t.message_number in (select m.number from message m where {condition})", (value,)


def _names(kind: str) -> set[str]:
    return {column.name for column in columns(kind)}


def _listed(numbers: Sequence[int]) -> str:
    if not numbers:
        return "select null as value where 0 = 1"
    return "select column1 as value from (values " + ", ".join(f"({number})" for number in numbers) + ")"


def _marks(some: Sequence[int]) -> str:
    return ", ".join("?" * len(some))


def _portions(numbers: Sequence[int], size: int = 500) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(numbers), size):
        yield tuple(numbers[start : start + size])


def referrers(kind: str) -> list[tuple[str, str, str]]:
    """Give what refers to a kind: kind, column, and what becomes of it when the other is deleted for good."""
    return [
        (name, column.name, column.on_delete or "set null")
        for name in kinds()
        for column in columns(name)
        if column.target == kind
    ]
