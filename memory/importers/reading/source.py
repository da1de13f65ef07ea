"""One file to read: a sample to recognise it by, and its lines from where the last import stopped."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import isinf
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from memory.importers.reading.records import Problem
from memory.store.foreign import HEADER, foreign_tables

T = TypeVar("T")
SAMPLE_BYTES = 256 * 1024
"""How much of a file is looked at to recognise it. Untuned; real first lines reach 100 kB."""
LINE_BYTES = 192 * 1024 * 1024
"""Longest line that is read; a longer one is a problem. An image of 100 MB is a line of 134. Untuned."""


@dataclass
class Sample:
    """The beginning of a file, for `recognises`."""

    path: Path
    _notes: dict[str, Any] = field(default_factory=dict)

    def noted(self, name: str, find: Callable[[], T]) -> T:
        """Give what was found out about the file under a name; it is found out once, for all importers."""
        if name not in self._notes:
            self._notes[name] = find()
        found: T = self._notes[name]
        return found

    @cached_property
    def head(self) -> bytes:
        """The first SAMPLE_BYTES, without a byte order mark."""
        with self.path.open("rb") as file:
            return file.read(SAMPLE_BYTES).removeprefix(b"\xef\xbb\xbf")

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """The objects among the first whole lines, 50 at most; [] for a file that does not begin with an object.

        Lines are taken until SAMPLE_BYTES are full, the first one whole however long it is: it can hold an image.
        """
        if not self.head.lstrip(b"\x00 \t\r\n").startswith(b"{"):
            return []
        found: list[dict[str, Any]] = []
        with self.path.open("rb") as file:
            for _ in range(50):
                raw = file.readline(LINE_BYTES) if file.tell() < SAMPLE_BYTES else b""
                if isinstance(line := _parse(raw, 0, 0, is_glued=True), Line):
                    found += [line.value, *line.glued]
                elif not raw:
                    break
        return found

    @cached_property
    def tables(self) -> dict[str, frozenset[str]]:
        """Each table's columns, where the file is an SQLite database; else {}."""
        return foreign_tables(self.path) if self.head.startswith(HEADER) else {}

    @cached_property
    def text(self) -> str | None:
        """The sample as text; None when it is binary (NUL bytes, or not UTF-8)."""
        if b"\x00" in self.head:
            return None
        cut = self.head if len(self.head) < SAMPLE_BYTES else self.head[: self.head.rfind(b"\n") + 1]
        try:
            return cut.decode("utf-8")
        except UnicodeDecodeError:
            return None


@dataclass(slots=True)
class Line:
    """One line of a JSON Lines file."""

    number: int
    """Counted from 1."""
    end: int
    """Byte offset just behind the line."""
    value: dict[str, Any]
    glued: list[dict[str, Any]] = field(default_factory=list)
    """Objects that follow on the same line, where the reader allows for them."""
    problem: Problem | None = None
    """What behind them is no JSON."""

    def values(self) -> Iterator[dict[str, Any]]:
        """Yield the objects of the line, in their order."""
        yield self.value
        yield from self.glued


