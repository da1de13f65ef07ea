"""Dates as people write them: `2026-11-03`, `2026-11`, `yesterday`, `7d`. Days are days in UTC."""

import re
from datetime import UTC, datetime, timedelta

from memory.errors import InvalidInput

_AGO = re.compile(r"(\d{1,5})\s*([hdwmy])(?:\s*ago)?")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7, "m": 24 * 30, "y": 24 * 365}


def read_date(text: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Read a date as the span of time that it means, end excluded; None when it is no date.

    Args:
        text: A year, a month, a day, a time in ISO 8601, `today`, `yesterday`, or `7d` (hours h, days d, weeks w, months
            of 30 days m, years of 365 days y), which means from so long ago until now.
        now: What `today` counts from.
    """
    clean = text.strip().lower()
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if clean in ("today", "yesterday"):
        start = day if clean == "today" else day - timedelta(days=1)
        return start, start + timedelta(days=1)
    if match := _AGO.fullmatch(clean):
        hours = int(match[1]) * _HOURS[match[2]]
        try:
            return now - timedelta(hours=hours), now
        except OverflowError:
            return None
    try:
        return _calendar(clean)
    except (ValueError, OverflowError):
        return None


def _calendar(text: str) -> tuple[datetime, datetime]:
    if re.fullmatch(r"\d{4}", text):
        year = int(text)
        return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    if match := re.fullmatch(r"(\d{4})-(\d{1,2})", text):
        year, month = int(match[1]), int(match[2])
        return datetime(year, month, 1, tzinfo=UTC), datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    if match := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text):
        start = datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
        return start, start + timedelta(days=1)
    at = datetime.fromisoformat(text.upper())
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at, at + timedelta(microseconds=1)


def given_date(value: str | datetime, name: str, now: datetime) -> tuple[datetime, datetime]:
    """Read a date that a caller gave as an argument.

    Raises:
        InvalidInput: It is none.
    """
    if isinstance(value, datetime):
        at = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return at, at + timedelta(microseconds=1)
    span = read_date(value, now)
    if span is None:
        raise InvalidInput(f"{name} is {value!r}, which is no date; give one such as 2026-11-03, yesterday or 7d")
    return span
