"""LangChain's messages in any of their written forms → message records.

Content blocks are read as LangChain 1, Anthropic, OpenAI and Google write them. A call that stands in the content is the
one of `tool_calls`, which has its place in the message from there; `additional_kwargs` hold a third copy of it.

Left out on purpose: `redacted_thinking` and signatures (encrypted), copies of calls, `tool_call_chunks` (pieces of them).
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from memory.importers.reading.documents import mapping, native_key, objects, time_in, without, words
from memory.importers.reading.pictures import image_block, picture_at, picture_part
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    MessageRecord,
    Part,
    Problem,
    RelationshipRecord,
    Role,
    SessionRecord,
)
from memory.importers.reading.spoken import first_line
from memory.importers.reading.touched_files import TouchedFiles, named_files

ROLES: dict[str, Role] = {
    "human": "user",
    "ai": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
    "chat": "assistant",
}
"""What LangChain calls who speaks."""
_CHAT_ROLES: dict[str, Role] = {"user": "user", **ROLES}
_READ = frozenset(
    "type content id name role tool_calls invalid_tool_calls usage_metadata tool_call_id status tool_call_chunks "
    "chunk_position example additional_kwargs artifact".split()
)
_CALLS = frozenset(["tool_use", "tool_call", "tool_call_chunk", "function_call", "invalid_tool_call"])
_SERVER_CALLS = frozenset(["server_tool_use", "server_tool_call", "server_tool_call_chunk"])
_SERVER_RESULTS = frozenset(["server_tool_result", "web_search_tool_result", "code_execution_result"])
_LEFT_OUT = frozenset(["signature", "thought_signature", "encrypted_content", "index"])


def plain_message(given: object) -> dict[str, Any] | None:
    """Give the fields of a message with its type, whichever way it is written; None for anything else."""
    record = mapping(given)
    data, kwargs, names = record.get("data"), record.get("kwargs"), record.get("id")
    if isinstance(kwargs, dict) and record.get("type") == "constructor" and isinstance(names, list) and names:
        return _of_kind({**kwargs, "type": kwargs.get("type") or names[-1]})
    if isinstance(data, dict) and "content" in data:
        return _of_kind({**data, "type": record.get("type")})
    return _of_kind(dict(record)) if "content" in record else None


def _of_kind(given: dict[str, Any]) -> dict[str, Any] | None:
    kind = str(given.get("type")).removesuffix("Chunk").removesuffix("Message").lower()
    if kind not in ROLES and kind != "remove":
        return None
    return given | {"type": kind}


class Conversation:
    """Makes the messages of one session, in their order."""

    def __init__(self, session_key: str, problems: list[Problem], line: int | None = None) -> None:
        self._key = session_key
        self._problems = problems
        self._line = line
        self._names: dict[str, str] = {}
        self._touched = TouchedFiles()
        self._is_named = False

    def items(
        self, given: dict[str, Any], key: str | None = None
    ) -> Iterator[SessionRecord | MessageRecord | RelationshipRecord]:
        """Yield what a plain message says: news of its session, the message, what tools of the provider gave, files.

        Args:
            given: What `plain_message` gave.
            key: Its key where it has no id of its own; None where its content is to be its identity.
        """
        own = words(given.get("id"))
        if given["type"] == "remove":
            yield SessionRecord(self._key, metadata={"removed": [own or "all"]})
            return
        message = MessageRecord(self._key, native_key(self._key, own) if own else key, ROLES[given["type"]], [])
        self._fill(message, given)
        if message.role == "user" and not self._is_named and (title := first_line(_words_of(message))):
            self._is_named = True
            yield SessionRecord(self._key, title, TITLE_FIRST_PROMPT)
        elif message.role == "system" and (said := _words_of(message)) and not self._is_named:
            yield SessionRecord(self._key, system_prompt=said)
        elif message.model:
            yield SessionRecord(self._key, model=message.model)
        results = [part for part in message.parts if part["type"] == "tool_result" and message.role != "tool"]
        message.parts = [part for part in message.parts if part not in results]
        yield message
        for part in results:
            result = MessageRecord(self._key, f"{message.key}:{part['id']}" if message.key else None, "tool", [part])
            result.created_at, result.tool_name = message.created_at, part.get("name")
            result.tool_result = {"call_id": part["call_id"], "is_error": part["is_error"]}
            yield result
        calls = [part for part in message.parts if part["type"] == "tool_call"]
        touched = [file for call in calls for file in named_files(call["name"], call["input"])]
        yield from self._touched.arrows(self._key, touched, message.created_at)

    def _fill(self, message: MessageRecord, given: dict[str, Any]) -> None:
        extra, told = mapping(given.get("additional_kwargs")), mapping(given.get("response_metadata"))
        message.created_at = self._time(extra, told)
        rest = without(given, _READ) | ({"additional_kwargs": kept} if (kept := _kept_extra(extra)) else {})
        message.metadata = {"native": rest} if rest else {}
        message.sender_id = words(given.get("name")) if given["type"] in ("human", "ai", "system") else None
        if given["type"] == "chat":
            message.sender_id = words(given.get("role"))
            message.role = _CHAT_ROLES.get(str(given.get("role")).lower(), "assistant")
            message.metadata["native_role"] = given.get("role")
        if message.role == "tool":
            self._fill_result(message, given)
            return
        calls = _calls(given, extra)
        if reasoning := words(extra.get("reasoning_content")):
            message.parts.append({"type": "reasoning", "id": "reasoning", "text": reasoning})
        message.parts += _content(given.get("content"), message, calls)
        message.parts += calls.values()
        self._fill_answer(message, given, told)

    def _time(self, *told: dict[str, Any]) -> Any:
        for each in told:
            for name in ("timestamp", "created_at", "created"):
                if each.get(name) not in (None, "") and (at := time_in(each[name], self._problems, self._line)):
                    return at
        return None

    def _fill_answer(self, message: MessageRecord, given: dict[str, Any], told: dict[str, Any]) -> None:
        calls = [part for part in message.parts if part["type"] == "tool_call"]
        self._names |= {call["call_id"]: call["name"] for call in calls if isinstance(call["call_id"], str)}
        message.tool_name = calls[0]["name"] if calls else None
        if len(message.parts) == len(calls) == 1:
            message.tool_call = {name: calls[0][name] for name in ("call_id", "name", "input")}
        if message.role != "assistant":
            return
        message.model = next(
            (name for each in ("model_name", "model", "model_id") if (name := words(told.get(each)))), None
        )
        usage = mapping(given.get("usage_metadata")) or mapping(told.get("token_usage")) or mapping(told.get("usage"))
        message.tokens_in = _count(usage, "input_tokens", "prompt_tokens")
        message.tokens_out = _count(usage, "output_tokens", "completion_tokens")
        if usage:
            message.metadata["usage"] = usage

    def _fill_result(self, message: MessageRecord, given: dict[str, Any]) -> None:
        call_id = words(given.get("tool_call_id"))
        message.tool_name = words(given.get("name")) or self._names.get(call_id or "")
        answer = {"call_id": call_id, "is_error": given.get("status") == "error"}
        message.tool_result = answer
        parts = _content(given.get("content"), message, {})
        text = "\n".join(part["text"] for part in parts if part["type"] == "text")
        result: Part = {"type": "tool_result", "id": "result", "name": message.tool_name, "text": text, **answer}
        if given.get("artifact") is not None or not isinstance(given.get("content"), str):
            result["output"] = {name: given.get(name) for name in ("content", "artifact") if name in given}
        if message.attachments:
            result.pop("output", None)
        message.parts = [result, *(part for part in parts if part["type"] != "text")]


def _words_of(message: MessageRecord) -> str:
    return "\n".join(part["text"] for part in message.parts if part["type"] == "text")


def _count(usage: dict[str, Any], *names: str) -> int | None:
    return next((usage[name] for name in names if type(usage.get(name)) is int), None)


def _kept_extra(extra: dict[str, Any]) -> dict[str, Any]:
    return without(extra, frozenset(["tool_calls", "function_call", "reasoning_content"]))


def _calls(given: dict[str, Any], extra: dict[str, Any]) -> dict[str, Part]:
    """Make the calls of a message, by what tells them apart; the form of OpenAI is read where there is no other."""
    listed = objects(given.get("tool_calls")) + objects(given.get("invalid_tool_calls"))
    if not listed:
        raw = [*objects(extra.get("tool_calls")), *objects([{"function": extra.get("function_call")}])]
        listed = [
            {"id": call.get("id"), "name": function.get("name"), "args": function.get("arguments")}
            for call in raw
            if (function := mapping(call.get("function")))
        ]
    found: dict[str, Part] = {}
    for at, call in enumerate(listed):
        call_id = words(call.get("id"))
        part: Part = {"type": "tool_call", "id": f"call{at}", "call_id": call_id, "name": words(call.get("name")) or ""}
        rest = without(call, frozenset(["id", "name", "args", "type"]))
        found[call_id or f"call{at}"] = part | {"input": _parsed(call.get("args"))} | ({"native": rest} if rest else {})
    return found


def _parsed(value: object) -> object:
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return value


def _content(content: object, message: MessageRecord, calls: dict[str, Part]) -> list[Part]:
    """Make the parts of a content; calls that it places are taken out of `calls`."""
    found: list[Part] = []
    for at, each in enumerate(content if isinstance(content, list) else [content]):
        block: dict[str, Any] = {"type": "text", "text": each} if isinstance(each, str) else mapping(each)
        kind = str(block.get("type"))
        if kind in _CALLS:
            call = calls.pop(str(block.get("id") or block.get("call_id")), None)
            found += [call] if call else []
            if call is None and not calls and message.role == "assistant":
                found.append(_call(block, str(at)))
        elif block and kind != "redacted_thinking" and block != {"type": "text", "text": ""}:
            found.append(_part(block, kind, str(at), message))
        elif each is not None and not isinstance(each, (str, dict)):
            found.append({"type": "text", "id": str(at), "text": json.dumps(each)})
    return found


def _call(block: dict[str, Any], part_id: str) -> Part:
    given = next((block[name] for name in ("input", "args", "arguments") if name in block), None)
    call_id = words(block.get("id")) or words(block.get("call_id"))
    return {
        "type": "tool_call",
        "id": part_id,
        "call_id": call_id,
        "name": words(block.get("name")) or "",
        "input": _parsed(given),
    }


def _part(block: dict[str, Any], kind: str, part_id: str, message: MessageRecord) -> Part:
    if kind in _SERVER_CALLS:
        return _call(block, part_id)
    if kind in _SERVER_RESULTS:
        return _server_result(block, part_id)
    if kind in ("thinking", "reasoning", "reasoning_content"):
        return {"type": "reasoning", "id": part_id, "text": _thought(block)} | _native(block, _THOUGHT)
    if isinstance(block.get("source"), dict):
        return image_block(part_id, block, message.attachments)
    if (data := _base64(block)) is not None:
        media_type = str(block.get("mime_type") or block.get("media_type") or "application/octet-stream")
        part = picture_part(part_id, media_type, data, message.attachments)
        return part | {"type": "image" if kind.startswith("image") else "file"}
    if (url := _address(block)) is not None:
        part = picture_at(part_id, url, message.attachments) | {"type": "image" if kind.startswith("image") else "file"}
        return part | _native(block, frozenset(["type", "url", "image_url", "base64", "data", "source_type"]))
    if (text := words(block.get("text"))) is not None:
        return {"type": "text", "id": part_id, "text": text} | _native(block, frozenset(["type", "text"]))
    return {"type": "file", "id": part_id, "native": block}


_THOUGHT = frozenset(["type", "thinking", "reasoning", "summary", "reasoning_content", "text"])


def _native(block: dict[str, Any], read: frozenset[str]) -> Part:
    rest = without(block, read | _LEFT_OUT)
    return {"native": rest} if rest else {}


def _thought(block: dict[str, Any]) -> str:
    for name in ("thinking", "reasoning", "text"):
        if text := words(block.get(name)):
            return text
    inner = mapping(block.get("reasoning_content"))
    said = [words(inner.get("text")), *(words(each.get("text")) for each in objects(block.get("summary")))]
    return "\n".join(text for text in said if text)


def _base64(block: dict[str, Any]) -> str | None:
    audio = mapping(block.get("input_audio"))
    given = block.get("base64") or audio.get("data")
    if given is None and (block.get("source_type") == "base64" or block.get("type") == "media"):
        given = block.get("data")
    return words(given)


def _address(block: dict[str, Any]) -> str | None:
    image, file = block.get("image_url"), mapping(block.get("file"))
    given = image.get("url") if isinstance(image, dict) else image
    return words(given) or words(block.get("url")) or words(file.get("file_data"))


def _server_result(block: dict[str, Any], part_id: str) -> Part:
    call_id = words(block.get("tool_call_id")) or words(block.get("tool_use_id"))
    given = next((block[name] for name in ("output", "content") if block.get(name) is not None), None)
    text = given if isinstance(given, str) else json.dumps(given)
    answer = {"call_id": call_id, "is_error": block.get("status") == "error"}
    return {
        "type": "tool_result",
        "id": part_id,
        "name": words(block.get("name")),
        "text": text,
        "output": block,
        **answer,
    }
