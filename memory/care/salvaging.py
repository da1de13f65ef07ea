"""Write what can be read of a damaged store into a new one; the damaged one is left untouched."""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from memory.errors import NoStore, StoreFault
from memory.kinds import kinds
from memory.saving import Saver
from memory.store.salvage import SalvagedTable, salvage_rows
from memory.store.store import FILE, open_store
from memory.store.texts import Texts

Progress = Callable[[str, int, int], None]
BATCH = 500
"""Records whose pieces are made together. Untuned."""
# in a process of its own: one that has the store open would drop SQLite's locks by closing its file
_COPY = "import shutil, sys; shutil.copyfile(sys.argv[1], sys.argv[2])"


class Salvaged(BaseModel):
    """What came of a damaged store."""

    store: str
    """The new one."""
    tables: list[SalvagedTable]
    lost: list[str]
    """What could not be kept, and why; equal lines are counted."""


def salvage_into(damaged: Path, to: Path, workspace: str, on_progress: Progress | None = None) -> Salvaged:
    """Make a new store and copy into it what can be read; its pieces, vectors and index are for the caller to make.

    Raises:
        NoStore: There is nothing to read.
        StoreFault: There is something where the new one is to be, or it lies in the damaged one.
        DamagedStore: Not even the list of tables can be read.
    """
    if not (damaged / FILE).is_file() or not (damaged / FILE).stat().st_size:
        raise NoStore(f"{damaged}: there is no {FILE} to read from; restore a backup")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise StoreFault(f"{to}: there is something; name a directory that is empty or absent")
    if damaged.resolve() in to.resolve().parents:
        raise StoreFault(f"{to}: lies in the damaged store, which is left as it is; name a directory elsewhere")
    is_new = not to.exists()
    try:
        open_store(to, workspace=workspace).close()
        with _copied(damaged, to) as copy:
            tables, lost = salvage_rows(copy, to / FILE, on_progress)
    except BaseException:
        # what is half salvaged must not be taken for a store
        shutil.rmtree(to, ignore_errors=True)
        if not is_new:
            to.mkdir(mode=0o700)
        raise
    told = [what if count == 1 else f"{count:,} times: {what}" for what, count in Counter(lost).items()]
    return Salvaged(store=str(to), tables=tables, lost=told)


def make_findable(saver: Saver, on_progress: Progress | None = None) -> None:
    """Make the pieces and vectors of all records of one workspace, and log them, so that the indexes take them up."""
    store = saver.store
    texts = Texts(store.database, store.workspace_number)
    for kind, record in kinds().items():
        total, done, numbers = texts.count(kind), 0, _numbers(texts, kind)
        for some in numbers:
            with store.transaction():
                store.changes.add(store.workspace_number, kind, some, "create")
                if record.declaration.searchable:
                    saver.rewrite(kind, some)
                if kind == "session":
                    for number in some:
                        store.sessions.count_anew(number)
            done += len(some)
            if on_progress:
                on_progress(f"indexing {record.declaration.plural}", done, total)
    saver.on_write()


def _numbers(texts: Texts, kind: str) -> Iterator[list[int]]:
    some: list[int] = []
    last = 0
    while rows := texts.after(kind, last):
        last = rows[-1].number
        some += [row.number for row in rows]
        if len(some) >= BATCH:
            yield some
            some = []
    if some:
        yield some


@contextmanager
def _copied(damaged: Path, to: Path) -> Iterator[Path]:
    """Copy a store's file and log to where SQLite may write to them."""
    folder = to / "scratch" / "salvage"
    folder.mkdir(parents=True, mode=0o700)
    try:
        for name in (FILE, f"{FILE}-wal"):
            if (damaged / name).exists():
                command = [sys.executable, "-I", "-S", "-c", _COPY, str(damaged / name), str(folder / name)]
                copied = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this Python
                if copied.returncode:
                    raise StoreFault(f"{damaged / name}: cannot be copied ({copied.stderr.strip().splitlines()[-1]})")
        yield folder / FILE
    finally:
        shutil.rmtree(to / "scratch", ignore_errors=True)
