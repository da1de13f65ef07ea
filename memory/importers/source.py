"""One file to read: a sample to recognise it by, and its lines from where the last import stopped."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from memory.importers.records import Problem

SAMPLE_BYTES = 256 * 1024
"""How much of a file is looked at to recognise it. Untuned; real first lines reach 100 kB."""
LINE_BYTES = 64 * 1024 * 1024
"""Longest line that is read; a longer one is a problem. Source: RELIABILITY C.1, 8."""


@dataclass
class Sample:
    """The beginning of a file, for `recognises`."""

    path: Path

    @cached_property
    def head(self) -> bytes:
        """The first SAMPLE_BYTES, without a byte order mark."""
        with self.path.open("rb") as file:
            return file.read(SAMPLE_BYTES).removeprefix(b"\xef\xbb\xbf")

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """The objects of the first 50 whole lines that are JSON objects; [] for any other file."""
        whole = self.head if len(self.head) < SAMPLE_BYTES else self.head[: self.head.rfind(b"\n") + 1]
        found: list[dict[str, Any]] = []
        for line in whole.replace(b"\x00", b"").splitlines()[:50]:
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                found.append(value)
        return found

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

    def json_lines(self) -> Iterator[Line | Problem]:
        """Yield the JSON objects of the lines from `offset` on, and a problem for each line that is none.

        Blank lines are passed over; NUL bytes, a byte order mark and `\\r` are tolerated; lone surrogates stay as
        they are. A last line without a newline is yielded when it is whole JSON; when it is not, it is left for the
        next import without a problem: the file is still being written. One line at a time is held in memory.
        """
        with self.path.open("rb") as file:
            file.seek(self.offset)
            number, end = self.line, self.offset
            while raw := file.readline(LINE_BYTES):
                number += 1
                end += len(raw)
                if len(raw) == LINE_BYTES and not raw.endswith(b"\n"):
                    skipped = _skip_line(file)
                    end += skipped
                    size_mb = (len(raw) + skipped) / 1_000_000
                    yield Problem(number, f"a line of {size_mb:.0f} MB is longer than {LINE_BYTES // 1_000_000} MB; it was skipped")
                    continue
                parsed = _parse(raw, number, end)
                if isinstance(parsed, Problem) and not raw.endswith(b"\n"):
                    return
                if parsed is not None:
                    yield parsed


def _skip_line(file: BinaryIO) -> int:
    skipped = 0
    while raw := file.readline(LINE_BYTES):
        skipped += len(raw)
        if raw.endswith(b"\n"):
            break
    return skipped


def _parse(raw: bytes, number: int, end: int) -> Line | Problem | None:
    clean = raw.replace(b"\x00", b"").removeprefix(b"\xef\xbb\xbf").strip()
    if not clean:
        return None
    try:
        value = json.loads(clean.decode("utf-8", "surrogatepass"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        return Problem(number, f"not UTF-8 at byte {error.start} of the line")
    except RecursionError:
        return Problem(number, "JSON nested too deep")
    except ValueError as error:
        return Problem(number, f"not valid JSON: {error}")
    if not isinstance(value, dict):
        return Problem(number, f"a JSON object was expected, not {type(value).__name__}")
    return Line(number, end, value)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
