"""What is remembered of an archive whose members were imported."""

import hashlib
from pathlib import Path

from memory.importers.reading.finding import FoundArchive
from memory.importing.report import SourceReport
from memory.store.marks import ImportMark, Marks

ARCHIVE = "zip"
"""The format of an archive itself, in its mark and where none of its members could be read."""
MOST_SKIPPED = 200
"""Skipped members that are remembered."""
_HASHED_BYTES = 64 * 1024
"""Of an archive's end, where its directory with the members' checksums stands. Untuned."""


def known_members(
    marks: Marks, found: FoundArchive, format: str | None, project: str | None, skipped: list[dict[str, str]]
) -> list[SourceReport]:
    """Report the members of an archive that has not changed; [] when it must be read.

    Args:
        marks: What is known of it.
        found: The archive.
        format: What its members are to be read as; None for what each is.
        project: The body of work that they belong to; None for what they say.
        skipped: Gets what is skipped in it.
    """
    mark, status = marks.get(str(found.path)), found.path.stat()
    if mark is None or mark.format != ARCHIVE or project not in (None, mark.project):
        return []
    if (mark.size_bytes, mark.modified_ns) != (status.st_size, status.st_mtime_ns) or mark.read_hash != _hash(
        found.path
    ):
        return []
    if mark.state.get("format") != format:
        return []
    skipped += mark.state.get("skipped", [])
    return [
        SourceReport(
            path=member.path,
            format=member.format,
            sessions=member.sessions,
            messages=member.messages,
            unchanged=member.messages,
            problems=member.problems,
        )
        for member in marks.below(str(found.path))
    ]


def mark_of_archive(
    found: FoundArchive, format: str | None, project: str | None, skipped: list[dict[str, str]]
) -> ImportMark:
    """Make the mark of an archive all of whose members have been read."""
    status = found.path.stat()
    return ImportMark(
        path=str(found.path),
        format=ARCHIVE,
        size_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
        offset_bytes=status.st_size,
        lines=0,
        state={"whole": True, "format": format, "skipped": skipped[:MOST_SKIPPED]},
        read_hash=_hash(found.path),
        project=project,
    )


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _HASHED_BYTES, 0))
        return hashlib.blake2b(file.read(_HASHED_BYTES), digest_size=16).digest()
