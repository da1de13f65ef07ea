"""How much was said on which day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel

from memory.collections.messages import Messages
from memory.collections.projects import Projects
from memory.errors import InvalidInput
from memory.store.activity import ActivityRows
from memory.store.records import unknown

_EPOCH = date(1970, 1, 1)
MOST_DAYS = 36_600
"""Days that are counted at most: a hundred years."""


class Day(BaseModel):
    """One day, in UTC."""

    date: date
    messages: int
    sessions: int
    """Those that the messages are in."""


class CountedMessages(Messages):
    """The messages of one workspace, counted by days."""

    def activity(
        self,
        *,
        after: date | None = None,
        before: date | None = None,
        project: str | Sequence[str] | None = None,
        session_id: str | None = None,
    ) -> list[Day]:
        """Count the messages of each day in UTC, the first day first; days without any are left out.

        Args:
            after: The first day; None for a year before the last.
            before: The day behind the last; None for tomorrow.
            project: Count only the sessions of these projects and of those below them; an unknown one has none.
            session_id: Count only this session, the messages before a fork included.

        Raises:
            InvalidInput: It is more than MOST_DAYS days, or both a project and a session are given.
            UnknownRecord: There is no such session.
        """
        last = (_day(before) if before else _day(datetime.now(UTC).date()) + 1) - 1
        first = _day(after) if after else last - 365
        if last - first >= MOST_DAYS:
            raise InvalidInput(f"{after} to {before} is more than {MOST_DAYS} days; ask for fewer")
        if project is not None and session_id is not None:
            raise InvalidInput("give a project or a session, not both")
        rows = ActivityRows(self._store.database, self._store.workspace_number)
        if session_id is not None:
            number = self._store.records.number("session", session_id)
            if number is None:
                raise unknown("session", session_id)
            found = rows.of_session(self._store.sessions.lineage(number), first, last)
        elif project is not None:
            found = rows.of_projects(self._numbers(project), first, last)
        else:
            found = rows.of_all(first, last)
        return [
            Day(date=_EPOCH + timedelta(days=day), messages=messages, sessions=sessions)
            for day, messages, sessions in found
        ]

    def active_between(self, project: str | Sequence[str] | None = None) -> tuple[date, date] | None:
        """Give the first and the last day with a message, in UTC, of all or of some projects; None when there is none."""
        numbers = None if project is None else self._numbers(project)
        ends = ActivityRows(self._store.database, self._store.workspace_number).ends(numbers)
        return (_EPOCH + timedelta(days=ends[0]), _EPOCH + timedelta(days=ends[1])) if ends else None

    def _numbers(self, project: str | Sequence[str]) -> list[int]:
        projects = Projects(self._store, self._saver, "project")
        named = [project] if isinstance(project, str) else project
        return sorted({number for each in named for number in projects.numbers_below(each)})


def _day(at: date) -> int:
    """Give a day, counted from 1970; of an aware time its day in UTC."""
    if isinstance(at, datetime):
        at = at.astimezone(UTC).date() if at.tzinfo else at.date()
    return (at - _EPOCH).days
