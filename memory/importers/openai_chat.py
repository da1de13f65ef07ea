"""OpenAI chat JSON Lines: each line `{"messages": […], "tools": […]}` is one session.

A session is known by `session_id`, `conversation_id` or `thread_id`, where the line has one, else by its `id`, which other
files may use again, its time and how it begins: one whose messages grow stays the same session. The first system or
developer message is the session's system prompt; it stays a message, of role `system`. Blocks that hold their text as
`value` (`text`, `reasoning`, `tool_call`, as LLaMA-Factory writes them) are read too; such a call has no id, and the next
result of a tool without one answers it.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from memory.importers.reading.beginnings import Alike, Beginnings, beginning, records_before
from memory.importers.reading.documents import mapping, words
from memory.importers.reading.pictures import picture_at, picture_part
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
from memory.importers.reading.source import Line, Sample, Source
from memory.importers.reading.spoken import first_line
from memory.importers.reading.times import read_time

FORMAT = "openai-chat"

MARK_EVERY = 100
"""Lines, each a whole conversation, from one mark to the next. Untuned."""
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_KNOWN = frozenset(["role", "content", "tool_calls", "function_call", "tool_call_id", "name", "refusal"])

_IDS = ("session_id", "conversation_id", "thread_id")
_LOG_IDS = frozenset(["id", "_id", "messageId", "message_id", "threadId", "thread_id"])
_LOG_TIMES = frozenset(["createdAt", "created_at", "timestamp", "threadId", "thread_id"])


def recognises(sample: Sample) -> bool:
    """Say whether the first lines hold lists of messages whose roles are OpenAI's."""
    records = sample.records
    return any(_is_conversation(record) for record in records) and all("messages" in record for record in records)


def read(source: Source) -> Iterator[Item]:
    """Yield the sessions of the lines from `source.offset` on."""
    names, marked_line = Beginnings(_begins, records_before(source)), source.line
    for line in source.json_lines():
        if isinstance(line, Problem):
            yield line
            continue
        yield from _conversation(line, names)
        if line.number - marked_line >= MARK_EVERY:
            marked_line = line.number
            yield Mark(source.reached, source.reached_line, {})
    yield Mark(source.reached, source.reached_line, {})


