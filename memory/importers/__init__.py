"""Other programs' histories → records. One file a format; a file that has a `FORMAT` is an importer.

An importer is a module with
  `FORMAT: str`                                what the format is called everywhere, such as "claude-code"
  `recognises(sample: Sample) -> bool`         by content, never by name or label alone
  `PLACES: tuple[str, ...]`                    where its files are on a machine: directories, files, and files with `*` in
                                               their path; what begins with `$` or `~` is looked up. Left out where there is
                                               no such place
  `PURGES: bool`                               whether the program deletes its files by itself; then what they held is kept
  `read(source: Source) -> Iterator[Item]`     from `source.offset` and `source.state` on, in constant memory
  `companions(path: Path) -> Iterable[Path]`   files that are read with the one at `path` and are no histories of their own
                                               (a summary beside it, its parts in a folder); when one of them changes, the
                                               file is read again. Left out where there are none
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Protocol, cast

from memory.errors import InvalidInput
from memory.importers.reading.records import Item
from memory.importers.reading.source import Sample, Source


class Importer(Protocol):
    """What a module in this folder gives; `tests/contracts/test_importers.py` runs on each."""

    FORMAT: str

    def recognises(self, sample: Sample) -> bool: ...

    def read(self, source: Source) -> Iterator[Item]: ...


@cache
def importers() -> Mapping[str, Importer]:
    """Find every importer, by format; the order is that of their file names."""
    found: dict[str, Importer] = {}
    for name in sorted(module.name for module in iter_modules(__path__)):
        module = import_module(f"{__name__}.{name}")
        if hasattr(module, "FORMAT"):
            found[module.FORMAT] = cast(Importer, module)
    return MappingProxyType(found)


def importer_named(format: str) -> Importer:
    """Find the importer of a format.

    Raises:
        InvalidInput: There is no such format.
    """
    found = importers().get(format)
    if found is None:
        raise InvalidInput(f"there is no format {format!r}; there are: {', '.join(importers())}")
    return found


def importer_of(sample: Sample) -> Importer | None:
    """Find the importer that recognises a file; None when none does."""
    return next((importer for importer in importers().values() if importer.recognises(sample)), None)
