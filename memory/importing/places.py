"""Where the histories of the agents on this machine lie, and how much of them is new."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel

from memory.importers import importer_named, importers
from memory.importers.reading.finding import BESIDE_DATABASE, Listed, listed
from memory.settings import expanded
from memory.store.marks import MarkOutline


@dataclass(frozen=True)
class NamedPlace:
    """Where files of one format are, when there are any."""

    format: str
    base: Path
    """A directory; it need not be there."""
    pattern: str = ""
    """Which files below it, with `*` for any name where the place is not one file; "" for all."""
    is_one_file: bool = False

    @property
    def path(self) -> Path:
        """The place as a person would name it."""
        return self.base / self.pattern if self.pattern else self.base

    def has(self, path: Path) -> bool:
        """Say whether a file that may be there belongs to the place."""
        if not self.pattern:
            return path.is_relative_to(self.base)
        if self.is_one_file:
            return path == self.path
        parts = self.pattern.replace("[", "[[]").split("/")
        given = path.relative_to(self.base).parts if path.is_relative_to(self.base) else ()
        return len(given) == len(parts) and all(map(fnmatchcase, given, parts))

    def files(self) -> Iterator[Listed]:
        """Give the files that are there, without a word about those that cannot be read."""
        if not self.pattern:
            yield from listed(self.base)
            return
        for path in [self.path] if self.is_one_file else self.base.glob(self.pattern.replace("[", "[[]")):
            try:
                if path.is_file():
                    yield Listed(str(path), path.stat())
            except OSError:
                continue

    def paths(self) -> list[Path]:
        """Give what is to be imported of it: the directory, or the files."""
        return [Path(file.path) for file in self.files()] if self.pattern else [self.base]


class Place(BaseModel):
    """Where histories of one format lie on this machine; counted by looking at names and times alone."""

    format: str
    path: str
    files: int
    """About how many are histories: some formats have other files beside them."""
    size_bytes: int
    new_files: int
    """About how many came or grew since they were imported."""
    imported_at: datetime | None = None
    """When something of it was imported last; null for never."""


def named_places(format: str | None = None) -> list[NamedPlace]:
    """Name the places that importers know, those that are not there included, each once.

    Args:
        format: Only of this format.

    Raises:
        InvalidInput: There is no such format.
    """
    some = [importer_named(format)] if format else list(importers().values())
    found: dict[tuple[Path, str], NamedPlace] = {}
    for importer in some:
        for name in getattr(importer, "PLACES", ()):
            path = expanded(name)
            if path is not None:
                place = place_at(path, importer.FORMAT)
                found.setdefault((place.base, place.pattern), place)
    return list(found.values())


def place_at(path: Path, format: str = "") -> NamedPlace:
    """Make a place of a path: of a directory, of a file, or of files with `*` in their path."""
    parts = path.parts
    first = next((at for at, part in enumerate(parts) if "*" in part), None)
    if first is not None and not path.exists():
        return NamedPlace(format, _real(Path(*parts[:first])), "/".join(parts[first:]))
    real = _real(path)
    # what is not there yet is a file when it has a file's name
    is_file = real.is_file() or (not real.exists() and path.suffix != "")
    return NamedPlace(format, real.parent, real.name, True) if is_file else NamedPlace(format, real)


def find_places(marks: Sequence[MarkOutline] = (), format: str | None = None) -> list[Place]:
    """Find the histories of the agents on this machine, in the places that their importers know.

    Args:
        marks: What was imported before.
        format: Only of this format.

    Returns:
        Places with files; a file that lies in two of them counts in the outer one.

    Raises:
        InvalidInput: There is no such format.
    """
    known = {mark.path: mark for mark in marks}
    seen: set[str] = set()
    found = []
    for named in sorted(named_places(format), key=lambda each: len(each.base.parts)):
        files = [file for file in named.files() if file.path not in seen and not file.path.endswith(BESIDE_DATABASE)]
        if not files:
            continue
        seen.update(file.path for file in files)
        imported = [mark.imported_at for file in files if (mark := known.get(file.path)) and mark.imported_at]
        last = max(imported, default=None)
        found.append(
            Place(
                format=named.format,
                path=str(named.path),
                files=len(files),
                size_bytes=sum(file.status.st_size for file in files),
                new_files=sum(_is_new(file, known.get(file.path), last) for file in files),
                imported_at=last,
            )
        )
    return sorted(found, key=lambda place: (place.format, place.path))


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path


def _is_new(file: Listed, mark: MarkOutline | None, last: datetime | None) -> bool:
    """Say whether a file is not imported as it is; one that was passed over then is not new for that."""
    if mark is not None:
        return mark.modified_ns != file.status.st_mtime_ns or mark.size_bytes != file.status.st_size
    return last is None or file.status.st_mtime_ns > last.timestamp() * 1e9
