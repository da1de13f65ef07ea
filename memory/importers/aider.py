"""Aider: `.aider.chat.history.md`, to which every chat in a folder is appended.

A line `# aider chat started at …` begins a session; `#### ` stands before what the person typed, `> ` before what the
program and its tools said, and the rest is the answer. That is how Aider reads its file itself, so a `#### ` heading or a
quotation in an answer counts as the person's or a tool's words.

Nothing has an id: a session's is when it started and its first line, a message's its session, number, role and first
line. A session begins with its first line: of a start that stands last in a file nothing is known yet. Words that are
appended to the last message are more parts of it. Times have no zone and are taken as UTC. Aider writes whole lines, so a
last line without a newline is read as it is.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    Item,
    Mark,
    MessageRecord,
    Part,
    Problem,
    Role,
    SessionRecord,
)
from memory.importers.reading.source import LINE_BYTES, Sample, Source
from memory.importers.reading.spoken import first_line
from memory.importers.reading.times import read_time

FORMAT = "aider"

MARK_EVERY = 400
"""Lines from one mark to the next, at least: only between two messages. Untuned."""
_STARTED = re.compile(r"^# aider chat started at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[ \t]*\r?$", re.MULTILINE)
_CONSOLE = re.compile(r"^> \S", re.MULTILINE)
_MODEL = re.compile(r"^(?:Main model|Models?): (\S+) with ", re.MULTILINE)
_VERSION = re.compile(r"^Aider v(\S+)", re.MULTILINE)
_HISTORY_NAME = ".aider.chat.history.md"


def recognises(sample: Sample) -> bool:
    """Say whether the first line begins a chat, or a later one does and the console spoke: Aider says what it runs with."""
    text = sample.text
    if text is None or text.lstrip()[:1] in ("{", "["):
        return False
    started = _STARTED.search(text)
    return started is not None and (not text[: started.start()].strip() or _CONSOLE.search(text) is not None)


def read(source: Source) -> Iterator[Item]:
    """Yield the sessions and messages from `source.offset` on."""
    return _Reader(source).items()


@dataclass(slots=True)
class _Block:
    """The lines of one message, as far as they were read."""

    role: Role
    key: str
    before: int = 0
    """How many of its lines an earlier import yielded."""
    lines: list[str] = field(default_factory=list)


class _Reader:
    """Goes through one file, line by line."""

    def __init__(self, source: Source) -> None:
        state = source.state
        self._path = source.path
        self._offset, self._line = source.offset, source.line
        self._session: str | None = state.get("session")
        self._started: str = state.get("started", "")
        self._is_awaited: bool = state.get("awaited", False)
        self._repeat: int = state.get("repeat", 1)
        self._count: int = state.get("count", 0)
        self._is_titled: bool = state.get("titled", False)
        self._block = _Block(*state["block"]) if "block" in state else None

    def items(self) -> Iterator[Item]:
        marked_line = self._line
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while raw := file.readline(LINE_BYTES):
                try:
                    line = raw.decode("utf-8")
                except UnicodeDecodeError:
                    yield Problem(self._line + 1, "not UTF-8; what cannot be read is replaced")
                    line = raw.decode("utf-8", "replace")
                line = line.replace("\x00", "").removeprefix("\ufeff").rstrip("\r\n")
                yield from self._end_block(line)
                if self._block is None and self._line - marked_line >= MARK_EVERY:
                    marked_line = self._line
                    yield self._mark()
                yield from self._take(line)
                self._offset, self._line = self._offset + len(raw), self._line + 1
        yield from self._message()
        yield self._mark()

    def _mark(self) -> Mark:
        """Make a mark; a message that stands last in the file is kept open, since more of it may be appended."""
        state: dict[str, Any] = {"session": self._session, "started": self._started, "repeat": self._repeat}
        state |= {"count": self._count, "titled": self._is_titled, "awaited": self._is_awaited}
        if self._block is not None:
            state["block"] = [self._block.role, self._block.key, self._block.before + len(self._block.lines)]
        return Mark(self._offset, self._line, state)

    def _end_block(self, line: str) -> Iterator[Item]:
        """Yield the open message when a line is not of it; a blank line is of an answer alone."""
        role = _role_of(line)
        is_other = role or _STARTED.match(line) or (self._block and self._block.role != "assistant")
        if self._block is not None and role != self._block.role and is_other:
            yield from self._message()
            self._block = None

    def _take(self, line: str) -> Iterator[Item]:
        """Put a line where it belongs; begin the session or the message that it begins."""
        started, role = _STARTED.match(line), _role_of(line)
        if started is not None:
            if self._is_awaited:
                yield self._begin("")
            self._await(started[1])
            return
        if self._block is None and role in ("user", "assistant", "tool"):
            if self._session is None or self._is_awaited:
                yield self._begin(line.rstrip())
            self._count += 1
            identity = f"{self._session}\0{self._count}\0{role}\0{line}"
            self._block = _Block(role, hashlib.sha256(identity.encode()).hexdigest()[:32])
        if self._block is not None:
            words = line if self._block.role == "assistant" else line.partition(" ")[2]
            # Aider ends its lines with Markdown's line break, two spaces.
            self._block.lines.append(words.removesuffix("  "))

    def _await(self, started: str) -> None:
        """Note a start; of several in one second each has its own number."""
        is_same = (self._session is not None or self._is_awaited) and started == self._started
        self._repeat = self._repeat + 1 if is_same else 1
        self._started, self._is_awaited = started, True

    def _begin(self, line: str) -> SessionRecord:
        """Begin a session with its first line."""
        self._count, self._is_titled, self._is_awaited = 0, False, False
        repeat = f"#{self._repeat}" if self._repeat > 1 else ""
        self._session = f"{self._started}#{hashlib.sha256(line.encode()).hexdigest()[:16]}{repeat}"
        session = SessionRecord(self._session, metadata={"kind": "main"})
        session.created_at = self._started_at()
        session.project = str(self._path.absolute().parent) if self._path.name == _HISTORY_NAME else None
        return session

    def _started_at(self) -> datetime | None:
        with suppress(ValueError):
            return read_time(self._started)
        return None

    def _message(self) -> Iterator[Item]:
        """Yield what was read of the open message, and what it says of its session."""
        block, session = self._block, self._session
        text = "\n".join(block.lines).rstrip() if block is not None else ""
        # `<blank>` stands for a prompt without words
        if block is None or session is None or not text.strip() or (block.role == "user" and text.strip() == "<blank>"):
            return
        if block.role == "user" and not self._is_titled and not text.startswith("/"):
            self._is_titled = True
            yield SessionRecord(session, title=first_line(text), title_authority=TITLE_FIRST_PROMPT)
        part: Part = {"type": "text", "id": str(block.before), "text": text}
        message = MessageRecord(session, block.key, block.role, [part], created_at=self._started_at())
        if block.role == "tool":
            part |= {"type": "tool_result", "call_id": None, "name": None, "is_error": False}
            message.tool_result = {"call_id": None, "is_error": False}
            yield from _described(session, text)
        yield message


def _role_of(line: str) -> Role | None:
    """Find whose words a line holds; None for a blank one and one that begins a session."""
    if not line.strip() or _STARTED.match(line):
        return None
    if line.startswith("> ") or line == ">":
        return "tool"
    return "user" if line.startswith("#### ") or line == "####" else "assistant"


def _described(session: str, text: str) -> Iterator[SessionRecord]:
    """Yield the model and the version that Aider says when it starts."""
    model, version = _MODEL.search(text), _VERSION.search(text)
    if model is not None or version is not None:
        metadata = {"version": version[1]} if version is not None else {}
        yield SessionRecord(session, model=model[1] if model is not None else None, metadata=metadata)
