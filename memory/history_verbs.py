"""What a memory does with the histories of other programs."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.errors import UnknownRecord
from memory.parts import Parts

if TYPE_CHECKING:
    from memory.importing import ImportReport, Progress


class HistoryVerbs(Parts):
    """Read histories into a store."""

    def import_(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        format: str | None = None,
        project: str | None = None,
        keep_source: str | None = None,
        on_progress: "Progress | None" = None,
    ) -> "ImportReport":
        """Import histories, so that they are found when this returns; see `memory.importing.import_histories`."""
        several = [Path(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
        return self._imported(several, True, keep_source, format=format, project=project, on_progress=on_progress)

    def watch_sources(
        self,
        paths: Sequence[str | os.PathLike[str]] = (),
        *,
        stop: threading.Event | None = None,
        format: str | None = None,
        project: str | None = None,
        keep_source: str | None = None,
        poll: bool = False,
        on_progress: "Progress | None" = None,
    ) -> "Iterator[ImportReport]":
        """Import what came since the last import, and then what comes, until it is stopped.

        Args:
            paths: Files and directories; none for the places where agents keep their histories on this machine, those
                that come into being later included.
            stop: Ends it when it is set, after the file that is being read.
            format: As for `import_`; without paths: only the places of this format.
            project: As for `import_`.
            keep_source: As for `import_`.
            poll: Look at the files every two seconds, for file systems that give no notices of changes.
            on_progress: As for `import_`.

        Yields:
            What came of the first import; then a report whenever something was added, or could not be read.

        Raises:
            SourceFault: As for `import_`, of what is named; what goes wrong later is in the reports.
        """
        from memory.watching import SourceWatcher

        stopped, given = stop or threading.Event(), [Path(path) for path in paths]
        arguments = {"format": format if given else None, "project": project, "on_progress": on_progress}

        def read(some: Sequence[Path], is_first: bool) -> "ImportReport":
            is_strict = is_first and bool(given)
            return self._imported(
                some, is_first, keep_source, is_strict=is_strict, is_stopped=stopped.is_set, **arguments
            )

        self._vector_follower.start()
        return SourceWatcher(self.store, read, given, None if given else format, stopped, poll).reports()

    def _imported(
        self, paths: Sequence[Path], is_much: bool, keep_source: str | None, **arguments: Any
    ) -> "ImportReport":
        """Import; what is much is brought into the index at once, what is little follows in the background."""
        from memory.importing import import_histories
        from memory.indexing import indexing_beside

        with self._held() if is_much else nullcontext():
            report = import_histories(
                self._saver,
                self.projects,
                paths,
                derived=self._options.derived,
                keep_source=keep_source or self._options.keep_source,
                beside=lambda size: indexing_beside(self.store.directory, self.store.workspace, size),
                **arguments,
            )
            if is_much:
                self._keyword.catch_up()
        return report

    def kept_source(self, path: str | os.PathLike[str]) -> Iterator[bytes]:
        """Yield what an imported file held, its secrets taken out, piece by piece.

        Args:
            path: The path as the import reported it.

        Raises:
            UnknownRecord: Nothing is kept of it.
        """
        name = os.fspath(path)
        for each in (name, str(Path(name).expanduser().resolve())):
            if any(kept.path == each for kept in self.store.kept_sources.all()):
                return self.store.kept_sources.pieces(each)
        raise UnknownRecord(f"nothing is kept of {name}; `hark import --keep-source all {name}` keeps it")
