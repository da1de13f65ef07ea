"""Writes the lines of an export, a batch in one transaction, with the mark that says how far it goes.

References to records that stand further behind are noted in the store and written when all is there.
"""

import json
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby

from memory.exchange.deciding import Decided, Decider, Verdict
from memory.exchange.export_file import ExportFile, RecordLine
from memory.exchange.extras import Blob, ImportMark, ImportSession, KeptPiece, Tombstone
from memory.exchange.references import references_of
from memory.kinds import Record, kinds
from memory.kinds.learning import Learning
from memory.kinds.message import Message
from memory.kinds.session import Session
from memory.saving import Facts, Prepared, Saver, is_failed, passages_of
from memory.searchable import Passage
from memory.store.exchange import encoded
from memory.store.kept_sources import SourcePiece
from memory.store.marks import joined
from memory.store.schema import columns, micros, to_json

AT_ONCE = 500
"""References that are written in one transaction at the end."""


@dataclass
class LoadMark:
    """How far an export is loaded."""

    lines: int = 0
    first_session: int = 0
    """Number of the first session that the load made."""
    recount: list[int] = field(default_factory=list)
    """Sessions that were here, and whose messages are counted anew at the end."""
    counts: dict[Verdict, dict[str, int]] = field(default_factory=dict)


