"""Live changes: wait for what is written next, by this process or another.

SQLite counts the commits of other connections (`pragma data_version`); asking for that count touches one page in
memory, so it is asked often instead of watching files.
"""

import threading
import time
from collections.abc import Iterator

from memory.store.changes import Change
from memory.store.store import Store

LOOK_SECONDS = 0.02
"""Between two looks at the count of commits, which take 5 µs each; 100 ms are promised. Untuned."""
MOST_AT_ONCE = 1_000
"""Changes that are read together. Untuned."""


class ChangeWatcher:
    """Follows the change log of one workspace."""

    def __init__(self, store: Store, after: int, stop: threading.Event, quiet_seconds: float | None) -> None:
        self._store = store
        self._after = after
        self._stop = stop
        self._quiet_seconds = quiet_seconds

    def changes(self) -> Iterator[Change]:
        """Yield changes in order as they are committed, until it is stopped or has been quiet for long enough.

        Raises:
            ChangesGone: The log does not reach back to where this reader is.
        """
        quiet_from = time.monotonic()
        version = -1
        while not self._stop.is_set():
            now = self._store.database.commit_count()
            if now != version:
                # first the count, then the rows: what is committed in between shows at the next look
                version = now
                for change in self._news():
                    yield change
                    quiet_from = time.monotonic()
            elif self._quiet_seconds is not None and time.monotonic() - quiet_from >= self._quiet_seconds:
                return
            else:
                self._stop.wait(LOOK_SECONDS)

    def _news(self) -> Iterator[Change]:
        while some := self._store.changes.in_workspace(self._store.workspace_number, self._after, MOST_AT_ONCE):
            for change in some:
                self._after = change.seq
                yield change
