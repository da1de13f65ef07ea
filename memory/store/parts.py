"""Store what parts and content share only once, and give it back to the letter."""

from collections.abc import Iterable, Mapping
from typing import Any

_SPAN, _ESCAPED = "span_of_content", "escaped"
SHORTEST = 16
"""Characters from which on a text is looked for in the content; a span takes as much room as this. Untuned."""


def fold_parts(content: str, parts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put the place in the content instead of a part's text, where it stands there, from left to right."""
    folded: list[dict[str, Any]] = []
    behind = 0
    for part in parts:
        if _SPAN in part or _ESCAPED in part:
            folded.append({_ESCAPED: dict(part)})
            continue
        text = part.get("text")
        start = content.find(text, behind) if isinstance(text, str) and len(text) >= SHORTEST else -1
        if start < 0 or not isinstance(text, str):
            folded.append(dict(part))
            continue
        behind = start + len(text)
        folded.append({key: value for key, value in part.items() if key != "text"} | {_SPAN: [start, behind]})
    return folded


def unfold_parts(content: str, parts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Undo `fold_parts`."""
    unfolded: list[dict[str, Any]] = []
    for part in parts:
        whole = dict(part)
        if _ESCAPED in whole:
            unfolded.append(whole[_ESCAPED])
            continue
        if span := whole.pop(_SPAN, None):
            whole["text"] = content[span[0] : span[1]]
        unfolded.append(whole)
    return unfolded
