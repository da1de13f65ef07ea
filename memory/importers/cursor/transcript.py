"""Cursor's agent transcripts: a line a message, without ids and without times."""

from collections.abc import Iterator
from typing import Any

from memory.importers.cursor.blocks import blocks_of, fill, fill_result, put_apart, touched
from memory.importers.reading.documents import mapping, words
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    Item,
    Mark,
    MessageRecord,
    Problem,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.spoken import first_line
from memory.importers.reading.touched_files import TouchedFiles
from memory.importers.reading.unknown import keep_unknown

MARK_EVERY = 200
CALLS_KEPT = 32
"""Lines from one mark to the next, and calls whose results may still come. Untuned."""
_LINE = frozenset(("role", "message"))


def is_transcript(sample: Sample) -> bool:
    """Say whether lines are `{"role", "message": {"content"}}`, as no other agent writes them."""
    found = [record for record in sample.records if "role" in record]
    return bool(found) and all(
        record["role"] in ("user", "assistant") and "type" not in record and "content" in mapping(record.get("message"))
        for record in found
    )


def read_transcript(source: Source) -> Iterator[Item]:
    """Yield a transcript's messages from `source.offset` on."""
    return _Reader(source).items()


class _Reader:
    """Goes through one transcript; a message's place is its identity."""

    def __init__(self, source: Source) -> None:
        self._source = source
        state = source.state
        path = source.path
        folder = path.parent
        self._key = path.stem if path.stem != "transcript" else folder.name
        # a sub-agent's lies in `<session>/subagents/`, or beside in a folder of that name
        self._is_child = folder.name == "subagents"
        self._titled: bool = state.get("titled", False)
        self._last: str | None = state.get("last")
        self._calls: list[str] = list(state.get("calls", []))
        self._names: dict[str, str] = dict(state.get("names", []))
        self._unknown: int = state.get("unknown", 0)
        self._count: int = state.get("count", 0)
        self._files = TouchedFiles()

    def items(self) -> Iterator[Item]:
        marked = self._source.line
        if self._source.offset == 0:
            session = SessionRecord(self._key, metadata={"kind": "subagent" if self._is_child else "main"})
            above = self._source.path.parent.parent
            if self._is_child:
                session.parent_key = above.name
            yield session
        for line in self._source.json_lines():
            if isinstance(line, Problem):
                yield line
                continue
            yield from self._line(line.value, line.number)
            if line.number - marked >= MARK_EVERY:
                marked = line.number
                yield self._mark()
        yield self._mark()

    def _mark(self) -> Mark:
        self._files.clear()
        self._calls = self._calls[-CALLS_KEPT:]
        self._names = dict(list(self._names.items())[-CALLS_KEPT:])
        state = {
            "count": self._count,
            "titled": self._titled,
            "last": self._last,
            "calls": list(self._calls),
            "unknown": self._unknown,
        }
        return Mark(
            self._source.reached,
            self._source.reached_line,
            state | {"names": [list(each) for each in self._names.items()]},
        )

    def _line(self, record: dict[str, Any], number: int) -> Iterator[Item]:
        role = record.get("role")
        if role not in ("user", "assistant"):
            self._unknown += 1
            yield from keep_unknown(record, self._key, number, self._unknown)
            return
        self._count += 1
        message = MessageRecord(self._key, f"{self._key}:{self._count}", role, [], self._last)
        message.model = words(record.get("model"))
        if rest := {name: value for name, value in record.items() if name not in _LINE | {"model"}}:
            message.metadata["native"] = rest
        blocks = blocks_of(mapping(record.get("message")).get("content"))
        results = fill(message, blocks, self._calls, f"call{self._count}")
        for part in message.parts:
            if part["type"] == "tool_call":
                self._names[part["call_id"]] = part["name"]
                yield from self._files.arrows(self._key, touched(part, None), None)
        if message.parts:
            yield from self._spoken(message) if role == "user" else iter([message])
            self._last = message.key
        for at, block in enumerate(results):
            yield self._result(message, block, at)

    def _spoken(self, message: MessageRecord) -> Iterator[Item]:
        """Yield what the person typed, and, apart from it, what the program put around it."""
        put_there = put_apart(message)
        text = "\n".join(part["text"] for part in message.parts if part["type"] == "text")
        if not self._titled and (title := first_line(text)):
            self._titled = True
            yield SessionRecord(self._key, title, TITLE_FIRST_PROMPT)
        if self._is_child and message.parts:
            message.role = "system"
            message.metadata["origin"] = "subagent"
        if message.parts:
            yield message
        if put_there is not None:
            yield put_there

    def _result(self, message: MessageRecord, block: dict[str, Any], at: int) -> MessageRecord:
        named = words(block.get("tool_use_id")) or words(block.get("toolCallId"))
        # some calls have no id: then results come in the order of the calls
        call_id = named if named in self._calls or not self._calls else self._calls[0]
        if call_id in self._calls:
            self._calls.remove(call_id)
        result = MessageRecord(self._key, f"{message.key}:{at}", "tool", [], self._last)
        fill_result(result, block, call_id or "", self._names.pop(call_id or "", None))
        self._last = result.key
        return result
