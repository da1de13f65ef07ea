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
        shared.append(_sessions(store.narrowing.sessions_beginning(filters.session)))
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
    gone = store.narrowing.untrue_learnings(micros(as_of) if as_of else None)
    return [Not(_records("learning", gone))] if gone else []


def _sessions(numbers: list[int]) -> Condition:
    return AnyOf("session", frozenset(numbers)) if numbers else NOTHING


def _records(kind: str, numbers: list[int]) -> Condition:
    return AnyOf("record", frozenset(record_key(kind, number) for number in numbers)) if numbers else NOTHING


def _participant(store: Store, participant: str) -> Condition:
    found = store.narrowing
    taking_part = found.sessions_with("participants", participant)
    return Either((_sessions(taking_part), _records("message", found.messages_from(participant))))


def _tagged(store: Store, tag: str) -> Condition:
    found = store.narrowing
    return Either(
        (_sessions(found.sessions_with("tags", tag)), _records("learning", found.learnings_with("tags", tag)))
    )


def _about_file(store: Store, path: str) -> Condition:
    sessions, learnings = store.narrowing.about_file(path)
    return Either((_sessions(sessions), _records("learning", learnings)))
