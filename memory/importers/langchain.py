"""LangChain: lists of messages as `messages_to_dict` or `dumpd` write them, alone or inside an object; also one a line.

`{"type": "human", "data": {…}}` and `{"lc": 1, "type": "constructor", "id": […, "HumanMessage"], "kwargs": {…}}` are
messages. A list of them is a session: its id is what the object around it says (`session_id`, `thread_id` …). A list
without one is known by how it begins, so that one that grows or is moved stays the same session. Lines that are single
messages are sessions by the id beside them, and one session of the file where there is none, known by its first message.
"""

from collections.abc import Iterator
from typing import Any

from memory.importers.reading.beginnings import Alike, Beginnings, beginning, records_before
from memory.importers.reading.documents import mapping, names_in, read_document, time_in, words
from memory.importers.reading.journal import digest
from memory.importers.reading.langchain_messages import Conversation, plain_message
from memory.importers.reading.records import TITLE_PERSON, Item, Mark, Problem, SessionRecord
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.unknown import keep_unknown

FORMAT = "langchain"

MARK_EVERY = 100
"""Lines from one mark to the next, at least. Untuned."""
_IDS = ("session_id", "sessionId", "SessionId", "thread_id", "threadId", "conversation_id", "id")
_TITLES = ("title", "name")
_TIMES = ("created_at", "createdAt", "timestamp")


def recognises(sample: Sample) -> bool:
    """Say whether the beginning holds messages with `data`, or constructors of messages."""
    if sample.records:
        return _name_of_messages(sample.records[0]) is not None or _is_message(sample.records[0])
    names = names_in(sample)
    for under in {path[:-1] for path in names}:
        beside = {path[len(under) :] for path in names if path[: len(under)] == under}
        if {("type",), ("data",), ("data", "content")} <= beside and _names_a_speaker(sample.head):
            return True
        if {("lc",), ("type",), ("id",), ("kwargs",), ("kwargs", "content")} <= beside:
            return True
    return False


def read(source: Source) -> Iterator[Item]:
    """Yield the sessions of a document, or of the lines from `source.offset` on."""
    sample = Sample(source.path)
    if sample.records and not source.state.get("whole"):
        return _Lines(source).items()
    return read_document(source, _document)


def _names_a_speaker(head: bytes) -> bool:
    found = head.replace(b" ", b"").replace(b"\n", b"")
    return any(b'"type":"' + name + b'"' in found for name in (b"human", b"ai", b"system", b"tool"))


def _is_message(given: object) -> bool:
    record = mapping(given)
    is_written = isinstance(record.get("data"), dict) or isinstance(record.get("kwargs"), dict)
    return is_written and plain_message(record) is not None


def _name_of_messages(record: dict[str, Any]) -> str | None:
    """Find under which name an object holds a list of messages, or a message."""
    for name, value in record.items():
        listed = value if isinstance(value, list) else [value]
        if listed and _is_message(listed[0]):
            return name
    return None


def _document(document: Any) -> Iterator[Item]:
    listed = document if isinstance(document, list) else [document]
    named = Beginnings(_begins)
    if all(_name_of_messages(mapping(each)) is None for each in listed):
        yield from _session({"messages": listed}, "messages", named, None)
        return
    for at, each in enumerate(listed):
        name = _name_of_messages(mapping(each))
        if name is None:
            yield Problem(None, f"element {at + 1} holds no messages")
        else:
            yield from _session(each, name, named, None)


def _begins(record: dict[str, Any]) -> list[Any] | None:
    """Give how a list of messages without an id begins; None for one with an id, and for anything else."""
    name = "messages" if isinstance(record.get("messages"), list) else _name_of_messages(record)
    if name is None or _id_of(record):
        return None
    given = record[name] if isinstance(record[name], list) else [record[name]]
    plain = [plain_message(each) or each for each in given]
    return beginning(plain, lambda each: mapping(each).get("type") == "human")


class _Lines:
    """Goes through the lines of a file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._last: str = source.state.get("last", "")
        self._own: str | None = source.state.get("own")
        self._named = Beginnings(_begins, records_before(source))
        self._talks: dict[str, Conversation] = {}
        self._problems: list[Problem] = []
        self._unknown: int = source.state.get("unknown", 0)

    def items(self) -> Iterator[Item]:
        marked_line = self._source.line
        for line in self._source.json_lines():
            if isinstance(line, Problem):
                yield line
                continue
            yield from self._line(line.value, line.number)
            yield from self._problems
            self._problems.clear()
            if line.number - marked_line >= MARK_EVERY:
                marked_line = line.number
                yield self._mark()
        yield self._mark()

    def _mark(self) -> Mark:
        self._talks.clear()
        state = {"last": self._last, "unknown": self._unknown, "own": self._own}
        return Mark(self._source.reached, self._source.reached_line, state)

    def _line(self, record: dict[str, Any], number: int) -> Iterator[Item]:
        name = _name_of_messages(record)
        if name is not None and isinstance(record[name], list):
            yield from _session(record, name, self._named, number)
            return
        given = plain_message(record[name] if name is not None else record)
        key = _id_of(record) if name is not None else None
        if key is None:
            key = self._own = self._own or digest([given or record])
        if key not in self._talks:
            self._talks[key] = Conversation(key, self._problems, number)
            yield SessionRecord(key, metadata={"kind": "main"})
        if given is None:
            self._unknown += 1
            yield from keep_unknown(record, key, number, self._unknown)
            return
        self._last = digest([self._last, record])
        yield from self._talks[key].items(given, f"{key}:{self._last}")


def _session(record: dict[str, Any], name: str, named: Beginnings, line: int | None) -> Iterator[Item]:
    problems: list[Problem] = []
    session = SessionRecord(_id_of(record) or named.key(record), metadata={"kind": "main"})
    session.metadata |= {other: value for other, value in record.items() if other != name and other not in _IDS}
    session.title = next((title for each in _TITLES if (title := words(record.get(each)))), None)
    session.title_authority = TITLE_PERSON if session.title else 0
    session.model = words(record.get("model"))
    times = (time_in(record[each], problems, line) for each in _TIMES if record.get(each))
    session.created_at = next((at for at in times if at), None)
    yield session
    talk, keys = Conversation(session.key, problems, line), Alike(session.key)
    unknown = 0
    for each in record[name] if isinstance(record[name], list) else [record[name]]:
        given = plain_message(each)
        if given is not None:
            yield from talk.items(given, keys.key(given))
            continue
        unknown += 1
        kept = each if isinstance(each, dict) else {"type": type(each).__name__, "value": each}
        yield from keep_unknown(kept, session.key, line, unknown)
    yield from problems


def _id_of(record: dict[str, Any]) -> str | None:
    return next((found for name in _IDS if (found := words(record.get(name)))), None)
