"""Which session a file is of, and what the `state.json` of its folder says of that."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

from memory.importers.reading.documents import mapping, without, words
from memory.importers.reading.journal import digest
from memory.importers.reading.records import TITLE_GENERATED, TITLE_PERSON, SessionRecord
from memory.importers.reading.source import Sample
from memory.importers.reading.times import read_time

MAIN = "main"
_NEAR = timedelta(minutes=1)
"""A state beside a wire is that wire's when both began within this time. Untuned."""
_OWN = frozenset(["createdAt", "title", "isCustomTitle", "agents", "workDir", "custom_title", "title_generated"])


def places(path: Path) -> list[Path]:
    """Name the files that can hold the state of a wire's session, the likeliest first."""
    found = [path.with_suffix(".state.json"), path.with_name("state.json")]
    return [path.parent.parent.parent / "state.json", *found] if _agent_of(path) else found


def session_of(path: Path) -> SessionRecord:
    """Make the session that a file is of."""
    agent, given = _agent_of(path), {}
    for place in places(path):
        given = _state_at(place)
        if given and (agent is not None or _is_near(given, path)):
            break
        given = {}
    key = _key_of(path, agent, given)
    session = SessionRecord(key, project=words(given.get("workDir")), metadata={"kind": "main"})
    title = words(given.get("custom_title")) or words(given.get("title"))
    is_persons = given.get("isCustomTitle") is True or words(given.get("custom_title")) is not None
    session.metadata |= {"state": without(given, _OWN)} if without(given, _OWN) else {}
    if agent is None and "/" in key:
        session.parent_key, session.metadata = key.partition("/")[0], {"kind": "subagent"}
    elif agent not in (None, MAIN):
        about = mapping(mapping(given.get("agents")).get(agent))
        parent = words(about.get("parentAgentId"))
        session.key, session.metadata = f"{key}/{agent}", {"kind": "subagent"}
        session.parent_key = key if parent in (None, MAIN) else f"{key}/{parent}"
    elif title is not None and (is_persons or title != "Untitled"):
        session.title = title
        session.title_authority = TITLE_PERSON if is_persons else TITLE_GENERATED
    return session


def _agent_of(path: Path) -> str | None:
    is_agents = path.name == "wire.jsonl" and path.parent.parent.name == "agents"
    return path.parent.name if is_agents else None


def _state_at(path: Path) -> dict[str, Any]:
    try:
        return mapping(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return {}


def _is_near(given: dict[str, Any], path: Path) -> bool:
    """Say whether a state began when a wire did; a state that names no time is taken to lie with its session."""
    first = next(iter(Sample(path).records), {})
    try:
        began, begins = read_time(given.get("createdAt")), read_time(first.get("created_at"))
    except ValueError:
        return False
    return began is None or begins is None or abs(began - begins) < _NEAR


def _key_of(path: Path, agent: str | None, given: dict[str, Any]) -> str:
    folder = path.parent.parent.parent if agent is not None else path.parent
    if folder.parent.name == "subagents":
        return f"{folder.parent.parent.name}/{folder.name}"
    if folder.name.startswith("session_") or (folder / "context.jsonl").exists():
        return folder.name
    for home in _homes(given):
        if (named := PurePosixPath(home.replace("\\", "/")).parent.parent.name).startswith("session_"):
            return named
    if agent is not None:
        return folder.name
    try:
        return str(UUID(path.stem))
    except ValueError:
        first = Sample(path).records
        return f"unnamed-{digest(first[:1] if first and 'created_at' in first[0] else first[:3])}"


def _homes(given: dict[str, Any]) -> Iterator[str]:
    for agent in mapping(given.get("agents")).values():
        if home := words(mapping(agent).get("homedir")):
            yield home
