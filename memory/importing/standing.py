"""How imported files stand to what is stored of them: level, behind, changed, gone. Nothing is opened for that."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from memory.importing.archives import ARCHIVE
from memory.store.marks import ImportMark

State = Literal["level", "behind", "changed", "gone"]


class SourceStatus(BaseModel):
    """One imported file, or one member of an archive."""

    path: str
    format: str
    sessions: int
    messages: int
    imported_at: datetime | None
    lag_bytes: int | None
    """Bytes that came since, or all of a file that was rewritten; null when the file is gone, or when that cannot be said
    (of databases and members of archives)."""
    problems: list[dict[str, Any]]
    state: State
    """`changed`: it was rewritten, and is read anew or as a whole; `gone`: what was imported is kept."""


class FormatStatus(BaseModel):
    """All imported files of one format."""

    format: str
    sources: int = 0
    sessions: int = 0
    messages: int = 0
    behind: int = 0
    changed: int = 0
    gone: int = 0
    lag_bytes: int = 0
    problems: int = 0
    imported_at: datetime | None = None
    """When something of it was imported last."""

    def add(self, source: SourceStatus) -> None:
        """Count a file."""
        self.sources += 1
        self.sessions += source.sessions
        self.messages += source.messages
        self.behind += source.state == "behind"
        self.changed += source.state == "changed"
        self.gone += source.state == "gone"
        self.lag_bytes += source.lag_bytes or 0
        self.problems += len(source.problems)
        self.imported_at = max(filter(None, (self.imported_at, source.imported_at)), default=None)


def standings(marks: Sequence[ImportMark]) -> list[SourceStatus]:
    """Look at every file that has a mark, in the order of the marks; an archive stands for its members."""
    archives = {mark.path: mark for mark in marks if mark.format == ARCHIVE}
    found = []
    for mark in marks:
        if mark.path not in archives:
            state, lag = _standing(mark, archives)
            found.append(
                SourceStatus(
                    path=mark.path,
                    format=mark.format,
                    sessions=mark.sessions,
                    messages=mark.messages,
                    imported_at=mark.imported_at,
                    lag_bytes=lag,
                    problems=mark.problems,
                    state=state,
                )
            )
    return found


def by_format(sources: Sequence[SourceStatus]) -> list[FormatStatus]:
    """Total files by format, the format with most of them first."""
    found: dict[str, FormatStatus] = {}
    for source in sources:
        found.setdefault(source.format, FormatStatus(format=source.format)).add(source)
    return sorted(found.values(), key=lambda each: (-each.sources, each.format))


def _standing(mark: ImportMark, archives: dict[str, ImportMark]) -> tuple[State, int | None]:
    status = _status(mark.path)
    if status is None:
        archive = _archive_of(mark.path, archives)
        if archive is None:
            return "gone", None
        now, then = _status(archive), archives.get(archive)
        return ("level", 0) if now and then and _is_same(now, then) else ("changed", None)
    lag = max(0, status.st_size - mark.offset_bytes)
    is_whole, is_same = bool(mark.state.get("whole")), _is_same(status, mark)
    if "since" in mark.state or (is_same and is_whole):
        if not is_same or _log_is_newer(mark):
            return "changed", None
        # of a file that is read as a whole there is something left where its import did not end
        return ("behind", lag) if lag else ("level", 0)
    if is_same:
        # what is left is not whole yet, or cannot be read
        return "level", lag
    if is_whole or status.st_size < mark.offset_bytes:
        return "changed", status.st_size
    return ("behind", lag) if lag else ("level", 0)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - ten thousand times, three times as fast as Path
    except (OSError, ValueError):
        return None


def _is_same(status: os.stat_result, mark: ImportMark) -> bool:
    return (status.st_size, status.st_mtime_ns) == (mark.size_bytes, mark.modified_ns)


def _log_is_newer(mark: ImportMark) -> bool:
    log = _status(f"{mark.path}-wal")
    return bool(log and log.st_size and mark.imported_at and log.st_mtime > mark.imported_at.timestamp())


def _archive_of(path: str, archives: dict[str, ImportMark]) -> str | None:
    """Find the archive that a path leads into; None when there is none."""
    for parent in Path(path).parents:
        if parent.is_dir():
            return None
        if str(parent) in archives or parent.is_file():
            return str(parent) if parent.is_file() else None
    return None
