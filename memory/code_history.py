"""Code history: which session touched a file and why, how an error was solved, how a tool was used."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from memory.kinds.message import Message
from memory.kinds.relationship import Relationship
from memory.search.answer import SearchHit
from memory.store.records import Where
from memory.store.schema import micros, moment

if TYPE_CHECKING:
    from memory.memory import Memory

MOST_CALLS = 2_000
"""Messages that are looked at for the ways a tool was called, the newest. Untuned."""
FILES_FROM, SOON_HOURS = 30, 0.5
"""Sessions about a topic whose files are looked at; the hours behind a message after which a file counts half. Untuned."""
MOST_STEPS = 40
"""Messages behind an error that are looked at for its solution. Untuned."""


class Touch(BaseModel):
    """One session that touched a file."""

    session_id: str
    session_title: str | None
    project: str | None
    at: datetime
    """When it first did so."""
    path: str
    how: list[str]
    """`read`, `changed`, or what else the arrows say."""
    why: str | None = None
    """What the person asked for before."""
    message_id: str | None = None
    """The message that asked."""


class Solved(BaseModel):
    """An error that was met before."""

    hit: SearchHit
    answer: str | None = None
    """What was said or done next."""
    answer_id: str | None = None


class Use(BaseModel):
    """One way a tool was called."""

    input: Any
    count: int
    session_id: str
    session_title: str | None
    at: datetime
    """When it was last called so."""
    message_id: str


class TouchedFile(BaseModel):
    """A file that sessions about a topic touched."""

    path: str
    sessions: int
    how: list[str]
    last_at: datetime


class Resumed(BaseModel):
    """Where a session stopped."""

    session_id: str
    title: str | None
    project: str | None
    at: datetime
    asked: str | None = None
    """The person's last words."""
    answered: str | None = None
    """The last answer."""
    files: list[str] = Field(default_factory=list)
    """What it changed last."""


def blame(memory: "Memory", path: str, limit: int) -> list[Touch]:
    """Give the sessions that touched a file, the last first; a path's end is enough."""
    rows = memory.store.narrowing.touches(path)
    found: dict[tuple[int, str], Touch] = {}
    sessions = memory.store.records.by_numbers("session", [row[0] for row in rows])
    for number, session_id, target, label, type_, at in rows:
        session: Any = sessions.get(number)
        key = (number, target)
        if session is None:
            continue
        touch = found.get(key)
        if touch is None:
            if len(found) >= limit:
                continue
            touch = Touch(
                session_id=session_id,
                session_title=session.title,
                project=session.project,
                at=moment(at),
                path=target.removeprefix("file:"),
                how=[],
            )
            found[key] = touch
        touch.how.append(label or type_)
        touch.at = min(touch.at, moment(at))
    for (number, _), touch in found.items():
        touch.how = sorted(set(touch.how))
        asked = _last(memory, number, "user", touch.at)
        if asked is not None:
            touch.why, touch.message_id = _flat(asked.content), asked.id
    return list(found.values())


def fix(memory: "Memory", error: str, limit: int, **narrowed: Any) -> list[Solved]:
    """Find where an error was met, and what was said after it."""
    result = memory.search(error, limit=limit, kind="message", **narrowed)
    found = []
    for hit in result.hits:
        solved = Solved(hit=hit)
        for message in memory.messages.around(hit.id, before=0, after=MOST_STEPS)[1:]:
            if message.role == "user":
                break
            if message.role == "assistant" and message.content.strip():
                solved.answer, solved.answer_id = _flat(message.content), message.id
        found.append(solved)
    return found


def how(memory: "Memory", tool: str, limit: int) -> list[Use]:
    """Give the ways in which a tool was called, the most frequent first."""
    counts: Counter[str] = Counter()
    last: dict[str, Use] = {}
    messages = memory.store.records.by_numbers("message", memory.store.narrowing.callers(tool, MOST_CALLS))
    sessions = {each.id: each for each in _sessions_of(memory, messages.values())}
    for message in messages.values():
        assert isinstance(message, Message)
        for part in message.parts:
            if part.get("type") != "tool_call" or str(part.get("name")).lower() != tool.lower():
                continue
            key = repr(part.get("input"))
            counts[key] += 1
            if key not in last or last[key].at < message.created_at:
                session = sessions.get(message.session_id)
                last[key] = Use(
                    input=part.get("input"),
                    count=0,
                    session_id=message.session_id,
                    session_title=session.title if session else None,
                    at=message.created_at,
                    message_id=message.id,
                )
    ordered = sorted(last, key=lambda key: (-counts[key], -last[key].at.timestamp()))[:limit]
    return [last[key].model_copy(update={"count": counts[key]}) for key in ordered]


