"""Markdown notes: one file is one session; what it says is the person's.

A note is one message, a long one (over LONG_CHARS) one message for each top-level section with its heading. Its title
is that of its front matter, else the first `# heading`, else the file's name; front matter is kept in the session's
metadata. A note has no id: its path is its session's, and a section's heading its message's, so that a section which is edited
is the same message, with what it said before as a version.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_PERSON,
    Item,
    Mark,
    MessageRecord,
    Problem,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.times import read_time

FORMAT = "markdown"

LONG_CHARS = 4000
"""A note longer than this is cut at its top-level sections. Untuned."""
NOTE_BYTES = 16 * 1024 * 1024
"""Largest note that is read. Untuned."""
_ENDINGS = frozenset([".md", ".markdown", ".mdown", ".mkd"])
_PLAIN_ENDINGS = frozenset(["", ".txt", ".text", ".note"])
_AIDER = re.compile(r"^# aider chat started at \d{4}-", re.MULTILINE)
_MARKUP = re.compile(r"^(?:#{1,6} \S|[-*+] \S|\d+\. \S|> |```|---$)|\[[^\]\n]+\]\([^)\n]+\)|\*\*\S", re.MULTILINE)
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_PAIR = re.compile(r"([A-Za-z_][\w .-]*):(?:\s+(.*?))?\s*$")


def recognises(sample: Sample) -> bool:
    """Say whether a file is a note: text that is not another format's, and has Markdown's marks or its ending.

    A file named otherwise than a note (`.py`, `.yaml`, …) is none, since `# ` begins a comment there.
    """
    text = sample.text
    if text is None or not text.strip() or text.lstrip()[0] in "{[" or "\x1b" in text or _AIDER.search(text):
        return False
    suffix = sample.path.suffix.lower()
    return suffix in _ENDINGS or (suffix in _PLAIN_ENDINGS and _is_marked_up(text))


def _is_marked_up(text: str) -> bool:
    return text.lstrip().startswith(("# ", "---\n")) and len(_MARKUP.findall(text)) > 1


def read(source: Source) -> Iterator[Item]:
    """Yield a note's session and messages; it is read whole, whatever `source.offset` is."""
    size = source.path.stat().st_size
    if size > NOTE_BYTES:
        yield Problem(None, f"a note of {size // 1_000_000} MB, longer than {NOTE_BYTES // 1_000_000} MB, was skipped")
        return
    data = source.path.read_bytes()
    if source.offset == len(data):
        yield Mark(len(data), source.line, {"whole": True})
        return
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        yield Problem(data[: error.start].count(b"\n") + 1, "not UTF-8; what cannot be read is replaced")
        text = data.decode("utf-8", "replace")
    yield from _note(source, text.replace("\r\n", "\n"))
    yield Mark(len(data), data.count(b"\n"), {"whole": True})


def _note(source: Source, text: str) -> Iterator[Item]:
    front, body, lines = _front_matter(text)
    key = source.name
    session = SessionRecord(key, metadata={"kind": "note"})
    session.title, session.title_authority = _title(front, body, source)
    session.project = _first(front, "project")
    session.tags, session.keywords = _listed(front.get("tags")), _listed(front.get("keywords"))
    session.summary = next(
        (front[name] for name in ("summary", "description") if isinstance(front.get(name), str)), None
    )
    if front:
        session.metadata["front_matter"] = front
    sender = _first(front, "author", "sender", "from")
    session.participants = [sender] if sender else []
    try:
        session.created_at = _written_at(front)
    except ValueError as error:
        yield Problem(lines, str(error))
    yield session
    seen: Counter[str] = Counter()
    for section in _sections(body):
        # its heading names a section, so that one that is edited is the same; of several alike their order does
        heading = section.partition("\n")[0].strip() if section.startswith("#") else ""
        seen[heading] += 1
        named = f"{key}\0{heading}\0{seen[heading]}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(named).hexdigest()[:32]
        message = MessageRecord(key, digest, "user", [{"type": "text", "id": "0", "text": section}], is_whole=True)
        message.created_at, message.sender_id = session.created_at, sender
        yield message


def _front_matter(text: str) -> tuple[dict[str, Any], str, int]:
    """Split off the front matter: names with a value or a list each; and count its lines.

    What is between the two `---` and is neither stays under `lines`. A `---` that is never closed is no front matter.
    """
    match = re.match(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", text, re.DOTALL | re.MULTILINE)
    if match is None:
        return {}, text, 0
    front: dict[str, Any] = {}
    name = ""
    for line in match[1].splitlines():
        pair = _PAIR.match(line)
        if pair is not None:
            name = pair[1].strip().lower()
            front[name] = _value(pair[2] or "")
        elif name and line.lstrip().startswith("- ") and (front[name] == "" or isinstance(front[name], list)):
            front[name] = [*(front[name] or []), _unquoted(line.lstrip()[2:])]
        elif line.strip():
            front["lines"] = [*front.get("lines", []), line]
    return front, text[match.end() :], match[0].count("\n")


def _value(text: str) -> str | list[str]:
    if text.startswith("[") and text.endswith("]"):
        return [_unquoted(value) for value in text[1:-1].split(",") if value.strip()]
    return _unquoted(text)


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'" else text


def _first(front: dict[str, Any], *names: str) -> str | None:
    return next((front[name] for name in names if isinstance(front.get(name), str) and front[name]), None)


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return [word.strip().lstrip("#") for word in value.split(",") if word.strip()]
    return [str(word).lstrip("#") for word in value] if isinstance(value, list) else []


def _written_at(front: dict[str, Any]) -> datetime | None:
    """Find when a note was written; without front matter nobody knows (a file's time is that of its copy)."""
    return read_time(_first(front, "date", "created", "created_at"))


def _title(front: dict[str, Any], body: str, source: Source) -> tuple[str, int]:
    if isinstance(front.get("title"), str) and front["title"]:
        return front["title"], TITLE_PERSON
    for level, heading, _ in _headings(body):
        if level == 1 and heading:
            return heading, TITLE_PERSON
    return source.path.stem, TITLE_FIRST_PROMPT


def _headings(body: str) -> Iterator[tuple[int, str, int]]:
    """Find the headings outside code blocks: level, words, and where the line begins."""
    fence, at = "", 0
    for line in body.splitlines(keepends=True):
        mark = _FENCE.match(line)
        heading = _HEADING.match(line.rstrip("\n")) if not fence else None
        if heading is not None:
            yield len(heading[1]), heading[2], at
        elif mark is not None and not fence:
            fence = mark[1]
        elif mark is not None and mark[1].startswith(fence):
            fence = ""
        at += len(line)


def _sections(body: str) -> list[str]:
    """Cut a long note before each heading of the highest level that it has twice; all pieces joined are the note."""
    if not body.strip():
        return []
    if len(body) <= LONG_CHARS:
        return [body]
    headings = list(_headings(body))
    levels = sorted({level for level, _, _ in headings})
    top = next((level for level in levels if sum(found == level for found, _, _ in headings) > 1), None)
    starts = [at for level, _, at in headings if top is not None and level <= top]
    cuts = [0, *(at for at in starts if body[:at].strip()), len(body)]
    return [body[start:end] for start, end in pairwise(cuts) if body[start:end].strip()]
