"""How long the last searches took."""

import threading
from collections import deque

from memory.stats import QueryStats

REMEMBERED = 1_000
"""Searches that are remembered, per mode. Untuned."""


class SearchTimes:
    """Remembers the last searches of a process; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._took: dict[str, deque[float]] = {}

    def note(self, mode: str, took_ms: float) -> None:
        """Remember one."""
        with self._lock:
            self._took.setdefault(mode, deque(maxlen=REMEMBERED)).append(took_ms)

    def stats(self) -> list[QueryStats]:
        """Give median and 95th percentile by mode, the mode asked for most first."""
        with self._lock:
            took = {mode: sorted(times) for mode, times in self._took.items()}
        found = [
            QueryStats(mode=mode, count=len(times), p50_ms=times[len(times) // 2], p95_ms=times[len(times) * 95 // 100])
            for mode, times in took.items()
        ]
        return sorted(found, key=lambda each: (-each.count, each.mode))