@dataclass
class Source:
    """A file, and where to go on in it."""

    path: Path
    offset: int = 0
    """Bytes that an earlier import has read; reading starts here."""
    line: int = 0
    """How many lines lie before `offset`."""
    state: dict[str, Any] = field(default_factory=dict)
    """What the importer's last `Mark` held; {} at the start of a file."""
    name: str = ""
    """The path it is known by, for ids that are made of it: of a member of an archive not where it is unpacked."""
    reached: int = field(init=False)
    """How far `json_lines` has come: the byte behind the last line it dealt with, a broken one included."""
    reached_line: int = field(init=False)
    """How many lines lie before `reached`."""

    def __post_init__(self) -> None:
        self.reached, self.reached_line = self.offset, self.line
        self.name = self.name or str(self.path.absolute())

    def json_lines(
        self, passes_over: Callable[[bytes], bool] | None = None, *, is_glued: bool = False, lists_as: str | None = None
    ) -> Iterator[Line | Problem]:
        """Yield the JSON objects of the lines from `offset` on, and a problem for each line that is none.

        Blank lines are passed over; NUL bytes, a byte order mark and `\\r` are tolerated; lone surrogates stay as
        they are. A last line without a newline is yielded when it is whole JSON; when it is not, it is left for the
        next import without a problem: the file is still being written. One line at a time is held in memory.

        Args:
            passes_over: Looks at the bytes of a line and says whether it can be left out without being parsed.
            is_glued: Whether a line can hold several objects, as two writers leave them; else that is a problem.
            lists_as: A line that is a list is an object that has it under this name; None where it is a problem.
        """
        with self.path.open("rb") as file:
            is_rest = _go_to(file, self.offset)
            while raw := file.readline(LINE_BYTES):
                parsed: Line | Problem | None = None
                number, end = self.reached_line + (not is_rest), self.reached + len(raw)
                if len(raw) == LINE_BYTES and not raw.endswith(b"\n"):
                    end += _skip_line(file)
                    size = f"{(end - self.reached) // 1_000_000} MB, longer than {LINE_BYTES // 1_000_000} MB"
                    parsed = Problem(number, f"a line of {size}, was skipped")
                elif passes_over is None or not passes_over(raw):
                    parsed = _parse(raw, number, end, is_glued, lists_as)
                    is_whole = isinstance(parsed, Line) and parsed.problem is None
                    if not is_whole and not raw.endswith(b"\n"):
                        return
                self.reached, self.reached_line, is_rest = end, number, False
                if parsed is not None:
                    yield parsed
                if isinstance(parsed, Line) and parsed.problem is not None:
                    yield parsed.problem


def _go_to(file: BinaryIO, offset: int) -> bool:
    """Seek; say whether that is inside a line: behind a last line that had no newline when it was read."""
    file.seek(max(offset - 1, 0))
    return offset > 0 and file.read(1) not in (b"\n", b"")


def _skip_line(file: BinaryIO) -> int:
    skipped = 0
    while raw := file.readline(LINE_BYTES):
        skipped += len(raw)
        if raw.endswith(b"\n"):
            break
    return skipped


def _parse(
    raw: bytes, number: int, end: int, is_glued: bool = False, lists_as: str | None = None
) -> Line | Problem | None:
    clean = raw.replace(b"\x00", b"").removeprefix(b"\xef\xbb\xbf").strip()
    if not clean:
        return None
    try:
        text = clean.decode("utf-8", "surrogatepass")
        (value, *others), fault = _glued(text) if is_glued else ([_decoder.decode(text)], None)
    except UnicodeDecodeError as error:
        return Problem(number, f"not UTF-8 at byte {error.start} of the line")
    except RecursionError:
        return Problem(number, "JSON nested too deep")
    except ValueError as error:
        return Problem(number, f"not valid JSON: {error}")
    if lists_as is not None and isinstance(value, list):
        value = {lists_as: value}
    for each in (value, *others):
        if not isinstance(each, dict):
            return Problem(number, f"a JSON object was expected, not {type(each).__name__}")
    broken = Problem(number, f"not valid JSON behind its first object: {fault}") if fault else None
    return Line(number, end, value, others, broken)


def _glued(text: str) -> tuple[list[Any], str | None]:
    """Parse the values that stand behind one another in a text, and say what behind them is none.

    Raises:
        ValueError: The first is none already.
    """
    found: list[Any] = []
    at = 0
    while at < len(text):
        try:
            value, at = _decoder.raw_decode(text, at)
        except ValueError as error:
            if not found:
                raise
            return found, str(error)
        found.append(value)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found, None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if isinf(value):
        raise ValueError(f"{digits[:20]} is too large a number")
    return value


_decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant)
