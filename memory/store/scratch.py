"""Folders for what has to lie on disk for a while: below the store, and swept up when a process was killed over them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

FOLDER = "scratch"
_base: ContextVar[Path | None] = ContextVar("scratch", default=None)


@contextmanager
def scratch_below(directory: Path) -> Iterator[None]:
    """Let `scratch_folder` make its folders below a store's directory during a block; what is left of others goes first."""
    base = directory / FOLDER
    base.mkdir(mode=0o700, exist_ok=True)
    for lock in base.glob("*.lock"):
        with suppress(OSError):
            _sweep(lock)
    token = _base.set(base)
    try:
        yield
    finally:
        _base.reset(token)
        with suppress(OSError):
            base.rmdir()  # another process may be using it


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder that is deleted after a block: below the store where there is one, else where the system has such."""
    base = _base.get()
    if base is None:
        with tempfile.TemporaryDirectory(prefix="hark-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
        return
    base.mkdir(mode=0o700, exist_ok=True)
    found = Path(tempfile.mkdtemp(dir=base))
    lock = base / f"{found.name}.lock"
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _hold(handle)
        yield found
    finally:
        shutil.rmtree(found, ignore_errors=True)
        os.close(handle)
        lock.unlink(missing_ok=True)


def free_bytes() -> int:
    """Say how much room there is where `scratch_folder` makes its folders."""
    return shutil.disk_usage(_base.get() or tempfile.gettempdir()).free


def _hold(handle: int) -> None:
    """Lock a file for as long as it is open, without waiting.

    Raises:
        OSError: Another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows: a file that is open cannot be deleted, which says the same
        return
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sweep(lock: Path) -> None:
    """Delete a folder that nobody holds any more."""
    handle = os.open(lock, os.O_RDWR)
    try:
        _hold(handle)
    except OSError:
        os.close(handle)
        return
    os.close(handle)
    lock.unlink()
    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
