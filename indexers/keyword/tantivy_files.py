"""The files of a tantivy index, looked at from outside: tantivy itself does not notice a flipped bit when it opens them."""

import json
import os
import struct
import zlib
from pathlib import Path

from indexers.errors import IndexBroken

ENDINGS = ("term", "idx", "pos", "fast", "fieldnorm", "store", "del")
_TAIL = struct.Struct("<II")
_MAGIC = 1337
_BLOCK_BYTES = 1 << 20


def damaged_files(directory: Path) -> list[str]:
    """Name the files of an index whose bytes are not those that were written, by the checksums in their footers.

    A file ends with a footer in JSON that holds the CRC-32 of what stands before it, the footer's length and a magic
    number (tantivy, `src/directory/footer.rs`).

    Raises:
        OSError: A file cannot be read.
    """
    wrong = []
    for path in sorted(directory.iterdir()):
        if path.suffix[1:] in ENDINGS and path.is_file():
            try:
                if not _is_whole(path):
                    wrong.append(path.name)
            except FileNotFoundError:
                continue  # a merge has dropped it meanwhile
    return wrong


def check_files(directory: Path) -> None:
    """See that every file of every segment is there: a missing one may show at the first search only.

    Raises:
        IndexBroken: One is not.
    """
    meta = directory / "meta.json"
    if not meta.exists():
        return
    try:
        segments = json.loads(meta.read_bytes())["segments"]
    except (ValueError, KeyError, TypeError) as error:
        raise IndexBroken(f"{directory}: its meta.json cannot be read; rebuild the index") from error
    for segment in segments:
        name = str(segment["segment_id"]).replace("-", "")
        for ending in ("term", "idx", "pos", "fast", "fieldnorm", "store"):
            if not (directory / f"{name}.{ending}").exists():
                raise IndexBroken(f"{directory}: the file {name}.{ending} is gone; rebuild the index")


def sync_directory(directory: Path) -> None:
    """Make the names of a directory's files last."""
    # tantivy renames meta.json without syncing the directory
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _is_whole(path: Path) -> bool:
    size = path.stat().st_size
    if size < _TAIL.size:
        return False
    with path.open("rb") as file:
        file.seek(size - _TAIL.size)
        length, magic = _TAIL.unpack(file.read(_TAIL.size))
        body = size - _TAIL.size - length
        if magic != _MAGIC or body < 0:
            return False
        file.seek(body)
        try:
            wanted = int(json.loads(file.read(length))["crc"])
        except (ValueError, KeyError, TypeError):
            return False
        file.seek(0)
        found, left = 0, body
        while left > 0 and (data := file.read(min(left, _BLOCK_BYTES))):
            found = zlib.crc32(data, found)
            left -= len(data)
    return found == wanted
