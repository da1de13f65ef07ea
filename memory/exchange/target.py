"""Where an export is written: a file that appears whole or not at all, or a file object."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from memory.errors import Conflict, InvalidInput, MemoryFault


class Counted:
    """Writes bytes and knows how many there were, and their hash."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """Of all that was written."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Write them all."""
        self._digest.update(data)
        self.size_bytes += len(data)
        self._file.write(data)


@contextmanager
def new_file(target: Path, store: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Write a file beside the target and put it in its place when the block is done; else the target stays as it is.

    Raises:
        Conflict: The target is there already, and `force` is not set.
        InvalidInput: The target lies in the store's directory, or is a directory or a device.
        MemoryFault: It cannot be written.
    """
    check_target(target, store, force=force)
    beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=1 << 20) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _put(beside, target, force=force)
        finally:
            with suppress(OSError):
                beside.unlink()
    except OSError as error:
        raise MemoryFault(
            f"{target}: cannot be written ({error.strerror or error}); nothing was left behind, make room or name another file"
        ) from error


def check_target(target: Path, store: Path, *, force: bool) -> None:
    """Check that an export may be written there; see `new_file`."""
    real, inside = Path(os.path.realpath(target)), Path(os.path.realpath(store))
    if real == inside or inside in real.parents:
        raise InvalidInput(f"{target}: lies in the store's own directory; name a file elsewhere")
    if target.exists() and not target.is_file():
        # a directory, or a device or a pipe, in whose place a file must never be put
        raise InvalidInput(f"{target}: not a file that can be written over; name another, or leave it out for stdout")
    if not force and os.path.lexists(target):
        raise Conflict(f"{target}: is there already; --force writes over it, or name another file")


def _put(beside: Path, target: Path, *, force: bool) -> None:
    if force:
        beside.replace(target)
    else:
        try:
            # a link fails where a file has come in between; a rename would take its place
            os.link(beside, target)
        except FileExistsError as error:
            raise Conflict(f"{target}: is there already; --force writes over it, or name another file") from error
        except OSError:
            beside.rename(target)
    if os.name == "posix":
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
