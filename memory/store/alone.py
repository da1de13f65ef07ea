"""One process at a time: a kernel lock on a file, which is free again when its holder dies."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAUSE_SECONDS = 0.05
"""Between two looks whether a lock is free. Untuned."""


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Hold a lock for a block if it is free; nobody waits.

    Yields:
        Whether it was free. Where a system has no such locks it always is.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows
            pass
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Hold a lock for a block, waiting until whoever holds it is done, or dead."""
    while True:
        with alone(path) as is_mine:
            if is_mine:
                yield
                return
        time.sleep(PAUSE_SECONDS)
