"""Filters → conditions that every leg can apply."""

from dataclasses import dataclass
from datetime import datetime

from indexers.document import AnyOf, Between, Condition, Either, Filter, Not
from memory.search.query import Filters
from memory.searchable import KINDS, ROLES, record_key
from memory.store.schema import micros
from memory.store.store import Store

NOTHING = Either(())
"""The condition that nothing fulfils."""


@dataclass(frozen=True)
class Conditions:
    """What hits of each sort must fulfil."""

    records: Filter
    """For messages and learnings (and sessions, when they are asked for)."""
    sessions: Filter
    """For titles: the same, without what only a message has."""
    kinds: frozenset[str]
    """Which kinds of record are answered."""


def conditions_of(store: Store, filters: Filters, projects: list[int] | None, as_of: datetime | None) -> Conditions:
    """Turn filters into conditions.

    Args:
        store: Where names are looked up.
        filters: What was asked for.
        projects: Numbers of the project asked for and those below it; None when none was, [] when it is unknown.
        as_of: The time at which answers must have been true; None for now.
    """
    shared: list[Condition] = []
    if store.workspaces() > 1:
        shared.append(_one("workspace", store.workspace_number))
    if projects is not None:
        shared.append(AnyOf("project", frozenset(projects)) if projects else NOTHING)
    if filters.session:
        shared.append(_sessions(store, "id like ? escape '\\'", _prefix(filters.session)))
    if filters.participant:
        shared.append(_participant(store, filters.participant))
    if filters.tag:
        shared.append(_tagged(store, filters.tag))
    if filters.file:
        shared.append(_about_file(store, filters.file))
    own: list[Condition] = []
    if filters.role:
        own.append(_one("role", ROLES[filters.role]))
    if filters.tool:
        tools = store.chunks.words_like(filters.tool)
        own.append(AnyOf("tool", frozenset(tools)) if tools else NOTHING)
    if filters.is_error:
        own.append(_one("error", 1))
    kinds = frozenset({filters.kind} if filters.kind else {"message", "learning"})
    if filters.kind in ("message", "learning"):
        own.append(_one("kind", KINDS[filters.kind]))
    time = _time(filters, as_of)
    not_true = _not_true(store, as_of)
    records = (*shared, *own, *time, *not_true)
    if filters.kind == "session":
        records = (*shared, *time)
    return Conditions(records, (*shared, _one("kind", KINDS["session"])), kinds)


def _one(attribute: str, value: int) -> Condition:
    return AnyOf(attribute, frozenset({value}))


def _time(filters: Filters, as_of: datetime | None) -> list[Condition]:
    low = micros(filters.after) if filters.after else None
    ends = [micros(filters.before) - 1] if filters.before else []
    ends += [micros(as_of)] if as_of else []
    return [Between("at", low, min(ends) if ends else None)] if low is not None or ends else []


def _not_true(store: Store, as_of: datetime | None) -> list[Condition]:
    """Leave out the learnings that are superseded, or have run out, at a time; without one, now."""
    at = "?" if as_of else "cast(unixepoch('subsec') * 1000000 as integer)"
    rows = store.database.rows(
        f"select number from learning where valid_to <= {at} or valid_from > {at} limit 100000",
        (micros(as_of), micros(as_of)) if as_of else (),
    )
    gone = frozenset(record_key("learning", row[0]) for row in rows)
    return [Not(AnyOf("record", gone))] if gone else []


def _sessions(store: Store, condition: str, value: str) -> Condition:
    rows = store.database.rows(
        f"select number from session where workspace_number = ? and deleted_at is null and {condition}",
        (store.workspace_number, value),
    )
    return AnyOf("session", frozenset(row[0] for row in rows)) if rows else NOTHING


def _participant(store: Store, participant: str) -> Condition:
    sessions = _sessions(store, "exists (select 1 from json_each(participants) where value = ?)", participant)
    rows = store.database.rows(
        "select number from message where sender_id = ? and workspace_number = ? and deleted_at is null",
        (participant, store.workspace_number),
    )
    sent = AnyOf("record", frozenset(record_key("message", row[0]) for row in rows))
    return Either((sessions, sent)) if rows else sessions


def _tagged(store: Store, tag: str) -> Condition:
    sessions = _sessions(store, "exists (select 1 from json_each(tags) where value = ?)", tag)
    rows = store.database.rows(
        "select number from learning where exists (select 1 from json_each(tags) where value = ?)"
        " and workspace_number = ? and deleted_at is null",
        (tag, store.workspace_number),
    )
    learnt = AnyOf("record", frozenset(record_key("learning", row[0]) for row in rows))
    return Either((sessions, learnt)) if rows else sessions


def _about_file(store: Store, path: str) -> Condition:
    """What is related to a file: a whole path, or the end of one."""
    ending = f"%/{_escape(path.lstrip('/'))}"
    rows = store.database.rows(
        "select s.number from relationship r join session s on r.source = 'session:' || s.id"
        " and s.workspace_number = r.workspace_number where r.workspace_number = ? and r.deleted_at is null"
        " and s.deleted_at is null and (r.target = ? or r.target like ? escape '\\')",
        (store.workspace_number, f"file:{path}", f"file:{ending}"),
    )
    learnt = store.database.rows(
        "select number from learning where workspace_number = ? and deleted_at is null and exists"
        " (select 1 from json_each(related_files) where value = ? or value like ? escape '\\')",
        (store.workspace_number, path, ending),
    )
    return Either(
        (
            AnyOf("session", frozenset(row[0] for row in rows)),
            AnyOf("record", frozenset(record_key("learning", row[0]) for row in learnt)),
        )
    )


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _prefix(text: str) -> str:
    return _escape(text) + "%"
