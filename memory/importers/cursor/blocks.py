"""Messages as Cursor's agent writes them (`role`, a text or blocks) → messages and results of tools."""

import json
import re
from typing import Any

from memory.importers.reading.documents import mapping, words
from memory.importers.reading.pictures import image_block, picture_at
from memory.importers.reading.records import MessageRecord, Part
from memory.importers.reading.touched_files import absolute

_QUERY = re.compile(r"<user_query>\n?([\s\S]*?)\n?</user_query>")
_CALLS = frozenset(("tool_use", "tool_call", "tool-call"))
_RESULTS = frozenset(("tool_result", "tool-result"))
_THOUGHTS = frozenset(("thinking", "reasoning", "redacted-reasoning"))
_READING = frozenset("read read_file read_file_v2 readfile".split())
_CHANGING = frozenset(
    "edit write edit_file edit_file_v2 write_file search_replace apply_patch multiedit delete delete_file strreplace"
    " edit_notebook reapply".split()
)


def blocks_of(content: object) -> list[dict[str, Any]]:
    """Give the blocks of a content: a text is one block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []


def user_texts(text: str) -> tuple[str, str]:
    """Tell what a person typed from what the program put around it: (typed, around)."""
    typed = "\n\n".join(match[1] for match in _QUERY.finditer(text))
    if not typed:
        return ("", text) if text.lstrip().startswith("<") and text.rstrip().endswith(">") else (text, "")
    return typed, _QUERY.sub("", text).strip()


def put_apart(message: MessageRecord) -> MessageRecord | None:
    """Leave a person's message what was typed; give what the program put around it, where there is any, as its own."""
    around: list[Part] = []
    for part in message.parts:
        if part["type"] == "text":
            part["text"], put = user_texts(part["text"])
            around += [{**part, "text": put}] if put else []
    message.parts = [part for part in message.parts if part["type"] != "text" or part["text"]]
    if not around:
        return None
    found = MessageRecord(message.session_key, f"{message.key}#put", "system", around, message.parent_key)
    found.metadata = {name: message.metadata[name] for name in ("branch",) if name in message.metadata}
    found.metadata |= {"origin": "injected", "native_role": "user"}
    return found


def fill(message: MessageRecord, blocks: list[dict[str, Any]], calls: list[str], name: str) -> list[dict[str, Any]]:
    """Give a message its parts; what it calls is noted in `calls`, a call without an id by `name` and its place.

    Returns:
        The blocks that hold results of tools.
    """
    results: list[dict[str, Any]] = []
    for at, block in enumerate(blocks):
        kind = str(block.get("type"))
        if kind in _RESULTS:
            results.append(block)
            continue
        if kind in _CALLS:
            part = _call(block, at, calls, f"{name}.{at}")
        elif kind == "image" and "source" in block:
            part = image_block(str(at), block, message.attachments)
        elif kind == "image":
            part = picture_at(str(at), str(block.get("image") or block.get("url") or ""), message.attachments)
        else:
            text = words(block.get("text")) or words(block.get("thinking")) or words(block.get("data")) or ""
            part = {"type": "reasoning" if kind in _THOUGHTS else "text", "id": str(at), "text": text}
            if kind not in _THOUGHTS | {"text"}:
                part["native"] = block
        message.parts.append(part)
    made = [part for part in message.parts if part["type"] == "tool_call"]
    if made:
        message.tool_name = made[0]["name"]
        if len(message.parts) == 1:
            message.tool_call = {name: made[0][name] for name in ("call_id", "name", "input")}
    return results


def _call(block: dict[str, Any], at: int, calls: list[str], unnamed: str) -> Part:
    call_id = words(block.get("id")) or words(block.get("toolCallId")) or unnamed
    calls.append(call_id)
    given = block.get("input", block.get("args"))
    name = words(block.get("name")) or words(block.get("toolName")) or ""
    part: Part = {"type": "tool_call", "id": str(at), "call_id": call_id, "name": name, "input": given}
    return part | {"native": block["metadata"]} if block.get("metadata") else part


def fill_result(message: MessageRecord, block: dict[str, Any], call_id: str, name: str | None) -> None:
    """Make a message that of a tool's result."""
    given = block.get("result", block.get("content", block.get("experimental_content")))
    texts = [words(each.get("text")) or "" for each in blocks_of(given)]
    text = "\n".join(texts) if texts or given is None else json.dumps(given)
    is_error = block.get("isError", block.get("is_error")) is True
    message.tool_name = words(block.get("toolName")) or words(block.get("name")) or name
    message.tool_result = {"call_id": call_id, "is_error": is_error}
    part: Part = {"type": "tool_result", "id": "0", "name": message.tool_name, **message.tool_result, "text": text}
    message.parts = [part if isinstance(given, str) else part | {"output": given}]


def touched(part: Part, directory: str | None) -> list[tuple[str, str]]:
    """Find the file that a call reads or changes."""
    name, given = str(part.get("name")).lower(), mapping(part.get("input"))
    label = "read" if name in _READING else "changed" if name in _CHANGING else None
    for key in ("file_path", "target_file", "path", "filePath", "relativeWorkspacePath", "targetFile"):
        if label and (path := words(given.get(key))):
            return [(absolute(path, directory), label)]
    return []
