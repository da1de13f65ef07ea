"""Keeps what a source held, without its secrets, so that it outlives the program's own cleaning up."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memory.errors import InvalidInput
from memory.importers import Importer
from memory.importers.reading.documents import DOCUMENT_BYTES
from memory.redaction import Redactor
from memory.source_bytes import document_without_secrets, without_secrets
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
            if (whole := document_without_secrets(data, redactor.value)) is not None:
                return [pack(0, whole)]
            file.seek(0)
        stretches = _stretches(file, start, end)
        return [pack(at, without_secrets(b"".join(lines), redactor.value)) for at, lines in stretches]


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
