"""The query language: words, phrases, exclusions and filters; what does not parse is words."""

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from indexers.words import signs
from memory.dates import read_date

LONGEST_QUERY = 20_000
"""Characters that are read; terms are capped anyway. Source: RELIABILITY C.4."""
MOST_WORDS_OF_A_COMMAND = 15
"""Plain words up to which quotes and dashes are commands. A longer text was pasted: its quotes are its own. Untuned."""
_TOKEN = re.compile(r'(?P<minus>-)?(?:(?P<name>[a-z]+):)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))|"')
_ROLES = ("user", "assistant", "system", "tool")
_KINDS = ("message", "learning", "session")
_EDGES = "()[]{}<>,;!?'\"`|&=…“”‘’«»"


@dataclass(frozen=True)
class Filters:
    """What hits are narrowed to; None and empty do not narrow."""

    project: str | None = None
    session: str | None = None
    role: str | None = None
    tool: str | None = None
    kind: str | None = None
    participant: str | None = None
    tag: str | None = None
    file: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    is_error: bool = False


@dataclass(frozen=True)
class ParsedQuery:
    """A query, read."""

    words: tuple[str, ...] = ()
    """Plain words, in order, as they stand."""
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    """Words and phrases that no hit holds."""
    title_words: tuple[str, ...] = ()
    """What must stand in the title of the session."""
    filters: Filters = field(default_factory=Filters)

    @property
    def text(self) -> str:
        """What is asked for in plain words, for the semantic leg."""
        return " ".join((*self.words, *self.phrases, *self.title_words))

    @property
    def has_words(self) -> bool:
        """Whether anything is asked for beside filters."""
        return bool(self.words or self.phrases or self.title_words)

    @property
    def narrows(self) -> bool:
        """Whether it has filters."""
        return self.filters != Filters() or bool(self.title_words)


def parse_query(query: str, now: datetime) -> ParsedQuery:
    """Read a query; there is no wrong one.

    Args:
        query: As it was typed.
        now: What `7d` and `yesterday` count from.
    """
    words: list[str] = []
    phrases: list[str] = []
    excluded: list[str] = []
    titles: list[str] = []
    filters = Filters()
    typed = unicodedata.normalize("NFKC", query[:LONGEST_QUERY].replace("\x00", " "))[:LONGEST_QUERY]
    for match in _TOKEN.finditer(typed):
        name, value = match["name"], match["phrase"] if match["phrase"] is not None else match["word"]
        if value is None:
            continue
        if name == "title" and not match["minus"]:
            titles += value.split()
        elif name and not match["minus"] and (narrowed := _narrowed(filters, name, value, now)) is not None:
            filters = narrowed
        elif match["minus"] and not name and _excludes(value):
            excluded.append(value)
        elif match["phrase"] is not None and not name:
            if value.strip():
                phrases.append(value)
        else:
            words += _plain(match.group().strip('"').replace('"', " "))
    if len(words) > MOST_WORDS_OF_A_COMMAND or (excluded and not (words or phrases or titles or filters != Filters())):
        # nothing can be left out of nothing: `-Xmx4g` alone is what is asked about
        words += [word for each in (*phrases, *excluded) for word in _plain(each)]
        phrases, excluded = [], []
    return ParsedQuery(tuple(words), tuple(phrases), tuple(excluded), tuple(titles), filters)


def _excludes(value: str) -> bool:
    """Say whether what stands behind a dash is to be left out: `-m` and `--force` are options that are asked about."""
    return len(value.strip(_EDGES)) > 1 and not value.startswith("-")


def _plain(token: str) -> list[str]:
    found = [part.strip(_EDGES).rstrip(".:") for part in token.split()]
    return [part for part in found if any(map(str.isalnum, part)) or signs(part)]


def _narrowed(filters: Filters, name: str, value: str, now: datetime) -> Filters | None:
    """Add one filter; None when there is no such filter, or its value cannot be one."""
    if not value.strip():
        return None
    match name:
        case "project" | "session" | "tool" | "participant" | "tag" | "file":
            narrowed: dict[str, Any] = {name: value}
            return replace(filters, **narrowed)
        case "role" if value.lower() in _ROLES:
            return replace(filters, role=value.lower())
        case "kind" if value.lower() in _KINDS:
            return replace(filters, kind=value.lower())
        case "is" if value.lower() == "error":
            return replace(filters, is_error=True)
        case "is" if value.lower() in _KINDS:
            return replace(filters, kind=value.lower())
        case "after" | "before" | "on":
            span = read_date(value, now)
            if span is None:
                return None
            if name == "on":
                return replace(filters, after=span[0], before=span[1])
            return replace(filters, after=span[0]) if name == "after" else replace(filters, before=span[0])
    return None
