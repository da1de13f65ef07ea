"""Which records of one workspace are old enough to be put away, or to go."""

from collections.abc import Sequence

from memory.store.sqlite import SqliteDatabase


class Ageing:
    """Look-ups by age."""

    def __init__(self, database: SqliteDatabase, workspace_number: int) -> None:
        self._database = database
        self._workspace_number = workspace_number

    def idle_sessions(self, before: int, projects: Sequence[int] | None) -> list[tuple[int, str]]:
        """Give number and id of the sessions that are not archived and in which nothing was said since a time."""
        within = "" if projects is None else f" and project_number in ({', '.join(map(str, projects)) or 'null'})"
        rows = self._database.rows(
            "select number, id from session where workspace_number = ? and deleted_at is null and state <> 'archived'"
            f" and coalesce(last_message_at, created_at) < ?{within} order by number",
            (self._workspace_number, before),
        )
        return [(row[0], row[1]) for row in rows]

    def set_archived(self, sessions: Sequence[int], at: int) -> None:
        """Archive sessions; inside a transaction."""
        self._database.execute_many(
            "update session set state = 'archived', updated_at = ? where number = ?", ((at, each) for each in sessions)
        )

    def going(self, kind: str, deleted_before: int | None) -> list[int]:
        """Give the records of a kind that were deleted before a time; all of the kind without one."""
        condition, parameters = "", [self._workspace_number]
        if deleted_before is not None:
            condition = " and deleted_at < ?"
            parameters.append(deleted_before)
        sql = f"select number from {kind} where workspace_number = ?{condition} order by number"
        return [row[0] for row in self._database.rows(sql, parameters)]

    def still_deleted(self, kind: str, numbers: Sequence[int], before: int) -> list[int]:
        """Give those of some records that are deleted, and were so before a time."""
        sql = f"select number from {kind} where deleted_at < ? and number in ({', '.join('?' * len(numbers))})"
        return [row[0] for row in self._database.rows(sql, (before, *numbers))]
