"""Bring the keyword index level with the store, from its change numbers.

The index's last commit holds a mark: the store's uuid, the number of the last change it has seen and that change's
random token. The mark proves that the index followed this very log; when it does not, the index is rebuilt beside
the old one, which is kept aside. A kernel lock decides which process writes; whoever does not get it, or comes too
early, finds what is missing in the store itself (`Tail`).
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexers.document import Document
from indexers.errors import IndexBroken, IndexBusy, IndexerError
from indexers.keyword.in_memory import InMemoryEngine
from memory.errors import MemoryFault
from memory.piece_texts import passage_texts
from memory.saving import Saver
from memory.searchable import (
    ATTRIBUTES,
    RANGED,
    document_of,
    group_of,
)
from memory.store.store import Store

if TYPE_CHECKING:
    from indexers.keyword.tantivy import TantivyEngine, TantivyWriter

LAYOUT = 3
"""Raised when documents are made differently, so that older indexes are rebuilt."""
BATCH_RECORDS, STRETCH_CHANGES = 2_000, 50_000
"""Records that are read together, and changes that are followed in one commit. Untuned."""
TAIL_RECORDS = 1_000
"""Changes that are searched in the store itself; with more of them a search first waits for the index. Untuned."""
MOST_IN_TAIL = 4_000
"""Records that are read into the tail at once; the newest, when there are more. Untuned."""
PAUSE_SECONDS, PAUSE_CHANGES = 0.5, 500
"""The index follows when it has been quiet so long, or so much has come. Source: RELIABILITY B.2, 9."""


class KeywordIndex:
    """The keyword index of a store, and the tail of changes that it has not seen."""

    def __init__(self, store: Store, keep_days: int = 30) -> None:
        self._store = store
        self._keep_days = keep_days
        self._directory = store.directory / "keyword"
        self._engine: TantivyEngine | None = None
        self._tail = InMemoryEngine()
        self._tail_from = self._tail_to = -1
        self._tail_lacks = 0
        self.guard = threading.RLock()
        """Held while the tail is changed or searched."""
        self._writing = threading.RLock()
        self._error: IndexerError | None = None

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
            The engine; how many changes it lacks, because there are too many of them: it holds the newest.
        """
        with self.guard:
            applied, last = self.applied(), self._store.changes.last_seq()
            if applied != self._tail_from:
                self._tail = InMemoryEngine()
                self._tail_from = self._tail_to = applied
                self._tail_lacks = 0
            # a reader whose snapshot is older than the tail finds in it what it cannot see, and drops it
            if last > self._tail_to:
                touched = self._store.changes.touched(self._tail_to, last)
                if len(touched) > MOST_IN_TAIL:
                    self._tail_lacks += len(touched) - MOST_IN_TAIL
                    touched = touched[-MOST_IN_TAIL:]
                self._tail.remove(group_of(*each) for each in touched)
                for documents in documents_of(self._store, touched):
                    self._tail.put(documents)
                self._tail_to = last
            return self._tail, self._tail_lacks

    def level(self) -> None:
        """Before a search: let the index follow when it is so far behind, or so broken, that the tail would be long."""
        if self.lag() > TAIL_RECORDS or self.fault is not None:
            with suppress(IndexerError):
                # what fails here is named by the leg
                self.catch_up()

    def lag(self) -> int:
        """Count the changes that the index has not seen."""
        return max(0, self._store.changes.last_seq() - self.applied())

    def catch_up(self, on_progress: Callable[[int, int], None] | None = None) -> bool:
        """Bring the index level with the changes there are now; rebuild it when it cannot follow.

        Args:
            on_progress: Called with how many records are done, and of how many.

        Returns:
            False when another process is writing the index just now.

        Raises:
            IndexerError: The disk failed; nothing is lost, the next call goes on.
        """
        try:
            # threads of this process wait for each other; for another process nobody waits
            with self._writing, self._lock():
                self._reopen()
                try:
                    return self._follow(on_progress)
                except IndexBroken:
                    self._set_aside()
                    return self._follow(on_progress)
        except IndexBusy:
            return False

    def rebuild(self, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Make the index anew from the store; the old one is kept aside until the next rebuild.

        Raises:
            IndexBusy: Another process is writing the index.
        """
        with self._writing, self._lock():
            self._set_aside()
            self._follow(on_progress)

    def renew(self, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Make the index anew and keep nothing of the old one, so that no word that is gone stays in its files.

        Raises:
            IndexBusy: Another process is writing the index.
        """
        with self._writing, self._lock():
            self._set_aside()
            self._follow(on_progress)
            current = self._generation()
            for old in self._directory.glob("*"):
                if old.is_dir() and old != current:
                    shutil.rmtree(old)

    def close(self) -> None:
        """Let go of the index."""
        with self.guard:
            self._engine = None

    def _follow(self, on_progress: Callable[[int, int], None] | None) -> bool:
        goal = self._store.changes.last_seq()
        engine = self.engine()
        if engine is None:
            # only what is broken is rebuilt; what is forbidden or full is not
            raise self._error or IndexBroken(f"{self._directory}: the keyword index cannot be opened")
        mark = engine.mark
        if mark is not None and mark["seq"] >= goal:
            return True
        with engine.writing() as writer:
            if mark is None:
                self._put_all(writer, on_progress)
                writer.commit(self._mark_at(goal))
            else:
                self._put_changes(writer, int(mark["seq"]), goal, on_progress)
        with suppress(MemoryFault), self._store.transaction():
            # a full disk must not fail an index that is level
            self._store.changes.prune(goal, self._keep_days)
        return True

    def _put_all(self, writer: "TantivyWriter", on_progress: Callable[[int, int], None] | None) -> None:
        """Put every record into an empty index, some at a time, so that memory stays as it is."""
        total, done = self._store.chunks.count(), 0
        for kind in ("session", "message", "learning"):
            numbers = self._store.chunks.record_numbers(kind)
            while some := list(islice(numbers, BATCH_RECORDS)):
                done += self._put(writer, [(kind, number) for number in some], is_new=True)
                if on_progress:
                    on_progress(done, total)

    def _put_changes(
        self, writer: "TantivyWriter", seq: int, goal: int, on_progress: Callable[[int, int], None] | None
    ) -> None:
        """Follow the log, a stretch a commit: what is broken off goes on behind the last commit."""
        start = seq
        while seq < goal:
            step = min(goal, seq + STRETCH_CHANGES)
            touched = self._store.changes.touched(seq, step)
            for first in range(0, len(touched), BATCH_RECORDS):
                self._put(writer, touched[first : first + BATCH_RECORDS], is_new=False)
                if on_progress:
                    on_progress(min(seq - start + first, goal - start), goal - start)
            writer.commit(self._mark_at(step))
            seq = step
        if on_progress:
            on_progress(goal - start, goal - start)

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

    def _mark_at(self, seq: int) -> dict[str, Any]:
        return {"layout": LAYOUT, "store": self._store.uuid, "seq": seq, "token": self._store.changes.token(seq)}

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
            raise IndexBroken(f"{where}: the index followed another log; it is rebuilt")

    def _generation(self) -> Path:
        name = self._store.state("keyword_generation") or "1"
        return self._directory / name

    def _set_aside(self) -> None:
        """Begin a new generation; the one before is kept, older ones go."""
        with self.guard:
            self._engine = None
            current = self._generation()
            number = int(current.name) + 1
            for old in self._directory.glob("*"):
                if old.is_dir() and old != current:
                    shutil.rmtree(old, ignore_errors=True)
            self._store.set_state("keyword_generation", str(number))

    def _reopen(self) -> None:
        # what another process removed while this one had the index open must not be seen again
        with self.guard:
            self._engine = None

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._directory / "index.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                import fcntl

                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:  # Windows: tantivy's own lock has to do
                pass
            except BlockingIOError as error:
                raise IndexBusy(f"{self._directory}: another process is writing the keyword index") from error
            yield
        finally:
            os.close(handle)


def documents_of(store: Store, records: list[tuple[str, int]]) -> Iterator[list[Document]]:
    """Give the documents of records as they are now; those that are gone have none."""
    for kind in ("session", "message", "learning"):
        numbers = [number for each, number in records if each == kind]
        for start in range(0, len(numbers), 500):
            yield list(_documents(store, kind, numbers[start : start + 500]))


def _documents(store: Store, kind: str, numbers: list[int]) -> Iterator[Document]:
    texts = passage_texts(store, kind, numbers)
    # who said it is asked for as often as what was said
    senders = dict(store.records.values("message", ("sender_id",), numbers)) if kind == "message" else {}
    for key, record, passage, start, end, packed in store.chunks.of_records(kind, numbers):
        text = texts.get((record, passage))
        if text is not None:
            yield document_of(key, kind, record, text[start:end], packed, senders.get(record) or "")


class Follower:
    """Lets the keyword index follow this process's writes, in the background and never in their way."""

    def __init__(self, index: KeywordIndex, saver: Saver) -> None:
        self._index = index
        self._written = 0
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._held = 0
        saver.on_write = self.note

    @contextmanager
    def held(self) -> Iterator[None]:
        """Follow nothing during a block that brings the index level itself: two busy threads hold each other up."""
        with self._wake:
            self._held += 1
        try:
            yield
        finally:
            with self._wake:
                self._held -= 1

    def note(self) -> None:
        """Take note of a write."""
        with self._wake:
            if self._held:
                return
            self._written += 1
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name="harkback-follower", daemon=True)
                self._thread.start()
            self._wake.notify()

    def stop(self) -> None:
        """Stop following."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._written and not self._stopping:
                    self._wake.wait()
                quiet_from = time.monotonic()
                before = self._written
                while not self._stopping and self._written < PAUSE_CHANGES:
                    self._wake.wait(PAUSE_SECONDS)
                    if self._written == before and time.monotonic() - quiet_from >= PAUSE_SECONDS:
                        break
                    if self._written != before:
                        before, quiet_from = self._written, time.monotonic()
                self._written = 0
                if self._stopping:
                    return
            with suppress(IndexerError, MemoryFault):
                # what fails here is tried again at the next write or search, which says so
                self._index.catch_up()
