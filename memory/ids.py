"""Ids: UUIDv7 for what is made here, and one and the same UUID for what another program named."""

import os
import threading
import time
import uuid

NAMESPACE = uuid.UUID("8f6f2b5e-6a0e-5c55-9a53-0f3d4a4b8470")
"""Under which native ids of other programs become UUIDs."""
_last = 0
_guard = threading.Lock()


def new_id() -> str:
    """Make a UUIDv7; those of one process are in the order in which they were made. Source: RFC 9562, 5.7."""
    global _last  # noqa: PLW0603 -- the order must hold over all threads
    with _guard:
        # milliseconds and, in the 12 bits behind them, fractions of one, so that it sorts within a millisecond
        now = time.time_ns()
        _last = max(_last + 1, now // 1_000_000 << 12 | (now % 1_000_000) * 4096 // 1_000_000)
        stamp = _last
    value = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62
    return str(uuid.UUID(int=value | int.from_bytes(os.urandom(8)) >> 2))


def is_id(text: str) -> bool:
    """Say whether a text looks like an id that was made here."""
    try:
        return len(text) == 36 and bool(uuid.UUID(text))
    except ValueError:
        return False


def native_id(format: str, kind: str, key: str) -> str:
    """Give the id of what another program calls `key`: the key itself when it is a UUID, else one made from it."""
    if is_id(key):
        return str(uuid.UUID(key))
    # a lone surrogate, which JSON can hold, has no UTF-8
    name = f"{format}/{kind}/{key}".encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return str(uuid.uuid5(NAMESPACE, name))
