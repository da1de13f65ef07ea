"""Show what was imported, and when."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from memory.operations import Lines

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """Nothing is asked."""

    model_config = ConfigDict(extra="forbid")


class SourceStatus(BaseModel):
    """One imported file."""

    path: str
    format: str
    sessions: int
    messages: int
    imported_at: datetime | None
    lag_bytes: int | None
    """Bytes that came since; null when the file is gone."""
    problems: list[dict[str, Any]]


class Answer(BaseModel):
    """All imported files, and how far the index is."""

    sources: list[SourceStatus]
    index_lag: int


def run(memory: "Memory", arguments: Arguments) -> Answer:
    """Look at every source."""
    found = []
    for mark in memory.store.marks.all():
        path = Path(mark.path)
        lag = max(0, path.stat().st_size - mark.offset_bytes) if path.is_file() else None
        found.append(
            SourceStatus(
                path=mark.path,
                format=mark.format,
                sessions=mark.sessions,
                messages=mark.messages,
                imported_at=mark.imported_at,
                lag_bytes=lag,
                problems=mark.problems,
            )
        )
    return Answer(sources=found, index_lag=memory.index_lag())


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write sources, one a line."""
    for each in answer.sources:
        lag = (
            "gone, kept here"
            if each.lag_bytes is None
            else f"{each.lag_bytes} bytes behind"
            if each.lag_bytes
            else "level"
        )
        problems = f"{len(each.problems)} problems" if each.problems else ""
        when = f"{each.imported_at:%Y-%m-%d %H:%M}" if each.imported_at else ""
        yield (when, each.format, f"{each.messages} messages", lag, problems, each.path)
