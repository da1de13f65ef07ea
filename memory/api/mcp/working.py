"""Blocking work in threads: a request that is cancelled waits for none of it, and the end of the program for all."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

THREADS = 8
"""Requests that are worked on at once; each thread has a connection to the store. Untuned."""
Answer = TypeVar("Answer")


class Working:
    """The work of one server."""

    def __init__(self) -> None:
        self._limiter: anyio.CapacityLimiter | None = None
        self._count = 0
        self._changed = threading.Condition()

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Do it in a thread. One who gives up waiting is let go at once; what was begun is done to its end."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS)
        return await anyio.to_thread.run_sync(self._counted, work, abandon_on_cancel=True, limiter=self._limiter)

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is worked on; False when that takes longer."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._count:
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return self._count == 0
        return True

    def _counted(self, work: Callable[[], Answer]) -> Answer:
        with self._changed:
            self._count += 1
        try:
            return work()
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()
