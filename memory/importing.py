"""Import histories: find the files, read each from where it was left, write what is new.

A file is read in batches; a batch and the mark that says how far it goes are one transaction, so that an import that
is killed goes on where it was. Whatever is there already is not written again, whichever file it came from.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from memory.errors import InvalidInput, SourceFault, UnknownFormat
from memory.importers import Importer, importer_of, importers
from memory.importers.records import Mark, Problem
from memory.importers.source import Sample, Source
from memory.merging import Batch, Merger, PreparedBatch
from memory.settings import expanded
from memory.store.marks import ImportMark

if TYPE_CHECKING:
    from memory.memory import Memory

BATCH_MESSAGES = 1_000
"""Messages that are written together, at least; the mark behind them ends the batch. Untuned."""
TAIL_BYTES = 4_096
"""What is hashed before a mark, to see whether the file was rewritten."""
MOST_PROBLEMS = 1_000
"""Problems of one file that are reported."""
_SKIPPED_FOLDERS = frozenset((".git", "node_modules", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache"))

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


@dataclass
class _Found:
    path: Path
    importer: Importer
    size_bytes: int


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
            sizes = [file.stat().st_size for file in _walk(path)]
            if sizes:
                place = Place(format=importer.FORMAT, path=str(path), files=len(sizes), size_bytes=sum(sizes))
                found[path.resolve()] = place
    return list(found.values())


def import_histories(
    memory: "Memory",
    paths: Sequence[Path],
    *,
    format: str | None = None,
    project: str | None = None,
    on_progress: Progress | None = None,
) -> ImportReport:
    """Import files, and all files in directories that a format recognises.

    Args:
        memory: Where they go.
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
    if format is not None and format not in importers():
        raise InvalidInput(f"there is no format {format!r}; there are: {', '.join(importers())}")
    report = ImportReport()
    found = list(_files(paths, format, report))
    merger = Merger(memory, project)
    writer = _Writer(memory, merger)
    total, done = sum(each.size_bytes for each in found), 0
    for each in found:

        def tell(read: int, before: int = done, path: str = str(each.path)) -> None:
            if on_progress:
                on_progress(path, before + read, total)

        tell(0)
        report.sources.append(_import_file(writer, each, tell, project))
        done += each.size_bytes
        tell(each.size_bytes, done - each.size_bytes)
    writer.flush()
    merger.link()
    memory.catch_up()
    names = ("messages", "added", "unchanged")
    # one session that stands in several files is one
    seen: set[str] = set().union(*(memory.store.marks.sessions(source.path) for source in report.sources))
    report.totals = {"sources": len(report.sources), "sessions": len(seen)}
    report.totals |= {name: sum(getattr(source, name) for source in report.sources) for name in names}
    report.totals["problems"] = sum(len(source.problems) for source in report.sources)
    report.seconds = round(time.perf_counter() - started, 3)
    return report


def _files(paths: Sequence[Path], format: str | None, report: ImportReport) -> Iterator[_Found]:
    seen: set[Path] = set()
    for path in paths:
        given = path.expanduser()
        try:
            if not given.exists():
                raise SourceFault(f"{path}: no such file or directory; check the path")
            is_directory = given.is_dir()
        except OSError as error:
            raise SourceFault(f"{path}: cannot be read ({error.strerror})") from error
        for file in _walk(given) if is_directory else [given]:
            real = file.resolve()
            if real in seen:
                continue
            seen.add(real)
            try:
                found = _recognised(real, format)
            except OSError as error:
                if not is_directory:
                    raise SourceFault(f"{file}: cannot be read ({error.strerror}); check its rights") from error
                report.skipped.append({"path": str(file), "reason": f"cannot be read ({error.strerror})"})
                continue
            if found is not None:
                yield found
            elif not is_directory:
                known = ", ".join(importers())
                raise UnknownFormat(f"{file}: {_unknown(real)}; known are: {known}; name one with --format")
            else:
                report.skipped.append({"path": str(file), "reason": _unknown(real)})


def _walk(directory: Path) -> Iterator[Path]:
    """Give the files below a directory; a session before what was spawned by it, links to directories not followed."""
    for root, folders, files in os.walk(directory):
        folders[:] = sorted(folder for folder in folders if folder not in _SKIPPED_FOLDERS)
        for name in sorted(files):
            path = Path(root) / name
            if path.is_file():
                yield path


def _recognised(path: Path, format: str | None) -> _Found | None:
    if not path.is_file():
        return None
    sample = Sample(path)
    importer = importers()[format] if format else importer_of(sample)
    return None if importer is None else _Found(path, importer, path.stat().st_size)


