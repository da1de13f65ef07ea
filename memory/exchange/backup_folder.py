"""A folder of backups: blocks named by what is in them, shared by all backups, and one manifest a backup.

    backups.json          says that this is such a folder
    backup.lock           held while something is written or taken away
    blocks/ab/ab12….zst   64 KiB of a store's file, compressed, named by the sha256 of what is inside
    manifests/<id>.json   a backup: the blocks of its file in order, and what it holds
    scratch/              what a run before left behind is swept by the next

Blocks are on disk before the manifest that names them, and a manifest goes before its blocks do, so a run that is
killed leaves every earlier backup whole.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import zstandard
from pydantic import BaseModel, ValidationError

from memory.errors import BackupFault, DamagedBackup
from memory.store.backups import NotedBackup, Snapshot

BLOCK_BYTES = 65_536
"""A block of a file: whole pages, whatever their size."""
FORMAT = 1
_MARKER, _LOCK = "backups.json", "backup.lock"
_LEVEL = 3
_SYNCERS = 8
"""Threads that wait for the disk. Untuned."""


class Manifest(BaseModel):
    """One backup."""

    format: int
    id: str
    number: int
    """Its place in the order in which the folder's backups were made, whatever clocks said."""
    at: int
    """When its copy was taken, in microseconds since 1970."""
    store: str
    """The store's uuid."""
    directory: str
    """Where the store was."""
    schema_version: int
    last_seq: int
    """The last change that it holds."""
    counts: dict[str, int]
    """Rows by table."""
    size_bytes: int
    sha256: str
    """Of the whole file."""
    blocks: list[str]
    """Names of the blocks, in the file's order."""
    checksum: str = ""
    """The sha256 of all of the above."""

    def sealed(self) -> "Manifest":
        """Give it with its checksum."""
        return self.model_copy(update={"checksum": self.sum()})

    def sum(self) -> str:
        """Compute the checksum."""
        text = json.dumps(self.model_dump(exclude={"checksum"}), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def snapshot(self) -> Snapshot:
        """Give what its file holds."""
        return Snapshot(store=self.store, schema=self.schema_version, last_seq=self.last_seq, counts=self.counts)

    def noted(self, folder: Path) -> NotedBackup:
        """Give it as a store notes it."""
        return NotedBackup(id=self.id, path=str(folder), at=self.at, last_seq=self.last_seq)


class Problem(BaseModel):
    """Something in a folder of backups that is not as it was."""

    what: str
    """`block` or `manifest`."""
    name: str
    fault: str
    backups: list[str]
    """Ids of the backups that need it."""


class BackupFolder:
    """A folder of backups that is there."""

    def __init__(self, path: Path) -> None:
        """Take a folder as it is.

        Raises:
            BackupFault: There is none, it holds something else, or a newer version of the program wrote it.
        """
        self.path = path
        self._blocks, self._manifests, self._scratch = (path / name for name in ("blocks", "manifests", "scratch"))
        try:
            found = json.loads((path / _MARKER).read_bytes())["harkback_backups"]
        except FileNotFoundError as error:
            raise BackupFault(f"{path}: no backups there; make one with `hark backup {path}`") from error
        except NotADirectoryError as error:
            raise BackupFault(f"{path}: not a directory; name a folder of backups") from error
        except (ValueError, KeyError, TypeError) as error:
            raise BackupFault(
                f"{path / _MARKER}: cannot be read; it says {{'harkback_backups': {FORMAT}}} in a whole folder"
            ) from error
        if found != FORMAT:
            raise BackupFault(f"{path}: written by a newer Harkback; update with `pip install --upgrade harkback`")

    @classmethod
    def made(cls, path: Path) -> "BackupFolder":
        """Take a folder, made where there is none.

        Raises:
            BackupFault: There are other things in it.
        """
        if not (path / _MARKER).exists():
            try:
                path.mkdir(parents=True, exist_ok=True, mode=0o700)
            except FileExistsError as error:
                raise BackupFault(f"{path}: a file, not a directory; name a folder for backups") from error
            if any(each.name != f"{_MARKER}.tmp" for each in path.iterdir()):
                raise BackupFault(f"{path}: holds other things; name an empty or a new folder for backups")
            write_whole(path / _MARKER, json.dumps({"harkback_backups": FORMAT}).encode() + b"\n")
        return cls(path)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Be the only one who writes into it during a block; what a killed run left behind goes first.

        Raises:
            BackupFault: Another process is writing.
        """
        with _locked(self.path / _LOCK, is_shared=False, or_say=f"{self.path}: another backup is being written there"):
            for folder in (self._blocks, self._manifests):
                folder.mkdir(mode=0o700, exist_ok=True)
            shutil.rmtree(self._scratch, ignore_errors=True)
            for left in self._manifests.glob("*.tmp"):
                left.unlink()
            try:
                yield
            finally:
                shutil.rmtree(self._scratch, ignore_errors=True)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let nobody take anything away during a block.

        Raises:
            BackupFault: Another process is writing.
        """
        with _locked(
            self.path / _LOCK, is_shared=True, or_say=f"{self.path}: a backup is being written there; try again"
        ):
            yield

    def scratch(self) -> Path:
        """Give a folder for what is not finished; inside `changing`."""
        self._scratch.mkdir(mode=0o700, exist_ok=True)
        return self._scratch

    def manifests(self) -> tuple[list[Manifest], list[Problem]]:
        """Read the manifests, in the order in which they were made; those that cannot be read are problems."""
        found: list[Manifest] = []
        problems: list[Problem] = []
        for path in sorted(self._manifests.glob("*.json")):
            try:
                found.append(self.manifest(path.stem))
            except DamagedBackup as error:
                problems.append(Problem(what="manifest", name=path.stem, fault=str(error), backups=[path.stem]))
        return sorted(found, key=lambda each: (each.number, each.at)), problems

    def manifest(self, id: str) -> Manifest:
        """Read one manifest.

        Raises:
            DamagedBackup: It is not as it was written.
        """
        path = self._manifests / f"{id}.json"
        try:
            found = Manifest.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise DamagedBackup(f"the manifest {path} cannot be read; its backup is lost, take another one") from error
        if found.id != id or found.checksum != found.sum():
            raise DamagedBackup(f"the manifest {path} is not as it was written; its backup is lost, take another one")
        return found

    def write_manifest(self, manifest: Manifest) -> None:
        """Make a backup be there; its blocks are."""
        write_whole(self._manifests / f"{manifest.id}.json", manifest.model_dump_json().encode() + b"\n")

    def remove_manifest(self, id: str) -> None:
        """Make a backup be gone; its blocks go with the next `sweep`."""
        (self._manifests / f"{id}.json").unlink()
        sync_directory(self._manifests)

    def has_block(self, name: str) -> bool:
        """Say whether a block is there."""
        return self._block(name).exists()

    def read_block(self, name: str) -> bytes:
        """Read a block.

        Raises:
            DamagedBackup: It is missing, or is not what its name says.
        """
        path = self._block(name)
        try:
            data = zstandard.ZstdDecompressor().decompress(path.read_bytes(), max_output_size=BLOCK_BYTES)
        except FileNotFoundError as error:
            raise DamagedBackup(f"the block {path} is missing") from error
        except (zstandard.ZstdError, OSError) as error:
            raise DamagedBackup(f"the block {path} cannot be read ({error})") from error
        if hashlib.sha256(data).hexdigest() != name:
            raise DamagedBackup(f"the block {path} is damaged")
        return data

    def put_blocks(self, blocks: Iterable[tuple[str, bytes]]) -> int:
        """Write blocks that are not there; they are on disk afterwards.

        Returns:
            How many bytes they take.
        """
        coming = self.scratch() / "blocks"
        coming.mkdir(mode=0o700)
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True)
        size, names = 0, []
        for name, data in blocks:
            packed = compressor.compress(data)
            handle = os.open(coming / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(packed)
            size += len(packed)
            names.append(name)
        # a block has its name only once it is on disk, so that no later backup relies on half a one
        with ThreadPoolExecutor(_SYNCERS) as pool:
            list(pool.map(lambda name: _sync(coming / name), names))
        folders = {self._block(name).parent for name in names}
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        for name in names:
            (coming / name).replace(self._block(name))
        for folder in (*folders, self._blocks):
            sync_directory(folder)
        return size

    def set_aside(self, name: str) -> None:
        """Rename a damaged block, so that the next backup writes it anew where the store still has it."""
        path = self._block(name)
        with suppress(OSError):
            path.replace(path.with_suffix(".damaged"))

    def sweep(self) -> int:
        """Take away the blocks that no backup needs; none while a manifest cannot be read.

        Returns:
            How many bytes that freed.
        """
        manifests, problems = self.manifests()
        if problems:
            return 0
        needed = {name for manifest in manifests for name in manifest.blocks}
        freed = 0
        for path in self._blocks.glob("*/*"):
            if path.suffix != ".zst" or path.stem not in needed:
                freed += path.stat().st_size
                path.unlink()
        return freed

    def size_bytes(self) -> int:
        """Say how much all blocks take."""
        return sum(path.stat().st_size for path in self._blocks.glob("*/*.zst"))

    def _block(self, name: str) -> Path:
        return self._blocks / name[:2] / f"{name}.zst"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    beside = path.with_name(f"{path.name}.tmp")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make what was renamed in a directory last."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(path: Path, *, is_shared: bool, or_say: str) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows: one backup at a time is up to whoever starts them
        yield
        return
    try:
        handle = os.open(path, os.O_RDONLY if is_shared else os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        # a folder that was copied without its lock, or lies on a medium that cannot be written
        yield
        return
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupFault(or_say) from error
        yield
    finally:
        os.close(handle)
