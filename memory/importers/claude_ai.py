"""Claude.ai: `conversations.json` of an export, or one conversation of it.

A message's `content` blocks are read; `text`, a flattened copy of them, only where there are none. What a tool gave
stands inside the model's message; it becomes a message of role `tool`, and part ids tell where it stood. Files are not
in an export; what was extracted from an attachment is, and is kept as the text of its part.
"""

import re
from collections.abc import Iterator
from typing import Any

from memory.importers.reading.documents import (
    mapping,
    names_in,
    native_key,
    objects,
    read_document,
    time_in,
    without,
    words,
)
from memory.importers.reading.pictures import image_block
from memory.importers.reading.records import (
    TITLE_GENERATED,
    Item,
    MessageRecord,
    Part,
    Problem,
    Role,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source

FORMAT = "claude-ai"

_ROLES: dict[str, Role] = {"human": "user", "user": "user", "assistant": "assistant"}
_ROOT = "00000000-0000-4000-8000-000000000000"
"""What `parent_message_uuid` of a first message is."""
_FILLER = re.compile(r"```\s*This block is not supported on your current device yet\.\s*```")
"""What stands in the flattened copy in place of a tool's call."""
_SESSION = frozenset(["uuid", "name", "summary", "created_at", "chat_messages"])
_MESSAGE = frozenset(["uuid", "text", "sender", "created_at", "parent_message_uuid", "content", "attachments", "files"])


def recognises(sample: Sample) -> bool:
    """Say whether the beginning is that of a conversation with `chat_messages`, or of a list of them."""
    names = names_in(sample)
    return {("uuid",), ("chat_messages",)} <= names


def read(source: Source) -> Iterator[Item]:
    """Yield the conversations of a document; it is read whole, whatever `source.offset` is."""
    return read_document(source, _conversations, is_list=True)


def _conversations(document: Any) -> Iterator[Item]:
    listed = document if isinstance(document, list) else [document]
    for at, given in enumerate(listed):
        key = words(mapping(given).get("uuid"))
        if key is None or not isinstance(given.get("chat_messages"), list):
            yield Problem(None, f"conversation {at + 1} has no `uuid` or no `chat_messages`")
            continue
        yield from _conversation(key, given)


def _conversation(key: str, given: dict[str, Any]) -> Iterator[Item]:
    problems: list[Problem] = []
    session = SessionRecord(key, words(given.get("name")), TITLE_GENERATED, summary=words(given.get("summary")))
    session.created_at = time_in(given.get("created_at"), problems)
    session.metadata = {"kind": "main", **without(given, _SESSION)}
    yield session
    for at, each in enumerate(given["chat_messages"]):
        if mapping(each).get("sender") in ("human", "user", "assistant"):
            yield from _message(key, at, each, problems)
        else:
            problems.append(Problem(None, f"message {at + 1} of {key[:60]!r} has no sender of a chat"))
    yield from problems


def _message(session_key: str, at: int, given: dict[str, Any], problems: list[Problem]) -> Iterator[MessageRecord]:
    """Yield a message without its tools' results, where anything is left, and each of these."""
    key = native_key(session_key, words(given.get("uuid")) or str(at))
    created_at = time_in(given.get("created_at"), problems)
    message = MessageRecord(session_key, key, _ROLES[given["sender"]], [], created_at=created_at, is_whole=True)
    parent = words(given.get("parent_message_uuid"))
    message.parent_key = native_key(session_key, parent) if parent not in (None, _ROOT) else None
    rest = without(given, _MESSAGE)
    message.metadata = {"native": rest} if rest else {}
    results: list[MessageRecord] = []
    call: Part = {}
    for place, block in enumerate(objects(given.get("content"))):
        if block.get("type") == "tool_result":
            results.append(_result(message, f"{key}:{place}", block, call))
            continue
        message.parts.append(_part(f"{key}:{place}", str(place), block, message))
        call = message.parts[-1] if message.parts[-1]["type"] == "tool_call" else call
    message.parts = [part for part in message.parts if part["type"] != "text" or part["text"] or "native" in part]
    if not any(part["type"] == "text" for part in message.parts) and (text := _flat_text(given)):
        message.parts.append({"type": "text", "id": "text", "text": text})
    message.parts += _files(given)
    message.tool_name = call.get("name")
    if len(message.parts) == 1 and call:
        message.tool_call = {name: call[name] for name in ("call_id", "name", "input")}
    if message.parts or not results:
        yield message
    for result in results:
        result.parent_key = key if message.parts else message.parent_key
        yield result


def _flat_text(given: dict[str, Any]) -> str:
    """Give the flattened copy of a message's blocks, for one whose blocks hold no words."""
    return _FILLER.sub("", words(given.get("text")) or "").strip()


def _part(key: str, part_id: str, block: dict[str, Any], message: MessageRecord) -> Part:
    kind = block.get("type")
    if kind == "text":
        part: Part = {"type": "text", "id": part_id, "text": words(block.get("text")) or ""}
        rest = without(block, frozenset(["type", "text", "start_timestamp", "stop_timestamp", "flags"]))
        return part | {"native": rest} if rest else part
    if kind in ("thinking", "redacted_thinking"):
        summaries = [words(each.get("summary")) or "" for each in objects(block.get("summaries"))]
        part = {"type": "reasoning", "id": part_id, "text": words(block.get("thinking")) or "\n".join(summaries)}
        return part | {"native": without(block, frozenset(["type", "thinking"]))}
    if kind == "tool_use":
        call = {"call_id": words(block.get("id")) or key, "name": words(block.get("name")) or ""}
        rest = without(block, frozenset(["type", "id", "name", "input"]))
        return {"type": "tool_call", "id": part_id, **call, "input": block.get("input"), "native": rest}
    if kind in ("image", "document"):
        return image_block(part_id, block, message.attachments)
    return {"type": "file", "id": part_id, "native": block} | _text_of(block)


def _text_of(block: dict[str, Any]) -> Part:
    text = words(block.get("text"))
    return {"text": text} if text else {}


def _result(asked: MessageRecord, key: str, block: dict[str, Any], call: Part) -> MessageRecord:
    """Make the message of a tool's result; where the block does not say which call it answers, it is the last one."""
    result = MessageRecord(asked.session_key, key, "tool", [], created_at=asked.created_at, is_whole=True)
    call_id = words(block.get("tool_use_id")) or call.get("call_id")
    name = words(block.get("name")) or call.get("name")
    given = block.get("content")
    said = [words(each.get(name)) for each in objects(given) for name in ("title", "url", "text")]
    text = given if isinstance(given, str) else "\n".join(each for each in said if each)
    is_error = block.get("is_error") is True
    result.tool_name, result.tool_result = name, {"call_id": call_id, "is_error": is_error}
    part: Part = {"type": "tool_result", "id": key.rpartition(":")[2], "call_id": call_id, "name": name}
    result.parts = [part | {"is_error": is_error, "text": text, "output": block}]
    return result


def _files(given: dict[str, Any]) -> list[Part]:
    """Make a part of each attachment, with the text extracted from it, and of each file."""
    found: list[Part] = []
    for at, each in enumerate(objects(given.get("attachments"))):
        part: Part = {"type": "file", "id": f"attachment{at}", "media_type": words(each.get("file_type"))}
        part["native"] = without(each, frozenset(["extracted_content"]))
        text = words(each.get("extracted_content"))
        found.append(part | {"text": text} if text else part)
    for at, each in enumerate(objects(given.get("files"))):
        found.append({"type": "file", "id": f"file{at}", "native": each})
    return found
