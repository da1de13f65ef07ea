"""One entry of a chat log → its message, or the two of a prompt and its response."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from memory.importers.chatlogs.shapes import TEXTS, Fields, spoken_pair
from memory.importers.reading.documents import mapping, native_key, objects, words
from memory.importers.reading.pictures import picture_at
from memory.importers.reading.records import MessageRecord, Part, Role
from memory.importers.reading.secrets import without_secrets

_ROLES: dict[str, Role] = {
    **dict.fromkeys(("user", "human", "customer", "me", "you", "person", "client", "prompter"), "user"),
    **dict.fromkeys(("assistant", "ai", "bot", "model", "agent", "gpt", "brain", "llm"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function"), "tool"),
}
_PARENTS = ("parentid", "parentmessageid", "replyto", "inreplyto")


def entry_messages(
    session_key: str,
    name: str,
    fields: Fields,
    role_of: Callable[[str | None], Role],
    time_of: Callable[[Fields], datetime | None],
) -> Iterator[MessageRecord]:
    """Yield the messages of an entry, and the results of tools that it holds.

    Args:
        session_key: The session it is of.
        name: Its id in the session, or what stands for one.
        fields: The entry.
        role_of: Says who a sender is whose name is no role.
        time_of: Reads its time.
    """
    key = native_key(session_key, name)
    parent = fields.text(*_PARENTS)
    message = MessageRecord(session_key, key, "user", [], native_key(session_key, parent) if parent else None)
    message.created_at = time_of(fields)
    pair = spoken_pair(fields)
    if pair is not None:
        yield from _pair(message, fields, *pair)
        return
    _fill_speaker(message, fields, role_of)
    if message.role == "tool":
        _fill_result(message, fields)
    else:
        name = next((name for name in TEXTS if isinstance(fields.look(name), (str, list, dict))), TEXTS[0])
        _fill_words(message, fields, fields.get(name))
    results = _results(message, fields)
    _count(message, fields)
    if rest := without_secrets(fields.rest()):
        message.metadata["native"] = rest
    yield message
    yield from results


def _pair(message: MessageRecord, fields: Fields, asked: str, answered: str) -> Iterator[MessageRecord]:
    """Yield the person's message and the model's; what the entry tells besides is told of the model's."""
    message.parts = [{"type": "text", "id": "0", "text": fields.get(asked) or ""}]
    answer = MessageRecord(message.session_key, f"{message.key}:response", "assistant", [], f"{message.key}:prompt")
    message.key, answer.created_at = f"{message.key}:prompt", message.created_at
    message.sender_id = fields.text("userid", "sender", "senderid")
    given = fields.get(answered)
    inner = Fields(mapping(given))
    _fill_words(
        answer, inner if isinstance(given, dict) else fields, inner.get(*TEXTS) if isinstance(given, dict) else given
    )
    results = _results(answer, fields)
    _count(answer, fields)
    answer.model = answer.model or inner.text("model", "modelid")
    if rest := without_secrets(fields.rest() | ({"response": other} if (other := inner.rest()) else {})):
        answer.metadata["native"] = rest
    yield message
    yield answer
    yield from results


def _fill_speaker(message: MessageRecord, fields: Fields, role_of: Callable[[str | None], Role]) -> None:
    given = fields.text("role", "type") if str(fields.look("role") or fields.look("type")).lower() in _ROLES else None
    sender = _name(fields, "sender", "speaker", "senderid", "speakerid", "author", "from", "name")
    is_user = next((fields.get(name) for name in ("isuser", "iscreatedbyuser") if name in fields), None)
    if given is not None:
        message.role = _ROLES[given.lower()]
    elif "isuser" in fields or "iscreatedbyuser" in fields:
        message.role = "user" if is_user is True else "assistant"
    else:
        message.role = _ROLES.get((sender or fields.text("role") or "").lower()) or role_of(
            sender or fields.text("role")
        )
    message.sender_id = sender if sender and sender.lower() not in _ROLES else None


def _name(fields: Fields, *names: str) -> str | None:
    for name in names:
        given = fields.look(name)
        inner = Fields(mapping(given))
        if found := fields.text(name) or inner.text("role", "name", "id", "_id"):
            fields.get(name)
            return found
    return None


def _fill_words(message: MessageRecord, fields: Fields, content: object) -> None:
    for name in ("reasoning", "thinking", "thoughts"):
        if isinstance(fields.look(name), str) and (thought := fields.text(name)):
            message.parts.append({"type": "reasoning", "id": name, "text": thought})
    for at, block in enumerate(content if isinstance(content, list) else [content]):
        message.parts += _block(block, str(at), message)
    for name in ("attachments", "files", "images"):
        listed = fields.look(name)
        if isinstance(listed, list) and listed and all(isinstance(each, (str, dict)) for each in listed):
            for at, file in enumerate(fields.get(name)):
                message.parts.append(_file(file, name, at, message))
    calls = fields.look("toolcalls")
    for at, call in enumerate(objects(calls)):
        message.parts.append(_call(call, f"call{at}"))
    called = [part for part in message.parts if part["type"] == "tool_call"]
    message.tool_name = called[0]["name"] if called else None
    if len(message.parts) == len(called) == 1:
        message.tool_call = {name: called[0][name] for name in ("call_id", "name", "input")}


