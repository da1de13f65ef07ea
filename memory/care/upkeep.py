"""What a store needs now and then, done when nothing else is: rules applied, the file and the index made tidy."""

import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from indexers.errors import IndexerError
from memory.care.clearing import archive_idle, clear
from memory.catch_up import KeywordIndex
from memory.errors import MemoryFault
from memory.nearest import drop_files
from memory.saving import Saver
from memory.settings import Settings
from memory.store.alone import alone
from memory.store.checks import Checks

IDLE_SECONDS = 300.0
"""How long nobody has written before it is done by itself. Untuned."""
BETWEEN_SECONDS = 3600.0
"""It is done once in this time at most, by whichever process comes first. Untuned."""
FREE_SHARE, FREE_BYTES = 0.25, 16_000_000
"""Free pages from which on the file is written anew: this part of it, and no less than so much. Untuned."""
MOST_SEGMENTS = 8
"""Parts of the keyword index from which on they are merged; a query looks into each. Untuned."""
_AT = "upkeep_at"


class Upkept(BaseModel):
    """What was done."""

    archived: list[str]
    """Sessions that were archived, by the setting `archive_after_days`."""
    cleared: dict[str, int]
    """Records deleted longer ago than the setting `deleted_retention_days`, by kind."""
    merged: int
    """Parts of the keyword index that were merged into others."""
    freed_bytes: int
    """By which the file shrank."""


def keep_up(saver: Saver, keyword: KeywordIndex, settings: Settings) -> Upkept:
    """Apply the rules of the settings, merge the parts of the index, and give free room back.

    Raises:
        StoreFault: The disk failed, or others have been writing for too long.
        IndexerError: The index could not be written.
    """
    archived: list[str] = []
    cleared: dict[str, int] = {}
    if settings.archive_after_days:
        archived = archive_idle(saver, timedelta(days=settings.archive_after_days)).sessions
    if settings.deleted_retention_days:
        until = datetime.now(UTC) - timedelta(days=settings.deleted_retention_days)
        cleared = clear(saver, keyword, deleted_before=until).counts
    keyword.catch_up()
    merged = keyword.merge(MOST_SEGMENTS)
    store = saver.store
    store.database.optimize()
    free, total, size = Checks(store.database).free_pages()
    if free * size > FREE_BYTES and free > total * FREE_SHARE:
        store.database.vacuum()
        drop_files(store)
        store.database.empty_log()
        freed = max(0, total - Checks(store.database).free_pages()[1]) * size
    else:
        freed = 0
    store.set_state(_AT, datetime.now(UTC).isoformat())
    return Upkept(archived=archived, cleared=cleared, merged=merged, freed_bytes=freed)


class Upkeep:
    """Does it by itself in a process that keeps a store open, when nobody has written for a while."""

    def __init__(self, saver: Saver, keyword: KeywordIndex, settings: Settings) -> None:
        self._saver, self._keyword, self._settings = saver, keyword, settings
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to wait for quiet; once is enough."""
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="harkback-upkeep", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Stop waiting; what is being done is finished."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        quiet_from, last, done_at = time.monotonic(), -1, -1
        while not self._stop.wait(min(5.0, IDLE_SECONDS / 3)):
            with suppress(MemoryFault, IndexerError, OSError):
                # what cannot be done now is done another time
                now = self._saver.store.changes.last_seq()
                if now != last:
                    quiet_from, last = time.monotonic(), now
                elif now != done_at and time.monotonic() - quiet_from >= IDLE_SECONDS:
                    quiet_from = time.monotonic()
                    self._once()
                    done_at = now

    def _once(self) -> None:
        with alone(self._saver.store.directory / "upkeep.lock") as is_mine:
            if is_mine and not self._was_lately():
                keep_up(self._saver, self._keyword, self._settings)

    def _was_lately(self) -> bool:
        at = self._saver.store.state(_AT)
        return at is not None and datetime.now(UTC) - datetime.fromisoformat(at) < timedelta(seconds=BETWEEN_SECONDS)
