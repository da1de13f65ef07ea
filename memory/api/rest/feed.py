"""Live events for many readers: one thread follows the change log, the last events wait in memory."""

import asyncio
import json
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.concurrency import run_in_threadpool

from memory.errors import ChangesGone, MemoryFault
from memory.live import LiveEvent, LiveEvents
from memory.memory import Memory
from memory.store.changes import Change

REMEMBERED = 10_000
"""Events that wait in memory; older ones are read from the log. Untuned."""
BEAT_SECONDS = 15.0
"""Between two comments that keep a quiet stream open through what lies between. Untuned."""
PAGE = 1_000
"""Changes that are read from the log together. Untuned."""


class Feed:
    """The events of one workspace."""

    def __init__(self, memory: Memory, loop: asyncio.AbstractEventLoop) -> None:
        self._memory = memory
        self._loop = loop
        self._stop = threading.Event()
        self._recent: deque[LiveEvent] = deque(maxlen=REMEMBERED)
        self._begins = memory.store.changes.last_seq()
        """The last change that the memory does not reach back to."""
        self._reached = self._begins
        self._news = asyncio.Event()
        self._thread = threading.Thread(target=self._follow, name="harkback-feed", daemon=True)
        self._thread.start()

    @property
    def lag(self) -> int:
        """Changes that are logged and not told yet."""
        return max(0, self._memory.store.changes.last_seq() - self._reached)

    def end(self) -> None:
        """Let the streams end."""
        self._stop.set()
        self._loop.call_soon_threadsafe(self._wake)

    def stop(self) -> None:
        """Let the streams end, and stop following."""
        self.end()
        self._thread.join()

    async def frames(self, after: int | None, session_id: str | None = None) -> AsyncIterator[bytes]:
        """Yield server-sent events behind a change, or from now on, as they are written to a stream.

        A reader whose place is gone from the log gets an event `reset`, and goes on from there.
        """
        reached = self._reached if after is None else after
        yield b"retry: 1000\n\n"
        if reached > self._reached and reached > await run_in_threadpool(self._memory.store.changes.last_seq):
            # an id of another store, or of this one before it was put back to an older state
            reached = self._reached
            yield _reset(reached, session_id)
        while not self._stop.is_set():
            news = self._news
            while reached < self._begins:
                # behind what is in memory: a reader that comes back, or a slow one
                try:
                    async for event in self._logged(reached):
                        reached = event.id
                        if session_id in (None, event.session_id):
                            yield frame(event)
                except ChangesGone:
                    reached = self._reached
                    yield _reset(reached, session_id)
                reached = max(reached, self._begins)
            for event in self._behind(reached):
                reached = event.id
                if session_id in (None, event.session_id):
                    yield frame(event)
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), BEAT_SECONDS)
                continue
            yield b": still here\n\n"

    def _behind(self, seq: int) -> list[LiveEvent]:
        found: list[LiveEvent] = []
        for event in reversed(self._recent):
            if event.id <= seq:
                break
            found.append(event)
        return found[::-1]

    async def _logged(self, after: int) -> AsyncIterator[LiveEvent]:
        """Read events from the log up to where the memory begins."""
        events, until = LiveEvents(self._memory.store), self._begins
        while after < until:
            changes = await run_in_threadpool(self._memory.changes, after, PAGE)
            changes = [change for change in changes if change.seq <= until]
            if not changes:
                return
            after = changes[-1].seq
            for event in await run_in_threadpool(_told, events, changes):
                yield event

    def _follow(self) -> None:
        events = LiveEvents(self._memory.store)
        while not self._stop.is_set():
            with suppress(MemoryFault):
                # a disk that fails for a while must not end the feed
                try:
                    for change in self._memory.watch(self._reached, stop=self._stop):
                        told = list(events.of([change]))
                        self._loop.call_soon_threadsafe(self._take, change.seq, told)
                        self._reached = change.seq
                except ChangesGone:
                    last = self._memory.store.changes.last_seq()
                    self._loop.call_soon_threadsafe(self._begin_anew, last)
                    self._reached = last
            self._stop.wait(0.5)

    def _take(self, seq: int, told: list[LiveEvent]) -> None:
        for event in told:
            if len(self._recent) == REMEMBERED:
                self._begins = self._recent[0].id
            self._recent.append(event)
        if told:
            self._wake()

    def _begin_anew(self, seq: int) -> None:
        """Go on behind a change, since the log does not reach back to where the feed was; its readers are told."""
        self._recent.clear()
        self._begins = seq
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _reset(reached: int, session_id: str | None) -> bytes:
    data = {"type": "reset", "session_id": session_id, "message_id": None}
    return f"id: {reached}\nevent: reset\ndata: {json.dumps(data)}\n\n".encode()


def _told(events: LiveEvents, changes: list[Change]) -> list[LiveEvent]:
    return list(events.of(changes))


def frame(event: LiveEvent) -> bytes:
    """Write one event as it stands in a stream."""
    data = event.model_dump(mode="json", exclude={"id", "record_id" if event.record_id is None else ""})
    if event.text is None:
        del data["text"]
    return f"id: {event.id}\nevent: {event.type}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
