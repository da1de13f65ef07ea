"""Load: a Harkback export into a store, checked as a whole first, then written batch by batch."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from pydantic import BaseModel

from memory.errors import Conflict, InvalidInput
from memory.exchange.checking import SHOWN, Checker, Found, batches
from memory.exchange.deciding import ON_DUPLICATE, Decider
from memory.exchange.export_file import ExportFile
from memory.exchange.load_writing import LoadMark, LoadWriter
from memory.saving import Saver
from memory.store.alone import in_turn

Progress = Callable[[str, int, int], None]


class Differing(BaseModel):
    """A record that is here and in the file, and differs."""

    kind: str
    id: str


class Loaded(BaseModel):
    """What came of an export, by kind of record."""

    path: str
    dry_run: bool
    added: dict[str, int]
    unchanged: dict[str, int]
    """Here already, and the same."""
    replaced: dict[str, int]
    """Different here; the file's were taken."""
    kept: dict[str, int]
    """Different here; ours were kept."""
    forgotten: dict[str, int]
    """Forgotten here, and not brought back."""
    differ: int
    """How many are different here."""
    differing: list[Differing]
    """The first 20 of these."""
    went_on: bool
    """Whether an earlier load of the same file was finished."""


def load_file(
    saver: Saver,
    path: str | os.PathLike[str],
    *,
    on_duplicate: str = "report",
    dry_run: bool = False,
    beside: Callable[[int], AbstractContextManager[None]] | None = None,
    on_progress: Progress | None = None,
) -> Loaded:
    """Load an export; see `Memory.load`.

    `beside` is given how many bytes there are, and makes what is to be entered while they are written.
    """
    if on_duplicate not in ON_DUPLICATE:
        raise InvalidInput(f"on_duplicate is {on_duplicate!r}; it must be one of: {', '.join(ON_DUPLICATE)}")
    # what another one has loaded by half is not what the file says, and would be told as differing
    lock = in_turn(saver.store.directory / "load.lock") if not dry_run else nullcontext()
    with lock, ExportFile(path) as file:
        tell = partial(_tell, on_progress, file.size_bytes)
        key = f"load:{file.claimed_sha256}"
        mark = _mark(saver, key)
        decider = Decider(saver, on_duplicate)
        found = Checker(saver.store, file, decider, mark.lines).run(tell)
        if found.differ and on_duplicate == "report" and not dry_run:
            raise Conflict(_differ(file, found))
        if dry_run:
            return _loaded(file, found, found.verdicts, is_dry=True, went_on=mark.lines > 0)
        went_on = mark.lines > 0
        writer = LoadWriter(saver, file, decider, key, mark, found.messages)
        writer.pass_over(_messages_before(file, mark.lines))
        with beside(file.size_bytes) if beside else nullcontext():
            for lines in batches(file, mark.lines):
                writer.write(lines)
                tell("loading", lines[-1].end)
        return _loaded(file, found, writer.finish(), is_dry=False, went_on=went_on)


def _mark(saver: Saver, key: str) -> LoadMark:
    text = saver.store.state(key)
    return LoadMark(**json.loads(text)) if text else LoadMark()


def _messages_before(file: ExportFile, line: int) -> int:
    count = 0
    if line:
        for each in file.lines():
            if each.number > line:
                break
            count += each.kind == "message"
    return count


def _tell(on_progress: Progress | None, size_bytes: int, what: str, done: int) -> None:
    if on_progress:
        on_progress(what, done, size_bytes)


def _differ(file: ExportFile, found: Found) -> str:
    named = ", ".join(f"{kind} {id}" for kind, id in found.differing)
    more = f" and {found.differ - SHOWN:,} more" if found.differ > SHOWN else ""
    return (
        f"{file.path}: {found.differ:,} records are here already and differ: {named}{more}; nothing was loaded,"
        " --on-duplicate skip keeps ours, replace takes the file's, newest those changed later"
    )


def _loaded(file: ExportFile, found: Found, counts: object, *, is_dry: bool, went_on: bool) -> Loaded:
    assert isinstance(counts, dict)
    verdicts = ("added", "unchanged", "replaced", "kept", "forgotten")
    return Loaded(
        path=str(file.path),
        dry_run=is_dry,
        differ=found.differ,
        differing=[Differing(kind=kind, id=id) for kind, id in found.differing],
        went_on=went_on,
        **{verdict: dict(counts.get(verdict, {})) for verdict in verdicts},
    )