def files(memory: "Memory", topic: str, limit: int, **narrowed: Any) -> list[TouchedFile]:
    """Give the files that sessions about a topic touched, those likeliest to belong to it first.

    A file counts for what the sessions that touched it are worth as answers, and the more, the sooner behind the message
    that was found it was touched.
    """
    result = memory.search(topic, limit=FILES_FROM, group="session", **narrowed)
    found: dict[str, TouchedFile] = {}
    worth: dict[str, float] = {}
    for rank, hit in enumerate(result.hits, 1):
        arrows = memory.graph.neighbours(f"session:{hit.session_id}").relationships if hit.session_id else []
        for path, those in groupby(sorted(_touching(arrows), key=_path), key=_path):
            touched = list(those)
            times = [arrow.valid_from or arrow.created_at for arrow in touched]
            there = found.setdefault(path, TouchedFile(path=path, sessions=0, how=[], last_at=times[0]))
            there.how = sorted({*there.how, *(arrow.label or arrow.type for arrow in touched)})
            there.last_at = max(there.last_at, *times)
            there.sessions += 1
            soonest = max(_soon(hit.created_at, at) for at in times)
            worth[path] = worth.get(path, 0.0) + hit.score / rank * (1 + soonest)
    ordered = sorted(found.values(), key=lambda each: (-worth[each.path], -each.last_at.timestamp(), each.path))
    return ordered[:limit]


def _touching(arrows: Iterable[Relationship]) -> Iterator[Relationship]:
    return (arrow for arrow in arrows if arrow.target.startswith("file:"))


def _path(arrow: Relationship) -> str:
    return arrow.target.removeprefix("file:")


def _soon(said_at: datetime, touched_at: datetime) -> float:
    """Say how soon after a message something was done, 0 to 1; 0 for before it."""
    hours = (touched_at - said_at).total_seconds() / 3600
    return 0.0 if hours < -0.01 else 1 / (1 + max(0.0, hours) / SOON_HOURS)


def resume(memory: "Memory", project: str | None, limit: int) -> list[Resumed]:
    """Say where the last sessions of a project stopped; of all projects when none is named."""
    found = []
    for session in memory.sessions.list(project=project, limit=limit).items:
        number = memory.store.records.number("session", session.id) or 0
        asked, answered = _last(memory, number, "user", None), _last(memory, number, "assistant", None)
        arrows = memory.graph.list(source=f"session:{session.id}", limit=200).items
        changed = [each.target.removeprefix("file:") for each in arrows if each.label == "changed"]
        found.append(
            Resumed(
                session_id=session.id,
                title=session.title,
                project=session.project,
                at=session.last_message_at or session.created_at,
                asked=_flat(asked.content) if asked else None,
                answered=_flat(answered.content) if answered else None,
                files=changed[-8:],
            )
        )
    return found


def _last(memory: "Memory", session: int, role: str, before: datetime | None) -> Message | None:
    """Give the last message of a role in a session that says something, at a time at the latest."""
    limit = "" if before is None else " and {t}.created_at <= ?"
    where = Where(
        "{t}.session_number = ? and {t}.role = ? and {t}.content <> '' and {t}.deleted_at is null" + limit,
        (session, role, *([] if before is None else [micros(before)])),
    )
    found = memory.store.records.select("message", where, limit=1, order="{t}.seq desc")
    return found[0][1] if found and isinstance(found[0][1], Message) else None


def _sessions_of(memory: "Memory", messages: Any) -> list[Any]:
    ids = {message.session_id for message in messages}
    return [session for each in ids if (session := memory.sessions.get(each)) is not None]


def _flat(text: str, length: int = 400) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 1] + "…"
