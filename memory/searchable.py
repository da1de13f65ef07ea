"""What of a record is searched: its texts, cut into pieces, and the attributes that filters look at."""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from indexers.chunks import chunk_spans
from indexers.document import Document
from indexers.words import names, split

ATTRIBUTES = {
    "workspace": "<i4",
    "kind": "<i1",
    "role": "<i1",
    "error": "<i1",
    "record": "<i8",
    "session": "<i4",
    "project": "<i4",
    "tool": "<i4",
    "at": "<i8",
}
"""Names and numpy types, in the order in which they are packed into `chunk.attributes`."""
RANGED = ("at",)
"""Those that are asked for by range."""
_PACKING = struct.Struct("<ibbbqiiiq")
KINDS = {"message": 1, "learning": 2, "session": 3}
ROLES = {"user": 1, "assistant": 2, "system": 3, "tool": 4}
EMBEDDED_ASIDE = 2
"""Pieces of tool output, tool calls and reasoning that get a vector; the rest is found by its words. Untuned."""
INDEXED_CHARACTERS = 1_000_000
"""Of one text; what lies behind is kept, not searched. Source: RELIABILITY D.5."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One text of a record."""

    number: int
    """0 is what the record says; others are what stands beside it: tool calls, reasoning, files."""
    text: str
    tool: str | None = None
    is_aside: bool = False
    """Not said by anybody: tool output, tool calls, reasoning, injected text."""
    said_by: str | None = None
    """Who is known to have said it, by name."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One chunk before it is written."""

    passage: int
    start: int
    end: int
    text: str
    tool: str | None
    is_embedded: bool
    said_by: str | None = None

    @property
    def told(self) -> str:
        """What is compared by meaning: the text, and who said it."""
        return told(self.text, self.said_by)


def message_passages(
    role: str,
    content: str,
    parts: Iterable[Mapping[str, Any]],
    tool_name: str | None,
    tool_call: Any = None,
    tool_result: Any = None,
    sender: str | None = None,
) -> list[Passage]:
    """Give the texts of a message: its content first, then what its parts, or its call and result, hold beside it."""
    is_aside = role in ("tool", "system")
    said_by = None if is_aside else sender
    found = [Passage(0, content, tool_name, is_aside, said_by)] if content.strip() else []
    number = 0
    for number, part in enumerate(parts, 1):
        kind = part.get("type")
        if kind == "text" or (kind == "tool_result" and role == "tool"):
            continue
        tool = part.get("name") if kind in ("tool_call", "tool_result") else None
        text = _part_text(part)
        if text.strip():
            found.append(Passage(number, text, tool if isinstance(tool, str) else tool_name, True))
    if not number:
        # a message without parts may have been given its call and its result by themselves
        for number, value in enumerate((tool_call, tool_result), 1):
            text = value if isinstance(value, str) else "\n".join(_strings(value))
            if text.strip() and text not in content:
                found.append(Passage(number, text, tool_name or _name_of(value), True))
    return found


def _name_of(call: Any) -> str | None:
    name = call.get("name") if isinstance(call, Mapping) else None
    return name if isinstance(name, str) else None


def learning_passages(content: str, related_files: Iterable[str], tags: Iterable[str]) -> list[Passage]:
    """Give the texts of a learning: its content, and its files and tags."""
    beside = "\n".join([*related_files, *tags])
    return [Passage(0, content)] + ([Passage(1, beside, None, True)] if beside else [])


def session_passages(title: str | None, summary: str | None, keywords: Iterable[str]) -> list[Passage]:
    """Give the texts of a session: its title, and its summary and keywords."""
    beside = "\n".join([*([summary] if summary else []), *keywords])
    return ([Passage(0, title)] if title and title.strip() else []) + ([Passage(1, beside)] if beside.strip() else [])


def pieces(passages: Iterable[Passage]) -> Iterator[Piece]:
    """Cut passages into pieces."""
    for passage in passages:
        for i, (start, end) in enumerate(chunk_spans(passage.text, limit=INDEXED_CHARACTERS)):
            text = passage.text if end - start == len(passage.text) else passage.text[start:end]
            embedded = not passage.is_aside or i < EMBEDDED_ASIDE
            yield Piece(passage.number, start, end, text, passage.tool, embedded, passage.said_by)


def told(text: str, said_by: str | None) -> str:
    """Put who said a text before it: questions ask for what somebody said (docs/recall.md)."""
    return f"{said_by}: {text}" if said_by else text


def pack_attributes(
    workspace: int,
    kind: str,
    role: str | None,
    is_error: bool,
    record: int,
    session: int,
    project: int,
    tool: int,
    at: int,
) -> bytes:
    """Pack what filters look at; 0 stands for none."""
    return _PACKING.pack(
        workspace, KINDS[kind], ROLES.get(role or "", 0), is_error, record_key(kind, record), session, project, tool, at
    )


def unpack_attributes(packed: bytes) -> dict[str, int]:
    """Unpack what filters look at."""
    return dict(zip(ATTRIBUTES, _PACKING.unpack(packed), strict=True))


def unpack_role_session_at(packed: bytes) -> tuple[int, int, int]:
    """Unpack role, session and time (microseconds) alone, which every candidate is asked for."""
    _, _, role, _, _, session, _, _, at = _PACKING.unpack(packed)
    return role, session, at


def record_key(kind: str, number: int) -> int:
    """Give one number for a record of any searchable kind: the attribute `record`."""
    return KINDS[kind] << 40 | number


def group_of(kind: str, number: int) -> str:
    """Name a record for an index: what all its pieces are removed with."""
    return f"{kind}:{number}"


def document_of(key: int, kind: str, record: int, text: str, packed: bytes, sender: str = "") -> Document:
    """Make the document of one chunk; it is found by the name of who said it, too."""
    attributes = unpack_attributes(packed)
    group = group_of(kind, record)
    text, pairs = split(text)
    identifiers, inside = names(text)
    if kind == "session":
        # a session is found by its title alone, so that no filter has to keep it out of other searches
        return Document(key, group, title=_with(text, inside), bigrams=pairs, attributes=attributes)
    return Document(key, group, _with(text, f"{inside} {sender}".strip()), "", identifiers, pairs, attributes)


def _with(text: str, words: str) -> str:
    return f"{text}\n{words}" if words else text


def _part_text(part: Mapping[str, Any]) -> str:
    text = part.get("text")
    if isinstance(text, str) and text.strip():
        name = part.get("name")
        return f"{name}\n{text}" if part.get("type") == "tool_call" and isinstance(name, str) else text
    if part.get("type") == "tool_call":
        given = part.get("input")
        said = given if isinstance(given, str) else "\n".join(_strings(given))
        return "\n".join(each for each in (str(part.get("name") or ""), said) if each)
    if part.get("type") in ("patch", "tool_result"):
        return "\n".join(_strings({key: value for key, value in part.items() if key in ("patch", "output", "files")}))
    return ""


def _strings(value: Any) -> Iterator[str]:
    """Give all texts inside a JSON value, keys left out."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, str):
            yield current
        elif isinstance(current, Mapping):
            waiting.extend(reversed(list(current.values())))
        elif isinstance(current, list | tuple):
            waiting.extend(reversed(current))
        elif isinstance(current, int | float) and not isinstance(current, bool):
            yield json.dumps(current)
