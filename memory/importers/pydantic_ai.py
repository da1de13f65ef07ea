"""pydantic-ai: message histories as `ModelMessagesTypeAdapter` writes them, `[{"kind": "request", "parts": […]}, …]`.

A history is a session: a document, or a line of a file, alone or inside an object. Its id is what the object says, else
the conversation's, else that of its first run; without any it is known by how it begins. Each part of a request is a
message: prompts, tools' results, and what the framework put in, which nobody typed. A response is one message, and what
tools of the provider gave is a message of its own. Messages have no ids: content and time are what they are known by.

Left out on purpose: signatures and `encrypted_content` (encrypted), `cache-point` (a mark for the provider),
`history_digest` and `content_file_digests` (hashes).
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from memory.importers.reading.beginnings import Beginnings, beginning, records_before
from memory.importers.reading.documents import mapping, names_in, objects, read_document, time_in, without, words
from memory.importers.reading.journal import digest
from memory.importers.reading.pictures import picture_part
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_PERSON,
    Item,
    Mark,
    MessageRecord,
    Part,
    Problem,
    Role,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.spoken import first_line
from memory.importers.reading.touched_files import TouchedFiles, named_files
from memory.importers.reading.unknown import keep_unknown

FORMAT = "pydantic-ai"

MARK_EVERY = 100
"""Lines, each a whole history, from one mark to the next. Untuned."""
_IDS = ("conversation_id", "session_id", "thread_id", "id")
_ROLES: dict[str, Role] = {
    "user-prompt": "user",
    "system-prompt": "system",
    "instruction-delta": "system",
    "retry-feedback": "system",
    "compaction": "system",
    "tool-return": "tool",
    "retry-prompt": "tool",
    "speech": "user",
}
_ORIGINS = {"instruction-delta": "injected", "retry-feedback": "synthetic", "compaction": "compaction"}
_CHANGES = frozenset("instruction-baseline tool-availability-delta capability-load-delta model-settings-delta".split())
_KINDS = {"image-url": "image", "audio-url": "file", "video-url": "file", "document-url": "file"}
_FILES = ("binary", "uploaded-file", *_KINDS)
_MESSAGE = frozenset("parts kind timestamp instructions usage model_name run_id conversation_id history_digest".split())
_PART = frozenset(
    "part_kind content timestamp tool_name args tool_call_id signature content_file_digests transcript audio".split()
)


def recognises(sample: Sample) -> bool:
    """Say whether the beginning holds requests and responses with parts that have a `part_kind`."""
    if sample.records and _histories(sample.records[0]) is None:
        return False
    return {"kind", "parts", "part_kind"} <= {path[-1] for path in names_in(sample)}


def read(source: Source) -> Iterator[Item]:
    """Yield the sessions of a document, or of the lines from `source.offset` on."""
    if not source.state.get("whole") and _is_lines(Sample(source.path)):
        yield from _lines(source)
        return
    yield from read_document(source, _document)


def messages_of(message: dict[str, Any], session_key: str) -> list[MessageRecord]:
    """Make the messages of one message of a history, without keys: what tells equal ones apart stands elsewhere."""
    history = _History({"id": session_key, "messages": [message]}, "messages", Beginnings(_begins), None)
    return [each for each in history.items() if isinstance(each, MessageRecord)]


def _is_lines(sample: Sample) -> bool:
    """Say whether the first line is a whole history, and not the beginning of a document of several lines."""
    if sample.records:
        return True
    first, _, rest = sample.head.strip(b"\x00 \t\r\n").partition(b"\n")
    try:
        return isinstance(json.loads(first), list) and bool(rest.strip())
    except (ValueError, RecursionError):
        return len(first) == len(sample.head)


def _histories(record: dict[str, Any]) -> str | None:
    """Find under which name an object holds a history."""
    return next((name for name, value in record.items() if isinstance(value, list) and _is_message(value[:1])), None)


def _is_message(listed: list[Any]) -> bool:
    given = mapping(listed[0]) if listed else {}
    return given.get("kind") in ("request", "response") and isinstance(given.get("parts"), list)


def _lines(source: Source) -> Iterator[Item]:
    named, marked_line = Beginnings(_begins, records_before(source, "messages")), source.line
    for line in source.json_lines(lists_as="messages"):
        if isinstance(line, Problem):
            yield line
            continue
        name = _histories(line.value)
        if name is None:
            yield Problem(line.number, "no list of messages")
            continue
        yield from _History(line.value, name, named, line.number).items()
        if line.number - marked_line >= MARK_EVERY:
            marked_line = line.number
            yield Mark(source.reached, source.reached_line, {})
    yield Mark(source.reached, source.reached_line, {})


def _document(document: Any) -> Iterator[Item]:
    record = document if isinstance(document, dict) else {"messages": document}
    name = _histories(record)
    if name is None:
        yield Problem(None, "no list of messages")
        return
    yield from _History(record, name, Beginnings(_begins), None).items()


def _id_of(record: dict[str, Any], name: str) -> str | None:
    said = objects(record[name])
    ids = [*(record.get(each) for each in _IDS), *(each.get("conversation_id") for each in said[:1])]
    ids += [each.get("run_id") for each in said[:1]]
    return next((id for each in ids if (id := words(each))), None)


def _begins(record: dict[str, Any]) -> list[Any] | None:
    """Give how a history without an id begins; None for one with an id, and for anything else."""
    name = _histories(record)
    if name is None or _id_of(record, name):
        return None
    first = beginning(record[name], _is_prompt)
    return [[mapping(each).get(part) for part in ("kind", "timestamp", "parts")] for each in first]


def _is_prompt(given: object) -> bool:
    return any(part.get("part_kind") == "user-prompt" for part in objects(mapping(given).get("parts")))


class _History:
    """Goes through one history."""

    def __init__(self, record: dict[str, Any], name: str, named: Beginnings, line: int | None) -> None:
        self._messages = record[name]
        self._line = line
        self._problems: list[Problem] = []
        self._met: Counter[str] = Counter()
        self._unknown = 0
        self._is_titled = False
        self._instructions: str | None = None
        self._touched = TouchedFiles()
        self._session = SessionRecord(_id_of(record, name) or named.key(record), metadata={"kind": "main"})
        self._session.metadata |= {
            other: value for other, value in record.items() if other not in (name, *_IDS, "title")
        }
        self._session.title = words(record.get("title"))
        self._session.title_authority = TITLE_PERSON if self._session.title else 0

    def items(self) -> Iterator[Item]:
        yield self._session
        for given in self._messages:
            kind, parts = mapping(given).get("kind"), mapping(given).get("parts")
            if not isinstance(parts, list) or kind not in ("request", "response"):
                yield from self._keep(given)
                continue
            at = time_in(given.get("timestamp"), self._problems, self._line)
            yield from self._request(given, parts, at) if kind == "request" else self._response(given, parts, at)
        yield from self._problems

    def _keep(self, given: object) -> Iterator[SessionRecord | Problem]:
        self._unknown += 1
        kept = given if isinstance(given, dict) else {"type": type(given).__name__, "value": given}
        yield from keep_unknown(kept, self._session.key, self._line, self._unknown)

    def _key(self, *said: object) -> str:
        found = digest(said)
        self._met[found] += 1
        return f"{self._session.key}:{found}:{self._met[found]}"

    def _new(self, role: Role, part: dict[str, Any], at: datetime | None) -> MessageRecord:
        message = MessageRecord(self._session.key, self._key(role, part, at and at.isoformat()), role, [])
        message.created_at = time_in(part.get("timestamp"), self._problems, self._line) or at
        if rest := _rest(part):
            message.metadata["native"] = rest
        return message

    def _request(self, given: dict[str, Any], parts: list[Any], at: datetime | None) -> Iterator[Item]:
        yield from self._instructed(words(given.get("instructions")))
        for part in parts:
            kind = str(mapping(part).get("part_kind"))
            if kind in _CHANGES:
                yield SessionRecord(self._session.key, metadata={"changes": [part]})
            elif kind not in _ROLES:
                yield from self._keep(part)
            else:
                message = self._asked(part, kind, at)
                told = without(given, _MESSAGE)
                message.metadata |= {"request": told} if told not in ({}, {"state": "complete"}) else {}
                yield from self._titled(message)
                yield message

    def _instructed(self, instructions: str | None) -> Iterator[SessionRecord]:
        """Tell what the model was instructed; also each time when that is something else."""
        if instructions is not None and instructions != self._instructions:
            is_first, self._instructions = self._instructions is None, instructions
            if is_first:
                yield SessionRecord(self._session.key, system_prompt=instructions)
            else:
                yield SessionRecord(self._session.key, metadata={"later_instructions": [instructions]})

    def _titled(self, message: MessageRecord) -> Iterator[SessionRecord]:
        text = "\n".join(part["text"] for part in message.parts if part["type"] == "text")
        if message.role == "user" and not self._is_titled and (title := first_line(text)):
            self._is_titled = True
            yield SessionRecord(self._session.key, title, TITLE_FIRST_PROMPT)
        elif message.role == "system" and not message.metadata.get("origin") and self._instructions is None:
            self._instructions = text
            yield SessionRecord(self._session.key, system_prompt=text)

    def _asked(self, part: dict[str, Any], kind: str, at: datetime | None) -> MessageRecord:
        role = _ROLES[kind]
        if kind == "retry-prompt" and not words(part.get("tool_name")):
            role = "system"
        message = self._new(role, part, at)
        if role == "tool":
            _fill_result(message, part, is_error=kind == "retry-prompt")
            return message
        if role == "system" and kind != "system-prompt":
            message.metadata["origin"] = _ORIGINS.get(kind, "synthetic")
        message.parts = _speech(part, "0", message) if kind == "speech" else _content(part.get("content"), message)
        return message

    def _response(self, given: dict[str, Any], parts: list[Any], at: datetime | None) -> Iterator[Item]:
        message = MessageRecord(self._session.key, self._key("response", parts, at and at.isoformat()), "assistant", [])
        message.created_at, message.model = at, words(given.get("model_name"))
        rest = without(given, _MESSAGE)
        message.metadata = {"native": rest} if rest else {}
        _count(message, mapping(given.get("usage")))
        others: list[MessageRecord] = []
        for place, part in enumerate(parts):
            kind = str(mapping(part).get("part_kind"))
            if kind == "builtin-tool-return":
                others.append(self._new("tool", part, at))
                _fill_result(others[-1], part, is_error=False)
            elif kind == "compaction":
                others.append(self._new("system", part, at))
                others[-1].metadata["origin"] = "compaction"
                others[-1].parts = _content(part.get("content"), others[-1])
            elif isinstance(part, dict):
                message.parts += _answered(part, kind, str(place), message)
            else:
                yield from self._keep(part)
        calls = [part for part in message.parts if part["type"] == "tool_call"]
        message.tool_name = calls[0]["name"] if calls else None
        if len(message.parts) == len(calls) == 1:
            message.tool_call = {name: calls[0][name] for name in ("call_id", "name", "input")}
        if message.model:
            yield SessionRecord(self._session.key, model=message.model)
        yield message
        yield from others
        touched = [file for call in calls for file in named_files(call["name"], call["input"])]
        yield from self._touched.arrows(self._session.key, touched, at)


def _rest(part: dict[str, Any]) -> dict[str, Any]:
    rest = without(part, _PART)
    if isinstance(rest.get("provider_details"), dict):
        rest["provider_details"] = without(rest["provider_details"], frozenset(["encrypted_content"]))
    if rest.get("outcome") == "success":
        del rest["outcome"]
    return {name: value for name, value in rest.items() if value not in (False, {}) and (name, value) not in _USUAL}


_USUAL = [("scope", "conversation")]


def _answered(part: dict[str, Any], kind: str, part_id: str, message: MessageRecord) -> list[Part]:
    """Make the parts of a part of a response."""
    rest = _rest(part)
    native: Part = {"native": rest} if rest else {}
    text = words(part.get("content")) or ""
    if kind == "text":
        return [{"type": "text", "id": part_id, "text": text} | native] if text else []
    if kind == "thinking":
        return [{"type": "reasoning", "id": part_id, "text": text} | native]
    if kind in ("tool-call", "builtin-tool-call"):
        call: Part = {"type": "tool_call", "id": part_id, "call_id": words(part.get("tool_call_id"))}
        return [call | {"name": words(part.get("tool_name")) or "", "input": _parsed(part.get("args"))} | native]
    if kind == "file":
        return [_block(part.get("content"), part_id, message) | native]
    if kind == "speech":
        return _speech(part, part_id, message)
    return [{"type": "file", "id": part_id, "native": part}]


def _parsed(value: object) -> object:
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return value


def _speech(part: dict[str, Any], part_id: str, message: MessageRecord) -> list[Part]:
    text = words(part.get("transcript"))
    found: list[Part] = [{"type": "text", "id": part_id, "text": text}] if text else []
    return [*found, _block(part["audio"], f"{part_id}:audio", message)] if part.get("audio") else found


def _content(content: object, message: MessageRecord) -> list[Part]:
    listed = content if isinstance(content, list) else [content]
    return [
        _block(each, str(at), message)
        for at, each in enumerate(listed)
        if each not in (None, "") and not _is_mark(each)
    ]


def _is_mark(given: object) -> bool:
    return mapping(given).get("kind") == "cache-point"


def _block(given: object, part_id: str, message: MessageRecord) -> Part:
    """Make a part of one piece of a content."""
    if isinstance(given, str):
        return {"type": "text", "id": part_id, "text": given}
    block = mapping(given)
    kind, data, url = str(block.get("kind")), block.get("data"), words(block.get("url"))
    media_type = words(block.get("media_type"))
    if kind == "binary" and isinstance(data, str):
        # pydantic writes base64 for addresses
        base64 = data.replace("-", "+").replace("_", "/")
        part = picture_part(part_id, media_type or "application/octet-stream", base64, message.attachments)
        return part | {"type": "image" if (media_type or "").startswith("image/") else "file"}
    if kind in _KINDS and url is not None:
        part = {"type": _KINDS[kind], "id": part_id, "url": url, "media_type": media_type}
        rest = without(block, frozenset(["kind", "url", "media_type", "identifier", "force_download"]))
        return part | ({"native": rest} if rest else {})
    if (text := words(block.get("content"))) is not None:
        return {"type": "text", "id": part_id, "text": text, "native": without(block, frozenset(["content"]))}
    if "msg" in block:
        place = ".".join(map(str, block["loc"])) if isinstance(block.get("loc"), list) else ""
        return {"type": "text", "id": part_id, "text": f"{place}: {block['msg']}", "native": block}
    return {"type": "file", "id": part_id, "native": given}


def _fill_result(message: MessageRecord, part: dict[str, Any], *, is_error: bool) -> None:
    message.tool_name = words(part.get("tool_name"))
    is_error = is_error or part.get("outcome") not in (None, "success")
    answer = {"call_id": words(part.get("tool_call_id")), "is_error": is_error}
    message.tool_result = answer
    content = part.get("content")
    listed = content if isinstance(content, list) else [content]
    files = [each for each in listed if mapping(each).get("kind") in _FILES]
    said = [each for each in listed if each not in files]
    texts = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in said]
    result: Part = {
        "type": "tool_result",
        "id": "result",
        "name": message.tool_name,
        "text": "\n".join(texts),
        **answer,
    }
    if not files and not isinstance(content, str):
        result |= {"text": json.dumps(content, ensure_ascii=False), "output": content}
    message.parts = [result, *_content(files, message)]


def _count(message: MessageRecord, usage: dict[str, Any]) -> None:
    counted = {name: value for name, value in usage.items() if value not in (None, 0, {})}
    message.tokens_in = _first_count(counted, "input_tokens", "request_tokens")
    message.tokens_out = _first_count(counted, "output_tokens", "response_tokens")
    if counted:
        message.metadata["usage"] = counted
    if counted.get("cost") is not None:
        message.metadata["cost"] = counted["cost"]


def _first_count(counted: dict[str, Any], *names: str) -> int | None:
    return next((counted[name] for name in names if type(counted.get(name)) is int), None)
