"""Whose history a Codex line is: a forked or resumed file begins with its parent's header and the parent's items."""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_V7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
PAUSE = timedelta(seconds=1)
"""A replay is written at once (747 lines in 11 ms in a real file); a pause this long ends it where ids cannot tell."""


@dataclass(slots=True)
class Header:
    """One session whose header has been seen."""

    key: str
    kind: str
    is_titled: bool = False


class Lineage:
    """The file's own session, its parent, the parent's parent …, and to which of them the lines belong just now.

    A line belongs to the oldest ancestor, until a turn begins whose id is younger than the next younger session: ids
    are UUIDs of version 7, and order by time. Where they are not, a pause in the times of the lines ends the replay.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.headers: list[Header] = [Header(**header) for header in state.get("headers", [])]
        self.turn_at: datetime | None = _read(state.get("turn_at"))
        self._written_at: datetime | None = _read(state.get("written_at"))

    def state(self) -> dict[str, Any]:
        """Give what `Lineage` needs to go on."""
        times = {"turn_at": self.turn_at, "written_at": self._written_at}
        state = {name: at.isoformat() for name, at in times.items() if at is not None}
        return {"headers": [asdict(header) for header in self.headers], **state}

    @property
    def current(self) -> Header | None:
        """The session the line at hand belongs to."""
        return self.headers[-1] if self.headers else None

    @property
    def is_replay(self) -> bool:
        """Whether the line at hand is an ancestor's."""
        return len(self.headers) > 1

    def begin(self, header: Header) -> None:
        """Note a header; the first is the file's own."""
        if all(known.key != header.key for known in self.headers):
            self.headers.append(header)

    def goes_on(self, turn: object, written_at: datetime | None) -> bool:
        """Note the turn and the time of a line; say whether a replay ended just before it."""
        before = len(self.headers)
        is_pause = written_at is not None and self._written_at is not None and written_at - self._written_at >= PAUSE
        self._written_at = written_at or self._written_at
        if isinstance(turn, str) and _V7.fullmatch(turn):
            while len(self.headers) > 1 and _V7.fullmatch(self.headers[-2].key) and turn > self.headers[-2].key:
                self.headers.pop()
            self.turn_at = datetime.fromtimestamp(int(turn.replace("-", "")[:12], 16) / 1000, UTC)
        elif is_pause and self.turn_at is None:
            del self.headers[1:]
        return len(self.headers) < before


def _read(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
