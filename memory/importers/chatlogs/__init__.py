"""Chat logs: session, chat-log and brain documents, and thread, message and settings documents, of older designs.

JSON documents, or one a line; in camelCase or snake_case, with or without Mongo's `$oid` and `$date`; nested, or beside
each other and joined by ids. An entry with a prompt and a response is two messages. A brain (an entity's model,
configuration and memories) is a session of kind `brain`, whose memories are messages that nobody typed; settings are the
metadata of a session of kind `workspace`, one a file.

A message without an id is known by its session, its content and how many alike come before it; a conversation without
one by its first messages.

Who a sender is: its role, else what the participants say of it; an entity with a brain is a model, anyone else a person.
Left out on purpose: values of fields whose name says that they hold a secret.
"""

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from memory.importers.chatlogs.documents import Reader
from memory.importers.chatlogs.identity import conversation_key
from memory.importers.chatlogs.shapes import Fields, collected, kind_of, plain, says_its_session, wraps_session
from memory.importers.reading.documents import names_in, read_document
from memory.importers.reading.records import Item, Mark, Problem
from memory.importers.reading.source import SAMPLE_BYTES, Sample, Source

FORMAT = "chatlogs"

MARK_EVERY = 400
"""Lines from one mark to the next, at least. Untuned."""
_MESSAGE_IDS, _MESSAGE_TIMES = ("id", "_id", "messageid", "threadid"), ("createdat", "timestamp", "threadid")

_AROUND_MESSAGES = frozenset(
    "id _id threadid chatid title name messages createdat updatedat settings metadata model systemprompt userid tags".split()
)


def recognises(sample: Sample) -> bool:
    """Say whether the first documents are of this kind."""
    if sample.records:
        if any(record.get("type") == "message" for record in sample.records):
            return False  # an agent's own stream, not a log of chats
        found = [plain(record) for record in sample.records[:10]]
        return all(_is_told(record, is_line=True) for record in found)
    if len(sample.head) >= SAMPLE_BYTES:
        paths = names_in(sample)
        if ("messages",) in paths and {("thread", "id"), ("session", "id")} & paths:
            return True
        names = {path[-1].replace("_", "").lower() for path in paths}
        return bool({"chatlogs", "brains", "threads"} & names) and bool({"sessionid", "threadid", "messages"} & names)
    try:
        document = json.loads(sample.head.replace(b"\x00", b"").decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return False
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and _is_told(plain(first), is_line=False)


def read(source: Source) -> Iterator[Item]:
    """Yield the sessions of a document, or of the lines from `source.offset` on."""
    if not source.state.get("whole") and _is_lines(Sample(source.path)):
        return _lines(source)
    return read_document(source, lambda document: _document(document, source.name))


def _is_told(record: dict[str, Any], *, is_line: bool) -> bool:
    """Say whether a document tells enough of itself not to be another program's."""
    kind = kind_of(record)
    if kind == "entry":
        return says_its_session(record) and not isinstance(Fields(record).look("message"), dict)
    if kind != "session":
        return kind is not None
    fields = Fields(record)
    first = next((Fields(each) for each in collected(fields.look("messages"), "id")), None)
    if first is None or "role" not in first or not isinstance(fields.look("messages"), list) or wraps_session(fields):
        return True
    if any(name in first for name in _MESSAGE_IDS) and any(name in first for name in _MESSAGE_TIMES):
        return True
    # messages that tell no more are also OpenAI's, one object a line, and other programs', with more around them
    return not is_line and fields.names() <= _AROUND_MESSAGES


def _is_lines(sample: Sample) -> bool:
    return bool(sample.records)


def _document(document: Any, name: str) -> Iterator[Item]:
    listed = document if isinstance(document, list) else [document]
    records = [plain(each) for each in listed if isinstance(each, dict)]
    loose = [each for each in records if kind_of(each) == "entry" and not says_its_session(each)]
    reader = Reader({}, name, conversation_key(loose))
    # brains come first: they tell who is a model
    for each in sorted(records, key=lambda record: kind_of(record) != "brain"):
        yield from reader.document(each, None)
    if len(records) < len(listed):
        yield Problem(None, f"{len(listed) - len(records)} elements are no objects")


def _lines(source: Source) -> Iterator[Item]:
    reader = _reader(source)
    marked_line = source.line
    for line in source.json_lines():
        if isinstance(line, Problem):
            yield line
            continue
        yield from reader.document(plain(line.value), line.number)
        if line.number - marked_line >= MARK_EVERY:
            marked_line = line.number
            yield Mark(source.reached, source.reached_line, reader.state())
    yield Mark(source.reached, source.reached_line, reader.state())


def _reader(source: Source) -> Reader:
    """Make what goes on behind `source.offset`; where entries have no ids, it goes through those before once more."""
    if not source.state.get("has_unnamed"):
        return Reader(source.state, source.name)
    reader = Reader({}, source.name)
    for line in Source(source.path, name=source.name).json_lines():
        if isinstance(line, Problem):
            continue
        if line.number > source.line:
            break
        deque(reader.document(plain(line.value), line.number), maxlen=0)
    return reader
