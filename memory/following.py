"""Lets the keyword index follow this process's writes, in the background and never in their way."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from indexers.errors import IndexerError
from memory.catch_up import KeywordIndex
from memory.errors import MemoryFault
from memory.saving import Saver

PAUSE_SECONDS, PAUSE_CHANGES = 0.5, 500
"""The index follows when it has been quiet so long, or so much has come. Source: RELIABILITY B.2, 9."""
STOP_SECONDS = 2.0
"""How long a memory that is being closed goes on with an index that is being built; the next one takes it up. Untuned."""


class Follower:
    """A thread that is started by the first write."""

    def __init__(self, index: KeywordIndex, saver: Saver) -> None:
        self._index = index
        self._written = 0
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._held = 0
        saver.on_write = index.on_behind = self.note

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
            self._index.stop_at = time.monotonic() + STOP_SECONDS
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
