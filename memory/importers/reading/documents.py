"""One whole JSON document as a source: its shape, its reading, and what its values are worth."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from math import isinf
from pathlib import Path
from typing import Any
from uuid import UUID

import ijson

from memory.importers.reading.records import Item, Mark, Problem
from memory.importers.reading.source import LINE_BYTES, Sample, Source
from memory.importers.reading.times import read_time

DOCUMENT_BYTES = LINE_BYTES
"""Largest document that is read as a whole; a larger one is a problem. Untuned."""
STREAMED_BYTES = 8 * 1024 * 1024
"""A list of documents longer than this is read one by one. Untuned; the whole takes about eight times its size."""
ELEMENTS_TOGETHER = 20
"""Elements of a list from one mark to the next. Untuned."""
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]', re.DOTALL)
_DEEPEST = 3


def names_in(sample: Sample) -> set[tuple[str, ...]]:
    """Find the names in the beginning of a JSON document, each with those it stands under, three deep at most.

    A list is passed through: `[{"a": [{"b": 1}]}]` gives `("a",)` and `("a", "b")`; of lines of JSON the first is looked
    at. Anything else than JSON gives what happens to look like it, or nothing.
    """
    return sample.noted("names", lambda: _names(_document_in(sample)))


def _document_in(sample: Sample) -> bytes:
    """Give the beginning of a document: of lines of JSON the first line, else all that was looked at."""
    first = sample.head.lstrip(b"\x00 \t\r\n").partition(b"\n")[0]
    return first if len(sample.records) > 1 and object_in(first) is not None else sample.head


def _names(head: bytes) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    if not head.lstrip(b"\x00 \t\r\n").startswith((b"{", b"[")):
        return found
    path: list[str] = []
    name = ""
    for match in _TOKEN.finditer(head):
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


def read_document(
    source: Source, items_of: Callable[[Any], Iterator[Item]], *, is_list: bool = False
) -> Iterator[Item]:
    """Yield the items of a whole document, then the mark at its end; nothing but the mark where it has been read.

    A document that is too large, or no JSON, is a problem and has no mark: it is tried again next time.

    Args:
        source: The document.
        items_of: Makes items of it.
        is_list: Whether a list is several documents, any number of which `items_of` takes as a list: then a large one
            is never in memory as a whole.
    """
    size = source.path.stat().st_size
    if source.offset == size:
        yield Mark(size, 0, {"whole": True})
        return
    if size > STREAMED_BYTES and is_list and _begins_a_list(source.path):
        yield from _streamed(source.path, size, items_of)
        return
    if size > DOCUMENT_BYTES:
        yield Problem(None, f"a document of {size // 1_000_000} MB, longer than {DOCUMENT_BYTES // 1_000_000} MB")
        return
    data = source.path.read_bytes()
    size = len(data)
    try:
        document = _parse(data)
    except (ValueError, RecursionError) as error:
        yield Problem(None, f"not a whole document: {error}")
        return
    del data
    yield from items_of(document)
    yield Mark(size, 0, {"whole": True})


def _begins_a_list(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def _streamed(path: Path, size: int, items_of: Callable[[Any], Iterator[Item]]) -> Iterator[Item]:
    """Yield the items of a long list, one of its elements in memory at a time."""
    with path.open("rb") as file:
        file.seek(3 if file.read(3) == b"\xef\xbb\xbf" else 0)
        elements = ijson.items(file, "item", use_float=True)
        at = 0
        while True:
            try:
                element = next(elements, None)
            except (ijson.JSONError, ValueError, RecursionError) as error:
                yield Problem(None, f"not a whole document behind its element {at}: {error}")
                return
            if element is None:
                break
            at += 1
            for item in items_of([element]):
                yield Problem(None, f"element {at}: {item.what}") if isinstance(item, Problem) else item
            if at % ELEMENTS_TOGETHER == 0:
                # what was read can be written, but there is no place in the document to go on from
                yield Mark(0, 0, {"whole": True})
    yield Mark(size, 0, {"whole": True})


def _parse(data: bytes) -> Any:
    text = data.replace(b"\x00", b"").removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogatepass")
    return json.loads(text, parse_float=_finite, parse_constant=_refuse)


def object_in(value: object) -> dict[str, Any] | None:
    """Read a JSON object from text or bytes, such as a cell of a database; None for anything else."""
    if not isinstance(value, str | bytes):
        return None
    try:
        found = _parse(value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


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
