"""The page's own code and styles: files of this package, under an address that changes when one of them does."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
PREFIX = "/assets"


@dataclass(frozen=True)
class Asset:
    """A file that a page loads."""

    data: bytes
    media_type: str


def address(name: str) -> str:
    """Give the address of a file; modules name each other beside it, so all of them share one version."""
    return f"{PREFIX}/{version()}/{name}"


def asset(name: str) -> Asset | None:
    """Read a file; None when there is none of that name."""
    return _all().get(name)


@cache
def version() -> str:
    """Give a digest of all files, 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, each in sorted(_all().items()):
        digest.update(name.encode() + b"\0" + each.data + b"\0")
    return digest.hexdigest()[:12]


@cache
def _all() -> dict[str, Asset]:
    found: dict[str, Asset] = {}
    for file in (files("memory.api.web") / "assets").iterdir():
        ending = f".{file.name.rpartition('.')[2]}"
        if ending in _TYPES:
            found[file.name] = Asset(file.read_bytes(), _TYPES[ending])
    return found
