"""Make the vectors that are missing, those of a new embedder among them, and let it take over once it has all.

It can be broken off at any time, by a crash too, and goes on where it was. One process at a time does it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from indexers.errors import IndexerError
from memory.embedding import FAULT, Choice, Embedders
from memory.errors import MemoryFault
from memory.piece_texts import told_texts
from memory.stats import ModelStats, VectorStats
from memory.store.alone import alone
from memory.store.chunks import VectorTable
from memory.store.store import Store

BATCH = 64
"""Pieces that are embedded between two looks at whether to go on. Untuned: some 1.5 s of a small model on one core."""
SETTLE_SECONDS = 3.0
"""A program that lives shorter than this makes no vectors in the background. Untuned."""
LOOK_SECONDS = 10.0
"""Between two looks at whether something is missing. Untuned."""
REST_SECONDS = (30.0, 300.0)
"""How long is waited after a fault, at first and at most. Untuned."""
WAIT_SECONDS = 0.3
"""Between two looks at whether another process is done."""
MARK_EVERY = 5_000
"""Vectors, or pieces, after which it is noted how far it is. Untuned."""
FILLED = "vectors_filled"
"""Under this key of the store's state stands another word each time that vectors came other than with their records."""
Progress = Callable[[int, int], None]


class VectorFiller:
    """Fills the vectors of one store."""

    def __init__(self, store: Store, embedders: Embedders) -> None:
        self._store = store
        self._embedders = embedders
        self._chunks = store.chunks

    def fault(self) -> str | None:
        """Say why the embedder that is coming has not taken over; None when nothing is in its way."""
        return self._store.state(FAULT)

    def stats(self) -> VectorStats:
        """Say which embedder answers, which is coming, and how far their vectors are."""
        choice = self._embedders.choice()
        models = [
            ModelStats(model=table.model, dim=table.dim, vectors=self._chunks.counts(table)[1])
            for table in self._chunks.vector_tables()
        ]
        return VectorStats(
            embedder=choice.answers,
            coming=choice.coming,
            fault=self.fault(),
            wanted=self._chunks.counts(None)[0],
            models=models,
        )

    def is_lacking(self) -> bool:
        """Look whether there is something to do; what was looked through is not looked through again.

        Raises:
            IndexerError: The embedder cannot be opened.
        """
        choice = self._embedders.choice()
        if choice.coming:
            return True
        table = self._chunks.vector_table(self._embedders.opened(choice.answers).model)
        if table is None:
            return self._chunks.counts(None)[0] > 0
        goal, tried = self._chunks.last_key(), self._chunks.tried_to(table)
        if self._chunks.without_vector(table, tried, goal + 1, 1):
            return True
        if goal - tried > MARK_EVERY:
            with self._store.transaction():
                self._chunks.set_tried(table, goal)
        return False

    def fill(
        self, stop: Callable[[], bool] = lambda: False, on_progress: Progress | None = None, *, waits: bool = True
    ) -> int:
        """Make what is missing, and give how many vectors were made; where an embedder is coming, it takes over.

        Args:
            stop: Asked between batches; when it says so, the rest is left for later.
            on_progress: Called with how many vectors there are, and of how many.
            waits: Whether another process that is at it is waited for; else it is left to that one.

        Raises:
            IndexerError: The embedder failed; what was made stays.
        """
        made = 0
        while not stop() and self.is_lacking():
            with alone(self._store.directory / "vectors.lock") as is_mine:
                choice = self._embedders.choice()
                if is_mine:
                    try:
                        made += self._fill(choice, stop, on_progress)
                    except IndexerError as error:
                        self._note_fault(choice, str(error))
                        raise
                    if self._embedders.choice() in (choice, Choice(choice.coming or choice.answers)):
                        return made
                    continue
            if not waits:
                return made
            time.sleep(WAIT_SECONDS)
        return made

    def _fill(self, choice: Choice, stop: Callable[[], bool], on_progress: Progress | None) -> int:
        """Go over all pieces until none is missing, then let an embedder that was coming take over."""
        setting = choice.coming or choice.answers
        table = self._embedders.table_made(setting)
        made = told = 0
        is_settled = False
        while not is_settled and self._embedders.choice() == choice and self._chunks.is_there(table):
            goal = self._chunks.last_key()
            last, tried = goal + 1, self._chunks.tried_to(table)
            while keys := self._chunks.without_vector(table, tried, last, BATCH):
                if stop() or self._embedders.choice() != choice:
                    return made
                last = keys[-1]
                made += self._make(setting, table, keys)
                if on_progress:
                    wanted, there = self._chunks.counts(table)
                    on_progress(min(there, wanted), wanted)
                if not choice.coming and made - told >= MARK_EVERY:
                    told = made
                    self._store.set_state(FILLED, uuid4().hex)
            is_settled = self._settle(choice, table, goal)
        if made > told and not choice.coming:
            self._store.set_state(FILLED, uuid4().hex)
        return made

    def _make(self, setting: str, table: VectorTable, keys: list[int]) -> int:
        """Make the vectors of some pieces, and give how many; a piece without a known word gets none."""
        texts = told_texts(self._store, keys)
        if not texts:
            return 0
        made_for, vectors = self._embedders.embedded(setting, list(texts.values()))
        has_direction = vectors.any(axis=1)
        wanted = [key for key, vector in zip(texts, vectors, strict=True) if vector.any()]
        with self._store.transaction():
            if made_for != table or not self._chunks.is_there(table):
                return 0
            self._chunks.put_vectors(table, wanted, vectors[has_direction])
            if self.fault():
                self._store.drop_state(FAULT)
        return len(wanted)

    def _settle(self, choice: Choice, table: VectorTable, goal: int) -> bool:
        """Note that all pieces up to a number were tried; when none came since, the embedder that was coming answers."""
        with self._store.transaction():
            if self._embedders.choice() != choice or not self._chunks.is_there(table):
                return True
            self._chunks.set_tried(table, goal)
            if self._chunks.without_vector(table, goal, 1 << 62, 1):
                return False
            if not choice.coming:
                return True
            self._embedders.keep(Choice(choice.coming))
            self._store.set_state(FILLED, uuid4().hex)
            self._store.drop_state(FAULT)
        self._embedders.drop_unused()
        return True

    def _note_fault(self, choice: Choice, fault: str) -> None:
        with suppress(MemoryFault), self._store.transaction():
            if choice.coming and self._embedders.choice() == choice:
                self._store.set_state(FAULT, fault)


