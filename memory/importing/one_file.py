"""Read one file from where it was left: anew when it was rewritten, not at all when nothing has changed."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.errors import SourceFault
from memory.importers import Importer
from memory.importers.reading.finding import Found, fault_of_ours
from memory.importers.reading.records import Item, Mark, Problem
from memory.importers.reading.source import Source
from memory.importing.kept import keeps, kept_pieces
from memory.importing.merged_rows import Batch
from memory.importing.report import SourceReport
from memory.importing.writer import BATCH_MESSAGES, Count, Writer
from memory.store.marks import ImportMark

HASHED_BYTES, HASHED_BLOCKS = 4_096, 16
"""Blocks of what was read that are hashed, to see whether the file was rewritten. Untuned."""
WHOLE_BYTES = 32_000_000
"""A file that is no longer than this, and has grown, is compared with all that was read of it. Untuned; .03 s at most."""
_DIGEST = 16
_COMPANIONS = "companions"
"""Under this name a mark's state holds what its companions were like."""


def import_file(
    writer: Writer, found: Found, tell: Callable[[int], None], project: str | None, keep_source: str
) -> SourceReport:
    """Import one file.

    Args:
        writer: What writes it.
        found: The file, and what reads it.
        tell: Called with how many of its bytes are read.
        project: The body of work that it belongs to; None for what it says.
        keep_source: Whether what it holds is kept; see `memory.importing.kept`.

    Returns:
        What came of it, as far as that is written; the rest comes with the writer's next flush.
    """
    report = SourceReport(path=found.name, format=found.importer.FORMAT)
    mark = writer.store.marks.get(report.path)
    if mark is not None and mark.format != report.format:
        mark = None
    try:
        status, companions = found.path.stat(), _fingerprint(found.companions)
        is_level = mark is not None and project in (None, mark.project) and _is_level(found.path, mark, status)
        source = _source(found.path, mark, status)
        source.name = found.name
    except OSError as error:
        report.problems.append(_cannot_read(error))
        return report
    reading = _Reading(found.path, report, status, companions, project)
    store = writer.store
    if keeps(keep_source, found.importer) and not store.changes.buried(store.workspace_number, "source", [report.path]):
        # of a file that was not kept before, what was read then is kept, too
        reading.kept_to = source.offset if store.kept_sources.has(report.path) else 0
    if mark is not None and is_level and mark.state.get(_COMPANIONS) == companions:
        if reading.kept_to == 0 and not store.kept_sources.has(report.path):
            reading.keep(writer, Mark(mark.offset_bytes, mark.lines, {}))
        report.sessions, report.messages, report.unchanged = mark.sessions, mark.messages, mark.messages
        report.problems = mark.problems
        return report
    goes_on = mark is not None and bool(source.offset or source.state)
    if mark is not None and goes_on:
        report.problems = list(mark.problems)
    count = Count(report, mark.counted if mark is not None and goes_on else [])
    _read(writer, found.importer, source, reading, count, tell)
    return report


@dataclass
class _Reading:
    """One file that is being read."""

    path: Path
    report: SourceReport
    status: os.stat_result
    """Of the file when reading began."""
    companions: str | None
    project: str | None
    kept_to: int | None = None
    """How far what it holds is kept; None when it is not."""

    def keep(self, writer: Writer, mark: Mark) -> None:
        """Keep what lies before a mark."""
        start = self.kept_to
        if start is None or mark.offset <= start:
            return
        try:
            pieces = kept_pieces(self.path, start, mark.offset, writer.redactor)
        except OSError as error:
            self.kept_to = None
            self.report.note(f"what the file held is not kept ({error.strerror})")
            return
        writer.keep(self.report.path, pieces, is_anew=start == 0)
        self.kept_to = mark.offset

    def mark(self, mark: Mark, problems: list[dict[str, Any]]) -> ImportMark | None:
        """Make what is stored of an importer's mark; None when the file cannot be read any more."""
        try:
            read_hash = _read_hash(self.path, mark.offset)
            if self.status.st_size <= mark.offset <= WHOLE_BYTES:
                read_hash += _whole_hash(self.path, mark.offset)
        except OSError:
            return None
        return ImportMark(
            path=self.report.path,
            format=self.report.format,
            size_bytes=self.status.st_size,
            modified_ns=self.status.st_mtime_ns,
            offset_bytes=mark.offset,
            lines=mark.lines,
            state=mark.state | ({_COMPANIONS: self.companions} if self.companions else {}),
            read_hash=read_hash,
            project=self.project,
            problems=problems,
        )


