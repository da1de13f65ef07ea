"""Restore a store from a backup: whole and checked before anything appears at its place."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from memory.dates import given_date
from memory.errors import BackupFault, DamagedBackup
from memory.exchange.backup import Backup, list_backups
from memory.exchange.backup_folder import BackupFolder, Manifest, sync_directory
from memory.store.backups import check_copy, knows_schema, refuse_open_store, stamp_restored
from memory.store.store import FILE

Progress = Callable[[str, int, int], None]
Check = Literal["quick", "full"]
_LOCK = "restore.lock"
_PAGE_ROOM = 1.1
"""How much room is asked for, as a share of the file: it is written, and then stamped."""


class Restored(BaseModel):
    """What was restored."""

    store: str
    """The directory."""
    uuid: str
    """The store's new one: the store that was backed up keeps its own."""
    backup: Backup
    moved_aside: str | None
    """Where what was there before is now; None when nothing was."""
    fault: str | None = None
    """Why the keyword index was not made at once; the next use makes it."""


def restore_backup(
    backup: Path,
    to: Path,
    *,
    at: str | datetime | None = None,
    force: bool = False,
    check: Check = "quick",
    on_progress: Progress | None = None,
) -> Restored:
    """Write a backup's store to a directory, with a new uuid.

    Args:
        backup: A folder of backups, or a manifest in one.
        to: Where the store is to be; absent or empty, or else `force` moves what is there aside.
        at: The backup's id or its beginning, or a time: the last backup before it. None for the newest.
        force: Move aside what is there.
        check: `quick` reads every page; `full` also compares indexes with their tables.
        on_progress: Called with what is done, how much of it, and of how much.

    Raises:
        DamagedBackup: A block or the manifest is not what it was; nothing was written.
        BackupFault: There is no such backup, no room, or something is there already.
        StoreFault: A program has the store open that is there.
    """
    folder, manifest = find_backup(backup, at)
    if not knows_schema(manifest.schema_version):
        raise BackupFault(
            f"{manifest.id}: of a store of a newer Harkback (schema {manifest.schema_version});"
            " update with `pip install --upgrade harkback`"
        )
    to = to.absolute()
    _refuse_what_is_there(to, folder.path, force=force)
    with folder.reading(), _staging(to, manifest.size_bytes) as staged:
        _assemble(folder, manifest, staged / FILE, on_progress)
        if on_progress:
            on_progress("checking", 0, 1)
        if wrong := check_copy(staged / FILE, manifest.snapshot(), is_full=check == "full"):
            raise DamagedBackup(f"{manifest.id}: the file is not sound ({wrong[0]}); name an older backup with --at")
        identity = stamp_restored(staged, manifest.noted(folder.path.resolve()))
        for name in (FILE, "store.json"):
            _sync(staged / name)
        aside = _put_in_place(staged, to, force=force)
    shown = next(each for each in list_backups(folder.path).backups if each.id == manifest.id)
    return Restored(store=str(to), uuid=identity, backup=shown, moved_aside=None if aside is None else str(aside))


def find_backup(backup: Path, at: str | datetime | None) -> tuple[BackupFolder, Manifest]:
    """Find a backup by its folder or manifest, and by id or time.

    Raises:
        BackupFault: There is none.
        DamagedBackup: Its manifest is not as it was written.
    """
    if backup.suffix == ".json" and backup.parent.name == "manifests":
        folder = BackupFolder(backup.parent.parent)
        return folder, folder.manifest(backup.stem)
    folder = BackupFolder(backup)
    manifests, problems = folder.manifests()
    if isinstance(at, str):
        for problem in problems:
            if problem.name.startswith(at):
                raise DamagedBackup(problem.fault)
        named = [each for each in manifests if each.id.startswith(at)]
        if len(named) == 1:
            return folder, named[0]
    if at is not None:
        until = given_date(at, "at", datetime.now(UTC))[1].timestamp() * 1_000_000
        manifests = [each for each in manifests if each.at < until]
    if not manifests:
        said = f"; {problems[0].fault}" if problems else ""
        when = "" if at is None else f" of {at} or before"
        raise BackupFault(f"{backup}: no backup{when}{said}; `hark backup {backup} --list` shows what is there")
    return folder, manifests[-1]


