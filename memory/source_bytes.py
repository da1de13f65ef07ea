"""The bytes of a source without its secrets: JSON as JSON, line by line, other text as far as it goes on."""

import json
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from memory.redaction import may_hold_secret

_OPENINGS = (b"{", b"[")


def without_secrets(data: bytes, take_out: Callable[[Any], Any]) -> bytes:
    """Take the secrets out of what a file held; bytes that hold none stay as they are.

    Args:
        data: A whole document, or whole lines.
        take_out: Takes the secrets out of a JSON-like value, and gives back the value itself when it holds none.
    """
    whole = document_without_secrets(data, take_out)
    return b"".join(_stretches(data, take_out)) if whole is None else whole


def document_without_secrets(data: bytes, take_out: Callable[[Any], Any]) -> bytes | None:
    """Take the secrets out of a document that is JSON as a whole; None for any other."""
    if not data.lstrip(b"\x00\xef\xbb\xbf \t\r\n").startswith(_OPENINGS):
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    changed = take_out(value)
    return data if changed is value else json.dumps(changed, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _stretches(data: bytes, take_out: Callable[[Any], Any]) -> Iterator[bytes]:
    for is_json, lines in groupby(data.splitlines(keepends=True), lambda line: line.startswith(_OPENINGS)):
        if is_json:
            yield from (_line(line, take_out) for line in lines)
        else:
            # a key may go over several lines
            yield _plain(b"".join(lines), take_out)


def _line(line: bytes, take_out: Callable[[Any], Any]) -> bytes:
    if not may_hold_secret(line) and b"\\u00" not in line and b"\\/" not in line:
        return line  # letters that are escaped could hide one
    content = line.rstrip(b"\r\n")
    found = document_without_secrets(content, take_out)
    return _plain(line, take_out) if found is None else found + line[len(content) :]


def _plain(data: bytes, take_out: Callable[[Any], Any]) -> bytes:
    text: str = take_out(data.decode("utf-8", "surrogateescape"))
    return text.encode("utf-8", "surrogateescape")
