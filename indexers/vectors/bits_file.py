"""Sign bits in a file, so that a program need not read them out of the database each time it starts.

The file can be deleted at any time. At a million vectors of 256 dimensions it has 90 MB and is read in a tenth of a second,
where the rows take two and a half (benchmarks/speed.py, 2026-11-21).
"""

import json
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from indexers.vectors.bits import Bits

_MAGIC = b"HARKBITS1\n"
_LENGTH = struct.Struct("<I")


def write_bits(path: Path, bits: Bits, head: dict[str, Any]) -> None:
    """Write the rows that are not dropped, with a head that says what they are of; the file appears whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    arrays = bits.arrays()
    payload = b"".join(np.ascontiguousarray(array).tobytes() for _, array in arrays)
    told = {
        "head": head,
        "order": sys.byteorder,
        "arrays": [[name, array.dtype.str, len(array)] for name, array in arrays],
        "crc": zlib.crc32(payload),
    }
    words = json.dumps(told).encode()
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_MAGIC + _LENGTH.pack(len(words)) + words)
            file.write(payload)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_head(path: Path) -> dict[str, Any] | None:
    """Read what a file is of; None when there is none, or it is not one."""
    try:
        with path.open("rb") as file:
            told = _told(file)
    except OSError:
        return None
    return None if told is None else dict(told["head"])


def read_bits(path: Path, dim: int, attributes: dict[str, "np.dtype[np.integer]"]) -> Bits | None:
    """Read rows; None when the file is gone, damaged, or of other attributes."""
    try:
        with path.open("rb") as file:
            told = _told(file)
            if told is None:
                return None
            # one buffer, which the arrays share and may write to
            payload = bytearray(path.stat().st_size - file.tell())
            if file.readinto(payload) != len(payload) or zlib.crc32(payload) != told["crc"]:
                return None
    except OSError:
        return None
    arrays: dict[str, np.ndarray] = {}
    at = 0
    for name, dtype, count in told["arrays"]:
        arrays[name] = np.frombuffer(payload, np.dtype(dtype), count, at)
        at += arrays[name].nbytes
    return Bits.of(dim, attributes, arrays)


def _told(file: Any) -> dict[str, Any] | None:
    if file.read(len(_MAGIC)) != _MAGIC:
        return None
    length = file.read(_LENGTH.size)
    if len(length) != _LENGTH.size:
        return None
    try:
        told: dict[str, Any] = json.loads(file.read(_LENGTH.unpack(length)[0]))
    except ValueError:
        return None
    return told if told.get("order") == sys.byteorder else None
