"""What a message said before it was edited, and what each edit changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from itertools import islice

from memory.kinds.message import Message, MessageVersion

MOST_LINES = 4_000
"""Lines of a text that are compared, and of a comparison that are shown; comparing takes the square of them. Untuned."""


@dataclass(frozen=True)
class Line:
    """A line of a comparison."""

    sort: str
    """`added`, `removed`, `kept` or `place`."""
    text: str


@dataclass(frozen=True)
class ShownVersion:
    """One text of a message."""

    name: str
    at: datetime
    content: str
    changes: list[Line]
    """What became of the text before it; [] for the first."""


def shown_versions(message: Message, former: Sequence[MessageVersion]) -> list[ShownVersion]:
    """Give the texts of a message, the current one first, each compared with the one before it."""
    texts = [(f"Version {each.version}", each.created_at, each.content) for each in former]
    texts.append((f"Version {len(texts) + 1}, the current one", message.updated_at, message.content))
    found = []
    for place, (name, at, content) in enumerate(texts):
        before = texts[place - 1][2] if place else content
        found.append(ShownVersion(name, at, content, changes(before, content)))
    return found[::-1]


def changes(before: str, after: str) -> list[Line]:
    """Compare two texts by lines; long ones are compared as far as they are read."""
    compared = unified_diff(before.splitlines()[:MOST_LINES], after.splitlines()[:MOST_LINES], lineterm="", n=2)
    return [_line(each) for each in islice(compared, 2, MOST_LINES)]


def _line(text: str) -> Line:
    sort = {"+": "added", "-": "removed", "@": "place"}.get(text[:1], "kept")
    return Line(sort, "…" if sort == "place" else text)
