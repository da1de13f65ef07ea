"""A second process that lets the keyword index follow while this one imports much: Python runs one thread at a time.

It reads the store and writes the index, which no other process then writes. It ends when its standard input does: with the
import, however that ends. What it has not done then, the next one to look does.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from indexers.errors import IndexerError
from memory.catch_up import KeywordIndex
from memory.errors import MemoryFault
from memory.settings import processors
from memory.store.store import open_store

FROM_BYTES = 16_000_000
"""Bytes to import from which on it is worth its start. Untuned; a start takes half a second of a processor."""
PAUSE_SECONDS = 0.2
"""Between two looks at the log. Untuned."""
_reader: threading.Thread | None = None


@contextmanager
def indexing_beside(directory: Path, workspace: str, size_bytes: int) -> Iterator[None]:
    """Let another process follow during a block, where there is much to do and a processor to do it.

    Args:
        directory: The store's.
        workspace: Whose records are written.
        size_bytes: How much is to be imported.
    """
    if size_bytes < FROM_BYTES or processors() < 2:
        yield
        return
    command = [sys.executable, "-m", "memory.indexing", str(directory), workspace]
    try:
        process = subprocess.Popen(  # noqa: S603 - this program itself
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        # this process does it afterwards
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            process.communicate()


def main(directory: str, workspace: str) -> None:
    """Follow until standard input ends, and then once more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    store = open_store(Path(directory), workspace=workspace, create=False)
    index = KeywordIndex(store)
    try:
        while True:
            has_ended = _has_ended(PAUSE_SECONDS)
            with suppress(IndexerError, MemoryFault):
                # what fails here is tried again, and said, by the process that imports
                index.catch_up()
            if has_ended:
                return
    finally:
        index.close()
        store.close()


def _has_ended(seconds: float) -> bool:
    """Wait for the end of standard input, some time."""
    if os.name == "nt":
        # standard input cannot be waited for with a time there, but by a thread that reads it to its end
        global _reader  # noqa: PLW0603
        if _reader is None:
            _reader = threading.Thread(target=sys.stdin.buffer.read, daemon=True)
            _reader.start()
        _reader.join(seconds)
        return not _reader.is_alive()
    import select

    return bool(select.select([sys.stdin], [], [], seconds)[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
