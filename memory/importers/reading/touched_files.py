"""The files a session read or changed → arrows from the session to them."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from memory.importers.reading.records import RelationshipRecord

_PATCHED = re.compile(r"^\*\*\* (?:Add File|Update File|Delete File|Move to): (.+?)\s*$", re.MULTILINE)

_PLAIN_TOOLS = {
    "read_file": "read",
    "write_file": "changed",
    "edit_file": "changed",
    "file_delete": "changed",
    "delete_file": "changed",
}
_PATH_NAMES = ("file_path", "path", "filename")


class TouchedFiles:
    """Makes each arrow of a session once; what it knows is forgotten with `clear`."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, str]] = set()

    def arrows(
        self, session_key: str, touched: Iterable[tuple[str, str]], created_at: datetime | None
    ) -> Iterator[RelationshipRecord]:
        """Yield an arrow for each (path, `read` or `changed`) that this session has none for."""
        for path, label in touched:
            if path and (session_key, path, label) not in self._seen:
                self._seen.add((session_key, path, label))
                yield RelationshipRecord(
                    "session_file", f"session:{session_key}", f"file:{path}", label, session_key, created_at
                )

    def clear(self) -> None:
        """Forget everything, so that reading on from a mark yields what reading at once does."""
        self._seen.clear()


def patched_files(patch: str) -> list[str]:
    """Find the files that a patch in the `*** Begin Patch` form changes, in its order."""
    return _PATCHED.findall(patch)


def absolute(path: str, directory: str | None) -> str:
    """Put a relative path under the directory it was used in; it is not looked up on this machine."""
    if not directory or path.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:[\\/]", path):
        return path
    return f"{directory.rstrip('/')}/{path.removeprefix('./')}"


def named_files(tool_name: object, given: object) -> list[tuple[str, str]]:
    """Find the file that a call of a tool with a plain name (`read_file`, `write_file` …) touches, as (path, label)."""
    label = _PLAIN_TOOLS.get(tool_name) if isinstance(tool_name, str) else None
    paths = [given.get(name) for name in _PATH_NAMES] if isinstance(given, dict) and label else []
    return [(path, label) for path in paths if label and isinstance(path, str) and path][:1]
