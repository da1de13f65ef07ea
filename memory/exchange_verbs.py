"""What a memory does to give its records to other programs, and to take them back."""

import os
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, BinaryIO

from memory.parts import Parts

if TYPE_CHECKING:
    from memory.exchange.exporting import Exported
    from memory.exchange.loading import Loaded


class ExchangeVerbs(Parts):
    """Export and load records."""

    def export(
        self,
        out: str | os.PathLike[str] | BinaryIO,
        *,
        format: str = "harkback",
        force: bool = False,
        deleted: bool | None = None,
        on_progress: Callable[[str, int, int], None] | None = None,
        **selection: Any,
    ) -> "Exported":
        """Write records to a file, as they are at one moment.

        The file appears when all is written, and not at all when it cannot be. Memory stays flat.

        Args:
            out: A new file, outside the store's directory, or a file object that takes bytes.
            format: The name of a file of `memory/exchange/formats`; `harkback` holds everything and can be loaded.
            force: Whether a file that is there may be written over.
            deleted: Whether what was softly deleted is in it, where the format can hold that; None for yes in an export of
                everything, and for no in one of a selection.
            on_progress: Called with what is written, how much of it is done, and of how much.
            selection: What of it: `session` and `kind` (one or several), `ids`, `project`, `participant`, `after`,
                `before`, `query`; everything without. What selected records refer to comes along in `harkback`.

        Raises:
            InvalidInput: There is no such format or selection, or the file lies in the store's directory.
            Conflict: The file is there already.
            MemoryFault: It cannot be written; what was there is as it was.
        """
        from memory.exchange.exporting import export_to
        from memory.exchange.formats import format_named
        from memory.selection import Selection

        return export_to(
            self.store,
            self.projects,
            out,
            format_named(format),
            Selection.of(selection),
            deleted=deleted,
            force=force,
            on_progress=on_progress,
        )

    def exported(
        self, *, format: str = "harkback", deleted: bool | None = None, **selection: Any
    ) -> Generator[str, None, None]:
        """Yield what an export holds, piece by piece, as it is at one moment; arguments as for `export`."""
        from memory.exchange.exporting import exported_pieces
        from memory.exchange.formats import format_named
        from memory.selection import Selection

        chosen = Selection.of(selection)
        return exported_pieces(self.store, self.projects, format_named(format), chosen, deleted=deleted)

    def load(
        self,
        path: str | os.PathLike[str],
        *,
        on_duplicate: str = "report",
        dry_run: bool = False,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> "Loaded":
        """Take in a Harkback export: ids, times, places, versions, forks and what was forgotten are kept as they were.

        The whole file is checked first; nothing is written when anything is wrong with it. It is written in batches: a load
        that was stopped, or killed, is finished by the next one of the same file.

        Args:
            path: The file.
            on_duplicate: What becomes of a record that is here and differs: `report` refuses the file, `skip` keeps
                ours, `replace` takes the file's, `newest` that which was changed later.
            dry_run: Only check the file and say what would be done.
            on_progress: Called with what is done, how many bytes of the file, and of how many.

        Raises:
            InvalidInput: There is no such way to deal with duplicates.
            UnknownFormat: It is no export.
            SourceFault: It is not whole, or of a newer version; the line is named.
            Conflict: Records differ, and `on_duplicate` is `report`.
        """
        from memory.exchange.loading import load_file
        from memory.indexing import indexing_beside

        with self._held():
            loaded = load_file(
                self._saver,
                path,
                on_duplicate=on_duplicate,
                dry_run=dry_run,
                beside=lambda size: indexing_beside(self.store.directory, self.store.workspace, size),
                on_progress=on_progress,
            )
            if not dry_run:
                self._keyword.catch_up()
        return loaded
