"""Keep importing while histories grow: wait for the file system's notices, and read only what changed.

Each directory is watched before what is in it is imported, so that nothing falls between the two. What a notice names is
traced to the file that is a history: a write-ahead log to its database, what belongs to a history to that. How far each file
was read is in the store's marks, so a watcher that is killed, or two that run at once, read nothing twice and lose nothing.
"""

import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from indexers.errors import IndexerError
from memory.errors import DamagedStore, NewerStore, SourceFault, StoreClosed, StoreFault, StoreForked
from memory.importers import importers
from memory.importers.reading.finding import BESIDE_DATABASE, SKIPPED_FOLDERS, listed
from memory.importing import ImportReport, NamedPlace, named_places, place_at
from memory.importing.report import TOTALS
from memory.store.store import Store

BURST_MS, QUIET_MS = 800, 200
"""Notices are taken together until none came for the second, and never for longer than the first. Untuned."""
LOOK_SECONDS = 10.0
"""How often it is looked for places that came into being. Untuned."""
RETRY_SECONDS = 2.0
"""After how long it is tried again to write what could not be written. Untuned."""
POLL_SECONDS = 2.0
"""How often files are looked at where the file system gives no notices, or no more of them. Untuned."""
MANY_NOTICES = 5_000
"""From so many at once on, some may have been lost: everything is looked at. Untuned."""
OWNERS_ASKED = 20
"""Histories in one directory, the newest first, that are asked whether a file belongs to them. Untuned."""
_TICK_SECONDS = 1.0
_FATAL = (StoreClosed, StoreForked, DamagedStore, NewerStore)
Read = Callable[[Sequence[Path], bool], ImportReport]
"""Imports paths; true for the first time, when all is read and what is named must be there."""


