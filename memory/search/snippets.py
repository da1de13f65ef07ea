"""Snippets: the part of a text that holds most of what was looked for, marked."""

import re

from indexers.keyword import SHORTEST_TYPO
from indexers.keyword.in_memory import letters_apart
from indexers.words import stem

LENGTH = 240
"""Characters of a snippet, without its marks."""
_WORD = re.compile(r"[\w]+(?:[-_./\\:@][\w]+)*")
_PLAIN = re.compile(r"[^\W_]+")
MARK, END = "<mark>", "</mark>"


def snippet(
    text: str, stems: set[str], identifiers: set[str], length: int = LENGTH, *, looks_for_typos: bool = True
) -> str:
    """Cut out the part of a text that holds the most different words looked for, and mark them.

    Args:
        text: One piece of a record's text.
        stems: Stems of the words looked for.
        identifiers: Whole names and pairs of characters looked for, in lower case.
        length: Characters that are shown at most.
        looks_for_typos: Whether words that are a letter or two off are marked, when no others stand in the text.

    Returns:
        Text on one line, `…` where it was cut; matches between `<mark>` and `</mark>`.
    """
    spans = _matches(text, stems, identifiers)
    near = [each for each in stems if len(each) >= SHORTEST_TYPO]
    if not spans and looks_for_typos and (near or identifiers):
        spans = _merged(_near(text, near, identifiers))
    start = _best_start(text, spans, length)
    end = min(len(text), start + length)
    if start > 0 and (blank := re.search(r"\s", text[start : start + 20])):
        start += blank.end()
    if end < len(text) and (cut := text.rfind(" ", end - 20, end)) > start:
        end = cut
    words: list[str] = ["…" if start > 0 else ""]
    at = start
    for first, last in spans:
        if first >= at and last <= end:
            words += [text[at:first], MARK, text[first:last], END]
            at = last
    words += [text[at:end], "…" if end < len(text) else ""]
    return re.sub(r"\s+", " ", "".join(words)).strip()


def _matches(text: str, stems: set[str], identifiers: set[str]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    # a stem begins as its word does, so most words need not be stemmed
    heads = {each[:2] for each in stems}
    for match in _PLAIN.finditer(text):
        said = match.group()
        if (said[:2].lower() in heads or not said.isascii()) and stem(said) in stems:
            found.append(match.span())
    if identifiers:
        lower = text.lower()
        for name in identifiers:
            if name in lower and len(lower) == len(text):
                found += [match.span() for match in re.finditer(re.escape(name), lower)]
    return _merged(found)


def _near(text: str, stems: list[str], identifiers: set[str]) -> list[tuple[int, int]]:
    """What a typo or the beginning of a name may have matched."""
    found = []
    for match in _WORD.finditer(text):
        word = match.group().lower()
        begins = any(word.startswith(each) for each in identifiers)
        if begins or any(letters_apart(stem(word), each, 1 + (len(each) > 7)) <= 1 + (len(each) > 7) for each in stems):
            found.append(match.span())
    return found


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _best_start(text: str, spans: list[tuple[int, int]], length: int) -> int:
    if len(text) <= length or not spans:
        return 0
    best, most = spans[0][0], -1.0
    for start, _ in spans:
        inside = [text[a:b].lower() for a, b in spans if start <= a and b <= start + length * 3 // 4]
        value = len(set(inside)) + len(inside) / 100
        if value > most:
            best, most = start, value
    return max(0, min(best - length // 6, len(text) - length))