def _block(block: object, part_id: str, message: MessageRecord) -> list[Part]:
    if isinstance(block, str):
        return [{"type": "text", "id": part_id, "text": block}] if block else []
    given = mapping(block)
    image = given.get("image_url")
    if url := words(mapping(image).get("url")) or words(image):
        return [picture_at(part_id, url, message.attachments)]
    inner = given.get("text", given.get("content", given.get("value")))
    parts = given.get("parts")
    if isinstance(parts, list) and inner is None:
        return [part for at, each in enumerate(parts) for part in _block(each, f"{part_id}.{at}", message) if at < 1000]
    text = words(inner) or words(mapping(inner).get("value"))
    if text is not None:
        rest = {name: each for name, each in given.items() if name not in ("type", "text", "content", "value")}
        return [{"type": "text", "id": part_id, "text": text} | ({"native": without_secrets(rest)} if rest else {})]
    return [{"type": "file", "id": part_id, "native": without_secrets(block)}] if block not in (None, {}, []) else []


def _file(file: object, kind: str, at: int, message: MessageRecord) -> Part:
    part_id = f"{kind}{at}"
    given = {"url": file} if isinstance(file, str) else mapping(file)
    url = words(given.get("url")) or words(given.get("data"))
    is_image = kind == "images" or str(given.get("type") or given.get("mimeType")).startswith("image")
    if url is not None:
        part = picture_at(part_id, url, message.attachments)
        part["type"] = "image" if is_image else "file"
        rest = {name: each for name, each in given.items() if each != url}
        return part | ({"native": without_secrets(rest)} if rest else {})
    text = words(given.get("content")) or words(given.get("text"))
    rest = {name: each for name, each in given.items() if name not in ("content", "text")}
    return {"type": "file", "id": part_id, "native": without_secrets(rest)} | ({"text": text} if text else {})


def _call(call: dict[str, Any], part_id: str) -> Part:
    function = mapping(call.get("function")) or call
    given = next((function[name] for name in ("arguments", "args", "input", "parameters") if name in function), None)
    if isinstance(given, str):
        with suppress(ValueError, RecursionError):
            given = json.loads(given)
    call_id = words(call.get("id")) or words(call.get("toolCallId"))
    name = words(function.get("name")) or words(call.get("toolName")) or ""
    return {"type": "tool_call", "id": part_id, "call_id": call_id, "name": name, "input": given}


def _results(message: MessageRecord, fields: Fields) -> list[MessageRecord]:
    """Make messages of what tools gave, where it stands with their calls."""
    found: list[MessageRecord] = []
    calls = objects(fields.get("toolcalls")) if message.role == "assistant" else []
    for at, call in enumerate(calls):
        given = next((call[name] for name in ("result", "output") if call.get(name) is not None), None)
        if given is None:
            continue
        part = _call(call, "0")
        answer = {"call_id": part["call_id"], "is_error": bool(call.get("error") or call.get("isError"))}
        result = MessageRecord(message.session_key, f"{message.key}:result{at}", "tool", [], message.key)
        result.created_at, result.tool_name, result.tool_result = message.created_at, part["name"], answer
        text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        result.parts = [{"type": "tool_result", "id": "0", "name": part["name"], "text": text, **answer}]
        found.append(result)
    return found


def _fill_result(message: MessageRecord, fields: Fields) -> None:
    content = fields.get(*TEXTS)
    answer = {"call_id": fields.text("toolcallid", "callid"), "is_error": fields.get("iserror") is True}
    message.tool_name = fields.text("toolname", "name") or message.sender_id
    message.sender_id, message.tool_result = None, answer
    # an empty text is not among what `fields` gives
    text = content if isinstance(content, str) else "" if content is None else json.dumps(content, ensure_ascii=False)
    message.parts = [{"type": "tool_result", "id": "0", "name": message.tool_name, "text": text, **answer}]


def _count(message: MessageRecord, fields: Fields) -> None:
    if message.role != "assistant":
        return
    message.model = fields.text("model", "modelid", "modelname")
    usage = fields.get("usage")
    counts = Fields(mapping(usage))
    message.tokens_in = _whole(counts.get("inputtokens", "prompttokens")) or _whole(
        fields.get("tokensin", "prompttokens")
    )
    message.tokens_out = _whole(counts.get("outputtokens", "completiontokens"))
    message.tokens_out = message.tokens_out or _whole(fields.get("tokensout", "completiontokens"))
    if isinstance(usage, dict):
        message.metadata["usage"] = usage
    if fields.look("cost") is not None:
        message.metadata["cost"] = fields.get("cost")


def _whole(value: object) -> int | None:
    return value if type(value) is int else None