class SourceWatcher:
    """Follows histories for as long as its reports are asked for."""

    def __init__(
        self,
        store: Store,
        read: Read,
        given: list[Path],
        format: str | None,
        stop: threading.Event,
        is_polling: bool = False,
    ) -> None:
        self._store = store
        self._read = read
        self._given = [_expanded(path) for path in given]
        self._ignored = store.directory.resolve()
        self._format = format
        self._stop = stop
        self._is_polling = is_polling
        self._closed = threading.Event()
        self._notices: SimpleQueue[set[str]] = SimpleQueue()
        self._lost: set[str] = set()
        self._followed: dict[NamedPlace, tuple[int, int]] = {}
        self._again: set[Path] = set()
        self._retry_at = self._look_at = 0.0
        self._companions = {name: getattr(each, "companions", None) for name, each in importers().items()}
        self._told: dict[str, set[tuple[int | None, str]]] = {}

    def reports(self) -> Iterator[ImportReport]:
        """Yield what came of the first import, then a report whenever something was added or could not be read."""
        try:
            arrived = self._arrivals()
            yield self._heard(self._read(self._given or _paths(arrived), True))
            while not self._stop.is_set():
                changed = self._changed()
                if self._stop.is_set():
                    break
                paths = self._sources(changed) | self._due()
                if time.monotonic() >= self._look_at:
                    paths.update(_paths(self._arrivals()))
                report = self._import(sorted(paths)) if paths else None
                if report is not None:
                    yield report
        finally:
            self._closed.set()

    def _arrivals(self) -> list[NamedPlace]:
        """Begin to watch the places that have come into being, and give them."""
        self._look_at = time.monotonic() + LOOK_SECONDS
        lost, self._lost = self._lost, set()
        self._followed = {place: known for place, known in self._followed.items() if str(place.base) not in lost}
        arrived = []
        for place in map(place_at, self._given) if self._given else named_places(self._format):
            with suppress(OSError):
                status = place.base.stat()
                identity = (status.st_dev, status.st_ino)
                if stat.S_ISDIR(status.st_mode) and self._followed.get(place) != identity:
                    self._followed[place] = identity
                    arrived.append(place)
        deep = _outermost(place.base for place in arrived if not place.pattern or "/" in place.pattern)
        flat = {place.base for place in arrived if place.pattern and "/" not in place.pattern}
        for bases, is_deep in ((deep, True), ({base for base in flat if not _is_below(base, deep)}, False)):
            if bases:
                _Notices(bases, is_deep, self._is_polling, self._is_wanted, self._notices, self).armed.wait()
        return arrived

    def is_set(self) -> bool:
        """Say whether it is over; watchfiles asks this."""
        return self._closed.is_set() or self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until it is over, or for a time; say whether it is over."""
        return self.is_set() or self._stop.wait(seconds) or self.is_set()

    def _is_wanted(self, name: str, is_gone: bool) -> bool:
        """Say whether a notice may concern a history."""
        if Path(name).resolve().is_relative_to(self._ignored) or name.endswith("-shm"):
            return False
        if is_gone:
            if any(name == str(place.base) for place in list(self._followed)):
                self._lost.add(name)
            return name.endswith(BESIDE_DATABASE)
        return SKIPPED_FOLDERS.isdisjoint(Path(name).parts)

    def _changed(self) -> set[str]:
        """Wait for notices, or for the time to look about."""
        found: set[str] = set()
        with suppress(Empty):
            wait = True
            while True:
                found |= self._notices.get(wait, _TICK_SECONDS)
                wait = False
        return found

    def _sources(self, changed: set[str]) -> set[Path]:
        """Trace what changed to the histories that are to be read."""
        if len(changed) > MANY_NOTICES:
            return set(_paths(self._followed))
        found: set[Path] = set()
        for name in changed:
            path = Path(name)
            # files may have come into a new directory before it was watched
            files = [Path(file.path) for file in listed(path)] if path.is_dir() else [_database_of(path)]
            for file in files:
                if file.is_file():
                    found.update(each for each in self._owners(file) if any(p.has(each) for p in self._followed))
        return found

    def _owners(self, path: Path) -> list[Path]:
        """Give the histories that a file belongs to; itself when it belongs to none that is known."""
        if self._store.marks.has(str(path)):
            return [path]
        for folder in path.parents[:3]:
            found = [
                Path(name)
                for name, format in self._store.marks.newest_below(str(folder), OWNERS_ASKED)
                if self._belongs(path, Path(name), format)
            ]
            if found:
                return found
        return [path]

    def _belongs(self, path: Path, owner: Path, format: str) -> bool:
        companions = self._companions.get(format)
        if companions is None:
            return False
        with suppress(OSError):
            return any(each.name == path.name and each.resolve() == path for each in companions(owner))
        return False

    def _due(self) -> set[Path]:
        """Give what is to be tried again by now."""
        if not self._again or time.monotonic() < self._retry_at:
            return set()
        due, self._again = self._again, set()
        return due

    def _import(self, paths: list[Path]) -> ImportReport | None:
        """Import what changed; what cannot be written now is tried again. None when there is nothing to tell."""
        try:
            report = self._heard(self._read(paths, False))
        except _FATAL:
            raise
        except (StoreFault, IndexerError, OSError) as error:
            self._again.update(paths)
            self._retry_at = time.monotonic() + RETRY_SECONDS
            report = self._heard(
                _trouble(str(self._store.directory), f"cannot be written just now, it is tried again: {error}")
            )
        except SourceFault as error:
            report = self._heard(_trouble(str(paths[0]), f"cannot be read: {error}"))
        # a file of no format is told of once, with the first import; that it changes is no news
        report.skipped = [each for each in report.skipped if "cannot be" in each["reason"]]
        return report if report.totals["added"] or report.totals["problems"] or report.skipped else None

    def _heard(self, report: ImportReport) -> ImportReport:
        """Leave out problems that were told before."""
        for source in report.sources:
            told = self._told.setdefault(source.path, set()) if source.problems else set()
            new = [each for each in source.problems if (each["line"], each["what"]) not in told]
            told.update((each["line"], each["what"]) for each in new)
            source.problems = new
        new_skipped = []
        for each in report.skipped:
            told = self._told.setdefault(each["path"], set())
            if (None, each["reason"]) not in told:
                told.add((None, each["reason"]))
                new_skipped.append(each)
        report.skipped = new_skipped
        report.totals["problems"] = sum(len(source.problems) for source in report.sources)
        return report


class _Notices(threading.Thread):
    """Waits for the file system's notices about some directories."""

    def __init__(
        self,
        bases: set[Path],
        is_deep: bool,
        is_polling: bool,
        is_wanted: Callable[[str, bool], bool],
        notices: "SimpleQueue[set[str]]",
        over: SourceWatcher,
    ) -> None:
        super().__init__(name="harkback-notices", daemon=True)
        self._bases = sorted(bases)
        self._is_deep = is_deep
        self._is_polling = is_polling
        self._is_wanted = is_wanted
        self._notices = notices
        self._over = over
        self.armed = threading.Event()
        """Set when nothing is missed any more."""
        self.start()

    def run(self) -> None:
        """Pass on what the file system tells, until it is over."""
        try:
            if not self._is_polling:
                # there may be no notices, or no more of them to be had: a kernel limits how many directories are watched
                with suppress(OSError, RuntimeError):
                    self._follow()
            if not self._over.is_set():
                self._look()
        finally:
            self.armed.set()
            self._notices.put(set())

    def _follow(self) -> None:
        from watchfiles import Change, watch

        for changes in watch(
            *self._bases,
            watch_filter=lambda change, name: self._is_wanted(name, change is Change.deleted),
            debounce=BURST_MS,
            step=QUIET_MS,
            rust_timeout=int(_TICK_SECONDS * 500),
            yield_on_timeout=True,
            stop_event=self._over,
            raise_interrupt=False,
            recursive=self._is_deep,
            force_polling=False,
            ignore_permission_denied=True,
        ):
            # the first yield comes at the latest when the first wait is over: by then the directories are watched
            self.armed.set()
            # some systems tell of a directory whenever something in it changes
            names = {name for change, name in changes if change is not Change.modified or not Path(name).is_dir()}
            if names:
                self._notices.put(names)

    def _look(self) -> None:
        """Look at the files' sizes and times again and again."""
        before = self._seen()
        self.armed.set()
        while not self._over.wait(POLL_SECONDS):
            now = self._seen()
            if changed := {name for name, state in now.items() if before.get(name) != state}:
                self._notices.put(changed)
            before = now

    def _seen(self) -> dict[str, tuple[int, int]]:
        return {
            file.path: (file.status.st_size, file.status.st_mtime_ns)
            for base in self._bases
            for file in listed(base, is_deep=self._is_deep)
            if self._is_wanted(file.path, False)
        }


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        return path  # the import says what is wrong with it


def _paths(places: Iterable[NamedPlace]) -> list[Path]:
    return [path for place in places for path in place.paths() if path.exists()]


def _outermost(bases: Iterable[Path]) -> set[Path]:
    """Leave out the directories that lie in others."""
    found: set[Path] = set()
    for base in sorted(bases, key=lambda each: len(each.parts)):
        if not _is_below(base, found):
            found.add(base)
    return found


def _is_below(path: Path, directories: set[Path]) -> bool:
    return any(path.is_relative_to(directory) for directory in directories)


def _database_of(path: Path) -> Path:
    """Give the database that a file stands beside; the file itself when it is none of a database's own."""
    for end in BESIDE_DATABASE:
        if path.name.endswith(end) and (database := path.with_name(path.name.removesuffix(end))).is_file():
            return database
    return path


def _trouble(path: str, reason: str) -> ImportReport:
    return ImportReport(skipped=[{"path": path, "reason": reason}], totals=dict.fromkeys(TOTALS, 0))
