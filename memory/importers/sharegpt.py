"""ShareGPT: conversations for training, as one JSON list or one a line: `{"conversations": [{"from", "value"}], …}`.

The ids that such files give (`identity_0`, `7`) are used again by other files, so a conversation's key is made of the one
it was given, which is in its metadata too, and of how it begins: one that grows stays the same session. The field `system`,
else the first system turn, is the system prompt; a turn stays a message. A call has no id: the next observation answers it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from memory.importers.reading.beginnings import Alike, Beginnings, beginning, records_before
from memory.importers.reading.documents import mapping, read_document
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
from memory.importers.reading.times import read_time

FORMAT = "sharegpt"

MARK_EVERY = 100
"""Lines, each a whole conversation, from one mark to the next. Untuned."""
_ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "bard": "assistant",
    "bing": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "system": "system",
    "observation": "tool",
    "function_response": "tool",
    "tool": "tool",
}
_LIST = re.compile(rb'\s*\[\s*\{[^{}]*?"conversations"\s*:\s*\[\s*\{\s*"(?:from|value)"\s*:')


def recognises(sample: Sample) -> bool:
    """Say whether the first lines, or the first of a list, hold turns that are `from` a role of ShareGPT's."""
    if sample.head.lstrip(b"\x00 \t\r\n").startswith(b"["):
        return _is_list(sample.head)
    records = sample.records
    return any(_is_conversation(record) for record in records) and all("conversations" in record for record in records)


def read(source: Source) -> Iterator[Item]:
    """Yield the sessions of the lines from `source.offset` on, or of a whole list."""
    if Sample(source.path).head.lstrip(b"\x00 \t\r\n").startswith(b"["):
        names = Beginnings(_begins)
        yield from read_document(source, lambda listed: _listed(listed, names), is_list=True)
        return
    names, marked_line = Beginnings(_begins, records_before(source)), source.line
    for line in source.json_lines():
        if isinstance(line, Problem):
            yield line
            continue
        yield from _conversation(line.value, line.number, f"line {line.number}", names)
        if line.number - marked_line >= MARK_EVERY:
            marked_line = line.number
            yield Mark(source.reached, source.reached_line, {})
    yield Mark(source.reached, source.reached_line, {})


def _is_list(head: bytes) -> bool:
    """Say whether a list begins with a conversation; of one that is longer than the sample the beginning is looked at."""
    text = head.replace(b"\x00", b"").decode("utf-8", "replace")
    try:
        first, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
    except (ValueError, RecursionError):
        return _LIST.match(head) is not None
    return text[: text.index("{")].strip() == "[" and _is_conversation(first)


def _is_conversation(record: dict[str, Any]) -> bool:
    turns = record.get("conversations")
    if not isinstance(turns, list) or not turns:
        return False
    return all(isinstance(turn, dict) and _speaker(turn) in _ROLES and "value" in turn for turn in turns)


def _begins(record: dict[str, Any]) -> list[Any] | None:
    """Give what a conversation is known by: its id with those who use it again, its time, and how it begins."""
    turns = record.get("conversations")
    if not isinstance(turns, list):
        return None
    first = beginning(turns, lambda turn: _ROLES.get(_speaker(mapping(turn))) == "user")
    said = [[_speaker(mapping(turn)), mapping(turn).get("value")] for turn in first]
    return [*(record.get(name) for name in ("id", "created_at", "system")), said]


def _listed(listed: object, names: Beginnings) -> Iterator[Item]:
    for at, record in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(record, dict):
            yield from _conversation(record, None, f"conversation {at + 1}", names)
        else:
            yield Problem(None, f"conversation {at + 1} is no object")


