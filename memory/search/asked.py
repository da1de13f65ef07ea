"""What a question asks for beside its words: times, speakers, and whether it is a question at all."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from indexers.words import STOP_WORDS
from memory.search.query import ParsedQuery

_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = "|".join([*_MONTHS, "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sept?", "oct", "nov", "dec"])
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_SPOKEN = re.compile(
    rf"\b(?:{_DAY}\s+(?:of\s+)?)?({_MONTH})\b\.?(?:\s+{_DAY}\b(?!\s*:))?(?:,?\s+((?:19|20)\d\d)\b)?", re.IGNORECASE
)
_NUMERIC = re.compile(r"\b((?:19|20)\d\d)(?:-(\d{1,2}))?(?:-(\d{1,2}))?\b")
_RELATIVE = re.compile(
    r"\b(?:(yesterday)|(today)|(last|this)\s+(week|month|year)|(\d{1,3})\s+(day|week|month)s?\s+ago)\b"
)
_BEFORE_MONTH = re.compile(
    r"\b(?:in|of|during|last|this|since|by|until|before|after|early|late|mid|on)\s+$", re.IGNORECASE
)
_ASKING = re.compile(
    r"\s*(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|has|have|had|can|could|will|would"
    r"|should)\b",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"\s*(?:when|(?:how|since) (?:long|when)|(?:in|on|at) (?:what|which) (?:year|month|day|date|week))\b", re.I
)
_NAME = re.compile(r"[^\W_]+")
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_SPILL = ((0, 1.0), (3, 0.8), (7, 0.65))
"""Days behind a named day, and what a text of then counts: people tell of a thing on the day, or some days later."""
_OTHER_DAY, _YEAR_ONLY = 0.5, 0.15
"""What a text counts that has only the month, or only the year, of what was named."""


@dataclass(frozen=True, slots=True)
class NamedTime:
    """A time that a query names; None for what it leaves open."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    span: tuple[datetime, datetime] | None = None
    """Instead of the others: from and to."""

    def closeness(self, at: datetime) -> float:
        """Say how well a time fits, 0 to 1."""
        if self.span is not None:
            return 1.0 if self.span[0] <= at < self.span[1] else 0.0
        if (self.year and at.year != self.year) or (self.month and at.month != self.month):
            return 0.0
        if self.month is None:
            return _YEAR_ONLY
        if self.day is None:
            return 1.0
        late = at.day - self.day
        return next((worth for days, worth in _SPILL if 0 <= late <= days), _OTHER_DAY)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query asks for beside its words."""

    times: tuple[NamedTime, ...] = ()
    names: frozenset[str] = frozenset()
    """Its words in lower case: one of them may be who said it."""
    words: int = 0
    """How many different words it has, stop words left out."""
    is_question: bool = False
    asks_when: bool = False

    def closeness(self, at: datetime) -> float:
        """Say how well a time fits one of the times named, 0 to 1; 0 when none is."""
        return max((each.closeness(at) for each in self.times), default=0.0)

    def is_named(self, sender: str | None) -> bool:
        """Say whether a sender is named, by any part of the name."""
        return bool(sender) and not self.names.isdisjoint(name_words(sender or ""))


def asked_of(parsed: ParsedQuery, query: str, now: datetime) -> Asked:
    """Look at a query for what it asks beside its words.

    Args:
        parsed: The query, read; `after:` and `before:` are filters and no hints.
        query: The query as it was typed.
        now: What `yesterday` and `last week` count from.
    """
    text = parsed.text
    names = frozenset(word for each in parsed.words for word in name_words(each))
    is_question = bool(_ASKING.match(text)) or query.rstrip().endswith("?")
    words = len({word.lower() for word in parsed.words if word.lower() not in STOP_WORDS}) + len(parsed.phrases)
    return Asked(tuple(_times(text, now)), names, words, is_question, bool(_WHEN.match(text)))


@lru_cache(maxsize=1024)
def name_words(text: str) -> frozenset[str]:
    """Give the words of a name in lower case, without a possessive `'s`; those of one letter and stop words left out."""
    return frozenset(word for word in _NAME.findall(text.lower()) if len(word) > 1 and word not in STOP_WORDS)


def _times(text: str, now: datetime) -> list[NamedTime]:
    found = [each for match in _SPOKEN.finditer(text) if (each := _spoken(match, text))]
    taken = {each.year for each in found}
    for match in _NUMERIC.finditer(text):
        year, month, day = (int(part) if part else None for part in match.groups())
        if (month is None or 1 <= month <= 12) and (month or year not in taken):
            found.append(NamedTime(year, month, day))
    found.extend(_relative(match, now) for match in _RELATIVE.finditer(text.lower()))
    return found


def _spoken(match: re.Match[str], text: str) -> NamedTime | None:
    before, name, behind, year = match.groups()
    day = int(before or behind) if before or behind else None
    lower = name.lower()
    # some months are names and verbs, too
    is_month = lower in _MONTHS and lower not in ("march", "april", "may", "june", "august")
    if not (is_month or day or year or _BEFORE_MONTH.search(text[max(0, match.start() - 24) : match.start()])):
        return None
    month = next(number for number, each in enumerate(_MONTHS, 1) if each[:3] == lower[:3])
    return NamedTime(int(year) if year else None, month, day if day and day <= 31 else None)


def _relative(match: re.Match[str], now: datetime) -> NamedTime:
    yesterday, today, which, unit, count, counted = match.groups()
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if yesterday or today:
        start = day - timedelta(days=1) if yesterday else day
        return NamedTime(span=(start, start + timedelta(days=1)))
    if count:
        start = day - timedelta(days=int(count) * _DAYS[counted])
        slack = timedelta(days=_DAYS[counted] // 4)
        return NamedTime(span=(start - slack, start + slack + timedelta(days=1)))
    length = timedelta(days=_DAYS[unit])
    return NamedTime(span=(day - length, now) if which == "this" else (day - 2 * length, day))
