"""Which sessions, messages and learnings of one workspace a filter lets through; and code history's look-ups."""

from memory.store.sqlite import Row, SqliteDatabase

MOST_PARENTS = 64
"""How deep projects nest at most."""


class Narrowing:
    """Look-ups that give numbers of records."""

    def __init__(self, database: SqliteDatabase, workspace_number: int) -> None:
        self._database = database
        self._workspace_number = workspace_number

    def projects_below(self, id: str) -> list[int]:
        """Give a project and all below it."""
        return self._numbers(
            "with recursive below(number, depth) as (select number, 0 from project where workspace_number = ? and id = ?"
            " union select p.number, depth + 1 from project p join below on p.parent_number = below.number"
            f" where depth < {MOST_PARENTS}) select number from below",
            id,
        )

    def sessions_beginning(self, id: str) -> list[int]:
        """Give the sessions whose ids begin so."""
        return self._numbers(f"{_ALIVE.format('session')} and id like ? escape '\\'", f"{escaped(id)}%")

    def sessions_with(self, field: str, value: str) -> list[int]:
        """Give the sessions that have a value in a list, such as a tag."""
        return self._numbers(f"{_ALIVE.format('session')} and exists ({_IN_LIST.format(field)})", value)

    def learnings_with(self, field: str, value: str) -> list[int]:
        """Give the learnings that have a value in a list, such as a tag."""
        return self._numbers(f"{_ALIVE.format('learning')} and exists ({_IN_LIST.format(field)})", value)

    def messages_from(self, sender: str) -> list[int]:
        """Give the messages that a participant sent."""
        return self._numbers(f"{_ALIVE.format('message')} and sender_id = ?", sender)

    def untrue_learnings(self, at: int | None) -> list[int]:
        """Give the learnings, of all workspaces, that do not hold at a time; None for now."""
        moment = "?" if at is not None else "cast(unixepoch('subsec') * 1000000 as integer)"
        rows = self._database.rows(
            f"select number from learning where valid_to <= {moment} or valid_from > {moment} limit 100000",
            (at, at) if at is not None else (),
        )
        return [row[0] for row in rows]

    def about_file(self, path: str) -> tuple[list[int], list[int]]:
        """Give the sessions and the learnings that are related to a file: a whole path, or the end of one."""
        ending = f"%/{escaped(path.lstrip('/'))}"
        sessions = [row[0] for row in self.touches(path)]
        learnings = self._numbers(
            f"{_ALIVE.format('learning')} and exists (select 1 from json_each(related_files)"
            " where value = ? or value like ? escape '\\')",
            path,
            ending,
        )
        return sessions, learnings

    def touches(self, path: str) -> list[Row]:
        """Give what touched a file, the last first: session, its id, reference to the file, label, type, time."""
        bare = path.removeprefix("./")
        return self._database.rows(
            "select s.number, s.id, r.target, r.label, r.type, coalesce(r.valid_from, r.created_at) from relationship r"
            " join session s on r.source = 'session:' || s.id and s.workspace_number = r.workspace_number"
            " where r.workspace_number = ? and r.deleted_at is null and s.deleted_at is null"
            " and (r.target in (?, ?) or r.target like ? escape '\\') order by 6 desc",
            (self._workspace_number, f"file:{path}", f"file:{bare}", f"file:%/{escaped(bare.lstrip('/'))}"),
        )

    def callers(self, tool: str, most: int) -> list[int]:
        """Give the newest messages of an assistant that call a tool."""
        return self._numbers(
            f"{_ALIVE.format('message')} and role = 'assistant' and (lower(tool_name) = lower(?) or unpacked(parts) like ? escape '\\')"
            f" order by number desc limit {int(most)}",
            tool,
            f'%"name":"{escaped(tool)}"%',
        )

    def _numbers(self, sql: str, *parameters: str) -> list[int]:
        return [row[0] for row in self._database.rows(sql, (self._workspace_number, *parameters))]


_ALIVE = "select number from {} where workspace_number = ? and deleted_at is null"
_IN_LIST = "select 1 from json_each({}) where value = ?"


def escaped(text: str) -> str:
    """Take their meaning from the signs that `like` knows."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
