"""Times of other programs → aware datetimes in UTC."""

from datetime import UTC, datetime

FIRST_YEAR, LAST_YEAR = 1990, 2100
"""Years a history can be from; anything else is a broken clock or a wrong unit. Untuned."""
_MILLISECONDS_FROM = 1e11
"""A number of seconds this large would be the year 5138, so such a number counts milliseconds."""


def read_time(value: object) -> datetime | None:
    """Read an ISO 8601 text, or a number of seconds or milliseconds since 1970; without a zone it is UTC.

    None and empty text give None.

    Raises:
        ValueError: It is no time, or a year outside FIRST_YEAR to LAST_YEAR; the message says which.
    """
    if value is None or value == "":
        return None
    try:
        at = _moment(value)
    except (ValueError, OverflowError, OSError, TypeError) as error:
        raise ValueError(f"not a time: {str(value)[:60]!r}") from error
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"a time out of range: {str(value)[:60]!r}")
    return at


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC)
    raise TypeError(type(value).__name__)
