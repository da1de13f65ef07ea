"""Forget records for good: rows, vectors, index, attachments, kept sources, and what was drawn from them.

Rows go in portions, each in one transaction with its tombstones, so that others can write in between; before the first
one it is noted that files are to be purged. A run that was killed is finished by the same command, or by the next one.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from memory.care.probing import SAYING, Probes, tells
from memory.care.purging import Purged, is_purge_pending, note_purge, purge
from memory.care.residue import files_holding
from memory.catch_up import KeywordIndex
from memory.errors import DamagedStore, InvalidInput, StoreFault
from memory.kinds import kinds
from memory.saving import Saver
from memory.selection import Numbers, Selection, Selector, texts_in
from memory.store.leavings import Leavings
from memory.store.schema import columns
from memory.store.selecting import Selecting, referrers
from memory.store.texts import Texts

Progress = Callable[[str, int, int], None]
PORTION = 200
"""Records that go in one transaction, so that other writers wait a moment only. Untuned."""
WITHHELD = "withheld"
"""In a session's metadata: the names of what an import must not bring back."""


class Residue(BaseModel):
    """What looking through the files has shown."""

    samples: int
    """Of the forgotten texts, that were looked for."""
    said_elsewhere: int
    """Samples that other records hold, too; they are no residue."""
    files: int
    bytes: int
    found: dict[str, int]
    """By file how many samples it still holds; {} is what is wanted."""


class BackupHolding(BaseModel):
    """A backup that was made before, and holds what was forgotten since."""

    path: str
    at: datetime


class Forgotten(BaseModel):
    """A receipt: what was forgotten, or would be; never what it said."""

    dry_run: bool
    at: datetime
    counts: dict[str, int]
    """Records by kind."""
    ids: dict[str, list[str]]
    """Their ids by kind."""
    changed: dict[str, list[str]]
    """Sessions that stay and repeated something in their title or elsewhere, by the name of what was taken out."""
    sources: list[str]
    """Imported files whose kept copy was dropped, and which the next import reads from the beginning."""
    also_in: dict[str, list[str]]
    """By kind the ids of records that stay and say the same; forget them, too, if it is the text that is to go."""
    backups: list[BackupHolding]
    """Backups that still hold it."""
    purged: Purged | None = None
    residue: Residue | None = None


@dataclass
class _Plan:
    """What is to go, and what stays and has to be changed."""

    going: Numbers
    sessions: list[int] = field(default_factory=list)
    """Sessions that stay, and lose messages, or say themselves what is to go."""
    paths: list[str] = field(default_factory=list)


