"""OpenCode's `opencode.db`."""

from collections.abc import Iterator, Mapping
from typing import Any

from memory.importers.opencode.conversation import Conversation
from memory.importers.reading.documents import object_in
from memory.importers.reading.records import Item, Mark, Problem
from memory.importers.reading.source import Source
from memory.store.foreign import ForeignDatabase, open_foreign

_OVERLAP_MS = 600_000
"""Milliseconds before the last change seen from which on sessions are read again: programs write a little late. Untuned."""
_TIMES = {
    "time_created": "created",
    "time_updated": "updated",
    "time_compacting": "compacting",
    "time_archived": "archived",
}
_NAMES = {"id": "id", "project_id": "projectID", "parent_id": "parentID"}
_JSON_COLUMNS = frozenset(("revert", "summary_diffs", "permission", "model", "metadata"))


def is_database(tables: Mapping[str, frozenset[str]]) -> bool:
    """Say whether tables are those of OpenCode."""
    columns = {"id", "session_id", "time_updated", "data"}
    return columns <= tables.get("message", frozenset()) and {"id", "message_id", "data"} <= tables.get(
        "part", frozenset()
    )


def read_database(source: Source) -> Iterator[Item]:
    """Yield each session of which something changed since the last import."""
    size = source.path.stat().st_size
    since = source.state.get("since", 0) if isinstance(source.state.get("since"), int) else 0
    with open_foreign(source.path) as foreign:
        latest = since
        for row in _changed(foreign, since - _OVERLAP_MS):
            session, changed = row
            latest = max(latest, changed)
            problems: list[Problem] = []
            yield from Conversation(session).items(_messages(foreign, str(session["id"]), problems))
            yield from problems
            yield Mark(0, 0, {"whole": True})
    yield Mark(size, 0, {"since": latest})


def _changed(foreign: ForeignDatabase, since: int) -> list[tuple[dict[str, Any], int]]:
    """Give the sessions that changed since a time, and when; the oldest first."""
    has_parts_time = "time_updated" in foreign.tables()["part"]
    parts = "select max(p.time_updated) from part p where p.session_id = s.id" if has_parts_time else "null"
    sql = (
        "select s.*, max(s.time_updated, coalesce((select max(m.time_updated) from message m where m.session_id = s.id), 0),"
        f" coalesce(({parts}), 0)) as changed from session s"
    )
    names = [*_columns(foreign, "session"), "changed"]
    found: list[tuple[dict[str, Any], int]] = []
    for row in foreign.rows(f"select * from ({sql}) where changed > ? order by time_created, id", (since,)):
        values = dict(zip(names, row, strict=True))
        found.append((_session(values), int(values["changed"])))
    return found


def _columns(foreign: ForeignDatabase, table: str) -> list[str]:
    return [row[0] for row in foreign.rows("select name from pragma_table_info(?) order by cid", (table,))]


def _session(values: dict[str, Any]) -> dict[str, Any]:
    """Give a row of `session` the shape that the file of a session has."""
    session: dict[str, Any] = {"time": {}}
    for name, value in values.items():
        if value is None or name == "changed":
            continue
        if name in _TIMES:
            session["time"][_TIMES[name]] = value
        elif name in _JSON_COLUMNS and isinstance(value, str):
            session[name] = object_in(value) or value
        else:
            session[_NAMES.get(name, name)] = value
    return session


def _messages(
    foreign: ForeignDatabase, session: str, problems: list[Problem]
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    rows = foreign.rows(
        "select id, time_created, data from message where session_id = ? order by time_created, id", (session,)
    )
    for id, created, data in rows:
        message = object_in(data)
        if message is None:
            problems.append(Problem(None, f"message {str(id)[:60]!r}: its data is no JSON object"))
            continue
        message = {"id": id, "time": {"created": created}} | message
        parts: list[dict[str, Any]] = []
        for part_id, part_data in foreign.rows("select id, data from part where message_id = ? order by id", (id,)):
            part = object_in(part_data)
            if part is None:
                problems.append(Problem(None, f"part {str(part_id)[:60]!r}: its data is no JSON object"))
            else:
                parts.append({"id": part_id} | part)
        yield message, parts
