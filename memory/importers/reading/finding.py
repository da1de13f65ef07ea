"""Find the files to import, and say of the others why they are left out."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from memory.errors import SourceFault, UnknownFormat
from memory.importers import Importer, importer_of, importers
from memory.importers.reading.source import Sample
from memory.store.schema import whole

_SKIPPED_FOLDERS = frozenset((".git", "node_modules", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache"))
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
"""How Python writes the bytes of a name that are not UTF-8."""


@dataclass
class Found:
    """A file to read, and what reads it."""

    path: Path
    importer: Importer
    size_bytes: int


def find_files(paths: Sequence[Path], format: str | None, skipped: list[dict[str, str]]) -> Iterator[Found]:
    """Find the files to read, each once: those that are named, and those in directories that a format recognises.

    Args:
        paths: Files and directories.
        format: What every file is read as; None for the format that recognises it.
        skipped: Gets `path` and `reason` of what in directories is not read.

    Raises:
        SourceFault: A path is not there, or cannot be read.
        UnknownFormat: A file that was named directly is of no known format.
    """
    seen: set[Path] = set()
    for path in paths:
        given = _given(path)
        is_directory = given.is_dir()
        for file in walk(given, skipped) if is_directory else [given]:
            real = file.resolve()
            if real in seen:
                continue
            seen.add(real)
            try:
                found = _recognised(real, format)
                reason = "" if found else _unknown(real)
            except OSError as error:
                if not is_directory:
                    raise SourceFault(f"{file}: cannot be read ({error.strerror}); check its rights") from error
                found, reason = None, f"cannot be read ({error.strerror})"
            if found is not None:
                yield found
            elif is_directory:
                skipped.append({"path": whole(str(file)), "reason": reason})
            else:
                raise UnknownFormat(f"{file}: {reason}; known are: {', '.join(importers())}; name one with --format")


def _given(path: Path) -> Path:
    """Check a path that a caller gave."""
    try:
        given = path.expanduser()
        if _NOT_UTF8.search(str(given)):
            raise SourceFault(f"{whole(str(path))}: its name is not UTF-8; rename it")
        if not given.exists():
            raise SourceFault(f"{path}: no such file or directory; check the path")
        if given.is_dir():
            os.scandir(given).close()
        elif not given.is_file():
            raise SourceFault(f"{path}: is no regular file; write what it gives into a file, and name that")
    except OSError as error:
        raise SourceFault(f"{path}: cannot be read ({error.strerror}); check its rights") from error
    except RuntimeError as error:
        raise SourceFault(f"{whole(str(path))}: cannot be found ({error}); check the path") from error
    return given


def walk(directory: Path, unread: list[dict[str, str]]) -> Iterator[Path]:
    """Give the files below a directory; a session before what was spawned by it, links to directories not followed.

    Args:
        directory: Where to look.
        unread: Gets `path` and `reason` of the directories that cannot be read.
    """

    def note(error: OSError) -> None:
        unread.append({"path": whole(str(error.filename)), "reason": f"cannot be read ({error.strerror})"})

    for root, folders, files in os.walk(directory, onerror=note):
        folders[:] = sorted(folder for folder in folders if folder not in _SKIPPED_FOLDERS)
        for name in sorted(files):
            path = Path(root) / name
            try:
                if path.is_file():
                    yield path
            except OSError as error:
                error.filename = path
                note(error)


def _recognised(path: Path, format: str | None) -> Found | None:
    if not path.is_file() or _NOT_UTF8.search(str(path)):
        return None
    sample = Sample(path)
    importer = importers()[format] if format else importer_of(sample)
    return None if importer is None else Found(path, importer, path.stat().st_size)


def _unknown(path: Path) -> str:
    if _NOT_UTF8.search(str(path)):
        return "its name is not UTF-8"
    if not path.is_file():
        return "no regular file"
    sample = Sample(path)
    if not sample.head.strip():
        return "the file is empty"
    if sample.text is None:
        return "a binary file, of no known format"
    if sample.records:
        keys = ", ".join(list(sample.records[0])[:8])
        return f"unknown format (its first record has: {keys})"
    return "unknown format"
