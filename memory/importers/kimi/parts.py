"""What stands inside Kimi's content, calls and results → parts."""

from typing import Any

from memory.importers.reading.documents import mapping, objects, words
from memory.importers.reading.journal import parsed
from memory.importers.reading.pictures import picture_at
from memory.importers.reading.records import MessageRecord, Part
from memory.importers.reading.spoken import stretches
from memory.importers.reading.touched_files import absolute

_WRAPPERS: dict[str, str | None] = {"system-reminder": "injected", "system": "injected", "git-context": "injected"}
_FILE_TOOLS = {
    "Read": ("path", "read"),
    "ReadFile": ("path", "read"),
    "ReadMediaFile": ("path", "read"),
    "Write": ("path", "changed"),
    "WriteFile": ("path", "changed"),
    "Edit": ("path", "changed"),
    "StrReplaceFile": ("path", "changed"),
}


def parts_of(content: object, message: MessageRecord, prefix: str = "") -> list[Part]:
    """Make parts of a text, or of a list of Kimi's."""
    if isinstance(content, str):
        return [{"type": "text", "id": f"{prefix}0", "text": content}] if content else []
    return [part_of(block, f"{prefix}{at}", message) for at, block in enumerate(objects(content))]


def part_of(block: dict[str, Any], part_id: str, message: MessageRecord) -> Part:
    """Make a part of one block; the address of a picture is in it, or the picture itself."""
    kind, text, thought = block.get("type"), block.get("text"), block.get("think")
    if kind == "text" and isinstance(text, str):
        return {"type": "text", "id": part_id, "text": text}
    if kind == "think" and isinstance(thought, str):
        return {"type": "reasoning", "id": part_id, "text": thought}
    for name in ("image_url", "audio_url", "video_url"):
        given = block.get(name)
        url = given if isinstance(given, str) else words(mapping(given).get("url"))
        if kind == name and url:
            part = picture_at(part_id, url, message.attachments)
            return part | {"type": "image" if name == "image_url" else "file"}
    return {"type": "file", "id": part_id, "native": block}


def call_part(part_id: str, call_id: str | None, name: object, given: object, native: dict[str, Any]) -> Part:
    """Make the part of a call."""
    part: Part = {"type": "tool_call", "id": part_id, "call_id": call_id, "name": words(name) or ""}
    return part | {"input": parsed(given)} | ({"native": native} if native else {})


def touched(part: Part, directory: str | None) -> list[tuple[str, str]]:
    """Give the file that a call reads or changes."""
    argument, label = _FILE_TOOLS.get(part["name"], ("", ""))
    path = words(mapping(part["input"]).get(argument))
    return [(absolute(path, directory), label)] if path is not None else []


def pieces(parts: list[Part]) -> tuple[list[Part], list[Part]]:
    """Cut prompts into what was typed and what a program put in."""
    typed: list[Part] = []
    put: list[Part] = []
    for part in parts:
        if part["type"] != "text":
            typed.append(part)
            continue
        for at, piece in enumerate(stretches(part["text"], _WRAPPERS)):
            (typed if piece.origin is None else put).append({**part, "id": f"{part['id']}.{at}", "text": piece.raw})
    return typed, put
