"""Activity as a calendar: a column a week, a row a weekday, darker where more was said; and as numbers a month."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from memory.collections.activity import Day

WEEKS = 53
CELL, STEP = 11, 14
"""Size of a day's square, and how far apart squares are, in units of the picture."""
_LEFT, _TOP = 32, 20
"""Room for the names of weekdays and of months."""
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
LEVELS = 4
"""How many shades there are for days on which something was said; 0 is none."""


@dataclass(frozen=True)
class Cell:
    """One day in the picture."""

    date: date
    messages: int
    sessions: int
    level: int
    """0 where nothing was said, else 1 to LEVELS, by quarters of the counts that days have."""
    name: str
    """`12 messages in 3 sessions on 2026-03-02`."""
    x: int
    y: int


@dataclass(frozen=True)
class Word:
    """A name beside the picture."""

    text: str
    x: int
    y: int


@dataclass(frozen=True)
class Month:
    """All of a month, for a table below the picture."""

    name: str
    """`2026-03`."""
    first: date
    last: date
    """Its first and last day in the picture."""
    messages: int
    days: int
    """On how many of them something was said."""


@dataclass(frozen=True)
class Calendar:
    """Activity as a picture, in a view box from 0, 0, and as months."""

    width: int
    height: int
    first: date
    last: date
    messages: int
    days: int
    """On how many days something was said."""
    cells: tuple[Cell, ...]
    months: tuple[Word, ...]
    weekdays: tuple[Word, ...]
    by_month: tuple[Month, ...]


def span(last: date, *, weeks: int = WEEKS) -> tuple[date, date]:
    """Give the first day of a calendar of some weeks that ends with a day, a Monday, and that day."""
    monday = last - timedelta(days=last.weekday())
    return monday - timedelta(weeks=weeks - 1), last


def calendar(days: Iterable[Day], last: date, *, weeks: int = WEEKS) -> Calendar:
    """Draw the weeks that end with a day; days that are not given, or lie outside, count as none.

    Args:
        days: What was said on which day, in any order.
        last: The last day of the picture, such as today.
        weeks: How many columns it has.
    """
    first, last = span(last, weeks=weeks)
    said = {day.date: day for day in days if first <= day.date <= last and day.messages > 0}
    bounds = _bounds([day.messages for day in said.values()]) if said else []
    cells = []
    for place in range((last - first).days + 1):
        at = first + timedelta(days=place)
        cells.append(_cell(at, said.get(at), bounds, _LEFT + place // 7 * STEP, _TOP + place % 7 * STEP))
    return Calendar(
        width=_LEFT + weeks * STEP,
        height=_TOP + 7 * STEP,
        first=first,
        last=last,
        messages=sum(day.messages for day in said.values()),
        days=len(said),
        cells=tuple(cells),
        months=tuple(_month_names(cells)),
        weekdays=tuple(
            Word(name, 0, _TOP + row * STEP + CELL - 2) for row, name in ((0, "Mon"), (2, "Wed"), (4, "Fri"))
        ),
        by_month=tuple(_by_month(cells)),
    )


def _bounds(counts: list[int]) -> list[int]:
    """Give the counts at which the levels above the first begin: the quarters of the different counts that days have."""
    ordered = sorted(set(counts))
    return [bound for part in range(1, LEVELS) if (bound := ordered[len(ordered) * part // LEVELS]) > ordered[0]]


def _cell(at: date, day: Day | None, bounds: list[int], x: int, y: int) -> Cell:
    if day is None:
        return Cell(at, 0, 0, 0, f"no messages on {at.isoformat()}", x, y)
    level = 1 + bisect_right(bounds, day.messages)
    messages = "1 message" if day.messages == 1 else f"{day.messages:,} messages"
    sessions = "1 session" if day.sessions == 1 else f"{day.sessions:,} sessions"
    return Cell(at, day.messages, day.sessions, level, f"{messages} in {sessions} on {at.isoformat()}", x, y)


def _month_names(cells: list[Cell]) -> list[Word]:
    """Name each month above its first whole week, where there is room for it."""
    words: list[Word] = []
    for cell in cells[::7]:
        if cell.date.day <= 7 and (not words or cell.x - words[-1].x >= 2 * STEP):
            name = _MONTHS[cell.date.month - 1]
            words.append(Word(f"{name} {cell.date.year}" if cell.date.month == 1 else name, cell.x, _TOP - 8))
    return words


def _by_month(cells: list[Cell]) -> list[Month]:
    months: dict[str, list[Cell]] = {}
    for cell in cells:
        months.setdefault(f"{cell.date:%Y-%m}", []).append(cell)
    return [
        Month(
            name,
            some[0].date,
            some[-1].date,
            sum(cell.messages for cell in some),
            sum(cell.messages > 0 for cell in some),
        )
        for name, some in months.items()
    ]
