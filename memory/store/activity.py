"""Messages counted by days in UTC."""

from collections.abc import Sequence

from memory.store.sessions import messages_of
from memory.store.sqlite import Row, SqliteDatabase

DAY = 24 * 60 * 60 * 1_000_000
"""In microseconds, as times are stored."""
_DAY_OF = f"(m.created_at - ((m.created_at % {DAY}) + {DAY}) % {DAY}) / {DAY}"
"""The day of a message, counted from 1970; the remainder of a negative number is negative in SQL."""


class ActivityRows:
    """How much was said on which day in one workspace; days are counted from 1970, those without messages left out."""

    def __init__(self, database: SqliteDatabase, workspace_number: int) -> None:
        self._database = database
        self._workspace_number = workspace_number

    def of_all(self, first: int, last: int) -> list[tuple[int, int, int]]:
        """Give each day from `first` to `last` with its messages and the sessions that they are in."""
        # counting a day's stretch of the index is several times faster than grouping it
        one_day = f"m.created_at >= day.number * {DAY} and m.created_at < (day.number + 1) * {DAY}"
        sql = (
            "with recursive day(number) as (values (?) union all select number + 1 from day where number < ?)"
            f" select number, ({_COUNT} and {one_day}), ({_SESSIONS} and {one_day}) from day order by number"
        )
        rows = self._database.rows(sql, (first, last, self._workspace_number, self._workspace_number))
        return [(row[0], row[1], row[2]) for row in rows if row[1]]

    def of_projects(self, projects: Sequence[int], first: int, last: int) -> list[tuple[int, int, int]]:
        """Give the same of the sessions of some projects, by their numbers."""
        return self._grouped(_inside(projects), (), first, last)

    def of_session(self, lineage: list[tuple[int, int | None]], first: int, last: int) -> list[tuple[int, int, int]]:
        """Give the same of a session, the messages before a fork included; see `SessionRows.lineage`."""
        mine = messages_of(lineage)
        return self._grouped(mine.sql.replace("{t}", "m"), mine.parameters, first, last)

    def ends(self, projects: Sequence[int] | None = None) -> tuple[int, int] | None:
        """Give the first and the last day with messages, of all or of some projects; None when there are none."""
        if projects is not None:
            sql = f"select min({_DAY_OF}), max({_DAY_OF}) {_ALIVE} and {_inside(projects)}"
            row = self._database.row(sql, (self._workspace_number,))
            return (int(row[0]), int(row[1])) if row and row[0] is not None else None
        # two statements: of one with both, SQLite reads the whole index
        found = [self._database.row(_END.format(order), (self._workspace_number,)) for order in ("asc", "desc")]
        first, last = found
        return (int(first[0]), int(last[0])) if first and last else None

    def _grouped(
        self, condition: str, parameters: Sequence[object], first: int, last: int
    ) -> list[tuple[int, int, int]]:
        sql = (
            f"select {_DAY_OF}, count(*), count(distinct m.session_number) from message m"
            " where m.workspace_number = ? and m.deleted_at is null and m.created_at >= ? and m.created_at < ?"
            f" and ({condition}) group by 1 order by 1"
        )
        rows: list[Row] = self._database.rows(sql, (self._workspace_number, first * DAY, (last + 1) * DAY, *parameters))
        return [(row[0], row[1], row[2]) for row in rows]


def _inside(projects: Sequence[int]) -> str:
    numbers = ", ".join(map(str, projects)) or "null"
    return (
        f"m.session_number in (select number from session where project_number in ({numbers}) and deleted_at is null)"
    )


_ALIVE = "from message m where m.workspace_number = ? and m.deleted_at is null"
_COUNT = f"select count(*) {_ALIVE}"
_SESSIONS = f"select count(distinct m.session_number) {_ALIVE}"
_END = f"select {_DAY_OF} {_ALIVE} order by m.created_at {{}} limit 1"
