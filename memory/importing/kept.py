"""Keeps what a source held, without its secrets, so that it outlives the program's own cleaning up."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memory.errors import InvalidInput
from memory.importers import Importer
from memory.importers.reading.documents import DOCUMENT_BYTES
from memory.redaction import Redactor, may_hold_secret
from memory.store.foreign import HEADER
from memory.store.kept_sources import SourcePiece, pack

PIECE_BYTES = 4_000_000
"""Of a file with lines that are kept together, at least; a piece ends with a line. Untuned."""
CHOICES = ("auto", "all", "none")
"""`auto` keeps the sources of programs that delete theirs after a time: those whose importer has `PURGES`."""


def check_choice(choice: str) -> None:
    """Check what is to be kept.

    Raises:
        InvalidInput: There is no such choice.
    """
    if choice not in CHOICES:
        raise InvalidInput(f"keep_source is {choice!r}; it must be {', '.join(CHOICES[:-1])} or {CHOICES[-1]}")


def keeps(choice: str, importer: Importer) -> bool:
    """Say whether what an importer reads is kept."""
    return choice == "all" or (choice == "auto" and bool(getattr(importer, "PURGES", False)))


def kept_pieces(path: Path, start: int, end: int, redactor: Redactor) -> list[SourcePiece]:
    """Read and pack a stretch of a file, its secrets taken out.

    What is JSON keeps its bytes, but for the lines that hold a secret, which are written anew. A database is not kept,
    and nor is a document that is too large to be looked through as a whole.
    """
    with path.open("rb") as file:
        if file.read(len(HEADER)) == HEADER:
            return []
        file.seek(start)
        if start == 0 and end <= DOCUMENT_BYTES:
            data = file.read(end)
            if (whole := _document(data, redactor)) is not None:
                return [pack(0, whole)]
            file.seek(0)
        return [
            pack(at, b"".join(_line(line, redactor) for line in lines)) for at, lines in _stretches(file, start, end)
        ]


def _stretches(file: Any, start: int, end: int) -> Iterator[tuple[int, list[bytes]]]:
    at, size, lines = start, 0, list[bytes]()
    while at + size < end and (line := file.readline(end - at - size)):
        lines.append(line)
        size += len(line)
        if size >= PIECE_BYTES:
            yield at, lines
            at, size, lines = at + size, 0, []
    if lines:
        yield at, lines


def _document(data: bytes, redactor: Redactor) -> bytes | None:
    """Take the secrets out of a document that is JSON as a whole; None for any other."""
    if not data.lstrip(b"\x00\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    changed = redactor.value(value)
    return data if changed is value else json.dumps(changed, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _is_clean(data: bytes) -> bool:
    """Say whether JSON surely holds no secret, without reading it; letters that are escaped could hide one."""
    return not may_hold_secret(data) and b"\\u00" not in data and b"\\/" not in data


def _line(line: bytes, redactor: Redactor) -> bytes:
    if _is_clean(line):
        return line
    content = line.rstrip(b"\r\n")
    if content.startswith((b"{", b"[")) and (found := _document(content, redactor)) is not None:
        return found + line[len(content) :]
    return redactor.text(line.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
