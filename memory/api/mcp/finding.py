"""The tools that find and read: search_memory, recall, read_session."""

from abc import abstractmethod
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from memory.api.mcp.asking import Budget, ToolArguments
from memory.api.mcp.framing import (
    CHARACTERS_A_TOKEN,
    NOTICE,
    Fence,
    fitting,
    flat,
    heading,
    quoted,
    shortened,
    unmarked,
)
from memory.api.mcp.reach import Reach
from memory.errors import UnknownRecord
from memory.kinds.message import Message
from memory.search.answer import RecallSource, SearchHit, SearchResult

PROJECT = Field(None, description="Only this project and those below it: an id, an alias or a path.")
MOST_SEARCHED = 200


class ToolAnswer(BaseModel):
    """What a tool answers: structured, and as text."""

    @abstractmethod
    def text(self) -> str:
        """Write it for a model to read."""


class Narrowing(ToolArguments):
    """What a search can be narrowed by."""

    project: str | None = PROJECT
    session: str | None = Field(None, description="Only this session: an id, or its beginning.")
    role: Literal["user", "assistant", "system", "tool"] | None = Field(None, description="Only what this role said.")
    kind: Literal["message", "learning", "session"] | None = Field(None, description="Only records of this kind.")
    tool: str | None = Field(None, description="Only calls and results of this tool.")
    after: str | None = Field(None, description="Only from this date on: 2026-11-03, yesterday, 7d.")
    before: str | None = Field(None, description="Only before this date.")


class SearchArguments(Narrowing):
    """The arguments of search_memory."""

    query: str = Field(description='Words, "phrases", -exclusions; no query is wrong.')
    limit: int = Field(8, ge=1, le=50, description="Hits at most.")
    offset: int = Field(0, ge=0, le=MOST_SEARCHED, description="Hits to leave out: `next_offset` of the answer before.")
    budget: Budget = Field(2000, description="Tokens of the answer, about.")


class Hit(BaseModel):
    """One hit; `ref` is what it is cited by."""

    number: int
    ref: str
    kind: str
    id: str
    date: datetime
    role: str
    """Who said it; of a learning its category."""
    session_id: str | None = None
    session_title: str | None = None
    project: str | None = None
    seq: int | None = None
    score: float
    text: str

    def block(self) -> str:
        """Write it as a quotation."""
        refs = [self.ref, *([f"session:{self.session_id}"] if self.session_id and self.kind != "session" else [])]
        at = f"{self.date:%Y-%m-%d}"
        return heading(number=self.number, at=at, said_by=self.role, title=self.session_title, refs=refs) + quoted(
            self.text
        )


class Found(ToolAnswer):
    """What search_memory answers."""

    notice: str = NOTICE
    hits: list[Hit]
    next_offset: int | None = None
    """Where the next hits begin; absent when there are no more."""
    abstained: bool = False
    degraded: bool = False
    """Whether one way of finding could not run."""
    faults: list[str] = Field(default_factory=list)

    def text(self) -> str:
        """Write hits inside a fence."""
        behind = [f"degraded: {flat(fault)}" for fault in self.faults]
        if self.next_offset is not None:
            behind.append(f"more was found; ask again with offset={self.next_offset}")
        if not self.hits:
            return "\n".join(["nothing relevant was found", *behind])
        behind.append("read around a message with read_session(session_id, around=MESSAGE_ID)")
        return Fence().around([each.block() for each in self.hits], behind)


def search(reach: Reach, arguments: SearchArguments) -> Found:
    """Search where the caller may."""
    asked = arguments.model_dump(exclude={"query", "limit", "offset", "budget"}, exclude_none=True)
    reach.narrow(asked)
    wanted = min(arguments.offset + arguments.limit + 1, MOST_SEARCHED)
    result = reach.memory.search(arguments.query, limit=wanted, **asked)
    reach.searched(result)
    return found_of(result, arguments)


def found_of(result: SearchResult, arguments: SearchArguments) -> Found:
    """Make an answer of what was found, as much of it as fits."""
    hits = [_hit(number, hit) for number, hit in enumerate(result.hits, 1)]
    page = hits[arguments.offset : arguments.offset + arguments.limit]
    page = page[: fitting([each.block() for each in page], arguments.budget)]
    end = arguments.offset + len(page)
    faults = _faults(result)
    return Found(
        hits=page,
        next_offset=end if end < len(hits) else None,
        abstained=result.abstained,
        degraded=bool(faults),
        faults=faults,
    )


def _faults(result: SearchResult) -> list[str]:
    return [f"the {leg.name} leg: {leg.fault}" for leg in result.legs if leg.fault]


def _hit(number: int, hit: SearchHit) -> Hit:
    return Hit(
        number=number,
        ref=f"{hit.kind}:{hit.id}",
        kind=hit.kind,
        id=hit.id,
        date=hit.created_at,
        role=hit.category or hit.role or hit.kind,
        session_id=hit.session_id,
        session_title=hit.session_title,
        project=hit.project,
        seq=hit.seq,
        score=round(hit.score, 4),
        text=unmarked(hit.snippet),
    )


class RecallArguments(Narrowing):
    """The arguments of recall."""

    query: str = Field(description="What the task at hand is about.")
    budget: Budget = Field(2000, description="Tokens of the context, at most.")