def _unknown(path: Path) -> str:
    sample = Sample(path)
    if not sample.head.strip():
        return "the file is empty"
    if sample.text is None:
        return "a binary file, of no known format"
    if sample.records:
        keys = ", ".join(list(sample.records[0])[:8])
        return f"unknown format (its first record has: {keys})"
    return "unknown format"


def _import_file(writer: "_Writer", found: _Found, tell: Callable[[int], None], project: str | None) -> SourceReport:
    report = SourceReport(path=str(found.path), format=found.importer.FORMAT)
    status = found.path.stat()
    mark = writer.memory.store.marks.get(str(found.path))
    if mark is not None and mark.format != found.importer.FORMAT:
        mark = None
    if mark is not None and project in (None, mark.project) and _is_unchanged(found.path, mark, status):
        report.sessions, report.messages, report.unchanged = mark.sessions, mark.messages, mark.messages
        report.problems = mark.problems
        return report
    source = _source(found.path, mark, status)
    if mark is not None and source.offset:
        report.unchanged, report.problems = mark.messages, list(mark.problems)
    batch = Batch()
    try:
        for item in found.importer.read(source):
            if isinstance(item, Problem):
                if len(report.problems) < MOST_PROBLEMS:
                    report.problems.append({"line": item.line, "what": item.what})
            elif not isinstance(item, Mark):
                batch.add(item)
            elif len(batch.messages) >= BATCH_MESSAGES or item.offset >= status.st_size:
                tell(min(item.offset, found.size_bytes))
                writer.put(batch, report, _mark_of(report, item, status, project))
                batch = Batch()
    except OSError as error:
        report.problems.append({"line": None, "what": f"the file could not be read further ({error.strerror})"})
    writer.put(batch, report, None)
    return report


def _mark_of(report: SourceReport, mark: Mark, status: os.stat_result, project: str | None) -> ImportMark:
    return ImportMark(
        path=report.path,
        format=report.format,
        size_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
        offset_bytes=mark.offset,
        lines=mark.lines,
        state=mark.state,
        tail_hash=_tail_hash(Path(report.path), mark.offset),
        project=project,
    )


class _Writer:
    """Writes batches, several small files' together, each with the mark that says how far it goes."""

    def __init__(self, memory: "Memory", merger: Merger) -> None:
        self.memory = memory
        self._merger = merger
        self._waiting: list[tuple[PreparedBatch, SourceReport, ImportMark | None]] = []

    def put(self, batch: Batch, report: SourceReport, mark: ImportMark | None) -> None:
        """Take a batch; it is written when enough has come together."""
        if batch.is_empty and mark is None:
            return
        self._waiting.append((self._merger.prepare(batch, report.format, report.path), report, mark))
        if sum(len(each.messages) + len(each.known) for each, _, _ in self._waiting) >= BATCH_MESSAGES:
            self.flush()

    def flush(self) -> None:
        """Write what has come together, in one transaction."""
        marks, without = self.memory.store.marks, self.memory.saver.redactor.value
        waiting, self._waiting = self._waiting, []
        with self.memory.store.transaction():
            counted = [(*self._merger.write(prepared), report, mark) for prepared, report, mark in waiting]
            for added, unchanged, report, mark in counted:
                report.added += added
                report.unchanged += unchanged
                report.messages = report.added + report.unchanged
                report.sessions = len(marks.sessions(report.path))
                if mark is not None:
                    counted_in = replace(mark, sessions=report.sessions, messages=report.messages)
                    marks.put(replace(counted_in, state=without(mark.state), problems=without(report.problems)))
        if waiting:
            self._merger.done()


def _is_unchanged(path: Path, mark: ImportMark, status: os.stat_result) -> bool:
    return (
        mark.size_bytes == status.st_size == mark.offset_bytes
        and mark.modified_ns == status.st_mtime_ns
        and mark.tail_hash == _tail_hash(path, mark.offset_bytes)
    )


def _source(path: Path, mark: ImportMark | None, status: os.stat_result) -> Source:
    """Go on behind the mark when the file has grown; begin anew when it was rewritten, or has no lines to go on in."""
    if mark is None or mark.state.get("whole") or status.st_size < mark.offset_bytes:
        return Source(path)
    if status.st_size == mark.offset_bytes or mark.tail_hash != _tail_hash(path, mark.offset_bytes):
        return Source(path)
    return Source(path, mark.offset_bytes, mark.lines, mark.state)


def _tail_hash(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        start = max(0, offset - TAIL_BYTES)
        file.seek(start)
        tail = file.read(offset - start)
    return hashlib.blake2b(tail, digest_size=16).digest()