class Forgetting:
    """Forgets what a selection names in one workspace."""

    def __init__(self, saver: Saver, keyword: KeywordIndex, selector: Selector) -> None:
        store = saver.store
        self._saver, self._store, self._keyword, self._selector = saver, store, keyword, selector
        self._selecting = Selecting(store.database, store.workspace_number)
        self._leavings = Leavings(store.database, store.workspace_number)
        self._texts = Texts(store.database, store.workspace_number)

    def run(
        self,
        selection: Selection,
        backups: Sequence[BackupHolding] = (),
        *,
        dry_run: bool = False,
        on_progress: Progress | None = None,
    ) -> Forgotten:
        """Forget, and prove it.

        Args:
            selection: What.
            backups: Those that were made of this store.
            dry_run: Only say what would go.
            on_progress: Called with what is done, how much of it, and of how much.

        Raises:
            InvalidInput: The selection is empty.
            UnknownRecord: It names what is not there.
            IndexBusy: Another process has been writing the keyword index all the while; the next run goes on.
        """
        if selection.is_empty:
            raise InvalidInput(
                "nothing says what to forget; name records, a session, a project, a participant, a date or a query"
            )
        plan = self._plan(selection, on_progress)
        receipt = Forgotten(
            dry_run=dry_run,
            at=datetime.now(UTC),
            counts={kind: len(numbers) for kind, numbers in plan.going.items()},
            ids={kind: self._selecting.ids(kind, numbers) for kind, numbers in plan.going.items()},
            changed={},
            sources=plan.paths,
            also_in={},
            backups=list(backups) if plan.going else [],
        )
        probes = Probes()
        if not dry_run:
            self._carry_out(plan, selection, receipt, probes, on_progress)
        return receipt

    def _plan(self, selection: Selection, on_progress: Progress | None) -> _Plan:
        found = self._selector.numbers(selection, deleted=True, on_progress=on_progress)
        titled: set[int] = set()
        if selection.query and not selection.kinds and not selection.ids:
            # what is asked for by its words is what says them, not all that lies under a title that does
            titled = set(found.pop("session", []))
            found.pop("project", None)
        going = {kind: set(numbers) for kind, numbers in found.items()}
        self._add_belonging(going)
        ordered = {kind: sorted(going[kind]) for kind in kinds() if going.get(kind)}
        gone = going.get("session", set())
        losing = set(self._selecting.held("message", "session_number", ordered.get("message", [])).values())
        losing = (losing | titled) - gone
        ids = self._selecting.ids("session", sorted(gone | losing))
        return _Plan(ordered, sorted(losing), self._leavings.paths_of(ids))

    def _add_belonging(self, going: dict[str, set[int]]) -> None:
        """Add what hangs on what goes, and what was drawn from it, until nothing is left to add."""
        looked: dict[str, set[int]] = {}
        while new := {kind: numbers - looked.get(kind, set()) for kind, numbers in going.items()}:
            new = {kind: numbers for kind, numbers in new.items() if numbers}
            if not new:
                return
            for kind, numbers in new.items():
                looked.setdefault(kind, set()).update(numbers)
            for kind, numbers in new.items():
                for other, more in self._belonging(kind, sorted(numbers)):
                    going.setdefault(other, set()).update(more)

    def _belonging(self, kind: str, numbers: Sequence[int]) -> list[tuple[str, list[int]]]:
        found = [
            (child, self._selecting.referring(child, column, numbers))
            for child, column, on_delete in referrers(kind)
            if on_delete == "cascade"
        ]
        ids = self._selecting.ids(kind, numbers)
        found.append(("relationship", self._leavings.arrows_at([f"{kind}:{id}" for id in ids])))
        if kind == "session":
            found.append(("learning", self._selecting.referring("learning", "session_number", numbers)))
        if kind == "message":
            found.append(("learning", self._leavings.drawn_from(ids)))
            found.append(("relationship", self._leavings.arrows_drawn_from(numbers)))
        return found

    def _carry_out(
        self,
        plan: _Plan,
        selection: Selection,
        receipt: Forgotten,
        probes: Probes,
        on_progress: Progress | None,
    ) -> None:
        if not plan.going and not plan.sessions and not is_purge_pending(self._store):
            return
        with self._store.transaction():
            note_purge(self._store)
        self._forget_sources(plan)
        # before the rows go: a run that is killed behind them would find nothing to compare with
        receipt.changed = self._clean_sessions(plan, selection)
        self._remove(plan, probes, on_progress)
        self._saver.on_write()
        elsewhere, receipt.also_in = probes.still_said(self._store)
        more = probes.kept_sources(self._store, elsewhere)
        with self._store.transaction():
            for path in more:
                self._store.kept_sources.drop(path)
                self._store.changes.withhold_source(self._store.workspace_number, path)
            self._leavings.drop_unused_bytes()
            self._leavings.drop_unused_words()
        receipt.sources = sorted({*receipt.sources, *more})
        receipt.purged = purge(self._store, self._keyword, on_progress)
        samples = [each.encode() for each in probes.texts if each not in elsewhere]
        receipt.residue = self._residue(samples if elsewhere else [*samples, *probes.packed], len(elsewhere))

    def _forget_sources(self, plan: _Plan) -> None:
        with self._store.transaction():
            for path in plan.paths:
                self._store.kept_sources.drop(path)
                self._store.changes.withhold_source(self._store.workspace_number, path)
                self._leavings.begin_anew(path)
            gone = self._selecting.ids("session", plan.going.get("session", []))
            self._leavings.drop_sessions(gone)

    def _remove(self, plan: _Plan, probes: Probes, on_progress: Progress | None) -> None:
        """Remove the rows, the last of the kinds first, and count anew what sessions that stay have left."""
        done, total, staying = 0, sum(map(len, plan.going.values())), set(plan.sessions)
        for kind in reversed(list(plan.going)):
            numbers = plan.going[kind]
            last = {session: number for number, session in self._sessions_of(kind, numbers) if session in staying}
            for start in range(0, len(numbers), PORTION):
                some = numbers[start : start + PORTION]
                for number in some:
                    with suppress(DamagedStore):
                        # what cannot be read goes all the same
                        if row := self._texts.one(kind, number):
                            probes.take(row.values)
                with self._store.transaction():
                    self._store.records.remove(kind, some)
                    for session in [each for each, number in last.items() if some[0] <= number <= some[-1]]:
                        self._store.sessions.count_anew(session)
                done += len(some)
                if on_progress:
                    on_progress("forgetting", done, total)

    def _sessions_of(self, kind: str, numbers: Sequence[int]) -> list[tuple[int, int]]:
        return sorted(self._selecting.held(kind, "session_number", numbers).items()) if kind == "message" else []

    def _clean_sessions(self, plan: _Plan, selection: Selection) -> dict[str, list[str]]:
        """Take out of sessions that stay what repeats what they are about to lose."""
        losing: dict[int, list[int]] = {}
        for number, session in self._sessions_of("message", plan.going.get("message", [])):
            losing.setdefault(session, []).append(number)
        changed: dict[str, list[str]] = {}
        for number in plan.sessions:
            said: list[str] = []
            for message in losing.get(number, []):
                with suppress(DamagedStore):
                    if row := self._texts.one("message", message):
                        said += texts_in({name: value for name, value in row.values.items() if name in SAYING})
            with self._store.transaction():
                row = self._texts.one("session", number)
                if row is None:
                    continue
                said += [each for each in texts_in(row.values) if self._selector.says(selection, each)]
                if values := _without(row.values, said, selection.participant):
                    self._write_session(number, row.values.get("metadata") or {}, values)
                    for name in values:
                        changed.setdefault(name, []).append(row.id)
        return changed

    def _write_session(self, number: int, metadata: dict[str, Any], values: dict[str, Any]) -> None:
        kept = dict(values.get("metadata", metadata))
        names = [f"metadata.{name}" for name in metadata if name not in kept]
        names += [name for name in values if name != "metadata"]
        kept[WITHHELD] = sorted({*metadata.get(WITHHELD, []), *names})
        encode = {column.field: column.encode for column in columns("session")}
        stored = {name: encode[name](value) for name, value in {**values, "metadata": kept}.items()}
        self._store.records.set_stored("session", stored, number)
        self._store.changes.add(self._store.workspace_number, "session", [number], "update")
        self._saver.rewrite("session", [number])

    def _residue(self, samples: Sequence[bytes], elsewhere: int) -> Residue:
        directory = self._store.directory
        try:
            found, looked = files_holding(directory, samples)
        except OSError as error:
            raise StoreFault(f"{error}; it is forgotten, but that was not proved: run it again") from error
        return Residue(
            samples=len(samples) + elsewhere,
            said_elsewhere=elsewhere,
            files=sum(1 for path in directory.rglob("*") if path.is_file()),
            bytes=looked,
            found=found,
        )


def _without(values: dict[str, Any], said: Sequence[str], participant: str | None) -> dict[str, Any]:
    """Give the fields of a session that repeat what was said, or name a participant, as they are without that."""
    changed: dict[str, Any] = {}
    whole = {text.strip() for text in said}
    for name in ("title", "summary", "system_prompt"):
        # one that is the same is a repetition, however short it is
        if values.get(name) and (tells(values[name], said) or values[name].strip() in whole):
            changed[name] = None
    words = {word for text in said for word in text.casefold().split()}
    keywords = [each for each in values.get("keywords") or [] if each.casefold() not in words]
    if said and keywords != (values.get("keywords") or []):
        changed["keywords"] = keywords
    people = values.get("participants") or []
    if participant in people:
        changed["participants"] = [each for each in people if each != participant]
    metadata = values.get("metadata") or {}
    kept = {name: value for name, value in metadata.items() if name == WITHHELD or not tells(value, said)}
    if kept != metadata:
        changed["metadata"] = kept
    return changed