def _refuse_what_is_there(to: Path, folder: Path, *, force: bool) -> None:
    if to.resolve().is_relative_to(folder.resolve()) or folder.resolve().is_relative_to(to.resolve()):
        raise BackupFault(f"{to}: and the folder of backups {folder} lie one in the other; name another directory")
    if not os.path.lexists(to):
        return
    if not to.is_dir():
        raise BackupFault(f"{to}: a file; name a directory for the store")
    if any(to.iterdir()):
        if not force:
            raise BackupFault(
                f"{to}: something is there already; name another directory, or move it aside with --force"
            )
        refuse_open_store(to)


@contextmanager
def _staging(to: Path, size_bytes: int) -> Iterator[Path]:
    """Make a folder beside the store's, for what is not yet known to be whole; killed runs' folders are swept first."""
    to.parent.mkdir(parents=True, exist_ok=True)
    for left in to.parent.glob(f"{to.name}.restoring-*"):
        _sweep(left)
    if shutil.disk_usage(to.parent).free < size_bytes * _PAGE_ROOM:
        raise BackupFault(
            f"{to.parent}: no room for {size_bytes / 1e6:,.0f} MB; free some space, or name another place"
        )
    staged = to.parent / f"{to.name}.restoring-{secrets.token_hex(4)}"
    staged.mkdir(mode=0o700)
    handle = os.open(staged / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _hold(handle)
        yield staged
    finally:
        os.close(handle)
        shutil.rmtree(staged, ignore_errors=True)


def _assemble(folder: BackupFolder, manifest: Manifest, file: Path, on_progress: Progress | None) -> None:
    whole, size = hashlib.sha256(), 0
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        for done, name in enumerate(manifest.blocks):
            try:
                data = folder.read_block(name)
            except DamagedBackup as error:
                raise DamagedBackup(
                    f"{manifest.id}: {error}; nothing was written, `hark backup {folder.path} --check` says which"
                    " backups are whole"
                ) from error
            out.write(data)
            whole.update(data)
            size += len(data)
            if on_progress and done % 64 == 0:
                on_progress("blocks", done, len(manifest.blocks))
    if (size, whole.hexdigest()) != (manifest.size_bytes, manifest.sha256):
        raise DamagedBackup(f"{manifest.id}: its blocks do not give its file; name an older backup with --at")


def _put_in_place(staged: Path, to: Path, *, force: bool) -> Path | None:
    sync_directory(staged)
    aside = None
    if to.is_dir() and any(to.iterdir()):
        # it may have come, or been opened, while the file was written
        _refuse_what_is_there(to, staged, force=force)
        aside = _free_name(to)
        to.rename(aside)
    elif to.is_dir():
        to.rmdir()
    staged.rename(to)
    (to / _LOCK).unlink()
    sync_directory(to)
    sync_directory(to.parent)
    return aside


def _free_name(to: Path) -> Path:
    name = f"{to.name}-before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    found, count = to.with_name(name), 1
    while found.exists():
        count += 1
        found = to.with_name(f"{name}-{count}")
    return found


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(left: Path) -> None:
    """Delete what a killed run left behind."""
    with suppress(FileNotFoundError):
        handle = os.open(left / _LOCK, os.O_RDWR)
        try:
            _hold(handle)
        except OSError:
            return
        finally:
            os.close(handle)
    shutil.rmtree(left, ignore_errors=True)


def _hold(handle: int) -> None:
    """Lock a file for as long as it is open, without waiting.

    Raises:
        OSError: Another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows: an open file cannot be deleted, which says the same
        return
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
