"""Import histories: find the files, read each from where it was left, write what is new.

A file is read in batches; a batch and the mark that says how far it goes are one transaction, so that an import that
is killed goes on where it was. Whatever is there already is not written again, whichever file it came from.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from memory.collections.projects import Projects
from memory.importers import Importer, importer_named, importers
from memory.importers.reading.finding import Found, find_files, walk
from memory.importers.reading.records import Item, Mark, Problem
from memory.importers.reading.source import Source
from memory.merged_rows import Batch, PreparedBatch
from memory.merging import Merger
from memory.saving import Saver
from memory.settings import expanded
from memory.store.marks import ImportMark, joined
from memory.store.store import Store

BATCH_MESSAGES = 1_000
"""Messages that are written together, at least; the mark behind them ends the batch. Untuned."""
HASHED_BYTES, HASHED_BLOCKS = 4_096, 16
"""Blocks of what was read that are hashed, to see whether the file was rewritten. Untuned."""
MOST_PROBLEMS = 1_000
"""Problems of one file that are reported."""

Progress = Callable[[str, int, int], None]
"""Called with a path, and how many bytes of all are read, of how many."""


class SourceReport(BaseModel):
    """What came of one file."""

    path: str
    format: str
    sessions: int = 0
    """Sessions seen in it."""
    messages: int = 0
    added: int = 0
    unchanged: int = 0
    """Messages that were there already."""
    problems: list[dict[str, Any]] = Field(default_factory=list)
    """`line` (counted from 1, or null) and `what`."""


class ImportReport(BaseModel):
    """What came of an import."""

    sources: list[SourceReport] = Field(default_factory=list)
    totals: dict[str, int] = Field(default_factory=dict)
    skipped: list[dict[str, str]] = Field(default_factory=list)
    """`path` and `reason` of files in directories that no format recognises."""
    seconds: float = 0.0


class Place(BaseModel):
    """Where histories of one format lie on this machine."""

    format: str
    path: str
    files: int
    size_bytes: int


def find_places() -> list[Place]:
    """Find the histories of the agents on this machine, in the places that their importers know."""
    found: dict[Path, Place] = {}
    for importer in importers().values():
        for named in getattr(importer, "PLACES", ()):
            path = expanded(named)
            if path is None or not path.is_dir() or path.resolve() in found:
                continue
            sizes = [file.stat().st_size for file in walk(path, [])]
            if sizes:
                place = Place(format=importer.FORMAT, path=str(path), files=len(sizes), size_bytes=sum(sizes))
                found[path.resolve()] = place
    return list(found.values())


def import_histories(
    saver: Saver,
    projects: Projects,
    paths: Sequence[Path],
    *,
    format: str | None = None,
    project: str | None = None,
    on_progress: Progress | None = None,
) -> ImportReport:
    """Import files, and all files in directories that a format recognises.

    Args:
        saver: What writes them.
        projects: The bodies of work that they belong to.
        paths: Files and directories; `~` is the home directory.
        format: Read every file as this format, without asking whether it is.
        project: The body of work that all of it belongs to; None for what each history says.
        on_progress: Called while it reads.

    Returns:
        What came of each file. Lines that cannot be read are among its `problems`; the rest was imported.

    Raises:
        SourceFault: A path is not there, or cannot be read.
        UnknownFormat: A file that was named directly is of no known format.
        InvalidInput: There is no such format.
    """
    started = time.perf_counter()
    if format is not None:
        importer_named(format)
    report = ImportReport()
    writer = _Writer(saver, Merger(saver, projects, project))
    _import_files(writer, list(find_files(paths, format, report.skipped)), project, on_progress, report)
    report.totals = _totals(saver.store, report.sources)
    report.seconds = round(time.perf_counter() - started, 3)
    return report


def _import_files(
    writer: "_Writer", found: list[Found], project: str | None, on_progress: Progress | None, report: ImportReport
) -> None:
    total, done = sum(each.size_bytes for each in found), 0
    for each in found:

        def tell(read: int, before: int = done, path: str = str(each.path)) -> None:
            if on_progress:
                on_progress(path, before + read, total)

        tell(0)
        report.sources.append(_import_file(writer, each, tell, project))
        tell(each.size_bytes)
        done += each.size_bytes
    writer.finish()


def _totals(store: Store, sources: list[SourceReport]) -> dict[str, int]:
    # one session that stands in several files is one
    sessions: set[str] = set().union(*(store.marks.sessions(source.path) for source in sources))
    totals = {"sources": len(sources), "sessions": len(sessions)}
    totals |= {name: sum(getattr(each, name) for each in sources) for name in ("messages", "added", "unchanged")}
    totals["problems"] = sum(len(each.problems) for each in sources)
    return totals


@dataclass
class _Reading:
    """One file that is being read."""

    report: SourceReport
    status: os.stat_result
    """Of the file when reading began."""
    project: str | None
    counted: list[list[int]] = field(default_factory=list)
    """See `ImportMark.counted`."""

    def count(self, added: list[int], met: list[int]) -> None:
        """Count messages by their numbers, each once."""
        self.counted = joined(self.counted, [*added, *met])
        self.report.added += len(added)
        self.report.messages = sum(last - first + 1 for first, last in self.counted)
        self.report.unchanged = self.report.messages - self.report.added

    def mark(self, mark: Mark, problems: list[dict[str, Any]]) -> ImportMark | None:
        """Make what is stored of an importer's mark; None when the file cannot be read any more."""
        try:
            read_hash = _read_hash(Path(self.report.path), mark.offset)
        except OSError:
            return None
        return ImportMark(
            path=self.report.path,
            format=self.report.format,
            size_bytes=self.status.st_size,
            modified_ns=self.status.st_mtime_ns,
            offset_bytes=mark.offset,
            lines=mark.lines,
            state=mark.state,
            read_hash=read_hash,
            project=self.project,
            problems=problems,
        )


