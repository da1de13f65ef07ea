"""What stands for the ids that documents do not give: content, so that the same is found again wherever it stands."""

import hashlib
import json
from collections import Counter


class Alike:
    """Names the entries of one session that have no id, so that more before or behind them change no name."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def name(self, session_key: str, record: object) -> str:
        """Name an entry by its session, its content, and how many alike came before it."""
        said = digest([session_key, record])
        self._counts[said] += 1
        return f"{said}:{self._counts[said] - 1}"


def digest(value: object) -> str:
    """Make 32 characters of what JSON holds."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:32]