def _read(
    writer: Writer, importer: Importer, source: Source, reading: _Reading, count: Count, tell: Callable[[int], None]
) -> None:
    batch, marked = Batch(), None
    report = reading.report
    for item in _items(importer, source, report):
        if isinstance(item, Problem):
            report.note(item.what, item.line)
        elif not isinstance(item, Mark):
            batch.add(item)
        elif len(batch.messages) >= BATCH_MESSAGES or item.offset >= reading.status.st_size:
            tell(min(max(item.offset, source.reached), reading.status.st_size))
            reading.keep(writer, item)
            writer.put(batch, count, reading.mark(item, list(report.problems)))
            batch, marked = Batch(), None
        else:
            marked = (item, list(report.problems))
    # behind the last mark stands what is not whole yet, or cannot be read: it is read from there next time
    if marked:
        reading.keep(writer, marked[0])
    writer.put(batch, count, reading.mark(*marked) if marked else None)


def _items(importer: Importer, source: Source, report: SourceReport) -> Iterator[Item]:
    try:
        yield from importer.read(source)
    except OSError as error:
        report.problems.append(_cannot_read(error))
    except SourceFault as error:
        report.note(str(error))
    except Exception as error:  # noqa: BLE001 - what was read before it is imported, and so are the other files
        report.note(fault_of_ours(error))


def _cannot_read(error: OSError) -> dict[str, Any]:
    return {"line": None, "what": f"the file could not be read further ({error.strerror})"}


def _is_level(path: Path, mark: ImportMark, status: os.stat_result) -> bool:
    return (
        mark.size_bytes == status.st_size == mark.offset_bytes
        and mark.modified_ns == status.st_mtime_ns
        and mark.read_hash[:_DIGEST] == _read_hash(path, mark.offset_bytes)
    )


def _source(path: Path, mark: ImportMark | None, status: os.stat_result) -> Source:
    """Go on behind the mark when the file has grown; begin anew when it was rewritten, or has no lines to go on in."""
    if mark is None or mark.state.get("whole") or status.st_size < mark.offset_bytes:
        return Source(path)
    if "since" in mark.state:
        return Source(path, state=mark.state)
    if mark.read_hash[:_DIGEST] != _read_hash(path, mark.offset_bytes):
        return Source(path)
    if (whole := mark.read_hash[_DIGEST:]) and whole != _whole_hash(path, mark.offset_bytes):
        return Source(path)
    if status.st_size == mark.offset_bytes and not mark.state.get(_COMPANIONS):
        return Source(path)
    return Source(path, mark.offset_bytes, mark.lines, mark.state)


def _fingerprint(companions: list[Path]) -> str | None:
    """Hash what companions are like, by name, size and time; None when there are none."""
    digest = hashlib.blake2b(digest_size=8)
    count = 0
    for path in sorted(companions):
        try:
            status = path.stat()
        except OSError:
            continue
        digest.update(f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
        count += 1
    return digest.hexdigest() if count else None


def _read_hash(path: Path, offset: int) -> bytes:
    """Hash what lies before an offset: all of it where that is little, else blocks from its start to its end."""
    size, count = (HASHED_BYTES, HASHED_BLOCKS) if offset > HASHED_BYTES * HASHED_BLOCKS else (offset, 1)
    digest = hashlib.blake2b(digest_size=_DIGEST)
    with path.open("rb") as file:
        for block in range(count):
            file.seek((offset - size) * block // max(count - 1, 1))
            digest.update(file.read(size))
    return digest.digest()


def _whole_hash(path: Path, offset: int) -> bytes:
    """Hash all that lies before an offset."""
    digest = hashlib.blake2b(digest_size=_DIGEST)
    with path.open("rb") as file:
        while offset > 0 and (piece := file.read(min(offset, 1 << 20))):
            digest.update(piece)
            offset -= len(piece)
    return digest.digest()
