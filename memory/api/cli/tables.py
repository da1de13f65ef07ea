"""Lines for people: columns that fit the screen, tab-separated where there is none; nothing that controls a terminal."""

import re
import shutil
from collections.abc import Iterable
from typing import TextIO

import click

from memory.settings import wants_colour

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]")
_MARKED = re.compile(r"<mark>(.*?)</mark>", re.DOTALL)
SHORTEST_COLUMN = 12


class Writer:
    """Writes to one stream as fits it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._width = shutil.get_terminal_size((100, 24)).columns
        self._has_colour = self._is_terminal and wants_colour()

    def write(self, lines: Iterable[tuple[str, ...] | str]) -> None:
        """Write lines: a tuple as columns, a text as it is; columns are as wide as their neighbours need."""
        block: list[tuple[str, ...]] = []
        for line in lines:
            if isinstance(line, tuple):
                block.append(tuple(self.plain(cell) for cell in line))
                continue
            self._columns(block)
            block = []
            click.echo(self._marked(self.plain(line)), file=self._stream, color=self._has_colour)
        self._columns(block)

    def plain(self, text: str) -> str:
        """Take out what would control a terminal or turn the direction of writing."""
        return _CONTROL.sub("", text.replace("\x1b", ""))

    def _columns(self, block: list[tuple[str, ...]]) -> None:
        if not block:
            return
        if not self._is_terminal:
            for line in block:
                cells = [self._marked(" ".join(cell.split())) for cell in line]
                click.echo("\t".join(cells), file=self._stream, color=False)
            return
        widths = self._widths(block)
        for line in block:
            cells = [self._fitted(cell, widths[i], i == len(line) - 1) for i, cell in enumerate(line)]
            click.echo("  ".join(cells).rstrip(), file=self._stream, color=self._has_colour)

    def _widths(self, block: list[tuple[str, ...]]) -> list[int]:
        count = max(len(line) for line in block)
        widths = [max((_shown(line[i]) for line in block if i < len(line)), default=0) for i in range(count)]
        while sum(widths) + 2 * (count - 1) > self._width and max(widths) > SHORTEST_COLUMN:
            widest = widths.index(max(widths))
            over = sum(widths) + 2 * (count - 1) - self._width
            second = max([w for i, w in enumerate(widths) if i != widest], default=0)
            widths[widest] = max(SHORTEST_COLUMN, min(widths[widest] - 1, max(second, widths[widest] - over)))
        return widths

    def _fitted(self, cell: str, width: int, is_last: bool) -> str:
        flat = " ".join(cell.split())
        if _shown(flat) > width:
            flat = _cut(flat, width)
        pad = "" if is_last else " " * (width - _shown(flat))
        return self._marked(flat) + pad

    def _marked(self, text: str) -> str:
        if self._has_colour:
            return _MARKED.sub(lambda match: click.style(match[1], bold=True, underline=True), text)
        return _MARKED.sub(lambda match: f"<{match[1]}>", text)


def _shown(text: str) -> int:
    # a mark is shown as two characters, `<` and `>`
    return len(text) - 11 * text.count("</mark>")


def _cut(text: str, width: int) -> str:
    """Shorten to a width, marks kept whole."""
    parts: list[str] = []
    room = width - 1
    for piece in re.split(r"(<mark>.*?</mark>)", text):
        length = _shown(piece)
        if length > room:
            if not piece.startswith("<mark>"):
                parts.append(piece[:room])
            break
        parts.append(piece)
        room -= length
    return "".join(parts) + "…"
