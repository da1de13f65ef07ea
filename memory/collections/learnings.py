"""Learnings: what was drawn from sessions, and when it was true."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from memory.collections.collection import Collection, given_time
from memory.collections.projects import Projects
from memory.collections.sessions import in_projects, with_project
from memory.errors import InvalidInput
from memory.ids import is_id
from memory.kinds.learning import Learning
from memory.saving import Saver
from memory.store.records import Where, newest_of_each, unknown
from memory.store.schema import micros
from memory.store.store import Store

MOST_PROJECTS = 10_000_000
"""Projects whose newest learnings are read at once."""


class Learnings(Collection[Learning]):
    """The learnings of one workspace, the newest first; those that are true now, unless asked otherwise."""

    def __init__(self, store: Store, saver: Saver, projects: Projects) -> None:
        super().__init__(store, saver, "learning")
        self._projects = projects

    def add(self, category: str, content: str, **fields: Any) -> Learning:
        """Write down what was learned.

        Args:
            category: `decision`, `gotcha`, `fact`, `preference`, `pattern`, or any other word.
            content: What was learned, in a sentence that can stand alone.
            fields: Fields of a learning, such as `project`, `session_id`, `related_files`, `source_messages`.
        """
        return self.create(category=category, content=content, **fields)

    def supersede(self, id: str, *, by: str | Mapping[str, Any] | None = None, **fields: Any) -> Learning:
        """Put a newer learning in the place of one that is no longer true; the old one is kept with its time.

        Args:
            id: The learning that is no longer true.
            by: Id of the newer one, or its content; None when `fields` give it.
            fields: Fields of the newer one; category, project, session and files of the old one are kept.

        Returns:
            The newer learning.

        Raises:
            UnknownRecord: There is no such learning.
            InvalidInput: A learning cannot supersede itself.
        """
        old = self._existing(id)
        if by == id:
            raise InvalidInput(f"learning {id!r} cannot supersede itself; give another one")
        newer = self.get(by) if isinstance(by, str) else None
        if newer is None and isinstance(by, str) and is_id(by):
            raise unknown("learning", by)
        with self._store.transaction():
            if newer is None:
                given = {"content": by} if isinstance(by, str) else dict(by or {})
                kept = {name: getattr(old, name) for name in ("category", "project_id", "session_id", "related_files")}
                newer = self.create(**{**kept, **given, **fields})
            until = newer.valid_from or newer.created_at
            # a time before it began would take it out of history altogether
            until = max(until, (old.valid_from or old.created_at) + timedelta(microseconds=1))
            self.update(id, superseded_by=newer.id, valid_to=until)
        return newer

    def last_changed(self, *, limit: int, **filters: Any) -> Sequence[Learning]:
        """Read those that were changed last, the last of them first; filtered as `list` does."""
        by = "{t}.updated_at desc, {t}.number desc"
        found = self._store.records.select("learning", self._where(filters), limit=limit, order=by)
        return [record for _, record in found if isinstance(record, Learning)]

    def one_a_project(self, **filters: Any) -> Sequence[Learning]:
        """Read the newest of each project that has any; filtered as `list` does."""
        where = newest_of_each("learning", "project_number", self._where(filters))
        found = self._store.records.select("learning", where, limit=MOST_PROJECTS)
        return [record for _, record in found if isinstance(record, Learning)]

    def _prepared(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return with_project(self._projects, super()._prepared(fields))

    def _where(self, filters: Mapping[str, Any]) -> Where:
        given = dict(filters)
        conditions, parameters = [], []
        clock: tuple[int, ...] = ()
        as_of = given.pop("as_of", None)
        if not given.pop("superseded", False):
            at = micros(given_time(as_of, "as_of") if as_of else datetime.now(UTC))
            conditions.append(
                "coalesce({t}.valid_from, {t}.created_at) <= ? and ({t}.valid_to is null or {t}.valid_to > ?)"
            )
            clock = (at, at)
        if project := given.pop("project", None):
            conditions.append(in_projects(self._projects.numbers_below(project)).sql)
        if tag := given.pop("tag", None):
            conditions.append("exists (select 1 from json_each({t}.tags) where value = ?)")
            parameters.append(tag)
        rest = super()._where(given)
        return Where(" and ".join([*conditions, rest.sql]), (*parameters, *rest.parameters), clock)
