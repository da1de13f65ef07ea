"""The whole of an export is looked at before anything is written: every line, every record, every reference."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from memory.exchange.deciding import Decided, Decider, Verdict, valid
from memory.exchange.export_file import ExportFile, RecordLine
from memory.exchange.extras import EXTRAS, Blob, KeptPiece, key_of
from memory.exchange.references import References, references_of
from memory.kinds import Record, kinds
from memory.store.exchange import ExchangeRows
from memory.store.store import Store

BATCH_LINES, BATCH_BYTES = 500, 8_000_000
"""Lines that are in memory together, and are written in one transaction. Untuned."""
SHOWN = 20
"""Records that differ which are named."""


@dataclass
class Found:
    """What an export holds, compared with what is here."""

    verdicts: dict[Verdict, Counter[str]] = field(default_factory=dict)
    """How many records of each kind will be what."""
    differing: list[tuple[str, str]] = field(default_factory=list)
    """Kind and id of the first records that are here and differ."""
    differ: int = 0
    messages: "array[int]" = field(default_factory=lambda: array("q"))
    """For each message of the file the number it has here; 0 where it is not here."""

    def count(self, verdict: Verdict, kind: str, times: int = 1) -> None:
        """Count records."""
        self.verdicts.setdefault(verdict, Counter())[kind] += times

    def note_difference(self, kind: str, id: str) -> None:
        """Note a record that is here and differs."""
        self.differ += 1
        if len(self.differing) < SHOWN:
            self.differing.append((kind, id))


def batches(file: ExportFile, after: int = 0) -> Iterator[list[RecordLine]]:
    """Yield the lines behind one, some at a time."""
    some: list[RecordLine] = []
    begun = 0
    for line in file.lines():
        if line.number <= after:
            begun = line.end
            continue
        some.append(line)
        if len(some) >= BATCH_LINES or line.end - begun >= BATCH_BYTES:
            yield some
            some, begun = [], line.end
    if some:
        yield some


class Checker:
    """Checks one export against one workspace."""

    def __init__(self, store: Store, file: ExportFile, decider: Decider, done: int) -> None:
        """Take what is to be checked.

        Args:
            store: Where it is to go.
            file: The export.
            decider: Says what becomes of each record; it learns what it must know.
            done: Up to which line an earlier load has written it: what differs there, was changed since.
        """
        self._store = store
        self._file = file
        self._decider = decider
        self._done = done
        self._references = References()
        self._sources = _Sources(decider)
        self.found = Found()

    def run(self, tell: Callable[[str, int], None]) -> Found:
        """Check all.

        Raises:
            SourceFault: Something is wrong; the line is named.
        """
        for lines in batches(self._file):
            for line in lines:
                self._check(line)
            for decided in self._decider.decide(lines):
                self._take(decided)
            tell("checking", lines[-1].end)
        self._sources.finish(self.found)
        if (twice := self._references.twice()) is not None:
            raise self._file.fault(twice, "a record that stands in the file before, or what must be unique does")
        if (early := self._references.unordered()) is not None:
            raise self._file.fault(early, "the record stands before what it belongs to")
        if outside := self._references.outside():
            self._look_outside(outside)
        return self.found

    def _check(self, line: RecordLine) -> None:
        if line.kind not in EXTRAS and line.kind not in kinds():
            raise self._file.fault(line.number, f"this version knows no kind {line.kind[:50]!r}; update Harkback")
        try:
            if line.kind in EXTRAS:
                extra = EXTRAS[line.kind].model_validate(line.record)
                if isinstance(extra, Blob | KeptPiece):
                    _ = extra.content
                return
            valid(line.kind, line.record, self._store.workspace)
            self._references.note(line.kind, line.record, line.number)
        except ValidationError as error:
            first = error.errors()[0]
            where, said = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
            what = f"{line.kind}{f', field {where}' if where else ''}: {said}"
            raise self._file.fault(line.number, what) from error
        except (ValueError, OverflowError) as error:
            raise self._file.fault(line.number, f"{line.kind}: {error}") from error

    def _take(self, decided: Decided) -> None:
        if isinstance(decided.made, KeptPiece):
            self._sources.take(decided.made, decided.verdict, self.found)
            return
        if decided.line.kind == "message":
            self.found.messages.append(decided.number or 0)
        verdict, is_done = decided.verdict, decided.line.number <= self._done
        self.found.count("unchanged" if is_done and verdict in ("kept", "replaced") else verdict, decided.line.kind)
        if verdict in ("kept", "replaced") and not is_done:
            name = decided.line.record["id"] if isinstance(decided.made, Record) else key_of(decided.made)
            self.found.note_difference(decided.line.kind, name)

    def _look_outside(self, numbers: set[int]) -> None:
        """See that what the file refers to, and does not hold, is here or was forgotten here."""
        rows = ExchangeRows(self._store.database, self._store.workspace_number)
        for line in self._file.lines():
            if line.number not in numbers:
                continue
            for _, target, id, _ in references_of(line.kind, line.record):
                is_gone = bool(self._store.changes.buried(self._store.workspace_number, target, [id]))
                if not is_gone and not rows.numbers(target, [id]) and not self._references.has(target, id):
                    what = f"the {line.kind} refers to {target} {id!r}, which is neither in the file nor in the store"
                    raise self._file.fault(line.number, what)


class _Sources:
    """Finds the kept sources of which something else is kept here; the pieces of one stand together."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self._path: str | None = None
        self._pieces: dict[int, bytes] = {}
        self._verdicts: Counter[Verdict] = Counter()

    def take(self, piece: KeptPiece, verdict: Verdict, found: Found) -> None:
        """Take up a piece."""
        if piece.path != self._path:
            self.finish(found)
            self._path = piece.path
        self._pieces[piece.start_at] = hashlib.sha256(piece.data.encode()).digest()
        self._verdicts[verdict] += 1

    def finish(self, found: Found) -> None:
        """Compare the source whose pieces were taken up last."""
        if self._path is None:
            return
        if self._differs(self._path):
            self._decider.foreign_sources.add(self._path)
            found.count(self._decider.foreign_verdict, "kept_source", len(self._pieces))
            found.note_difference("kept_source", self._path)
        else:
            for verdict, times in self._verdicts.items():
                found.count(verdict, "kept_source", times)
        self._path, self._pieces, self._verdicts = None, {}, Counter()

    def _differs(self, path: str) -> bool:
        extras = self._decider.extras
        for start in extras.source_starts(path):
            ours = extras.source(path, start)
            if ours and self._pieces.get(start) != hashlib.sha256(ours["data"].encode()).digest():
                return True
        return False
