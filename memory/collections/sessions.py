"""Sessions: conversations, and their forks."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from memory.collections.collection import Collection
from memory.collections.projects import Projects
from memory.dates import given_date
from memory.errors import InvalidInput
from memory.kinds.message import Message
from memory.kinds.session import Session
from memory.saving import Saver
from memory.store.records import Where, unknown
from memory.store.schema import micros
from memory.store.sessions import messages_of
from memory.store.store import Store

SPOKEN_IN = (
    "{t}.number in (select session_number from message where created_at >= ? and created_at < ? and deleted_at is null)"
)
"""The condition that something was said in a session within a time."""


class SessionWithMessages(Session):
    """A session with all its messages in order, those before a fork included."""

    declaration = Session.declaration
    messages: list[Message] = Field(default_factory=list)


class Sessions(Collection[Session]):
    """The sessions of one workspace; the one last spoken in comes first in lists."""

    def __init__(self, store: Store, saver: Saver, projects: Projects) -> None:
        super().__init__(store, saver, "session")
        self._projects = projects

    def get(self, id: str, *, messages: bool = False) -> Session | SessionWithMessages | None:
        """Read a session; None when it is not there, or deleted.

        Args:
            id: Its id.
            messages: Whether to read its messages with it, too.
        """
        found = super().get(id)
        if found is None or not messages:
            return found
        number = self._store.records.number("session", id) or 0
        where = messages_of(self._store.sessions.lineage(number))
        found_messages = self._store.records.select("message", where, limit=10_000_000)
        said = [record for _, record in found_messages if isinstance(record, Message)]
        return SessionWithMessages(**{name: getattr(found, name) for name in Session.model_fields}, messages=said)

    def fork(self, id: str, *, at: str, new_id: str | None = None, **fields: Any) -> Session:
        """Begin a session that shares another's messages up to one of them, and then goes its own way.

        Args:
            id: The session to fork.
            at: Id of the last message that both share.
            new_id: Of the new session; None for one that is made.
            fields: Fields of the new session, such as `title`; the project and model of the old one are kept.

        Raises:
            UnknownRecord: There is no such session or message.
            InvalidInput: The message is not one of that session.
        """
        origin = self._existing(id)
        message = self._store.records.get("message", at)
        if not isinstance(message, Message):
            raise unknown("message", at)
        session_number = self._store.records.number("session", message.session_id)
        inside = [
            number
            for number, up_to in self._store.sessions.lineage(self._store.records.number("session", id) or 0)
            if up_to is None or message.seq <= up_to
        ]
        if session_number not in inside:
            raise InvalidInput(f"message {at!r} is not one of session {id!r}; fork the session it is in")
        kept = {"title": origin.title, "project_id": origin.project_id, "model": origin.model}
        return self.create(**{**kept, **fields, "id": new_id}, parent_id=id, forked_at=at)

    def _part_with(self, number: int) -> None:
        """Let what forks read of a session that goes go over to them."""
        self._hand_over(number)

    def restore(self, id: str) -> Session:
        """Bring back a session that was deleted, with all that was deleted together with it."""
        super().restore(id)
        self._store.sessions.count_anew(self._store.records.number("session", id) or 0)
        return self._read(id)

    def _hand_over(self, number: int) -> None:
        """Give the messages that living forks share with a session to those forks, each the stretch up to its fork."""
        rows = self._store.sessions
        forks = rows.forks(number)
        parent, last = rows.link(number)
        above = 0
        for fork, message, seq in forks:
            moved = rows.stretch(number, above, seq)
            rows.set_link(fork, parent, last)
            rows.move(moved, fork)
            self._saver.rewrite("message", moved)
            self._store.changes.add(self._store.workspace_number, "message", moved, "update")
            rows.count_anew(fork)
            parent, last, above = fork, message, seq
            rows.set_link(number, parent, last)
        if forks:
            rows.count_anew(number)

    def archive(self, id: str) -> Session:
        """Put a session away: it is found as before, and listed with `state="archived"`."""
        return self.update(id, state="archived")

    def _prepared(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return with_project(self._projects, super()._prepared(fields))

    def _where(self, filters: Mapping[str, Any]) -> Where:
        given = dict(filters)
        where = Where("1 = 1")
        if project := given.pop("project", None):
            named = [project] if isinstance(project, str) else project
            where = in_projects([number for each in named for number in self._projects.numbers_below(each)])
        for field in ("tag", "participant"):
            if value := given.pop(field, None):
                sql = f"({where.sql}) and exists (select 1 from json_each({{t}}.{field}s) where value = ?)"
                where = Where(sql, (*where.parameters, value))
        if on := given.pop("on", None):
            first, behind = (micros(each) for each in given_date(on, "on", datetime.now(UTC)))
            where = Where(f"({where.sql}) and {SPOKEN_IN}", (*where.parameters, first, behind))
        rest = super()._where(given)
        return Where(f"({where.sql}) and ({rest.sql})", (*where.parameters, *rest.parameters))


def with_project(projects: Projects, fields: dict[str, Any]) -> dict[str, Any]:
    """Put a project's id in place of the id, alias or path that a caller gave; it is made when it is absent."""
    if "project" in fields:
        project = fields.pop("project")
        fields["project_id"] = projects.ensure(project).id if project else None
    return fields


def in_projects(numbers: list[int]) -> Where:
    """Make the condition that a record is in one of these projects; with none it never holds."""
    return Where(f"{{t}}.project_number in ({', '.join(map(str, numbers)) or 'null'})")
