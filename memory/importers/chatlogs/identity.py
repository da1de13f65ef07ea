"""What stands for the ids that documents do not give: content, so that the same is found again wherever it stands."""

import hashlib
import json
from collections import Counter
from typing import Any

from memory.importers.chatlogs.shapes import OWN_IDS, TIMES, Fields

BEGINNING = 4
"""How many first entries tell one conversation from another, at most. Untuned."""


class Alike:
    """Names the entries of one session that have no id, so that more before or behind them change no name."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def name(self, session_key: str, record: object) -> str:
        """Name an entry by its session, its content, and how many alike came before it."""
        said = digest([session_key, record])
        self._counts[said] += 1
        return f"{said}:{self._counts[said] - 1}"


def conversation_key(entries: list[dict[str, Any]]) -> str:
    """Name a conversation without an id by its beginning: to the first entry that has an id or a time."""
    beginning: list[dict[str, Any]] = []
    for entry in entries[:BEGINNING]:
        beginning.append(entry)
        fields = Fields(entry)
        if fields.text(*OWN_IDS) or any(fields.look(name) for name in TIMES):
            break
    return digest(beginning)


def digest(value: object) -> str:
    """Make 32 characters of what JSON holds."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:32]
