"""Google's `parts` (Gemini CLI, Qwen Code) → parts of a message."""

from typing import Any

from memory.importers.reading.documents import mapping, words
from memory.importers.reading.pictures import picture_part
from memory.importers.reading.records import AttachmentRecord, Part


def google_part(given: dict[str, Any], part_id: str, attachments: list[AttachmentRecord]) -> Part | None:
    """Make a part of one of Google's; None for an empty one. `thoughtSignature` (encrypted) is left out."""
    inline, file, call = (mapping(given.get(name)) for name in ("inlineData", "fileData", "functionCall"))
    media_type = words(inline.get("mimeType")) or "application/octet-stream"
    if (text := words(given.get("text"))) is not None:
        return {"type": "reasoning" if given.get("thought") is True else "text", "id": part_id, "text": text}
    if base64 := words(inline.get("data")):
        kind = "image" if media_type.startswith("image/") else "file"
        return picture_part(part_id, media_type, base64, attachments) | {"type": kind}
    if url := words(file.get("fileUri")):
        return {"type": "file", "id": part_id, "url": url, "media_type": words(file.get("mimeType"))}
    if call:
        part: Part = {"type": "tool_call", "id": part_id, "call_id": words(call.get("id"))}
        return part | {"name": words(call.get("name")) or "", "input": call.get("args")}
    rest = {name: value for name, value in given.items() if name not in ("text", "thought", "thoughtSignature")}
    return {"type": "file", "id": part_id, "native": rest} if rest else None


def response_text(response: object) -> str:
    """Find what a function's response said."""
    given = mapping(response)
    said = [text for name in ("output", "error", "content", "result") if (text := words(given.get(name)))]
    return "\n".join(said)
