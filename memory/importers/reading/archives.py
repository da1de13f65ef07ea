"""Zip archives: their members as files of a folder that lives as long as they are read.

Nothing is taken from an archive that could harm: every name, size and count is checked before the first byte is
unpacked, and what comes out is counted while it is written, whatever the archive says of itself.
"""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from memory.errors import SourceFault
from memory.store.scratch import free_bytes, scratch_folder

MOST_MEMBERS = 50_000
"""Members of an archive. Untuned; a ChatGPT export of five years has some thousand."""
MOST_BYTES = 16_000_000_000
"""Bytes of all members together. Untuned."""
MOST_TIMES = 200
"""How many times its packed size a member of more than a megabyte may be; transcripts pack 5 to 30 times. Untuned."""
_LARGE = 1_000_000
_PIECE = 1 << 20
_ENCRYPTED = 0x1
_DEEPEST, _LONGEST = 32, 255


def is_archive(path: Path) -> bool:
    """Say whether a file begins as a zip archive does."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Unpack an archive into a folder that is deleted afterwards.

    Args:
        path: A zip archive.

    Raises:
        SourceFault: It is damaged, encrypted, larger than the limits of this module, or has names that point outside it.
    """
    with scratch_folder() as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
                names = _checked(path, members)
                left = MOST_BYTES
                for member, name in zip(members, names, strict=True):
                    target = Path(folder, *name.parts)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as packed, target.open("xb") as plain:
                        left -= _copy(path, member, packed, plain, left)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise SourceFault(f"{path}: cannot be unpacked ({error}); export it again") from error
        except OSError as error:
            raise SourceFault(
                f"{path}: cannot be unpacked ({error.strerror or error}); unpack it, and import the folder"
            ) from error
        yield folder


def _checked(path: Path, members: list[zipfile.ZipInfo]) -> list[PurePosixPath]:
    """Check what an archive says of itself; give its members' names.

    A member whose bytes are an archive again is refused where it would be read, not here.
    """
    if len(members) > MOST_MEMBERS:
        raise _refusal(path, f"it has {len(members):,} members, more than {MOST_MEMBERS:,}")
    size = sum(member.file_size for member in members)
    if size > MOST_BYTES:
        raise _refusal(path, f"it unpacks to {size / 1e9:.1f} GB, more than {MOST_BYTES / 1e9:.0f} GB")
    if size > free_bytes():
        raise SourceFault(f"{path}: unpacks to {size / 1e9:.1f} GB, for which the disk has no room; free some")
    names: list[PurePosixPath] = []
    seen: set[str] = set()
    for member in members:
        name = _safe_name(path, member)
        if (folded := str(name).casefold()) in seen:
            raise _refusal(path, f"it has two members named {str(name)[:80]!r}")
        seen.add(folded)
        names.append(name)
        if member.flag_bits & _ENCRYPTED:
            raise SourceFault(f"{path}: is encrypted; unpack it with its password, and import the folder")
        if member.file_size > _LARGE and member.file_size > MOST_TIMES * max(member.compress_size, 1):
            times = member.file_size // max(member.compress_size, 1)
            raise _refusal(path, f"{str(name)[:80]!r} unpacks to {times} times its size, more than {MOST_TIMES}")
    return names


def _safe_name(path: Path, member: zipfile.ZipInfo) -> PurePosixPath:
    name = PurePosixPath(member.filename)
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    points_outside = (
        name.is_absolute() or ".." in name.parts or "\\" in member.filename or ":" in member.filename.split("/")[0]
    )
    if is_link or points_outside or not name.parts or "\x00" in member.orig_filename:
        what = "a link" if is_link else "a name that points outside it"
        raise _refusal(path, f"it has {what}: {member.orig_filename[:80]!r}")
    if len(name.parts) > _DEEPEST or any(
        len(part.encode("utf-8", "surrogateescape")) > _LONGEST for part in name.parts
    ):
        raise _refusal(path, f"it has a name too long or too deep: {member.filename[:80]!r}")
    return name


def _copy(path: Path, member: zipfile.ZipInfo, packed: IO[bytes], plain: IO[bytes], left: int) -> int:
    """Copy a member, never more of it than it said it has."""
    written = 0
    while piece := packed.read(_PIECE):
        written += len(piece)
        if written > min(member.file_size, left):
            raise _refusal(path, f"{member.filename[:80]!r} is larger than it says")
        plain.write(piece)
    return written


def _refusal(path: Path, what: str) -> SourceFault:
    return SourceFault(f"{path}: {what}; unpack it yourself if you trust it, and import the folder")
