"""One whole JSON document as a source: its shape, its reading, and what its values are worth."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from math import isinf
from typing import Any
from uuid import UUID

from memory.importers.reading.records import Item, Mark, Problem
from memory.importers.reading.source import LINE_BYTES, Sample, Source
from memory.importers.reading.times import read_time

DOCUMENT_BYTES = LINE_BYTES
"""Largest document that is read; a larger one is a problem. Untuned."""
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]', re.DOTALL)
_DEEPEST = 3


def names_in(sample: Sample) -> set[tuple[str, ...]]:
    """Find the names in the beginning of a JSON document, each with those it stands under, three deep at most.

    A list is passed through: `[{"a": [{"b": 1}]}]` gives `("a",)` and `("a", "b")`. Anything else than JSON gives what
    happens to look like it, or nothing.
    """
    found: set[tuple[str, ...]] = set()
    if not sample.head.lstrip(b"\x00 \t\r\n").startswith((b"{", b"[")):
        return found
    path: list[str] = []
    name = ""
    for match in _TOKEN.finditer(sample.head):
        token = match[0]
        if token in (b"{", b"["):
            path.append(name if token == b"{" and name else "")
            name = ""
        elif token in (b"}", b"]"):
            if path:
                path.pop()
            name = ""
        elif match[1]:
            name = token[1 : token.rindex(b'"')].decode("utf-8", "replace")
            above = [part for part in path if part]
            if len(above) < _DEEPEST:
                found.add((*above, name))
    return found


def read_document(source: Source, items_of: Callable[[Any], Iterator[Item]]) -> Iterator[Item]:
    """Yield the items of a whole document, then the mark at its end; nothing but the mark where it has been read.

    A document that is too large, or no JSON, is a problem and has no mark: it is tried again next time.
    """
    size = source.path.stat().st_size
    if size > DOCUMENT_BYTES:
        yield Problem(None, f"a document of {size // 1_000_000} MB, longer than {DOCUMENT_BYTES // 1_000_000} MB")
        return
    if source.offset != size:
        data = source.path.read_bytes()
        size = len(data)
        try:
            document = _parse(data)
        except (ValueError, RecursionError) as error:
            yield Problem(None, f"not a whole document: {error}")
            return
        yield from items_of(document)
    yield Mark(size, 0, {"whole": True})


def _parse(data: bytes) -> Any:
    text = data.replace(b"\x00", b"").removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogatepass")
    return json.loads(text, parse_float=_finite, parse_constant=_refuse)


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if isinf(value):
        raise ValueError(f"{digits[:20]} is too large a number")
    return value


def time_in(value: object, problems: list[Problem], line: int | None = None) -> datetime | None:
    """Read a time, also a number written as text; one that cannot be read is None and a new problem."""
    if isinstance(value, str) and re.fullmatch(r"\d+(?:\.\d+)?", value):
        value = float(value)
    try:
        return read_time(value)
    except ValueError as error:
        problems.append(Problem(line, str(error)))
        return None


def words(value: object) -> str | None:
    """Give a text that is not empty; None for anything else."""
    return value if isinstance(value, str) and value else None


def mapping(value: object) -> dict[str, Any]:
    """Give an object; {} for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """Give the objects of a list; [] for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def without(record: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Give what a record holds under other names, without what is null or empty."""
    return {name: value for name, value in record.items() if name not in names and value not in (None, "", [], {})}


def native_key(session_key: str, native_id: str) -> str:
    """Give a message's id as a key of its own: a UUID as it is, any other id with its session's."""
    try:
        UUID(native_id)
    except ValueError:
        return f"{session_key}:{native_id}"
    return native_id
