"""Find the files to import, and say of the others why they are left out."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memory.errors import SourceFault, UnknownFormat
from memory.importers import Importer, importer_of, importers
from memory.importers.reading.archives import is_archive
from memory.importers.reading.source import Sample
from memory.settings import is_debugging
from memory.store.exchange import EXPORT_MARK
from memory.store.foreign import HEADER
from memory.store.schema import whole
from memory.store.store import MARKER

SKIPPED_FOLDERS = frozenset((".git", "node_modules", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache"))
_PARTS_FOLDERS = frozenset(("message", "part"))
"""Folders whose files belong to those in other folders beside them: they come last, and are then known already."""
OWN_STORE = "a store of this program's"
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
"""How Python writes the bytes of a name that are not UTF-8."""
BESIDE_DATABASE = ("-wal", "-shm", "-journal")
"""How the names of files end that SQLite keeps beside a database."""


@dataclass
class Found:
    """A file to read, and what reads it."""

    path: Path
    importer: Importer
    size_bytes: int
    name: str
    """The path as it is told and stored; of a member of an archive the archive's, and its own behind it."""
    companions: list[Path] = field(default_factory=list)
    """Files that are read with it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that was seen, and not looked into."""

    path: str
    status: os.stat_result


@dataclass
class FoundArchive:
    """An archive whose members are to be read."""

    path: Path
    size_bytes: int
    is_named: bool = False
    """Whether a caller named it, so that it is an error when nothing of it can be read."""


def find_files(
    paths: Sequence[Path], format: str | None, skipped: list[dict[str, str]], *, is_strict: bool = True
) -> Iterator[Found | FoundArchive]:
    """Find the files to read, each once: those that are named, and those in directories that a format recognises.

    Args:
        paths: Files and directories.
        format: What every file is read as; None for the format that recognises it.
        skipped: Gets `path` and `reason` of what in directories is not read.
        is_strict: False treats named files as those in directories: what cannot be read or is of no known format is
            skipped, and what is not there passed over.

    Raises:
        SourceFault: A path is not there, or cannot be read.
        UnknownFormat: A file that was named directly is of no known format.
    """
    seen: set[Path] = set()
    for path in paths:
        if not is_strict and not os.path.lexists(path):
            continue
        try:
            yield from _at(path, format, skipped, seen, is_strict)
        except SourceFault as error:
            if is_strict:
                raise
            skipped.append({"path": whole(str(path)), "reason": str(error).removeprefix(f"{path}: ")})


def _at(
    path: Path, format: str | None, skipped: list[dict[str, str]], seen: set[Path], is_named: bool
) -> Iterator[Found | FoundArchive]:
    """Find what is to be read at one path."""
    given = _given(path)
    real = given.resolve()
    if is_in_store(real):
        raise SourceFault(f"{given}: {OWN_STORE}; name the histories themselves")
    if given.is_dir():
        yield from _in_directory(given, format, skipped, seen)
        return
    if real in seen:
        return
    seen.add(real)
    try:
        found = _recognised(real, format)
        reason = "" if found else _unknown(real)
    except OSError as error:
        raise SourceFault(f"{given}: cannot be read ({error.strerror}); check its rights") from error
    if found is None:
        if is_named:
            raise UnknownFormat(f"{given}: {reason}; known are: {', '.join(importers())}; name one with --format")
        skipped.append({"path": whole(str(real)), "reason": reason})
        return
    if isinstance(found, FoundArchive):
        found.is_named = is_named
    yield found


def find_members(folder: Path, archive: str, format: str | None, skipped: list[dict[str, str]]) -> list[Found]:
    """Find the files to read among an archive's unpacked members; archives in archives are skipped.

    Args:
        folder: Where the members are.
        archive: The archive's path, for the names of what is found and skipped.
        format: As for `find_files`.
        skipped: As for `find_files`.
    """
    folder = folder.resolve()
    unread: list[dict[str, str]] = []
    found: list[Found] = []
    for each in _in_directory(folder, format, unread, set(), is_scratch=True):
        if isinstance(each, FoundArchive):
            unread.append({"path": whole(str(each.path)), "reason": "an archive inside an archive"})
        else:
            each.name = f"{archive}/{each.path.relative_to(folder).as_posix()}"
            found.append(each)
    for left in unread:
        inside = Path(left["path"]).relative_to(folder).as_posix()
        skipped.append({"path": f"{archive}/{inside}", "reason": left["reason"]})
    return found