def _conversation(record: dict[str, Any], line: int | None, where: str, names: Beginnings) -> Iterator[Item]:
    turns = record.get("conversations")
    if not isinstance(turns, list):
        yield Problem(line, f"{where} has no list of `conversations`")
        return
    session = SessionRecord(names.key(record), metadata={"kind": "main"})
    rest = {name: value for name, value in record.items() if name not in ("conversations", "id")}
    session.metadata |= {"native_id": record["id"], **rest} if "id" in record else rest
    session.model = record["model"] if isinstance(record.get("model"), str) else None
    try:
        session.created_at = read_time(record.get("created_at", record.get("timestamp")))
    except ValueError as error:
        yield Problem(line, str(error))
    yield _titled(session, record, [turn for turn in turns if isinstance(turn, dict)])
    called: list[str] = []
    keys = Alike(session.key)
    for at, turn in enumerate(turns):
        if not isinstance(turn, dict) or _speaker(turn) not in _ROLES:
            yield Problem(line, f"turn {at + 1} of {where} is from nobody known")
            continue
        yield _message(session, keys.key(turn), turn, called)


def _speaker(turn: dict[str, Any]) -> str:
    return str(turn.get("from")).lower().replace("-", "_")


def _titled(session: SessionRecord, record: dict[str, Any], turns: list[dict[str, Any]]) -> SessionRecord:
    """Give a session its title: its own, else the person's first line; and its system prompt."""
    if isinstance(record.get("system"), str) and record["system"]:
        session.system_prompt = record["system"]
        del session.metadata["system"]
    for turn in turns:
        role, value = _ROLES.get(_speaker(turn)), turn.get("value")
        if isinstance(value, str) and session.title is None and role == "user":
            session.title, session.title_authority = first_line(value), TITLE_FIRST_PROMPT
        if isinstance(value, str) and session.system_prompt is None and role == "system":
            session.system_prompt = value
    if isinstance(record.get("title"), str) and record["title"]:
        session.title, session.title_authority = record["title"], TITLE_PERSON
    return session


def _message(session: SessionRecord, key: str, turn: dict[str, Any], called: list[str]) -> MessageRecord:
    """Make a message; `called` gets the names of the tools it calls, and gives that of the one it answers."""
    speaker, value = _speaker(turn), turn.get("value")
    message = MessageRecord(session.key, key, _ROLES[speaker], [], created_at=session.created_at)
    message.model = session.model if message.role == "assistant" else None
    rest = {name: given for name, given in turn.items() if name not in ("from", "value")}
    message.metadata = {"native": rest} if rest else {}
    if speaker == "function_call":
        message.parts = _call_parts(value)
        called[:] = [part["name"] for part in message.parts]
        message.tool_name = called[0] if called else None
        if len(message.parts) == 1:
            message.tool_call = {name: message.parts[0][name] for name in ("call_id", "name", "input")}
    elif message.role == "tool":
        message.tool_name = called.pop(0) if called else None
        message.tool_result = {"call_id": None, "is_error": False}
        part: Part = {"type": "tool_result", "id": "0", "call_id": None, "name": message.tool_name, "is_error": False}
        message.parts = [part | ({"text": value} if isinstance(value, str) else {"text": "", "output": value})]
    elif isinstance(value, str):
        message.parts = [{"type": "text", "id": "0", "text": value}] if value else []
    else:
        message.parts = [{"type": "file", "id": "0", "native": value}]
    return message


def _call_parts(value: object) -> list[Part]:
    """Read one call or a list of them; what is neither is a call of no name, with what was written as its input."""
    calls = _parsed(value)
    return [_call_part(call, at) for at, call in enumerate(calls if isinstance(calls, list) else [calls])]


def _call_part(call: object, at: int) -> Part:
    part: Part = {"type": "tool_call", "id": f"call{at}", "call_id": None}
    if isinstance(call, dict) and isinstance(call.get("name"), str):
        rest = {name: value for name, value in call.items() if name not in ("name", "arguments")}
        part |= {"native": rest} if rest else {}
        return part | {"name": call["name"], "input": _parsed(call.get("arguments"))}
    return part | {"name": "", "input": call}


def _parsed(value: object) -> object:
    if isinstance(value, str):
        try:
            parsed: object = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return parsed
    return value
