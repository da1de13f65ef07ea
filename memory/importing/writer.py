"""Writes what was read, several small files' batches together, each with the mark that says how far it goes."""

from dataclasses import replace

from memory.importing.merged_rows import Batch, PreparedBatch
from memory.importing.merging import Merger
from memory.importing.report import SourceReport
from memory.redaction import Redactor
from memory.saving import Saver
from memory.store.kept_sources import SourcePiece
from memory.store.marks import ImportMark, joined

BATCH_MESSAGES = 1_000
"""Messages that are written together, at least; the mark behind them ends the batch. Untuned."""


class Count:
    """Counts the messages of one source, each once."""

    def __init__(self, report: SourceReport, counted: list[list[int]]) -> None:
        self.report = report
        self.counted = counted
        """See `ImportMark.counted`."""

    def add(self, added: list[int], met: list[int]) -> None:
        """Count messages by their numbers: those that were added, and those that were there."""
        self.counted = joined(self.counted, [*added, *met])
        self.report.added += len(added)
        self.report.messages = sum(last - first + 1 for first, last in self.counted)
        self.report.unchanged = self.report.messages - self.report.added


class Writer:
    """Writes batches into one workspace."""

    def __init__(self, saver: Saver, merger: Merger) -> None:
        self.store = saver.store
        self._saver = saver
        self._merger = merger
        self._waiting: list[tuple[PreparedBatch, Count, ImportMark | None]] = []
        self._kept: list[tuple[str, list[SourcePiece], bool]] = []
        self._withheld: set[str] = set()

    @property
    def redactor(self) -> Redactor:
        """What takes secrets out of what is written."""
        return self._saver.redactor

    def keep(self, path: str, pieces: list[SourcePiece], *, is_anew: bool) -> None:
        """Take what a source held; it is written with the next batch, which must be behind it."""
        if pieces and path not in self._withheld:
            self._kept.append((path, pieces, is_anew))

    def put(self, batch: Batch, count: Count, mark: ImportMark | None) -> None:
        """Take a batch; it is written when enough has come together."""
        if batch.is_empty and mark is None:
            return
        prepared = self._merger.prepare(batch, count.report.format, count.report.path)
        if prepared.holds_forgotten:
            self._withhold(count.report.path)
        self._waiting.append((prepared, count, mark))
        if sum(len(each.messages) + len(each.known) for each, _, _ in self._waiting) >= BATCH_MESSAGES:
            self.flush()

    def flush(self) -> None:
        """Write what has come together, in one transaction."""
        waiting, self._waiting = self._waiting, []
        kept, self._kept = self._kept, []
        with self.store.transaction():
            for path, pieces, is_anew in kept:
                self.store.kept_sources.put(path, pieces, is_anew=is_anew)
            for prepared, count, mark in waiting:
                count.add(*self._merger.write(prepared))
                count.report.sessions = len(self.store.marks.sessions(count.report.path))
                if mark is not None:
                    self._write_mark(count, mark)
        if waiting:
            self._merger.done()

    def finish(self) -> None:
        """Write the rest, and link what came before that which it belongs to."""
        self.flush()
        self._merger.link()

    def note(self, mark: ImportMark) -> None:
        """Write a mark that stands for itself: of an archive all of whose members are read."""
        self.flush()
        with self.store.transaction():
            self.store.marks.put(mark)

    def _withhold(self, path: str) -> None:
        """Keep nothing of a source: it holds what was forgotten."""
        self._withheld.add(path)
        self._kept = [kept for kept in self._kept if kept[0] != path]
        with self.store.transaction():
            self.store.kept_sources.drop(path)
            self.store.changes.withhold_source(self.store.workspace_number, path)

    def _write_mark(self, count: Count, mark: ImportMark) -> None:
        without = self._saver.redactor.value
        self.store.marks.put(
            replace(
                mark,
                state=without(mark.state),
                problems=without(mark.problems),
                sessions=count.report.sessions,
                messages=count.report.messages,
                counted=count.counted,
            )
        )
