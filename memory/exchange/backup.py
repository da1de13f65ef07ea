"""Back a live store up into a folder of backups, list them, read them through, and prune old ones."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from memory.errors import BackupFault, DamagedBackup, DamagedStore, InvalidInput, StoreFault
from memory.exchange.backup_folder import BLOCK_BYTES, FORMAT, BackupFolder, Manifest, Problem
from memory.store.backups import check_copy, copy_store, forget_backups, note_backup, noted_backups
from memory.store.schema import moment
from memory.store.store import FILE, Store

Progress = Callable[[str, int, int], None]


class Backup(BaseModel):
    """One backup of a folder."""

    id: str
    at: datetime
    """When its copy was taken."""
    store: str
    """The uuid of the store that it is of."""
    directory: str
    """Where that store was."""
    last_seq: int
    """The last change that it holds."""
    counts: dict[str, int]
    """Rows by table."""
    size_bytes: int
    """Of the file that it restores."""


class BackedUp(BaseModel):
    """What a backup has written."""

    path: str
    """The folder of backups."""
    backup: Backup
    blocks: int
    """Of the whole file."""
    new_blocks: int
    """Those that no backup before had."""
    new_bytes: int
    """What the new ones take on disk."""
    pruned: list[str]
    """Ids of older backups that were taken away."""
    freed_bytes: int
    ahead: list[str] = []
    """Ids of backups before that hold later changes than the store: it lost some. They are never pruned."""
    fault: str | None = None
    """Why the store could not note the backup; None when it did."""


class Backups(BaseModel):
    """What is in a folder of backups."""

    path: str
    backups: list[Backup]
    """The oldest first."""
    size_bytes: int
    """Of all blocks."""
    problems: list[Problem]


class Checked(BaseModel):
    """What reading a whole folder of backups has shown."""

    path: str
    ok: bool
    backups: list[str]
    """Ids of those that are whole."""
    blocks: int
    read_bytes: int
    problems: list[Problem]


def back_up(store: Store, target: Path, *, keep: int | None = None, on_progress: Progress | None = None) -> BackedUp:
    """Back a store up; only blocks that no backup of the folder has are written.

    Args:
        store: It may be read and written meanwhile, by this process and others.
        target: The folder of backups; made when it is absent.
        keep: How many backups of this store stay, the new one included; None for all. Those that hold later changes than
            the store stay besides: it lost what they have.
        on_progress: Called with what is done, how much of it, and of how much.

    Raises:
        BackupFault: The folder cannot be used.
        DamagedStore: The copy is not sound, so the store is not; no backup was made.
        InvalidInput: `keep` is less than 1.
    """
    if keep is not None and (isinstance(keep, bool) or keep < 1):
        raise InvalidInput(f"keep is {keep!r}; at least the backup that is made now stays, so give 1 or more")
    refuse_inside(store, target)
    folder = BackupFolder.made(target)
    with folder.changing():
        manifest, new_blocks, new_bytes = _taken(store, folder, on_progress)
        own = [each for each in folder.manifests()[0] if each.store == store.uuid]
        ahead = [each.id for each in own if each.last_seq > manifest.last_seq]
        done = BackedUp(
            path=str(target),
            backup=_shown(manifest),
            blocks=len(manifest.blocks),
            new_blocks=new_blocks,
            new_bytes=new_bytes,
            pruned=_prune(folder, [each.id for each in own if each.id not in ahead], keep),
            freed_bytes=0,
            ahead=ahead,
        )
        done.freed_bytes = folder.sweep()
        done.fault = _note(store, folder, manifest)
    return done


def list_backups(path: Path) -> Backups:
    """List what is in a folder of backups; only the manifests are read.

    Raises:
        BackupFault: There is no such folder.
    """
    folder = BackupFolder(path)
    manifests, problems = folder.manifests()
    return Backups(
        path=str(path),
        backups=[_shown(each) for each in manifests],
        size_bytes=folder.size_bytes(),
        problems=problems,
    )


def check_backups(path: Path, on_progress: Progress | None = None) -> Checked:
    """Read every block of every backup and compare it with its name.

    A damaged block is renamed, so that the next backup writes it anew where the store still has what was in it.

    Raises:
        BackupFault: There is no such folder, or a backup is being written into it.
    """
    folder = BackupFolder(path)
    with folder.reading():
        manifests, problems = folder.manifests()
        needed_by: dict[str, list[str]] = {}
        for manifest in manifests:
            for name in dict.fromkeys(manifest.blocks):
                needed_by.setdefault(name, []).append(manifest.id)
        read = 0
        for done, (name, ids) in enumerate(needed_by.items(), 1):
            try:
                read += len(folder.read_block(name))
            except DamagedBackup as error:
                folder.set_aside(name)
                problems.append(Problem(what="block", name=name, fault=str(error), backups=ids))
            if on_progress and done % 64 == 0:
                on_progress("blocks", done, len(needed_by))
    broken = {id for problem in problems for id in problem.backups}
    whole = [each.id for each in manifests if each.id not in broken]
    return Checked(
        path=str(path), ok=not problems, backups=whole, blocks=len(needed_by), read_bytes=read, problems=problems
    )


def refuse_inside(store: Store, target: Path) -> None:
    """See that a folder lies outside of a store, and does not hold it.

    Raises:
        BackupFault: It does not.
    """
    place, home = target.resolve(), store.directory.resolve()
    if place.is_relative_to(home):
        raise BackupFault(f"{target}: inside the store, with which it would be lost; name a folder elsewhere")
    if home.is_relative_to(place):
        raise BackupFault(f"{target}: holds the store itself; name a folder of its own for backups")


def _taken(store: Store, folder: BackupFolder, on_progress: Progress | None) -> tuple[Manifest, int, int]:
    """Copy, check, and put blocks and manifest into the folder; give how many blocks and bytes were new."""
    at = time.time_ns() // 1000
    copy = folder.scratch() / FILE
    try:
        snapshot = copy_store(store.directory, copy, partial(on_progress, "copying") if on_progress else None)
    except DamagedStore as error:
        raise DamagedStore(f"{error}; no backup was made, those before stay") from error
    if on_progress:
        on_progress("checking", 0, 1)
    if wrong := check_copy(copy, snapshot):
        raise DamagedStore(
            f"{store.directory}: not sound ({wrong[0]}); no backup was made, those before stay: restore one beside it"
        )
    # the copy is of this process alone, and no connection to it is open
    blocks, whole = [], hashlib.sha256()
    for name, data in _blocks(copy):
        blocks.append(name)
        whole.update(data)
    new_blocks, new_bytes = _put_new(folder, copy, blocks, on_progress)
    manifest = Manifest(
        format=FORMAT,
        number=1 + max((each.number for each in folder.manifests()[0]), default=0),
        id=f"{moment(at):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        at=at,
        store=snapshot.store,
        directory=str(store.directory.resolve()),
        schema_version=snapshot.schema,
        last_seq=snapshot.last_seq,
        counts=snapshot.counts,
        size_bytes=copy.stat().st_size,
        sha256=whole.hexdigest(),
        blocks=blocks,
    ).sealed()
    folder.write_manifest(manifest)
    return manifest, new_blocks, new_bytes


def _put_new(folder: BackupFolder, copy: Path, blocks: list[str], on_progress: Progress | None) -> tuple[int, int]:
    """Put the blocks into the folder that it has not; give how many there were, and what they take on disk."""
    wanted = {name for name in blocks if not folder.has_block(name)}
    count = len(wanted)

    def coming() -> Iterator[tuple[str, bytes]]:
        for at, (name, data) in enumerate(_blocks(copy)):
            if name in wanted:
                wanted.discard(name)
                yield name, data
            if on_progress and at % 64 == 0:
                on_progress("blocks", at, len(blocks))

    return count, folder.put_blocks(coming()) if count else 0


def _blocks(copy: Path) -> Iterator[tuple[str, bytes]]:
    with copy.open("rb") as file:
        while data := file.read(BLOCK_BYTES):
            yield hashlib.sha256(data).hexdigest(), data


def _prune(folder: BackupFolder, ids: list[str], keep: int | None) -> list[str]:
    gone = [] if keep is None else ids[:-keep]
    for id in gone:
        folder.remove_manifest(id)
    return gone


def _note(store: Store, folder: BackupFolder, manifest: Manifest) -> str | None:
    """Note the backup in the store, and forget those that are no more; a store that cannot be written is said."""
    there = {each.id for each in folder.manifests()[0]}
    path = folder.path.resolve()
    gone = [each.id for each in noted_backups(store) if each.path == str(path) and each.id not in there]
    try:
        with store.transaction():
            forget_backups(store, gone)
            note_backup(store, manifest.noted(path))
    except StoreFault as error:
        return str(error)
    return None


def _shown(manifest: Manifest) -> Backup:
    return Backup(
        id=manifest.id,
        at=datetime.fromtimestamp(manifest.at / 1_000_000, UTC),
        store=manifest.store,
        directory=manifest.directory,
        last_seq=manifest.last_seq,
        counts=manifest.counts,
        size_bytes=manifest.size_bytes,
    )
