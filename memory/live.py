"""Live changes: wait for what is written next, by this process or another.

SQLite counts the commits of other connections (`pragma data_version`); asking for that count touches one page in
memory, so it is asked often instead of watching files.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from datetime import datetime

from pydantic import BaseModel

from memory.store.changes import Change
from memory.store.schema import moment
from memory.store.store import Store

LOOK_SECONDS = 0.02
"""Between two looks at the count of commits, which take 5 µs each; 100 ms are promised. Untuned."""
MOST_AT_ONCE = 1_000
"""Changes that are read together. Untuned."""


class LiveEvent(BaseModel):
    """What happened, as others are told."""

    id: int
    """The number of the change; a reader that has seen it asks for what is behind it."""
    type: str
    """`message.created`, `message.chunk`, `message.finished`, `message.failed`, `session.changed`, or a kind, a dot, and what
    was done: created, changed, deleted, restored, forgotten."""
    session_id: str | None = None
    message_id: str | None = None
    record_id: str | None = None
    """Of what is neither a session nor a message."""
    text: str | None = None
    """What a chunk adds to its message."""
    at: datetime


_DONE = {"create": "created", "update": "changed", "delete": "deleted", "restore": "restored", "forget": "forgotten"}
_ENDED = {"complete": "message.finished", "error": "message.failed"}


class LiveEvents:
    """Turns changes into events, in one workspace."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lengths: dict[int, int] = {}

    def of(self, changes: Iterable[Change]) -> Iterator[LiveEvent]:
        """Yield what changes tell, in order; a change of nothing that can be told yields nothing."""
        for change in changes:
            event = LiveEvent(id=change.seq, type=f"{change.kind}.{_DONE[change.verb]}", at=moment(change.at))
            if change.kind == "message":
                event.message_id = change.id
                event.session_id = self._session_of(change)
                if change.verb == "update" and not self._tell(change, event):
                    continue
            elif change.kind == "session":
                event.session_id = change.id
            elif change.kind == "reaction":
                event.record_id = change.id
                event.session_id, event.message_id = self._store.sessions.of_reaction(change.record_number) or (
                    None,
                    None,
                )
            else:
                event.record_id = change.id
                event.session_id = self._session_of(change)
            yield event

    def _tell(self, change: Change, event: LiveEvent) -> bool:
        """Say what an update of a message did; False when it added nothing to one that is being streamed."""
        if change.status == "streaming" and change.length is not None:
            before = self._lengths.get(change.record_number)
            if before is None:
                before = self._store.changes.length_before("message", change.record_number, change.seq)
            self._lengths[change.record_number] = change.length
            event.type = "message.chunk"
            event.text = self._content(change.record_number)[before : change.length]
            return bool(event.text)
        if change.status in _ENDED:
            event.type = _ENDED[change.status]
            self._lengths.pop(change.record_number, None)
        return True

    def _content(self, number: int) -> str:
        found = self._store.records.values("message", ("content",), [number])
        return str(found[0][1]) if found else ""

    def _session_of(self, change: Change) -> str | None:
        return self._store.sessions.id_of(change.kind, change.record_number)


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