class LoadWriter:
    """Writes one export into one workspace."""

    def __init__(
        self, saver: Saver, file: ExportFile, decider: Decider, key: str, mark: LoadMark, messages: "array[int]"
    ) -> None:
        """Take what is to be written.

        Args:
            saver: What writes pieces and vectors.
            file: The export.
            decider: Says what becomes of each line.
            key: Under which the mark is kept with the store.
            mark: How far an earlier load of the same file came.
            messages: For each message of the file its number here, 0 for those that are not; it is kept up to date.
        """
        self._saver = saver
        self._store = saver.store
        self._file = file
        self._decider = decider
        self._key = key
        self._mark = mark
        self._messages = messages
        self._place = 0
        self._recount = set(mark.recount)
        self._dropped: set[str] = set()
        self._projects: dict[int, int] = {}

    def write(self, lines: Sequence[RecordLine]) -> None:
        """Write lines."""
        self._file.check_unchanged()
        while not self._wrote(self._decider.decide(lines), lines[-1].number):
            pass  # another process has written some of them meanwhile
        self._saver.on_write()

    def pass_over(self, messages: int) -> None:
        """Go on behind messages that an earlier load has written."""
        self._place = messages

    def finish(self) -> dict[Verdict, dict[str, int]]:
        """Write what could only be written when all is there, and forget the mark.

        Returns:
            How many records of each kind became what.
        """
        rows, prefix = self._decider.rows, f"{self._key}:"
        while noted := rows.noted(prefix, AT_ONCE):
            with self._store.transaction():
                for _, text in noted:
                    kind, number, column, target, id = json.loads(text)
                    if found := rows.numbers(target, [id]):
                        rows.link(kind, number, column, found[id])
                rows.drop_noted(key for key, _ in noted)
        with self._store.transaction():
            for session in sorted(self._recount):
                if rows.is_miscounted(session):
                    self._store.sessions.count_anew(session)
            rows.drop_noted([self._key])
        return self._mark.counts

    def _wrote(self, decided: list[Decided], last: int) -> bool:
        """Write a batch; False when it must be decided anew."""
        writing = [each for each in decided if each.is_written and isinstance(each.made, Record)]
        prepared = self._saver.prepare([_passages(each.made) for each in writing if isinstance(each.made, Record)])
        with self._store.transaction():
            if self._is_late(writing):
                return False
            if not self._mark.first_session:
                self._mark.first_session = self._store.records.next_number("session")
            for kind, some in groupby(decided, key=lambda each: each.line.kind):
                self._write_kind(kind, list(some))
            self._write_pieces(writing, prepared)
            self._place += sum(each.line.kind == "message" for each in decided)
            counts = {verdict: Counter(counted) for verdict, counted in self._mark.counts.items()}
            for each in decided:
                counts.setdefault(each.verdict, Counter())[each.line.kind] += 1
            self._mark.lines, self._mark.recount = last, sorted(self._recount)
            self._mark.counts = {verdict: dict(counted) for verdict, counted in counts.items()}
            self._decider.rows.note(self._key, to_json(asdict(self._mark)))
        return True

    def _is_late(self, writing: list[Decided]) -> bool:
        new: dict[str, list[str]] = {}
        for each in writing:
            if each.number is None:
                new.setdefault(each.line.kind, []).append(each.record["id"])
        return any(self._decider.rows.numbers(kind, ids) for kind, ids in new.items())

    def _write_kind(self, kind: str, decided: list[Decided]) -> None:
        if kind not in kinds():
            for each in decided:
                if each.is_written:
                    self._write_extra(each)
            return
        new = [each for each in decided if each.verdict == "added"]
        first = self._store.records.next_number(kind)
        for at, each in enumerate(new):
            each.number = first + at
        own = {each.record["id"]: each.number for each in new if each.number}
        numbers = self._targets(kind, decided)
        later: list[tuple[int, str, int]] = []
        rows = []
        for each in decided:
            if not each.is_written or not isinstance(each.made, Record):
                continue
            found = self._references(kind, each, numbers, own, later)
            values = encoded(each.made, found)
            if each.verdict == "added":
                rows.append((each.record["id"], *values))
            else:
                self._replace(kind, each, values)
        if rows:
            self._store.records.insert_rows(kind, rows)
        for number, column, target in later:
            self._decider.rows.link(kind, number, column, target)
        if kind == "message":
            self._note_messages(decided)

    def _targets(self, kind: str, decided: list[Decided]) -> dict[tuple[str, str], int]:
        wanted: dict[str, set[str]] = {}
        for each in decided:
            for _, target, id, _ in references_of(kind, each.record):
                wanted.setdefault(target, set()).add(id)
        return {
            (target, id): number
            for target, ids in wanted.items()
            for id, number in self._decider.rows.numbers(target, sorted(ids)).items()
        }

    def _references(
        self,
        kind: str,
        decided: Decided,
        numbers: dict[tuple[str, str], int],
        own: dict[str, int],
        later: list[tuple[int, str, int]],
    ) -> dict[str, int | None]:
        """Find the numbers of what a record refers to; what stands behind it is written later."""
        names = {column.field: column.name for column in columns(kind)}
        found: dict[str, int | None] = {}
        assert decided.number is not None
        for name, target, id, _ in references_of(kind, decided.record):
            number = numbers.get((target, id)) or (own.get(id) if target == kind else None)
            if number is None:
                key = f"{self._key}:{kind}:{decided.number}:{name}"
                self._decider.rows.note(key, to_json([kind, decided.number, names[name], target, id]))
            elif target == kind and number >= decided.number and id in own:
                later.append((decided.number, names[name], number))
            else:
                found[name] = number
        return found

    def _replace(self, kind: str, decided: Decided, values: tuple[object, ...]) -> None:
        number = decided.number
        assert number is not None
        before = self._store.records.stored(kind, ["project_number"], number) if kind == "session" else None
        self._decider.rows.update(kind, number, values)  # type: ignore[arg-type]
        self._store.changes.add(self._store.workspace_number, kind, [number], "update")
        if kinds()[kind].declaration.searchable:
            self._store.chunks.remove(kind, [number])
        if kind == "session":
            self._recount.add(number)
            if before != self._store.records.stored(kind, ["project_number"], number):
                self._saver.rewrite_session(number)

    def _note_messages(self, decided: list[Decided]) -> None:
        """Note what numbers messages have, and which sessions that were here before are counted anew."""
        for at, each in enumerate(decided, self._place):
            self._messages[at] = 0 if each.verdict == "forgotten" else each.number or 0
            if each.is_written or each.verdict == "forgotten":
                session = self._session(each.record["session_id"])
                if session and (session < self._mark.first_session or not each.is_written or self._file.asked):
                    self._recount.add(session)

    def _write_extra(self, decided: Decided) -> None:
        made, extras = decided.made, self._decider.extras
        if isinstance(made, Blob):
            self._store.blobs.put(made.content, made.media_type)
        elif isinstance(made, Tombstone):
            extras.put_tombstone(made.kind, made.id, made.at)
        elif isinstance(made, ImportMark):
            values = made.model_dump()
            extras.put_mark(values, self._counted(made), made.imported_at)
        elif isinstance(made, ImportSession):
            self._store.marks.add_sessions(made.path, [made.session_id])
        elif isinstance(made, KeptPiece):
            if decided.verdict == "replaced" and made.path not in self._dropped:
                self._dropped.add(made.path)
                self._store.kept_sources.drop(made.path)
            extras.put_source(made.path, SourcePiece(made.start_at, made.size_bytes, made.packed))

    def _counted(self, mark: ImportMark) -> list[list[int]]:
        """Give the numbers that the messages have here which a mark counts."""
        found: list[list[int]] = []
        for first, last in mark.counted:
            for number in sorted(self._messages[max(first, 1) - 1 : last]):
                if found and number == found[-1][1] + 1:
                    found[-1][1] = number
                elif number:
                    found.append([number, number])
        return joined(found, [])

    def _write_pieces(self, writing: list[Decided], prepared: Prepared) -> None:
        numbers = [each.number or 0 for each in writing]
        facts = [self._facts(each.made, each.number or 0) for each in writing if isinstance(each.made, Record)]
        self._saver.write_pieces(facts, numbers, prepared)

    def _facts(self, record: Record, number: int) -> Facts:
        kind, at = record.declaration.name, micros(record.created_at)
        if isinstance(record, Message):
            session = self._session(record.session_id)
            is_error = record.status == "error" or is_failed(record.tool_result)
            return Facts(kind, record.role, is_error, session, self._project_of(session), at)
        if isinstance(record, Learning):
            session = self._session(record.session_id) if record.session_id else 0
            own = self._store.records.number("project", record.project_id) if record.project_id else None
            stamp = micros(record.valid_from or record.created_at)
            return Facts(kind, None, False, session, own or self._project_of(session), stamp)
        if isinstance(record, Session):
            return Facts(kind, None, False, number, self._store.sessions.project_of(number), at)
        return Facts(kind, None, False, 0, 0, at)

    def _session(self, id: str) -> int:
        return self._store.records.number("session", id) or 0

    def _project_of(self, session: int) -> int:
        if session not in self._projects:
            self._projects[session] = self._store.sessions.project_of(session) if session else 0
        return self._projects[session]


def _passages(record: Record) -> Sequence[Passage]:
    return [] if record.deleted_at is not None else passages_of(record)
