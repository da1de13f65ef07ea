"""Leave nothing behind of what was taken out of the rows: indexes made anew, free pages and write-ahead log emptied.

What is to be purged is noted in the store before the first row changes, so that a run that was killed is finished by
the next one.
"""

import time
from collections.abc import Callable
from functools import partial

from pydantic import BaseModel

from indexers.errors import IndexBusy
from memory.catch_up import KeywordIndex
from memory.nearest import drop_files
from memory.store.access import ANSWER_GONE, Access
from memory.store.store import Store

_PENDING = "purge_pending"
WAIT_SECONDS = 60.0
"""How long is waited for another process that writes the keyword index, or reads an old state of the store."""
_PAUSE_SECONDS = 0.05


class Purged(BaseModel):
    """What was made anew."""

    documents: int
    """Pieces in the new keyword index; nothing of the old one is left."""
    freed_bytes: int
    """By which the store's file shrank when it was written anew, its free pages left out."""
    log_emptied: bool
    """Whether the write-ahead log is empty; when not, another program reads an old state: the next run empties it."""

    def told(self) -> str:
        """Say it in a line for people."""
        return (
            f"keyword index made anew ({self.documents:,} pieces), file written anew, {self.freed_bytes:,} bytes freed"
        )

    def to_do(self) -> str | None:
        """Say what is left to do; None for nothing."""
        if self.log_emptied:
            return None
        return "another program still reads an older state, so the write-ahead log is not empty; run the same command again"


def note_purge(store: Store) -> None:
    """Note that there is something to purge; inside the transaction that makes it so."""
    if store.state(_PENDING) is None:
        store.set_state(_PENDING, "1")
    # answers that the service keeps for who asks again hold what records said
    Access(store.database).blank_answers(ANSWER_GONE)


def is_purge_pending(store: Store) -> bool:
    """Say whether a run before changed rows and did not come to its end."""
    return store.state(_PENDING) is not None


def purge(store: Store, keyword: KeywordIndex, on_progress: Callable[[str, int, int], None] | None = None) -> Purged:
    """Make the keyword index anew, write the store's file anew, and empty its log.

    Raises:
        IndexBusy: Another process has been writing the index all the while; the next run goes on.
    """
    tell = partial(on_progress, "keyword index") if on_progress else None
    when_free(lambda: keyword.renew(tell))
    file = store.directory / "store.db"
    store.database.empty_log()
    before = file.stat().st_size
    store.database.vacuum()
    emptied = _empty_log(store)
    if emptied:
        # nobody reads an older state any more, so nobody can write one of these of it
        drop_files(store)
        store.drop_state(_PENDING)
        emptied = _empty_log(store)
    engine = keyword.engine()
    return Purged(
        documents=engine.documents() if engine else 0,
        freed_bytes=max(0, before - file.stat().st_size),
        log_emptied=emptied,
    )


def when_free(run: Callable[[], None]) -> None:
    """Do something with the keyword index, waiting a while for another process that writes it.

    Raises:
        IndexBusy: It has been writing all the while.
    """
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            run()
            return
        except IndexBusy:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)


def _empty_log(store: Store) -> bool:
    until = time.monotonic() + WAIT_SECONDS
    while not (is_empty := store.database.empty_log()) and time.monotonic() < until:
        time.sleep(_PAUSE_SECONDS)
    return is_empty