def _is_conversation(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    # Hermes has one such object a file, with more around it
    is_others = "threads" in record or {"session_id", "session_start"} <= record.keys()
    # logs of chats tell of their thread beside its messages
    is_others = is_others or any(record.get(name) and isinstance(record[name], dict) for name in ("thread", "session"))
    if not isinstance(messages, list) or not messages or is_others:
        return False
    return all(_is_message(message) for message in messages)


def _is_message(message: object) -> bool:
    """Say whether an object has a role; one with an id and a time of its own is an entry of another kind of log."""
    if not isinstance(message, dict) or str(message.get("role")) not in _ROLES:
        return False
    return not (message.keys() & _LOG_IDS and message.keys() & _LOG_TIMES)


def _id_of(record: dict[str, Any]) -> str | None:
    return next((found for name in _IDS if (found := words(record.get(name)))), None)


def _begins(record: dict[str, Any]) -> list[Any] | None:
    """Give what a conversation without an id of its own is known by."""
    messages = record.get("messages")
    if not isinstance(messages, list) or _id_of(record):
        return None
    first = beginning(messages, lambda message: mapping(message).get("role") == "user")
    said = [[mapping(message).get(name) for name in ("role", "name", "content")] for message in first]
    return [*(record.get(name) for name in ("id", "created_at", "created")), said]


def _conversation(line: Line, named: Beginnings) -> Iterator[Item]:
    record = line.value
    messages = record.get("messages")
    if not isinstance(messages, list):
        yield Problem(line.number, "no list of `messages`")
        return
    session = SessionRecord(_id_of(record) or named.key(record), metadata={"kind": "main"})
    session.metadata |= {name: value for name, value in record.items() if name != "messages"}
    session.model = record["model"] if isinstance(record.get("model"), str) else None
    for name in ("created_at", "created", "timestamp"):
        try:
            session.created_at = session.created_at or read_time(record.get(name))
        except ValueError as error:
            yield Problem(line.number, str(error))
    yield _titled(session, record, messages)
    names, keys = _Names(), Alike(session.key)
    for at, message in enumerate(messages):
        if not isinstance(message, dict) or str(message.get("role")) not in _ROLES:
            yield Problem(line.number, f"message {at + 1} has no role of a chat")
            continue
        yield _message(session, keys.key(message), message, names)


def _titled(session: SessionRecord, record: dict[str, Any], messages: list[Any]) -> SessionRecord:
    """Give a session its title: its own, else the person's first line; and its system prompt."""
    for message in messages:
        if not isinstance(message, dict):
            continue
        text = _text(message.get("content"))
        if session.title is None and message.get("role") == "user":
            session.title, session.title_authority = first_line(text), TITLE_FIRST_PROMPT
        if session.system_prompt is None and message.get("role") in ("system", "developer"):
            session.system_prompt = text
    if isinstance(record.get("title"), str) and record["title"]:
        session.title, session.title_authority = record["title"], TITLE_PERSON
    return session


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(text for block in blocks if (text := _text_of(block)) is not None)


def _text_of(block: object) -> str | None:
    """Find the text of a block: under `text`, or under `value` where its type says that this is text."""
    if not isinstance(block, dict):
        return None
    text = block.get("text", block.get("value") if block.get("type") == "text" else None)
    return text if isinstance(text, str) else None


class _Names:
    """Learns which calls are for which tools, and tells it for their results."""

    def __init__(self) -> None:
        self._by_id: dict[str, str] = {}
        self._waiting: list[str] = []

    def learn(self, call_id: object, name: str) -> None:
        if isinstance(call_id, str):
            self._by_id[call_id] = name
        else:
            self._waiting.append(name)

    def forget(self) -> None:
        """Forget the calls without an id that nothing has answered: the model has gone on."""
        self._waiting.clear()

    def tell(self, call_id: str | None) -> str | None:
        """Give the tool of a call; for a result without an id that of the oldest call that has none either."""
        if call_id is not None:
            return self._by_id.get(call_id)
        return self._waiting.pop(0) if self._waiting else None


def _message(session: SessionRecord, key: str, given: dict[str, Any], names: _Names) -> MessageRecord:
    """Make a message; `names` learns which call is for which tool, and tells it for its result."""
    message = MessageRecord(session.key, key, _ROLES[given["role"]], [], created_at=session.created_at)
    name = given["name"] if isinstance(given.get("name"), str) else None
    rest = {native: value for native, value in given.items() if native not in _KNOWN and value is not None}
    message.metadata = {"native": rest} if rest else {}
    if given["role"] == "developer":
        message.metadata["native_role"] = "developer"
    if message.role == "tool":
        _fill_result(message, given, names, name)
        return message
    names.forget()
    message.sender_id = name
    message.model = session.model if message.role == "assistant" else None
    message.parts = _content_parts(given.get("content"), message, names)
    if isinstance(given.get("refusal"), str):
        message.parts.append({"type": "text", "id": "refusal", "text": given["refusal"], "native": {"type": "refusal"}})
    message.parts += [_call_part(call, f"call{at}", names) for at, call in enumerate(_calls(given))]
    calls = [part for part in message.parts if part["type"] == "tool_call"]
    message.tool_name = calls[0]["name"] if calls else None
    if len(message.parts) == len(calls) == 1:
        message.tool_call = {name: calls[0][name] for name in ("call_id", "name", "input")}
    return message


def _fill_result(message: MessageRecord, given: dict[str, Any], names: _Names, name: str | None) -> None:
    call_id = given["tool_call_id"] if isinstance(given.get("tool_call_id"), str) else None
    message.tool_name = names.tell(call_id) if name is None else name
    message.tool_result = {"call_id": call_id, "is_error": False}
    part: Part = {"type": "tool_result", "id": "0", "call_id": call_id, "name": message.tool_name, "is_error": False}
    message.parts = [part | {"text": _text(given.get("content"))}]
    if isinstance(given.get("content"), list):
        message.parts[0]["output"] = given["content"]


def _content_parts(content: object, message: MessageRecord, names: _Names) -> list[Part]:
    if isinstance(content, str):
        return [{"type": "text", "id": "0", "text": content}] if content else []
    blocks = content if isinstance(content, list) else []
    return [_block_part(block, str(at), message, names) for at, block in enumerate(blocks)]


def _block_part(block: object, part_id: str, message: MessageRecord, names: _Names) -> Part:
    if not isinstance(block, dict):
        return {"type": "text", "id": part_id, "text": str(block)}
    image, audio = block.get("image_url"), block.get("input_audio")
    url = image.get("url") if isinstance(image, dict) else image
    if isinstance(url, str):
        return picture_at(part_id, url, message.attachments)
    if isinstance(audio, dict) and isinstance(audio.get("data"), str):
        media_type = f"audio/{audio.get('format') or 'wav'}"
        return picture_part(part_id, media_type, audio["data"], message.attachments) | {"type": "file"}
    value = block.get("value")
    if isinstance(value, str) and block.get("type") == "reasoning":
        return {"type": "reasoning", "id": part_id, "text": value}
    if value is not None and block.get("type") == "tool_call":
        call = _parsed(value)
        return _call_part({"function": call if isinstance(call, dict) else {"arguments": call}}, part_id, names)
    text = _text_of(block) if _text_of(block) is not None else block.get("refusal")
    if isinstance(text, str):
        return {"type": "text", "id": part_id, "text": text}
    return {"type": "file", "id": part_id, "native": block}


def _calls(given: dict[str, Any]) -> list[dict[str, Any]]:
    old, calls = given.get("function_call"), given.get("tool_calls")
    listed = [*(calls if isinstance(calls, list) else []), {"function": old}]
    return [call for call in listed if isinstance(call, dict) and call != {"function": None}]


def _call_part(call: dict[str, Any], part_id: str, names: _Names) -> Part:
    function = call.get("function") if isinstance(call.get("function"), dict) else call.get("custom")
    function = function if isinstance(function, dict) else {}
    call_id, name = call.get("id"), str(function.get("name") or "")
    names.learn(call_id, name)
    given = _parsed(function.get("arguments", function.get("input")))
    return {"type": "tool_call", "id": part_id, "call_id": call_id, "name": name, "input": given}


def _parsed(given: object) -> object:
    if isinstance(given, str):
        with suppress(ValueError, RecursionError):
            return json.loads(given)
    return given
