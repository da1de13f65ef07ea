"""What came of an import."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, Field

MOST_PROBLEMS = 1_000
"""Problems of one file that are reported."""

Progress = Callable[[str, int, int], None]
"""Called with a path, and how many bytes of all are read, of how many."""


TOTALS = ("sources", "sessions", "messages", "added", "unchanged", "problems")
"""What is counted over all files."""


class SourceReport(BaseModel):
    """What came of one file, or of one member of an archive."""

    path: str
    """Of a member: the archive's path, `/`, and its name in it."""
    format: str
    sessions: int = 0
    """Sessions seen in it."""
    messages: int = 0
    added: int = 0
    unchanged: int = 0
    """Messages that were there already."""
    problems: list[dict[str, Any]] = Field(default_factory=list)
    """`line` (counted from 1, or null) and `what`."""

    def note(self, what: str, line: int | None = None) -> None:
        """Add a problem, unless there are MOST_PROBLEMS already."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append({"line": line, "what": what})


class ImportReport(BaseModel):
    """What came of an import."""

    sources: list[SourceReport] = Field(default_factory=list)
    totals: dict[str, int] = Field(default_factory=dict)
    skipped: list[dict[str, str]] = Field(default_factory=list)
    """`path` and `reason` of files in directories and archives that no format recognises."""
    redacted: dict[str, int] = Field(default_factory=dict)
    """How many secrets were taken out of what was read, by kind."""
    seconds: float = 0.0