class Recalled(ToolAnswer):
    """What recall answers: a context with numbered, cited quotations, and where each is from."""

    context: str
    tokens: int
    sources: list[RecallSource]
    abstained: bool = False

    def text(self) -> str:
        """Give the context; it brings its own fence."""
        return self.context or "nothing relevant was found"


def recall(reach: Reach, arguments: RecallArguments) -> Recalled:
    """Recall what the caller may see."""
    asked = arguments.model_dump(exclude={"query", "budget"}, exclude_none=True)
    reach.narrow(asked)
    found = reach.memory.recall(arguments.query, budget=arguments.budget, **asked)
    return Recalled(context=found.text, tokens=found.tokens, sources=found.sources, abstained=found.abstained)


class ReadArguments(ToolArguments):
    """The arguments of read_session."""

    session_id: str = Field(description="Its id, or the beginning of it.")
    around: str | None = Field(None, description="A message's id; without it the session is read from its beginning.")
    before: int = Field(5, ge=0, le=200, description="Messages before it.")
    after: int = Field(10, ge=0, le=200, description="Messages behind it.")
    budget: Budget = Field(4000, description="Tokens of the answer, about.")


class Said(BaseModel):
    """One message."""

    id: str
    seq: int
    role: str
    date: datetime
    sender: str | None = None
    text: str
    left_out: int = 0
    """Characters that were cut off."""

    def block(self) -> str:
        """Write it as a quotation."""
        at = f"{self.date:%Y-%m-%d %H:%M}"
        cut = f"> … {self.left_out:,} more characters\n" if self.left_out else ""
        refs = [f"message:{self.id}"]
        return heading(number=self.seq, at=at, said_by=self.role, title=None, refs=refs) + quoted(self.text) + cut


class Read(ToolAnswer):
    """What read_session answers."""

    notice: str = NOTICE
    session_id: str
    title: str | None = None
    project: str | None = None
    messages: list[Said]
    message_count: int
    read_on_from: str | None = None
    """Id of the last message that is shown, where more stand behind it."""

    def text(self) -> str:
        """Write messages inside a fence."""
        behind = []
        if self.read_on_from is not None:
            behind.append(f"more stands behind; read on with around={self.read_on_from}, before=0")
        if any(each.left_out for each in self.messages):
            behind.append(
                "a message that was cut is read whole with around=ITS_ID, before=0, after=0 and a larger budget"
            )
        title = f'> session "{flat(self.title or "(no title)")}", {self.message_count} messages\n'
        return Fence().around([title, *(each.block() for each in self.messages)], behind)


def read_session(reach: Reach, arguments: ReadArguments) -> Read:
    """Read messages of a session, from its beginning or around one."""
    session = reach.session(reach.whole("session", arguments.session_id))
    found, has_more = _messages(reach, session.id, arguments)
    most = max(400, arguments.budget * CHARACTERS_A_TOKEN // max(1, min(len(found), 4)))
    said = [_said(message, most) for message in found]
    kept = _kept(said, arguments)
    return Read(
        session_id=session.id,
        title=session.title,
        project=session.project,
        messages=kept,
        message_count=session.message_count,
        read_on_from=kept[-1].id if kept and (has_more or kept[-1].seq < said[-1].seq) else None,
    )


def _messages(reach: Reach, session_id: str, arguments: ReadArguments) -> tuple[list[Message], bool]:
    """Read what was asked for, and say whether more stands behind it."""
    if arguments.around is None:
        page = reach.memory.messages.list(session_id, limit=min(200, arguments.after + 1))
        return list(page.items), page.next_cursor is not None
    id = reach.message(reach.whole("message", arguments.around)).id
    after = min(199, arguments.after)
    found = list(reach.memory.messages.around(id, before=arguments.before, after=after + 1, session_id=session_id))
    place = next((at for at, each in enumerate(found) if each.id == id), None)
    if place is None:
        raise UnknownRecord(f"message {id!r} is not one of session {session_id!r}")
    end = place + 1 + after
    return found[:end], len(found) > end


def _kept(said: list[Said], arguments: ReadArguments) -> list[Said]:
    """Leave out what the budget has no room for: first what stands before the message that was asked for."""
    place = 0
    if arguments.around is not None:
        place = next(
            (at for at, each in enumerate(said) if each.id.startswith(arguments.around.removeprefix("message:"))), 0
        )
    here = [each.block() for each in said[place:]]
    behind = fitting(here, arguments.budget)
    room = arguments.budget - sum(map(len, here[:behind])) // CHARACTERS_A_TOKEN
    first = place
    while first > 0 and (room := room - len(said[first - 1].block()) // CHARACTERS_A_TOKEN) >= 0:
        first -= 1
    return said[first : place + behind]


def _said(message: Message, most: int) -> Said:
    calls = [
        f"→ {part.get('name')} {' '.join(str(part.get('input')).split())[:400]}"
        for part in message.parts
        if part.get("type") == "tool_call"
    ]
    text, left_out = shortened("\n".join([*([message.content] if message.content else []), *calls]), most)
    return Said(
        id=message.id,
        seq=message.seq,
        role=message.role,
        date=message.created_at,
        sender=message.sender_id,
        text=text,
        left_out=left_out,
    )


def whole_session(reach: Reach, id: str) -> Read:
    """Read a session as a resource: as many of its messages as fit."""
    return read_session(reach, ReadArguments(session_id=id, around=None, before=0, after=200, budget=20_000))
