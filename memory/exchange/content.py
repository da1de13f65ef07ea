"""What is exported: the records of a store, or those of a selection, read a few at a time."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from memory.kinds import Record, kinds
from memory.kinds.learning import Learning
from memory.kinds.message import Message
from memory.kinds.relationship import Relationship
from memory.kinds.session import Session
from memory.selection import Numbers
from memory.store.exchange import ExchangeRows, Plain
from memory.store.exchange_extras import ExtraRows
from memory.store.records import Where
from memory.store.sessions import messages_of
from memory.store.store import SCHEMA_VERSION, Store

Progress = Callable[[str, int, int], None]
PAGE = 200
"""Messages of a session that are held in memory together. Untuned."""


class Content:
    """What one export holds; to be read inside a snapshot."""

    schema = SCHEMA_VERSION

    def __init__(
        self,
        store: Store,
        selected: Numbers | None,
        asked: dict[str, Any],
        *,
        deleted: bool,
        is_whole: bool = False,
        on_progress: Progress | None = None,
    ) -> None:
        """Take what is to be exported.

        Args:
            store: Where it is.
            selected: Numbers by kind; None for everything.
            asked: What the selection was, as JSON has it; {} for everything.
            deleted: Whether records that are softly deleted are among it.
            is_whole: Whether what the store knows beside records is among it.
            on_progress: Called with a kind's plural, how many of its records are written, and of how many.
        """
        self.asked = asked
        self.counts: Counter[str] = Counter()
        """Records that were given out, by kind."""
        self._store = store
        self._selected = selected
        self._is_whole = is_whole
        self._deleted = deleted
        self._chosen = None if selected is None else frozenset(selected.get("message", ()))
        self._tell = on_progress
        self._rows = ExchangeRows(store.database, store.workspace_number)
        self._extras = ExtraRows(store.database, store.workspace_number)
        self._messages = array("q")

    def records(self, kind: str) -> Iterator[Plain]:
        """Yield the records of a kind as they are stored, by number."""
        total = self._rows.count(kind, deleted=self._deleted) if self._selected is None else len(self._own(kind))
        for number, record in self._numbered(kind):
            if kind == "message":
                self._messages.append(number)
            self._count(kind, total)
            yield record

    def blobs(self) -> Iterator[Plain]:
        """Yield the bytes of attachments, each once."""
        for sha256, media_type in self._hashes():
            if blob := self._extras.blob(sha256, media_type):
                self._count("blob", 0)
                yield blob

    def extras(self) -> Iterator[tuple[str, Plain]]:
        """Yield what the store knows beside records: what was forgotten, and what was read of which sources.

        To be read behind the messages.
        """
        if not self._is_whole:
            return
        for kind, rows in (
            ("tombstone", self._extras.tombstones()),
            ("import_mark", self._extras.marks(self._messages)),
            ("import_session", self._extras.mark_sessions()),
            ("kept_source", self._extras.sources()),
        ):
            for row in rows:
                self._count(kind, 0)
                yield kind, row

    def sessions(self) -> Iterator[Session]:
        """Yield the living sessions in the order in which they were made; those of selected messages included."""
        if self._selected is None:
            total = self._rows.count("session", deleted=False)
            numbers: Iterable[int] = (number for number, _ in self._numbered("session"))
        else:
            chosen = {*self._own("session"), *self._rows.sessions_of(self._own("message"))}
            total, numbers = len(chosen), sorted(chosen)
        for number in numbers:
            session = self._store.records.by_numbers("session", [number]).get(number)
            if isinstance(session, Session):
                self._count("session", total)
                yield session

    def messages(self, session: Session) -> Iterator[Message]:
        """Yield the living messages of a session in order, those before a fork included."""
        number = self._store.records.number("session", session.id) or 0
        where = messages_of(self._store.sessions.lineage(number))
        place = (0, 0)
        condition = where.sql.replace("{t}", "t")
        while rows := self._rows.message_places(number, place, PAGE, condition, where.parameters):
            place = (rows[-1][1], rows[-1][0])
            wanted = [row[0] for row in rows if self._chosen is None or row[0] in self._chosen or row[2] != number]
            found = self._store.records.by_numbers("message", wanted)
            for each in wanted:
                message = found.get(each)
                if isinstance(message, Message):
                    self._count("message", 0)
                    yield message

    def learnings(self) -> Iterator[Learning]:
        """Yield the living learnings."""
        for record in self._living("learning"):
            assert isinstance(record, Learning)
            yield record

    def relationships(self) -> Iterator[Relationship]:
        """Yield the living relationships."""
        for record in self._living("relationship"):
            assert isinstance(record, Relationship)
            yield record

    def projects(self) -> Iterator[Plain]:
        """Yield all projects, whatever is selected; they are not counted."""
        last = 0
        while rows := self._rows.after("project", last, deleted=False):
            last = rows[-1][0]
            yield from (record for _, record in rows)

    def data(self, sha256: str) -> bytes | None:
        """Read the bytes of an attachment."""
        return self._store.blobs.get(sha256)

    def _living(self, kind: str) -> Iterator[Any]:
        for found in self._pages(kind):
            for _, record in found:
                self._count(kind, 0)
                yield record

    def _pages(self, kind: str) -> Iterator[list[tuple[int, Record]]]:
        if self._selected is not None:
            wanted = self._own(kind)
            for start in range(0, len(wanted), PAGE):
                yield sorted(self._store.records.by_numbers(kind, wanted[start : start + PAGE]).items())
            return
        last = 0
        while True:
            where = Where("{t}.number > ? and {t}.deleted_at is null", (last,))
            found = self._store.records.select(kind, where, limit=PAGE, order="{t}.number")
            if not found:
                return
            last = found[-1][0]
            yield found

    def _numbered(self, kind: str) -> Iterator[tuple[int, Plain]]:
        if self._selected is not None:
            yield from self._rows.numbered(kind, self._own(kind))
            return
        last = 0
        while rows := self._rows.after(kind, last, deleted=self._deleted):
            last = rows[-1][0]
            yield from rows

    def _hashes(self) -> Iterator[tuple[str, str]]:
        if self._selected is None:
            yield from self._extras.blobs(self._deleted)
            return
        found: dict[str, str] = {}
        for _, record in self._rows.numbered("attachment", self._own("attachment")):
            found.setdefault(record["sha256"], record["media_type"])
        yield from sorted(found.items())

    def _own(self, kind: str) -> list[int]:
        return (self._selected or {}).get(kind, [])

    def _count(self, kind: str, total: int) -> None:
        self.counts[kind] += 1
        done = self.counts[kind]
        if self._tell and (done % 500 == 0 or done == total):
            name = kinds()[kind].declaration.plural if kind in kinds() else kind.replace("_", " ")
            self._tell(name, done, max(done, total))


def with_what_it_needs(store: Store, selected: Numbers) -> Numbers:
    """Add to records all that they refer to, directly or not, and the messages that forks share with others."""
    rows = ExchangeRows(store.database, store.workspace_number)
    found: dict[str, set[int]] = {}
    waiting = {kind: set(numbers) for kind, numbers in selected.items()}
    while waiting:
        kind, numbers = waiting.popitem()
        new = numbers - found.setdefault(kind, set())
        if not new:
            continue
        found[kind] |= new
        for target, others in rows.targets(kind, sorted(new)).items():
            waiting.setdefault(target, set()).update(others)
        if kind == "session":
            waiting.setdefault("message", set()).update(_shared(store, new))
    return {kind: sorted(found[kind]) for kind in kinds() if found.get(kind)}


def _shared(store: Store, sessions: set[int]) -> Iterator[int]:
    for session in sessions:
        for parent, up_to in store.sessions.lineage(session)[1:]:
            if up_to is not None:
                yield from store.sessions.stretch(parent, 0, up_to)
