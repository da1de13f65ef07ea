"""Cut a long text into pieces that keep whole lines."""

import re

CHUNK_CHARACTERS = 700
"""Length that a piece aims at. Source: RETRIEVAL.md section 4 (700 beats 1,200 on long answers)."""
_BREAK = re.compile(r"(?<=[.!?;])\s+|\s+")


def chunk_spans(text: str, size: int = CHUNK_CHARACTERS, limit: int = 1_000_000) -> list[tuple[int, int]]:
    """Cut a text into spans that follow each other without gap or overlap.

    A span ends at a line's end where one lies in its second half, else behind a sentence or a word, else anywhere.

    Args:
        text: Any text; "" gives no span.
        size: Characters that a span has at most; a text up to a fifth longer stays whole.
        limit: Characters that are cut at all; the rest of the text is in no span.

    Returns:
        Pairs of start and end, in characters.
    """
    end = min(len(text), limit)
    if end <= size * 6 // 5:
        return [(0, end)] if end else []
    spans: list[tuple[int, int]] = []
    start = 0
    while end - start > size:
        cut = _cut(text, start, start + size)
        spans.append((start, cut))
        start = cut
    if start < end:
        spans.append((start, end))
    return spans


def _cut(text: str, start: int, end: int) -> int:
    half = start + (end - start) // 2
    blank = text.rfind("\n\n", half, end)
    if blank >= 0:
        return blank + 2
    line = text.rfind("\n", half, end)
    if line >= 0:
        return line + 1
    found = [match.end() for match in _BREAK.finditer(text, half, end)]
    return found[-1] if found else end
