"""Put sessions away that nobody speaks in any more, and clear what was deleted, or everything."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from memory.care.purging import Purged, note_purge, purge
from memory.catch_up import KeywordIndex
from memory.errors import InvalidInput
from memory.kinds import kinds
from memory.saving import Saver
from memory.store.ageing import Ageing
from memory.store.leavings import Leavings
from memory.store.schema import micros

Progress = Callable[[str, int, int], None]
PORTION = 200
"""Records that go in one transaction, so that other writers wait a moment only. Untuned."""

MOST_DAYS = 365_000
"""No history is older."""
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


class Archived(BaseModel):
    """Sessions that were put away, or would be."""

    dry_run: bool
    sessions: list[str]


class Cleared(BaseModel):
    """What was cleared, or would be."""

    dry_run: bool
    counts: dict[str, int]
    """Records by kind."""
    purged: Purged | None = None


def archive_idle(
    saver: Saver, older_than: timedelta, projects: Sequence[int] | None = None, *, dry_run: bool = False
) -> Archived:
    """Archive the sessions in which nothing was said for so long; they are found and read as before."""
    store = saver.store
    ageing = Ageing(store.database, store.workspace_number)
    idle = ageing.idle_sessions(micros(datetime.now(UTC) - older_than), projects)
    for start in range(0, len(idle) if not dry_run else 0, PORTION):
        some = [number for number, _ in idle[start : start + PORTION]]
        with store.transaction():
            ageing.set_archived(some, micros(datetime.now(UTC)))
            store.changes.add(store.workspace_number, "session", some, "update")
    if idle and not dry_run:
        saver.on_write()
    return Archived(dry_run=dry_run, sessions=[id for _, id in idle])


def clear(
    saver: Saver,
    keyword: KeywordIndex,
    *,
    deleted_before: datetime | None = None,
    dry_run: bool = False,
    on_progress: Progress | None = None,
) -> Cleared:
    """Remove records for good, so that no file of the store holds them.

    Args:
        saver: Of the workspace.
        keyword: Its index.
        deleted_before: Only what was deleted before then; it leaves its ids behind, so that no import brings it back.
            None for everything: then what was imported, and forgotten, is not known any more, and an import brings it back.
        dry_run: Only count.
        on_progress: Called with what is done, how much of it, and of how much.

    Raises:
        IndexBusy: Another process has been writing the keyword index all the while; the next run goes on.
    """
    store = saver.store
    ageing = Ageing(store.database, store.workspace_number)
    before = None if deleted_before is None else micros(deleted_before)
    going = {kind: ageing.going(kind, before) for kind in kinds()}
    counts = {kind: len(numbers) for kind, numbers in going.items() if numbers}
    if dry_run:
        return Cleared(dry_run=True, counts=counts)
    leavings = Leavings(store.database, store.workspace_number)
    if counts:
        with store.transaction():
            note_purge(store)
        done, total = 0, sum(counts.values())
        for kind in reversed(list(counts)):
            for start in range(0, len(going[kind]), PORTION):
                some = going[kind][start : start + PORTION]
                with store.transaction():
                    # what was restored meanwhile stays
                    still = some if before is None else ageing.still_deleted(kind, some, before)
                    store.records.remove(kind, still, buries=before is not None)
                done += len(some)
                if on_progress:
                    on_progress("clearing", min(done, total), total)
    with store.transaction():
        leavings.drop_unused_bytes()
        if before is None:
            leavings.drop_everything()
            note_purge(store)
    saver.on_write()
    purged = purge(store, keyword, on_progress) if counts or before is None else None
    return Cleared(dry_run=False, counts=counts, purged=purged)


def days(text: str, name: str) -> timedelta:
    """Read a span such as 90d, 12w, or a number of days.

    Raises:
        InvalidInput: It is none.
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in _DAYS else (text, "d")
    if not number.isdecimal() or not 0 < (count := int(number[:9]) * _DAYS[unit]) <= MOST_DAYS or len(number) > 9:
        raise InvalidInput(f"{name} is {text!r}; give a span such as 90d, 12w, 6m or 1y, of a thousand years at most")
    return timedelta(days=count)
