"""A session's file of lines: going through it, saying where to go on, and what every such format needs on the way."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from memory.importers.reading.documents import native_key, time_in, words
from memory.importers.reading.records import TITLE_FIRST_PROMPT, Item, Mark, MessageRecord, Part, Problem, SessionRecord
from memory.importers.reading.source import Source
from memory.importers.reading.spoken import first_line
from memory.importers.reading.touched_files import TouchedFiles
from memory.importers.reading.unknown import keep_unknown

PASSED_KEPT = 16
"""How many records that are no messages a mark keeps, to find what a message answers. Untuned."""
CALLS_KEPT = 32
"""How many calls a mark keeps, to name their results. Untuned."""


class Journal(ABC):
    """Reads one file record by record; a format says what a record holds, and what else it must know to go on."""

    def __init__(self, source: Source, mark_every: int) -> None:
        """Go on where the source's state says.

        Args:
            source: The file.
            mark_every: Lines from one mark to the next, at least.
        """
        state = source.state
        self.source = source
        self.session: str | None = state.get("session")
        self.count: int = state.get("count", 0)
        self.line: int | None = None
        self.problems: list[Problem] = []
        self.files = TouchedFiles()
        self.calls: dict[str, str] = dict(state.get("calls", []))
        self._mark_every = mark_every
        self._titled: list[str] = list(state.get("titled", []))
        self._unknown: int = state.get("unknown", 0)
        self._passed: dict[str, str | None] = dict(state.get("passed", []))

    @abstractmethod
    def record(self, record: dict[str, Any]) -> Iterator[Item]:
        """Yield what one record holds."""

    def known(self) -> dict[str, Any]:
        """Give what the format must know to go on, beside what every journal knows."""
        return {}

    def is_open(self) -> bool:
        """Say whether something is held back that a mark would cut."""
        return False

    def finish(self) -> Iterator[Item]:
        """Yield what is held back when there is no more to read."""
        yield from ()

    def items(self) -> Iterator[Item]:
        """Yield the file's records from `source.offset` on, with marks."""
        marked_line = self.source.line
        for line in self.source.json_lines(is_glued=True):
            if isinstance(line, Problem):
                yield line
                continue
            self.line = line.number
            for value in line.values():
                self.count += 1
                yield from self.record(value)
                yield from self.problems
                self.problems.clear()
            if line.number - marked_line >= self._mark_every and not self.is_open():
                marked_line = line.number
                yield self._mark()
        yield from self.finish()
        yield self._mark()

    def _mark(self) -> Mark:
        self.files.clear()
        self._passed = dict(list(self._passed.items())[-PASSED_KEPT:])
        self.calls = dict(list(self.calls.items())[-CALLS_KEPT:])
        state: dict[str, Any] = {"session": self.session, "count": self.count, "unknown": self._unknown}
        state |= {"titled": list(self._titled), "passed": _pairs(self._passed), "calls": _pairs(self.calls)}
        kept = {name: value for name, value in (state | self.known()).items() if value}
        return Mark(self.source.reached, self.source.reached_line, kept)

    def time(self, value: object) -> datetime | None:
        """Read a time; one that cannot be read is a problem of this line."""
        return time_in(value, self.problems, self.line)

    def link(self, record: dict[str, Any], parent_name: str, id_name: str = "id") -> None:
        """Note that a record gives no message, so that what answers it answers its parent."""
        own, parent = words(record.get(id_name)), words(record.get(parent_name))
        if own is not None:
            self._passed[own] = self._passed.get(parent, parent) if parent is not None else None

    def parent(self, session_key: str, native_id: object) -> str | None:
        """Give the key of the message that a native parent stands for."""
        parent = words(native_id)
        parent = self._passed.get(parent, parent) if parent is not None else None
        return native_key(session_key, parent) if parent is not None else None

    def titled(self, session_key: str, text: str) -> Iterator[SessionRecord]:
        """Yield the title a session has from its first prompt, once."""
        if session_key not in self._titled and (title := first_line(text)):
            self._titled = [*self._titled, session_key][-CALLS_KEPT:]
            yield SessionRecord(session_key, title, TITLE_FIRST_PROMPT)

    def keep(self, record: dict[str, Any]) -> Iterator[Item]:
        """Keep a record of unknown type with the session."""
        self._unknown += 1
        yield from keep_unknown(record, self.session, self.line, self._unknown)


def _pairs(values: dict[str, Any]) -> list[list[Any]]:
    return [list(pair) for pair in values.items()]


def digest(value: object) -> str:
    """Give what any JSON is known by, where it has no id."""
    content = json.dumps(value, sort_keys=True).encode("utf-8", "surrogatepass")
    return hashlib.sha256(content).hexdigest()[:32]


def text_of(parts: list[Part]) -> str:
    """Join the text parts."""
    return "\n".join(part["text"] for part in parts if part["type"] == "text" and isinstance(part.get("text"), str))


def parsed(value: object) -> object:
    """Read JSON that is written as a text; what is none stays as it is."""
    if isinstance(value, str):
        try:
            found: object = json.loads(value, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return value
        return found
    return value


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def name_calls(message: MessageRecord) -> MessageRecord:
    """Give a message the name of its first call, and the call itself where it is all there is."""
    calls = [part for part in message.parts if part["type"] == "tool_call"]
    message.tool_name = words(calls[0].get("name")) if calls else None
    if len(calls) == len(message.parts) == 1:
        message.tool_call = {name: calls[0].get(name) for name in ("call_id", "name", "input")}
    return message


def result_of(
    message: MessageRecord, call_id: str | None, name: str | None, text: str, *, is_error: bool, output: object = None
) -> MessageRecord:
    """Make a message the result of a call; its other parts stay behind it."""
    message.tool_name = name
    message.tool_result = {"call_id": call_id, "is_error": is_error}
    part: Part = {"type": "tool_result", "id": "result", "call_id": call_id, "name": name, "is_error": is_error}
    part |= {"text": text} | ({"output": output} if output not in (None, "", [], {}) else {})
    message.parts = [part, *(other for other in message.parts if other["type"] != "text")]
    return message


def count_of(usage: dict[str, Any], *names: str) -> int | None:
    """Add up the counts of tokens under some names; None where there are none."""
    counts = [usage[name] for name in names if type(usage.get(name)) is int]
    return sum(counts) if counts else None