def _in_directory(
    directory: Path, format: str | None, skipped: list[dict[str, str]], seen: set[Path], *, is_scratch: bool = False
) -> Iterator[Found | FoundArchive]:
    """Find the files to read below a directory; what belongs to one of them is no file of its own."""
    found: list[Found | FoundArchive] = []
    unread: dict[Path, str] = {}
    belonging: set[Path] = set()
    for file in walk(directory, skipped):
        real = file.resolve()
        if real in seen or real in belonging:
            continue
        seen.add(real)
        if not is_scratch and is_in_store(real):
            unread[real] = OWN_STORE
            continue
        try:
            each = _recognised(real, format)
            if each is None:
                unread[real] = _unknown(real)
        except OSError as error:
            unread[real] = f"cannot be read ({error.strerror})"
            continue
        except Exception as error:  # noqa: BLE001 - one odd file must not keep a person's other histories out
            unread[real] = fault_of_ours(error)
            continue
        if each is not None:
            found.append(each)
            belonging.update(each.companions if isinstance(each, Found) else ())
    for real, reason in unread.items():
        if real not in belonging:
            skipped.append({"path": whole(str(real)), "reason": reason})
    yield from (each for each in found if each.path not in belonging)


def fault_of_ours(error: Exception) -> str:
    """Say in one line that this program has a fault; where a developer looks for faults, it is raised instead.

    Raises:
        Exception: The fault itself, when `HARK_DEBUG` is set.
    """
    if is_debugging():
        raise error
    said = " ".join(str(error).split())[:200]
    return f"a fault of this program ({type(error).__name__}: {said}); HARK_DEBUG=1 shows where; please report it"


def is_in_store(real: Path) -> bool:
    """Say whether a real path is a store's directory, or lies in one, at most three folders deep."""
    return any((folder / MARKER).is_file() for folder in (real, *list(real.parents)[:3]))


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
        if MARKER in files:
            # SQLite lets go of its locks on a file when another part of the process opens and closes it
            unread.append({"path": whole(root), "reason": OWN_STORE})
            folders.clear()
            continue
        kept = (folder for folder in folders if folder not in SKIPPED_FOLDERS)
        folders[:] = sorted(kept, key=lambda folder: (folder in _PARTS_FOLDERS, folder))
        for name in sorted(files):
            path = Path(root) / name
            try:
                if path.is_file():
                    yield path
            except OSError as error:
                error.filename = path
                note(error)


def listed(directory: Path, *, is_deep: bool = True) -> Iterator[Listed]:
    """Give the files that `walk` would give, in no order, with what the file system says of them.

    What cannot be read is left out; so are, when it is not deep, the directories in it.
    """
    waiting = [str(directory)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if is_deep and entry.name not in SKIPPED_FOLDERS:
                            waiting.append(entry.path)
                    elif entry.is_file():
                        yield Listed(entry.path, entry.stat())
        except OSError:
            continue


def _recognised(path: Path, format: str | None) -> Found | FoundArchive | None:
    if not path.is_file() or _NOT_UTF8.search(str(path)):
        return None
    size = path.stat().st_size
    if is_archive(path):
        return FoundArchive(path, size)
    sample = Sample(path)
    importer = importers()[format] if format else importer_of(sample)
    return None if importer is None else Found(path, importer, size, str(path), companions_of(importer, path, sample))


def companions_of(importer: Importer, path: Path, sample: Sample) -> list[Path]:
    """Give the files that are read with a file, as real paths: those its importer names, and a database's own logs."""
    named = getattr(importer, "companions", None)
    found = [] if named is None else [each.resolve() for each in named(path) if each.exists()]
    if sample.head.startswith(HEADER):
        found += [beside for end in BESIDE_DATABASE if (beside := path.with_name(path.name + end)).exists()]
    return found


def _unknown(path: Path) -> str:
    if _NOT_UTF8.search(str(path)):
        return "its name is not UTF-8"
    if not path.is_file():
        return "no regular file"
    sample = Sample(path)
    if not sample.head.strip():
        return "the file is empty"
    if sample.tables:
        return f"a database of no known format (its tables: {', '.join(sorted(sample.tables)[:8])})"
    if sample.text is None:
        return "a binary file, of no known format"
    if sample.records and EXPORT_MARK in sample.records[0]:
        return f"an export of this program's, `hark load {path}` takes it in"
    if sample.records:
        keys = ", ".join(list(sample.records[0])[:8])
        return f"unknown format (its first record has: {keys})"
    return "unknown format"
