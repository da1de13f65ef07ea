"""Large texts are kept compressed where that saves room: what tools print, files that agents read."""

from typing import Any

PACKED_FROM = 2_048
"""Characters from which on a text is compressed. On agents' histories texts of that length are 1 in 10, hold three quarters of
the bytes and shrink to a third; shorter ones gain little more (docs/architecture.md)."""
WORTH = 0.75
"""A text stays as it is unless it shrinks to this part of its size. Untuned."""
LEVEL = 3
"""Of zstd: 300 MB/s and more, so that neither a save nor a search feels it."""


class Unreadable(ValueError):
    """A stored text is damaged."""


def packed(value: Any) -> Any:
    """Give a value as it is stored: a long text as bytes of zstd, anything else as it is.

    It is SQL's function `packed(?)` on every connection.
    """
    if not isinstance(value, str) or len(value) < PACKED_FROM:
        return value
    import zstandard

    data = value.encode()
    small = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(data)
    return small if len(small) < len(data) * WORTH else value


def unpacked(value: Any) -> Any:
    """Undo `packed`; SQL's function `unpacked(column)`.

    Raises:
        Unreadable: A bit of it has changed.
    """
    if not isinstance(value, bytes):
        return value
    import zstandard

    try:
        return zstandard.ZstdDecompressor().decompress(value).decode()
    except (zstandard.ZstdError, UnicodeDecodeError) as error:
        raise Unreadable(str(error)) from error