class VectorFollower:
    """Makes missing vectors in the background, in a program that goes on for a while."""

    def __init__(self, filler: VectorFiller) -> None:
        self._filler = filler
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._held = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make nothing during a block: two busy threads hold each other up."""
        with self._guard:
            self._held += 1
        try:
            yield
        finally:
            with self._guard:
                self._held -= 1

    def start(self) -> None:
        """Begin to look now and then; it is called at every search and save, and does nothing the second time."""
        if self._thread is None:
            with self._guard:
                if self._thread is None and not self._stopping.is_set():
                    self._thread = threading.Thread(target=self._run, name="harkback-vectors", daemon=True)
                    self._thread.start()

    def wake(self) -> None:
        """Look now: another embedder was chosen."""
        self.start()
        self._wake.set()

    def stop(self) -> None:
        """Stop; a batch that is being embedded is waited for some seconds, and lost if that does not do."""
        self._stopping.set()
        self._wake.set()
        with self._guard:
            thread = self._thread
        if thread is not None:
            thread.join(5.0)

    def _run(self) -> None:
        if self._stopping.wait(SETTLE_SECONDS):
            return
        rest = REST_SECONDS[0]
        while not self._stopping.is_set():
            self._wake.clear()
            pause = LOOK_SECONDS
            try:
                self._filler.fill(lambda: self._stopping.is_set() or self._held > 0, waits=False)
                rest = REST_SECONDS[0]
            except IndexerError:
                # a coming embedder's fault stands in the store, one that answers says so at the next search
                pause, rest = rest, min(2 * rest, REST_SECONDS[1])
            except MemoryFault:
                pass  # closed, or its disk failed, which the next save says
            self._wake.wait(pause)
