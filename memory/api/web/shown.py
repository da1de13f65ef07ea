"""What of a message is shown: its parts as blocks of safe HTML, long ones cut, tools folded under one line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote

from memory.api.web.cleaning import cleaned
from memory.api.web.code import code_block
from memory.api.web.fitting import is_followed
from memory.api.web.markdown import plain, rendered
from memory.api.web.texts import shortened, visible
from memory.api.web.tool_texts import (
    as_json,
    call_html,
    call_label,
    hunks_text,
    output_html,
    result_label,
    size,
)
from memory.collections.messages import OVERFLOW
from memory.ids import native_id
from memory.kinds.message import AttachmentOf, Message

MOST_SAID = 20_000
"""Characters of what somebody said that are shown at first."""
_LONG_SYSTEM = 300
"""Characters of what a system said from which on it is folded."""
IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Media types that are shown as pictures; others may hold scripts, and are downloaded."""
_FILE_NAMES = ("name", "filename", "file_name", "displayName", "path", "title")


@dataclass(frozen=True)
class Block:
    """One part of a message."""

    type: str
    """text, reasoning, tool_call, tool_result, image, file, patch or other."""
    label: str
    """One line that says what it is, `visible`; "" for text that is not folded."""
    html: str
    """Safe to stand in a page as it is."""
    is_folded: bool = False
    missing: int = 0
    """Characters that are left out at the end."""
    is_error: bool = False
    place: int | None = None
    """Which of the message's parts it is; None for its content and for attachments."""
    image_url: str | None = None
    download_url: str | None = None


@dataclass(frozen=True)
class ShownMessage:
    """A message as a page shows it."""

    id: str
    session_id: str
    seq: int
    role: str
    status: str
    at: datetime
    sender: str | None
    model: str | None
    error: str | None
    tokens_in: int | None
    tokens_out: int | None
    blocks: tuple[Block, ...]


def shown(message: Message) -> ShownMessage:
    """Make what is shown of a message: all that its content and parts say, or the beginning and how much is missing."""
    return ShownMessage(
        id=message.id,
        session_id=message.session_id,
        seq=message.seq,
        role=message.role,
        status=message.status,
        at=message.created_at,
        sender=visible(message.sender_id) if message.sender_id else None,
        model=visible(message.model) if message.model else None,
        error=visible(message.error) if message.error else None,
        tokens_in=message.tokens_in,
        tokens_out=message.tokens_out,
        blocks=tuple(_blocks(message)),
    )


def whole_text(message: Message, type: str, place: int | None) -> str | None:
    """Give all that a block shows a part of, as plain text.

    Args:
        message: The message.
        type: The block's type.
        place: The block's place; None for what stands in the message's own fields.

    Returns:
        None when there is no such part.
    """
    if place is not None:
        part = message.parts[place] if 0 <= place < len(message.parts) else None
        if part is None:
            return None
        told = next((part[name] for name in ("text", "output", "input", "native") if part.get(name)), _without_id(part))
    else:
        told = {"tool_call": message.tool_call, "tool_result": message.tool_result, "patch": message.tool_result}.get(
            type
        )
    if type == "patch" and isinstance(told, Mapping) and (hunks := hunks_text(told.get("structuredPatch"))):
        return hunks
    return told if isinstance(told, str) or told is None else as_json(told, indent=2)


def _blocks(message: Message) -> Iterator[Block]:
    parts = list(enumerate(message.parts))
    if message.content.strip() and not _is_covered(message):
        yield from _said(message, message.content)
        # what the content says already is not said twice
        parts = [(place, part) for place, part in parts if not _is_said(message, part)]
    used: set[str] = set()
    for place, part in parts:
        for block in _of_part(message, part, used):
            yield replace(block, place=place)
    types = [part.get("type") for part in message.parts]
    yield from _of_fields(message, types)
    noted = message.metadata.get(OVERFLOW)
    for attachment in message.attachments:
        if attachment.id not in used and not (
            isinstance(noted, Mapping) and noted.get("attachment_id") == attachment.id
        ):
            yield _attached(attachment, None)


def _is_covered(message: Message) -> bool:
    """Say whether the parts say all that the content says."""
    texts = [part.get("text") for part in message.parts if part.get("type") in _saying(message)]
    said = "".join("".join(text.split()) for text in texts if isinstance(text, str))
    return "".join(message.content.split()) in said


def _is_said(message: Message, part: Mapping[str, Any]) -> bool:
    text = part.get("text")
    return part.get("type") in _saying(message) and isinstance(text, str) and text in message.content


def _saying(message: Message) -> tuple[str, ...]:
    """Give the types of parts that a message's content is made of."""
    return ("text", "tool_result") if message.role == "tool" else ("text",)


def _of_part(message: Message, part: Mapping[str, Any], used: set[str]) -> Iterator[Block]:
    kind, text = part.get("type"), part.get("text")
    words = text if isinstance(text, str) else ""
    if kind == "text" and words.strip():
        yield from _said(message, words)
    elif kind == "reasoning" and words.strip():
        label = f"Reasoning: {shortened(words, 100)}"
        yield Block(
            "reasoning", label, rendered(words[:MOST_SAID]), is_folded=True, missing=_left_out(words, MOST_SAID)
        )
    elif kind == "tool_call":
        yield _call(part)
    elif kind == "tool_result":
        yield _result(message, part, words)
    elif kind == "patch":
        yield _patch(part, words)
    elif kind in ("image", "file"):
        yield _file(message, part, used, words)
    elif kind != "reasoning" and not (kind == "text" and set(part) <= {"type", "id", "text"}):
        yield _other(part)


