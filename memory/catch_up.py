"""Bring the keyword index level with the store, from its change numbers.

The index's last commit holds a mark: the store's uuid, the number of the last change it has seen and that change's
random token. The mark proves that the index followed this very log; when it does not, the index is rebuilt beside
the old one, which is kept aside. A kernel lock decides which process writes; whoever does not get it, or comes too
early, finds what is missing in the store itself (`Tail`).
"""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexers.errors import IndexBroken, IndexBusy, IndexerError
from indexers.keyword.in_memory import InMemoryEngine
from memory.errors import MemoryFault
from memory.index_documents import INDEXED_KINDS, documents_of
from memory.index_tail import Tail
from memory.searchable import ATTRIBUTES, RANGED, group_of
from memory.store.alone import alone
from memory.store.store import Store

if TYPE_CHECKING:
    from indexers.keyword.tantivy import TantivyEngine, TantivyWriter

Progress = Callable[[int, int], None]
"""Called with how many pieces are done, and of how many."""
LAYOUT = 3
"""Raised when documents are made differently, so that older indexes are rebuilt."""
BATCH_RECORDS, STRETCH_CHANGES = 2_000, 50_000
"""Records that are read together, and changes that are followed in one commit. Untuned."""
TAIL_RECORDS = 1_000
"""Changes that are searched in the store itself; with more of them a search first waits for the index. Untuned."""
BUILT_PIECES = 50_000
"""Pieces behind which an index that is being built is committed, so that it can be gone on with. Untuned."""
WENT_BACKWARDS = "went_backwards"
"""State: what the index had seen when the log did not hold it any more."""
_BUILDING = "keyword_building"
"""State: the generation that is being built beside the one that answers."""
INLINE_PIECES = 20_000
"""What a search waits for, a second or two of work; more is done in the background. Untuned."""


