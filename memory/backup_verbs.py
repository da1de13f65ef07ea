"""What a memory does to be there again after its disk is gone."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from indexers.errors import IndexerError
from memory.errors import MemoryFault
from memory.parts import Parts

if TYPE_CHECKING:
    from memory.exchange.backup import BackedUp
    from memory.exchange.backup_restore import Restored


class BackupVerbs(Parts):
    """Back a store up, and restore it."""

    def backup(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        keep: int | None = None,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> "BackedUp":
        """Back the whole store up, all workspaces, as it is at this moment; others may read and write meanwhile.

        Args:
            path: A folder of backups, made when it is absent; None for the one that the settings name, or else for
                `<store>-backups`. Only what no backup in it has yet is written.
            keep: How many backups of this store stay in the folder, this one included; None for all.
            on_progress: Called with what is done, how much of it, and of how much.

        Raises:
            BackupFault: The folder lies in the store, holds other things, or is being written by another backup.
            DamagedStore: The copy is not sound, so the store is not; no backup was made, and those before stay.
            InvalidInput: `keep` is less than 1.
        """
        from memory.exchange.backup import back_up

        given = path or self._options.backup or f"{self.store.directory}-backups"
        return back_up(self.store, Path(given).expanduser(), keep=keep, on_progress=on_progress)

    @classmethod
    def restore(
        cls,
        backup: str | os.PathLike[str],
        to: str | os.PathLike[str],
        *,
        at: str | datetime | None = None,
        force: bool = False,
        check: Literal["quick", "full"] = "quick",
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> "Restored":
        """Write a backup's store to a directory, with a new uuid, and make its keyword index.

        Args:
            backup: A folder of backups, or a manifest in one.
            to: Where the store is to be. What is there is moved aside when `force` is set, and never deleted.
            at: The backup's id or its beginning, or a time: the last backup before it. None for the newest.
            force: Move aside what is there.
            check: `quick` reads every page before anything appears; `full` also compares indexes with their tables.
            on_progress: Called with what is done, how much of it, and of how much.

        Raises:
            DamagedBackup: A block or the manifest is not what it was; nothing was written.
            BackupFault: There is no such backup, no room, or something is there already.
            StoreFault: A program has the store open that is there.
        """
        from memory.exchange.backup_restore import restore_backup

        done = restore_backup(
            Path(backup).expanduser(),
            Path(to).expanduser(),
            at=at,
            force=force,
            check=check,
            on_progress=on_progress,
        )
        try:
            with cls.open(done.store, create=False) as memory:
                memory._keyword.catch_up((lambda n, of: on_progress("keyword index", n, of)) if on_progress else None)
        except (IndexerError, MemoryFault) as error:
            done.fault = str(error)
        return done