def _of_fields(message: Message, types: list[Any]) -> Iterator[Block]:
    """Show a call or a result that stands in a field of the message and in none of its parts."""
    call, result = message.tool_call, message.tool_result
    if call is not None and "tool_call" not in types:
        fields = call if isinstance(call, Mapping) and "input" in call else {"input": call}
        yield _call({"name": message.tool_name, **fields})
    if isinstance(result, Mapping) and (hunks := hunks_text(result.get("structuredPatch"))):
        html, missing = output_html(hunks, label="patch")
        yield Block("patch", f"Patch · {size(len(hunks))}", html, is_folded=True, missing=missing)
    elif result is not None and "tool_result" not in types and not message.content.strip():
        yield _result(message, {"name": message.tool_name, "output": result}, "")


def _said(message: Message, text: str) -> Iterator[Block]:
    """Show what somebody said: Markdown of people and assistants, the very text of others."""
    if message.role == "tool":
        yield _result(message, {}, text)
        return
    noted = message.metadata.get(OVERFLOW)
    total = noted.get("characters") if isinstance(noted, Mapping) and text == message.content else None
    whole = total if isinstance(total, int) else len(text)
    cut = text[:MOST_SAID]
    missing = max(0, whole - len(cut))
    if message.role == "system":
        is_long = len(text) > _LONG_SYSTEM
        yield Block("text", shortened(text, 100) if is_long else "", plain(cut), is_folded=is_long, missing=missing)
    else:
        yield Block("text", "", rendered(cut), missing=missing)


def _call(part: Mapping[str, Any]) -> Block:
    html, missing = call_html(part.get("input"))
    name = part.get("name")
    label = call_label(name if isinstance(name, str) else "", part.get("input"))
    return Block("tool_call", label, html, is_folded=True, missing=missing)


def _result(message: Message, part: Mapping[str, Any], text: str) -> Block:
    output, name = part.get("output"), part.get("name") or message.tool_name
    whole = text or (output if isinstance(output, str) else as_json(output, indent=2) if output is not None else "")
    is_error = part.get("is_error") is True or message.status == "error"
    html, missing = output_html(whole) if whole else ("<p>no output</p>", 0)
    label = result_label(name if isinstance(name, str) else None, whole, is_error=is_error)
    return Block("tool_result", label, html, is_folded=True, missing=missing, is_error=is_error)


def _patch(part: Mapping[str, Any], text: str) -> Block:
    native = part.get("native")
    files = native.get("files") if isinstance(native, Mapping) else None
    named = ", ".join(each for each in files if isinstance(each, str)) if isinstance(files, list) else ""
    label = shortened(f"Patch: {named or text}", 120)
    if text:
        html = code_block(text[:MOST_SAID], "diff", label="patch", is_named=False)
        return Block("patch", label, html, is_folded=True, missing=_left_out(text, MOST_SAID))
    html, missing = call_html(native if native is not None else _without_id(part))
    return Block("patch", label, html, is_folded=True, missing=missing)


def _file(message: Message, part: Mapping[str, Any], used: set[str], text: str) -> Block:
    """Show a file or picture: the attachment, the address, the text, or else what is known of it."""
    attachment, kind = _attachment(message, part.get("attachment")), str(part["type"])
    if attachment is not None:
        used.add(attachment.id)
        return _attached(attachment, text or None)
    native = part.get("native")
    known = native if isinstance(native, Mapping) else {}
    url = part.get("url")
    name = next((known[each] for each in _FILE_NAMES if isinstance(known.get(each), str)), url)
    label = f"{kind.capitalize()}: {shortened(name, 120)}" if isinstance(name, str) else kind.capitalize()
    if text:
        html, missing = output_html(text, label="file")
        return Block(kind, f"{label} · {size(len(text))}", html, is_folded=True, missing=missing)
    if isinstance(url, str):
        said = escape(visible(url[:2_000]))
        link = f'<a href="{escape(url)}">{said}</a>' if len(url) <= 2_000 and is_followed(url) else said
        return Block(kind, label, cleaned(f"<p>{kind}: {link}</p>"), missing=_left_out(url, 2_000))
    html, missing = call_html(native if native is not None else _without_id(part))
    return Block(kind, label, html, is_folded=True, missing=missing)


def _attachment(message: Message, place: Any) -> AttachmentOf | None:
    """Give the attachment that a part names by its place among those that were imported."""
    if not isinstance(place, int):
        return None
    id = native_id("attachment", message.id, str(place))
    return next((each for each in message.attachments if each.id == id), None)


def _attached(attachment: AttachmentOf, text: str | None) -> Block:
    name, part = shortened(attachment.name, 120) or "attachment", quote(attachment.id, safe="")
    label = f"{name} · {_bytes(attachment.size_bytes)}"
    if attachment.media_type in IMAGES:
        url = f"/attachments/{part}/image"
        html = f'<a href="{url}"><img src="{url}" alt="{escape(name)}" loading="lazy"></a>'
        return Block("image", label, html, image_url=url)
    url = f"/api/attachments/{part}/data"
    html = f'<p><a href="{url}" download>{escape(name)}</a> {_bytes(attachment.size_bytes)}</p>'
    more, missing = output_html(text, label="file") if text else ("", 0)
    return Block("file", label, html + more, is_folded=bool(text), missing=missing, download_url=url)


def _other(part: Mapping[str, Any]) -> Block:
    """Show a part of a type that is not known, as it is."""
    kind = part.get("type")
    html, missing = call_html(_without_id(part))
    return Block(
        "other", shortened(kind if isinstance(kind, str) else "part", 60), html, is_folded=True, missing=missing
    )


def _without_id(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in ("id", "type")}


def _bytes(count: int) -> str:
    return f"{count} bytes" if count < 1_000 else size(count)


def _left_out(text: str, most: int) -> int:
    return max(0, len(text) - most)
