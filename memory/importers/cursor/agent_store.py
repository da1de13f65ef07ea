"""Cursor's command line agent: `store.db`, blobs under their hashes, the root of which names the messages.

The root is a protocol buffer; its field 1 holds the messages' hashes in their order. Messages are JSON. What earlier
roots held and the last one does not (a message that was taken back, or compacted away) is kept as not shown.
"""

from collections.abc import Iterator
from typing import Any

from memory.importers.cursor.blocks import blocks_of, fill, fill_result, put_apart, touched
from memory.importers.reading.documents import mapping, native_key, object_in, time_in, without, words
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    Item,
    Mark,
    MessageRecord,
    Problem,
    Role,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.spoken import first_line
from memory.importers.reading.touched_files import TouchedFiles
from memory.store.foreign import ForeignDatabase, open_foreign

_HASH_BYTES = 32
_DIRECTORY_FIELD = 9
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_META = frozenset("agentId name createdAt latestRootBlobId lastUsedModel".split())
_UNTITLED = frozenset(("New Agent", "New Chat"))


def is_store(sample: Sample) -> bool:
    """Say whether a database has the agent's two tables."""
    return {"id", "data"} <= sample.tables.get("blobs", frozenset()) and {"key", "value"} <= sample.tables.get(
        "meta", frozenset()
    )


def read_store(source: Source) -> Iterator[Item]:
    """Yield the one session of a store."""
    size = source.path.stat().st_size
    with open_foreign(source.path) as foreign:
        yield from _Store(source, foreign).items()
    yield Mark(size, 0, {"whole": True})


def fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield the fields of a protocol buffer, (number, bytes or number); ends where it is none."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(wire, len(data))
        if number == 0 or at + size > len(data):
            return
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of any length; what is cut off reads as if it were 0."""
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, len(data)


class _Store:
    """Goes through one session."""

    def __init__(self, source: Source, foreign: ForeignDatabase) -> None:
        self._foreign = foreign
        self._problems: list[Problem] = []
        self._meta = _meta(foreign)
        self._key = words(self._meta.get("agentId")) or source.path.parent.name
        self._files = TouchedFiles()
        self._directory: str | None = None
        self._last: str | None = None
        self._calls: list[str] = []
        self._names: dict[str, str] = {}
        self._title: str | None = None

    def items(self) -> Iterator[Item]:
        shown = self._shown()
        name = words(self._meta.get("name"))
        session = SessionRecord(self._key, None if name in _UNTITLED else name, TITLE_GENERATED)
        session.model = words(self._meta.get("lastUsedModel"))
        session.created_at = time_in(self._meta.get("createdAt"), self._problems)
        session.metadata = {"kind": "main", **without(self._meta, _META)}
        session.project = self._directory
        yield session
        messages = dict(self._messages())
        for id in shown:
            if id in messages:
                yield from self._message(id, messages.pop(id), None)
        for id, given in messages.items():
            yield from self._message(id, given, "not shown")
        if self._title:
            yield SessionRecord(self._key, self._title, TITLE_FIRST_PROMPT)
        yield from self._problems

    def _shown(self) -> list[str]:
        """Read the hashes of the messages from the last root, each once, and the directory from it."""
        root = words(self._meta.get("latestRootBlobId"))
        found: dict[str, None] = {}
        for (data,) in self._foreign.rows("select data from blobs where id = ?", (root,)):
            for number, value in fields(data if isinstance(data, bytes) else b""):
                if isinstance(value, bytes) and len(value) == _HASH_BYTES and number == 1:
                    found[value.hex()] = None
                elif isinstance(value, bytes) and number == _DIRECTORY_FIELD:
                    self._directory = value.decode("utf-8", "replace").removeprefix("file://") or None
        return list(found)

    def _messages(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for id, data in self._foreign.rows("select id, data from blobs order by rowid"):
            given = object_in(data)
            if words(mapping(given).get("role")) and "content" in mapping(given):
                yield str(id), mapping(given)

    def _message(self, id: str, given: dict[str, Any], branch: str | None) -> Iterator[Item]:
        role = _ROLES.get(str(given.get("role")), "system")
        key = native_key(self._key, words(given.get("id")) or id)
        message = MessageRecord(self._key, key, role, [], self._last)
        message.created_at = time_in(given.get("createdAt"), self._problems)
        rest = without(given, frozenset(("role", "content", "id", "createdAt")))
        message.metadata = ({"native": rest} if rest else {}) | ({"branch": branch} if branch else {})
        results = fill(message, blocks_of(given.get("content")), self._calls, key)
        for part in message.parts:
            if part["type"] == "tool_call":
                self._names[part["call_id"]] = part["name"]
                yield from self._files.arrows(self._key, touched(part, self._directory), None)
        if message.parts:
            yield from self._spoken(message)
        for at, block in enumerate(results):
            call_id = words(block.get("toolCallId")) or words(block.get("tool_use_id")) or ""
            result = MessageRecord(self._key, f"{key}:{at}", "tool", [], self._last, metadata=dict(message.metadata))
            fill_result(result, block, call_id, self._names.get(call_id))
            yield result

    def _spoken(self, message: MessageRecord) -> Iterator[Item]:
        if message.role == "system":
            message.metadata["origin"] = "injected"
        if message.role != "user":
            yield message
            self._last = message.key
            return
        put_there = put_apart(message)
        self._title = self._title or first_line("\n".join(part.get("text", "") for part in message.parts))
        if message.parts:
            yield message
            self._last = message.key
        if put_there is not None:
            yield put_there


def _meta(foreign: ForeignDatabase) -> dict[str, Any]:
    """Read what is known of the session: JSON, written in hexadecimal."""
    for (value,) in foreign.rows("select value from meta order by key = '0' desc"):
        try:
            found = object_in(bytes.fromhex(value) if isinstance(value, str) else value)
        except ValueError:
            continue
        if found is not None:
            return found
    return {}