def _import_file(writer: "_Writer", found: Found, tell: Callable[[int], None], project: str | None) -> SourceReport:
    report = SourceReport(path=str(found.path), format=found.importer.FORMAT)
    mark = writer.store.marks.get(report.path)
    if mark is not None and mark.format != report.format:
        mark = None
    try:
        status = found.path.stat()
        is_unchanged = mark is not None and project in (None, mark.project) and _is_unchanged(found.path, mark, status)
        source = _source(found.path, mark, status)
    except OSError as error:
        report.problems.append(_cannot_read(error))
        return report
    if mark is not None and is_unchanged:
        report.sessions, report.messages, report.unchanged = mark.sessions, mark.messages, mark.messages
        report.problems = mark.problems
        return report
    reading = _Reading(report, status, project)
    if mark is not None and source.offset:
        reading.counted, report.problems = mark.counted, list(mark.problems)
    _read(writer, found.importer, source, reading, tell)
    return report


def _read(
    writer: "_Writer", importer: Importer, source: Source, reading: _Reading, tell: Callable[[int], None]
) -> None:
    batch, marked = Batch(), None
    problems = reading.report.problems
    for item in _items(importer, source, problems):
        if isinstance(item, Problem):
            if len(problems) < MOST_PROBLEMS:
                problems.append({"line": item.line, "what": item.what})
        elif not isinstance(item, Mark):
            batch.add(item)
        elif len(batch.messages) >= BATCH_MESSAGES or item.offset >= reading.status.st_size:
            tell(min(item.offset, reading.status.st_size))
            writer.put(batch, reading, reading.mark(item, list(problems)))
            batch, marked = Batch(), None
        else:
            marked = (item, list(problems))
    # behind the last mark stands what is not whole yet, or cannot be read: it is read from there next time
    writer.put(batch, reading, reading.mark(*marked) if marked else None)


def _items(importer: Importer, source: Source, problems: list[dict[str, Any]]) -> Iterator[Item]:
    try:
        yield from importer.read(source)
    except OSError as error:
        problems.append(_cannot_read(error))


def _cannot_read(error: OSError) -> dict[str, Any]:
    return {"line": None, "what": f"the file could not be read further ({error.strerror})"}


class _Writer:
    """Writes batches, several small files' together, each with the mark that says how far it goes."""

    def __init__(self, saver: Saver, merger: Merger) -> None:
        self.store = saver.store
        self._saver = saver
        self._merger = merger
        self._waiting: list[tuple[PreparedBatch, _Reading, ImportMark | None]] = []

    def put(self, batch: Batch, reading: _Reading, mark: ImportMark | None) -> None:
        """Take a batch; it is written when enough has come together."""
        if batch.is_empty and mark is None:
            return
        prepared = self._merger.prepare(batch, reading.report.format, reading.report.path)
        self._waiting.append((prepared, reading, mark))
        if sum(len(each.messages) + len(each.known) for each, _, _ in self._waiting) >= BATCH_MESSAGES:
            self.flush()

    def flush(self) -> None:
        """Write what has come together, in one transaction."""
        waiting, self._waiting = self._waiting, []
        with self.store.transaction():
            for prepared, reading, mark in waiting:
                reading.count(*self._merger.write(prepared))
                reading.report.sessions = len(self.store.marks.sessions(reading.report.path))
                if mark is not None:
                    self._write_mark(reading, mark)
        if waiting:
            self._merger.done()

    def finish(self) -> None:
        """Write the rest, and link what came before that which it belongs to."""
        self.flush()
        self._merger.link()

    def _write_mark(self, reading: _Reading, mark: ImportMark) -> None:
        without = self._saver.redactor.value
        self.store.marks.put(
            replace(
                mark,
                state=without(mark.state),
                problems=without(mark.problems),
                sessions=reading.report.sessions,
                messages=reading.report.messages,
                counted=reading.counted,
            )
        )


def _is_unchanged(path: Path, mark: ImportMark, status: os.stat_result) -> bool:
    return (
        mark.size_bytes == status.st_size == mark.offset_bytes
        and mark.modified_ns == status.st_mtime_ns
        and mark.read_hash == _read_hash(path, mark.offset_bytes)
    )


def _source(path: Path, mark: ImportMark | None, status: os.stat_result) -> Source:
    """Go on behind the mark when the file has grown; begin anew when it was rewritten, or has no lines to go on in."""
    if mark is None or mark.state.get("whole") or status.st_size < mark.offset_bytes:
        return Source(path)
    if status.st_size == mark.offset_bytes or mark.read_hash != _read_hash(path, mark.offset_bytes):
        return Source(path)
    return Source(path, mark.offset_bytes, mark.lines, mark.state)


def _read_hash(path: Path, offset: int) -> bytes:
    """Hash what lies before an offset: all of it where that is little, else blocks from its start to its end."""
    size, count = (HASHED_BYTES, HASHED_BLOCKS) if offset > HASHED_BYTES * HASHED_BLOCKS else (offset, 1)
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        for block in range(count):
            file.seek((offset - size) * block // max(count - 1, 1))
            digest.update(file.read(size))
    return digest.digest()
