"""Where the histories of the agents on this machine lie."""

from pathlib import Path

from pydantic import BaseModel

from memory.importers import importers
from memory.importers.reading.finding import walk
from memory.settings import expanded


class Place(BaseModel):
    """Where histories of one format lie on this machine."""

    format: str
    path: str
    files: int
    size_bytes: int


def find_places() -> list[Place]:
    """Find the histories of the agents on this machine, in the places that their importers know."""
    found: dict[Path, Place] = {}
    for importer in importers().values():
        for named in getattr(importer, "PLACES", ()):
            path = expanded(named)
            if path is None or not path.exists() or path.resolve() in found:
                continue
            files = walk(path, []) if path.is_dir() else [path]
            sizes = [file.stat().st_size for file in files]
            if sizes:
                place = Place(format=importer.FORMAT, path=str(path), files=len(sizes), size_bytes=sum(sizes))
                found[path.resolve()] = place
    return list(found.values())
