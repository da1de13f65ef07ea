"""Import what paths name: files, directories, archives."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from memory.collections.projects import Projects
from memory.errors import SourceFault, UnknownFormat
from memory.importers import importer_named, importers
from memory.importers.reading.archives import unpacked
from memory.importers.reading.finding import Found, FoundArchive, find_files, find_members
from memory.importing.archives import ARCHIVE, known_members, mark_of_archive
from memory.importing.derived import wanted
from memory.importing.kept import check_choice
from memory.importing.merging import Merger
from memory.importing.one_file import import_file
from memory.importing.report import ImportReport, Progress, SourceReport
from memory.importing.writer import Writer
from memory.saving import Saver
from memory.store.scratch import scratch_below
from memory.store.store import Store


def import_histories(
    saver: Saver,
    projects: Projects,
    paths: Sequence[Path],
    *,
    format: str | None = None,
    project: str | None = None,
    derived: str = "all",
    keep_source: str = "auto",
    beside: Callable[[int], AbstractContextManager[None]] | None = None,
    on_progress: Progress | None = None,
    is_strict: bool = True,
    is_stopped: Callable[[], bool] = lambda: False,
) -> ImportReport:
    """Import files, and all files in directories and archives that a format recognises.

    Args:
        saver: What writes them.
        projects: The bodies of work that they belong to.
        paths: Files and directories; `~` is the home directory.
        format: Read every file as this format, without asking whether it is.
        project: The body of work that all of it belongs to; None for what each history says.
        derived: What is drawn from it; see `memory.importing.derived`.
        keep_source: Whose sources are kept: `auto`, `all`, `none`; see `memory.importing.kept`.
        beside: Given how many bytes there are to read, makes what is to be entered while they are read.
        on_progress: Called while it reads.
        is_strict: Whether what is named must be there, and be of a known format; else it is skipped.
        is_stopped: Asked before each file; when it is true, the rest is left for the next import.

    Returns:
        What came of each file. Lines that cannot be read are among its `problems`; the rest was imported.

    Raises:
        SourceFault: A path is not there, or cannot be read; an archive that was named cannot be unpacked.
        UnknownFormat: A file that was named directly is of no known format.
        InvalidInput: There is no such format, or no such choice of what is kept.
        SettingsFault: `derived` names what there is not.
    """
    started = time.perf_counter()
    if format is not None:
        importer_named(format)
    check_choice(keep_source)
    report = ImportReport()
    already = Counter(saver.redactor.found)
    found = list(find_files(paths, format, report.skipped, is_strict=is_strict))
    run = _Run(
        Writer(saver, Merger(saver, projects, project, wanted(derived))),
        format,
        project,
        keep_source,
        on_progress,
        report,
    )
    with scratch_below(saver.store.directory), beside(_unread(saver.store, found)) if beside else nullcontext():
        run.read_all(found, is_stopped)
    if format is not None:
        _say_what_was_empty(report.sources)
    report.redacted = dict(saver.redactor.found - already)
    report.totals = _totals(saver.store, report.sources)
    report.seconds = round(time.perf_counter() - started, 3)
    return report


class _Run:
    """One import: what is common to all its files."""

    def __init__(
        self,
        writer: Writer,
        format: str | None,
        project: str | None,
        keep_source: str,
        on_progress: Progress | None,
        report: ImportReport,
    ) -> None:
        self.writer = writer
        self.total = 0
        self._format = format
        self._project = project
        self._keep_source = keep_source
        self._on_progress = on_progress
        self._report = report
        self._done = 0

    def read_all(self, found: Sequence[Found | FoundArchive], is_stopped: Callable[[], bool]) -> None:
        self.total = sum(each.size_bytes for each in found)
        for each in found:
            if is_stopped():
                break
            self.read(each)
        self.writer.finish()

    def read(self, found: Found | FoundArchive) -> None:
        tell = self._teller(str(found.path))
        tell(0)
        if isinstance(found, Found):
            self._report.sources.append(import_file(self.writer, found, tell, self._project, self._keep_source))
        else:
            self._read_archive(found, tell)
        tell(found.size_bytes)
        self._done += found.size_bytes

    def _teller(self, path: str) -> Callable[[int], None]:
        def tell(read: int) -> None:
            if self._on_progress:
                self._on_progress(path, self._done + read, self.total)

        return tell

    def _read_archive(self, found: FoundArchive, tell: Callable[[int], None]) -> None:
        """Import an archive's members; an archive that has not changed is not unpacked again."""
        known = known_members(self.writer.store.marks, found, self._format, self._project, self._report.skipped)
        if known:
            self._report.sources += known
            return
        try:
            with unpacked(found.path) as folder:
                self._read_members(found, folder, tell)
        except SourceFault as error:
            if found.is_named:
                raise
            self._report.sources.append(SourceReport(path=str(found.path), format=ARCHIVE))
            self._report.sources[-1].note(str(error).removeprefix(f"{found.path}: "))

    def _read_members(self, found: FoundArchive, folder: Path, tell: Callable[[int], None]) -> None:
        skipped: list[dict[str, str]] = []
        members = find_members(folder, str(found.path), self._format, skipped)
        self._report.skipped += skipped
        if not members:
            reason = skipped[0]["reason"] if len(skipped) == 1 else "no file of a known format is in it"
            raise UnknownFormat(f"{found.path}: {reason}; known are: {', '.join(importers())}")
        done, total = 0, sum(member.size_bytes for member in members) or 1
        for member in members:
            report = import_file(self.writer, member, lambda _: None, self._project, self._keep_source)
            self._report.sources.append(report)
            done += member.size_bytes
            tell(found.size_bytes * done // total)
        # what was read is written while the members are still there
        self.writer.flush()
        if any(each.messages for each in self._report.sources[-len(members) :]):
            self.writer.note(mark_of_archive(found, self._format, self._project, skipped))
        elif self._format and found.is_named:
            raise UnknownFormat(f"{found.path}: nothing of the format {self._format} is in it; leave out --format")


def _say_what_was_empty(sources: list[SourceReport]) -> None:
    """Note the sources in which nothing of the format was that they were to be read as."""
    for each in sources:
        if not each.messages and not each.sessions and not each.problems:
            each.note(f"nothing of the format {each.format} was found in it")


def _unread(store: Store, found: Sequence[Found | FoundArchive]) -> int:
    """Count the bytes that no mark says are read."""
    total = 0
    for each in found:
        mark = store.marks.get(each.name if isinstance(each, Found) else str(each.path))
        total += max(0, each.size_bytes - (mark.offset_bytes if mark else 0))
    return total


def _totals(store: Store, sources: list[SourceReport]) -> dict[str, int]:
    # one session that stands in several files is one
    sessions: set[str] = set().union(*(store.marks.sessions(source.path) for source in sources))
    totals = {"sources": len(sources), "sessions": len(sessions)}
    totals |= {name: sum(getattr(each, name) for each in sources) for name in ("messages", "added", "unchanged")}
    totals["problems"] = sum(len(each.problems) for each in sources)
    return totals
