"""Which words of a text sent in a person's name the person typed, and which a program put there."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Stretch:
    """One piece of such a text; the `raw` of all pieces joined is the whole text."""

    raw: str
    origin: str | None
    """None: the person typed it. Else as `origin` in `MessageRecord.metadata`."""
    tag: str | None = None
    """The wrapper it stood in."""


def stretches(text: str, wrappers: Mapping[str, str | None]) -> list[Stretch]:
    """Cut a text at the wrappers (`<tag>…</tag>`) that begin a line; neighbours of one origin and tag are one piece.

    Args:
        text: Any text; an empty one gives [].
        wrappers: Tag to origin; a tag the person's own words stand in has None.
    """
    if "<" not in text:
        return [Stretch(text, None)] if text else []
    pieces: list[Stretch] = []
    at = 0
    for start, end, tag in _wrapped(text, wrappers):
        _add(pieces, text[at:start], None, None)
        _add(pieces, text[start:end], wrappers[tag], tag)
        at = end
    _add(pieces, text[at:], None, None)
    return pieces


def _wrapped(text: str, wrappers: Mapping[str, str | None]) -> Iterator[tuple[int, int, str]]:
    """Find where wrappers stand, left to right; every tag that is never closed is looked for once only."""
    at, unclosed = 0, set[str]()
    for match in _opening(tuple(wrappers)).finditer(text):
        tag = match[1]
        if match.start() < at or tag in unclosed:
            continue
        close = text.find(f"</{tag}>", match.end())
        if close < 0:
            unclosed.add(tag)
            continue
        at = close + len(tag) + 3
        yield match.start(), at, tag


@cache
def _opening(tags: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(re.escape(tag) for tag in tags)
    return re.compile(rf"(?:^|(?<=>))[ \t]*<({names})(?:\s[^<>\n]*)?>", re.MULTILINE)


def _add(pieces: list[Stretch], raw: str, origin: str | None, tag: str | None) -> None:
    """Add a piece; white space beside a wrapper goes with the wrapper, so that words begin with a word."""
    last = pieces[-1] if pieces else None
    if last is not None and last.tag is not None and tag is None:
        words = raw.lstrip()
        pieces[-1] = Stretch(last.raw + raw[: len(raw) - len(words)], last.origin, last.tag)
        raw = words
    elif last is not None and last.tag is None and not last.raw.strip():
        raw = pieces.pop().raw + raw
    if raw:
        pieces.append(Stretch(raw, origin, tag))


def first_line(text: str, limit: int = 80) -> str | None:
    """Find the first line that has words, cut at `limit` characters; None when there is none."""
    for line in text.splitlines():
        if words := " ".join(line.split()):
            return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"
    return None