class KeywordIndex:
    """The keyword index of a store, and the tail of changes that it has not seen."""

    def __init__(self, store: Store, keep_days: int = 30) -> None:
        self._store = store
        self._keep_days = keep_days
        self._directory = store.directory / "keyword"
        self._engine: TantivyEngine | None = None
        self._tail = Tail(store)
        self.guard = threading.RLock()
        """Held while the tail is changed or searched."""
        self._writing = threading.RLock()
        self._error: IndexerError | None = None
        self.on_behind: Callable[[], None] | None = None
        """Called when there is more to do than a search waits for; None to wait in any case."""
        self.stop_at: float | None = None
        """When building is broken off, by `time.monotonic`; None for never."""

    @property
    def fault(self) -> str | None:
        """Why the index does not answer; None when it does."""
        return None if self._error is None else str(self._error)

    def engine(self) -> "TantivyEngine | None":
        """Give the index as of its last commit; None when it is broken or cannot be read: then `fault` says why."""
        from indexers.keyword.tantivy import TantivyEngine

        with self.guard:
            try:
                if self._engine is None:
                    self._engine = TantivyEngine(self._generation(), tuple(ATTRIBUTES), RANGED)
                self._engine.refresh()
                self._check(self._engine)
                self._error = None
            except IndexerError as error:
                self._engine, self._error = None, error
            return self._engine

    def applied(self) -> int:
        """Give the number of the last change that the index has seen; 0 for none."""
        engine = self.engine()
        return 0 if engine is None or engine.mark is None else int(engine.mark["seq"])

    def tail(self) -> tuple[InMemoryEngine, int]:
        """Give the changes that the index has not seen, as an engine of their own; to be searched under `guard`.

        Returns:
            The engine; how many changes and pieces neither it nor the index has.
        """
        with self.guard:
            self._tail.level(self.applied())
            return self._tail.engine, self._tail.lacks + self.lacking()

    def lacking(self) -> int:
        """Count the pieces that an index which is being built does not hold yet, and nor does the tail."""
        with self.guard:
            engine = self.engine()
            mark = engine.mark if engine else None
            if engine is None or (mark and "built" not in mark) or (mark is None and self._store.changes.is_whole()):
                return 0
            return max(0, self._store.chunks.count() - engine.documents() - len(self._tail.engine))

    def shortfall(self) -> str | None:
        """Say what the index lacks while it is being built; None when it lacks nothing."""
        if not (lacking := self.lacking()):
            return None
        return (
            f"the keyword index is being made anew, {lacking:,} of {self._store.chunks.count():,} pieces are not in it yet;"
            " `hark reindex` does it at once"
        )

    def level(self) -> None:
        """Before a search: let the index follow when it is so far behind, or so broken, that the tail would be long.

        What takes longer than a search should is done in the background, and the answer says what it lacks.
        """
        behind, lacking = self.lag(), self.lacking()
        if behind <= TAIL_RECORDS and self.fault is None and not lacking:
            return
        much = self._store.chunks.count() if self.fault is not None else max(behind, lacking)
        if much > INLINE_PIECES and self.on_behind is not None:
            self.on_behind()
            return
        with suppress(IndexerError):
            # what fails here is named by the leg
            self.catch_up()

    def lag(self) -> int:
        """Count the changes that the index has not seen."""
        return max(0, self._store.changes.last_seq() - self.applied())

    def catch_up(self, on_progress: Progress | None = None) -> bool:
        """Bring the index level with the changes there are now; rebuild it when it cannot follow.

        Returns:
            False when another process is writing the index just now, or it was to stop before it was done.

        Raises:
            IndexerError: The disk failed; nothing is lost, the next call goes on.
        """
        try:
            # threads of this process wait for each other; for another process nobody waits
            with self._writing, self._lock():
                self._reopen()
                try:
                    return self._follow(self._usable(), on_progress)
                except IndexBroken:
                    self._set_aside()
                    return self._follow(self._usable(), on_progress)
        except IndexBusy:
            return False

    def rebuild(self, on_progress: Progress | None = None) -> None:
        """Make the index anew from the store, beside the old one, which answers meanwhile and is kept until the next rebuild.

        A run that was broken off is gone on with.

        Raises:
            IndexBusy: Another process is writing the index.
        """
        with self._writing, self._lock():
            self._reopen()
            if self.engine() is None:
                self._set_aside()
                self._follow(self._usable(), on_progress)
            else:
                self._build_beside(on_progress)

    def renew(self, on_progress: Progress | None = None) -> None:
        """Make the index anew and keep nothing of the old one, so that no word that is gone stays in its files.

        Raises:
            IndexBusy: Another process is writing the index, or this one is closing it.
        """
        with self._writing, self._lock():
            # what was begun before may hold what is gone since
            self._store.drop_state(_BUILDING)
            self._reopen()
            self._build_beside(on_progress)
            if self._store.state(_BUILDING) is not None:
                raise IndexBusy(f"{self._directory}: the store is being closed; the next run goes on")
            self._sweep(self._generation())

    def merge(self, most: int) -> int:
        """Let the parts of the index be merged where there are more than so many, and give by how many they became fewer."""
        try:
            with self._writing, self._lock():
                self._reopen()
                engine = self.engine()
                before = engine.segments() if engine else 0
                if engine is None or engine.mark is None or before <= most:
                    return 0
                with engine.writing() as writer:
                    # a commit lets tantivy look for what to merge; closing the writer waits for it
                    writer.commit(engine.mark)
                engine.refresh()
                return max(0, before - engine.segments())
        except IndexBusy:
            return 0

    def close(self) -> None:
        """Let go of the index."""
        with self.guard:
            self._engine = None

    def _usable(self) -> "TantivyEngine":
        engine = self.engine()
        if engine is None:
            # only what is broken is rebuilt; what is forbidden or full is not
            raise self._error or IndexBroken(f"{self._directory}: the keyword index cannot be opened")
        return engine

    def _follow(self, engine: "TantivyEngine", on_progress: Progress | None) -> bool:
        goal, mark = self._store.changes.last_seq(), engine.mark
        if mark is not None and mark["seq"] >= goal and "built" not in mark:
            return True
        with engine.writing() as writer:
            if mark is None or "built" in mark:
                mark = self._build(
                    writer, mark or self._mark_at(goal, built=[INDEXED_KINDS[0], 0]), engine, on_progress
                )
            if mark is None or not self._put_changes(writer, int(mark["seq"]), goal, on_progress):
                return False
        with suppress(MemoryFault), self._store.transaction():
            # a full disk must not fail an index that is level
            self._store.changes.prune(goal, self._keep_days)
        return True

    def _build(
        self, writer: "TantivyWriter", mark: dict[str, Any], engine: "TantivyEngine", on_progress: Progress | None
    ) -> dict[str, Any] | None:
        """Put the records that a new index lacks, some at a time, so that memory stays as it is.

        Its mark says how far it has come; what changes meanwhile stands in the log behind the mark's change.

        Returns:
            The mark of the finished index; None when it was to stop.
        """
        (first, done_to), seq = mark["built"], int(mark["seq"])
        total, done, uncommitted = self._store.chunks.count(), engine.documents(), 0
        for kind in INDEXED_KINDS[INDEXED_KINDS.index(first) :]:
            numbers = self._store.chunks.record_numbers(kind, after=done_to if kind == first else 0)
            while some := list(islice(numbers, BATCH_RECORDS)):
                count = self._put(writer, [(kind, number) for number in some], is_new=True)
                done, uncommitted = done + count, uncommitted + count
                if uncommitted >= BUILT_PIECES or self._is_stopping():
                    writer.commit(self._mark_at(seq, built=[kind, some[-1]]))
                    uncommitted = 0
                if self._is_stopping():
                    return None
                if on_progress:
                    on_progress(min(done, total), total)
        finished = self._mark_at(seq)
        writer.commit(finished)
        return finished

    def _build_beside(self, on_progress: Progress | None) -> None:
        """Build the next generation while the one before answers, and put it in its place."""
        from indexers.keyword.tantivy import TantivyEngine

        begun, current = self._store.state(_BUILDING), self._generation()
        if begun is None:
            begun = str(int(current.name) + 1)
            shutil.rmtree(self._directory / begun, ignore_errors=True)
            self._store.set_state(_BUILDING, begun)
        try:
            engine = TantivyEngine(self._directory / begun, tuple(ATTRIBUTES), RANGED)
            self._check(engine)
        except IndexBroken:
            shutil.rmtree(self._directory / begun)
            engine = TantivyEngine(self._directory / begun, tuple(ATTRIBUTES), RANGED)
        if self._follow(engine, on_progress):
            self._put_in_place(begun)
            self._sweep(current, self._generation())

    def _set_aside(self) -> None:
        """Put the next generation in the place of one that is broken; that one is kept, older ones go."""
        current = self._generation()
        begun = self._store.state(_BUILDING)
        if begun is None:
            begun = str(int(current.name) + 1)
            shutil.rmtree(self._directory / begun, ignore_errors=True)
        self._put_in_place(begun)
        self._sweep(current, self._generation())

    def _put_in_place(self, name: str) -> None:
        with self.guard, self._store.transaction():
            self._engine = None
            self._store.set_state("keyword_generation", name)
            self._store.drop_state(_BUILDING)

    def _sweep(self, *kept: Path) -> None:
        for old in self._directory.glob("*"):
            if old.is_dir() and old not in kept:
                shutil.rmtree(old, ignore_errors=True)

    def _is_stopping(self) -> bool:
        return self.stop_at is not None and time.monotonic() > self.stop_at

    def _put_changes(self, writer: "TantivyWriter", seq: int, goal: int, on_progress: Progress | None) -> bool:
        """Follow the log, a stretch a commit: what is broken off goes on behind the last commit.

        Returns:
            False when it was to stop before it was done.
        """
        start = seq
        while seq < goal:
            if self._is_stopping() and goal - seq > STRETCH_CHANGES:
                return False
            step = min(goal, seq + STRETCH_CHANGES)
            touched = self._store.changes.touched(seq, step)
            for first in range(0, len(touched), BATCH_RECORDS):
                self._put(writer, touched[first : first + BATCH_RECORDS], is_new=False)
                if on_progress:
                    on_progress(min(seq - start + first, goal - start), goal - start)
            writer.commit(self._mark_at(step))
            seq = step
        if on_progress and goal > start:
            on_progress(goal - start, goal - start)
        return True

    def _put(self, writer: "TantivyWriter", records: list[tuple[str, int]], *, is_new: bool) -> int:
        """Put records as they are now, and give how many documents they made."""
        count = 0
        with self._store.snapshot():
            if not is_new:
                writer.remove(group_of(*each) for each in records)
            for documents in documents_of(self._store, records):
                writer.add(documents)
                count += len(documents)
        return count

    def _mark_at(self, seq: int, built: list[Any] | None = None) -> dict[str, Any]:
        mark = {"layout": LAYOUT, "store": self._store.uuid, "seq": seq, "token": self._store.changes.token(seq)}
        return mark if built is None else {**mark, "built": built}

    def _check(self, engine: "TantivyEngine") -> None:
        """See that the index followed this very log.

        Raises:
            IndexBroken: It did not.
        """
        mark = engine.mark
        where = engine.directory
        if mark is None:
            return
        if mark.get("store") != self._store.uuid:
            raise IndexBroken(f"{where}: the index of another store; it is rebuilt")
        if mark.get("layout") != LAYOUT:
            raise IndexBroken(f"{where}: the index was made by another version; it is rebuilt")
        token = self._store.changes.token(mark["seq"]) if mark["seq"] else mark["token"]
        if token is None and mark["seq"] > self._store.changes.last_seq() and self._store.database.is_in_snapshot:
            # the index is newer than the moment that is being read
            return
        if token != mark["token"]:
            if token is not None or mark["seq"] > self._store.changes.last_seq():
                self._note_loss(int(mark["seq"]))
            raise IndexBroken(f"{where}: the index followed another log; it is rebuilt")

    def _note_loss(self, seq: int) -> None:
        """Remember that the log does not hold a change that the index has seen: the database went backwards."""
        noted = {"index": seq, "store": self._store.changes.last_seq(), "at": datetime.now(UTC).isoformat()}
        with suppress(MemoryFault):
            if not self._store.database.is_in_snapshot and self._store.state(WENT_BACKWARDS) is None:
                self._store.set_state(WENT_BACKWARDS, json.dumps(noted))

    def _generation(self) -> Path:
        name = self._store.state("keyword_generation") or "1"
        return self._directory / name

    def _reopen(self) -> None:
        # what another process removed while this one had the index open must not be seen again
        with self.guard:
            self._engine = None

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with alone(self._directory / "index.lock") as is_mine:
            if not is_mine:
                raise IndexBusy(
                    f"{self._directory}: another process is writing the keyword index; try again in a moment"
                )
            yield
