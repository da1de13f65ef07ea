"""Every write goes through here: a record, its pieces and their vectors, in one transaction.

Texts are embedded before the transaction begins; when the embedder fails, the record is saved without vectors and
`memory/filling.py` makes them later.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from indexers.errors import IndexerError
from memory.embedding import Embedders
from memory.kinds import Record
from memory.kinds.learning import Learning
from memory.kinds.message import Message
from memory.kinds.session import Session
from memory.searchable import (
    Passage,
    Piece,
    learning_passages,
    message_passages,
    pack_attributes,
    pieces,
    session_passages,
)
from memory.store.chunks import ChunkRow, VectorTable
from memory.store.schema import micros
from memory.store.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from memory.redaction import Redactor


@dataclass(frozen=True)
class Facts:
    """What of a record its chunks carry along."""

    kind: str
    role: str | None
    is_error: bool
    session: int
    project: int
    at: int


@dataclass
class Prepared:
    """Records cut and embedded, ready to be written."""

    pieces: list[list[Piece]]
    """For each record its pieces."""
    rows: "NDArray[np.int64] | None" = None
    """Which pieces, counted over all records, have a vector."""
    vectors: "NDArray[np.float32] | None" = None
    table: VectorTable | None = None
    """Where the vectors go."""
    tokens: list[bytes] = field(default_factory=list)
    """The packed tokens of each piece, for late interaction."""


class Saver:
    """Writes records of one store, with what makes them findable."""

    def __init__(self, store: Store, embedders: Embedders, open_redactor: "Callable[[], Redactor]") -> None:
        self.store = store
        self.embedders = embedders
        self._open_redactor = open_redactor
        self.fault: str | None = None
        """Why vectors are not being made; None when they are."""
        self.on_write: Callable[[], None] = lambda: None

    @cached_property
    def redactor(self) -> "Redactor":
        """What takes secrets out of everything before it is written."""
        return self._open_redactor()

    def save(self, record: Record) -> int:
        """Write a new record and give its number."""
        return self.save_many([record])[0]

    def save_many(self, records: Sequence[Record]) -> list[int]:
        """Write new records, all or none, and give their numbers."""
        prepared = self.prepare([passages_of(record) for record in records])
        with self.store.transaction():
            numbers = self.write(records, prepared)
        self.on_write()
        return numbers

    def write(self, records: Sequence[Record], prepared: Prepared) -> list[int]:
        """Write new records that were prepared, and give their numbers; inside a transaction."""
        numbers = [self.store.records.insert(record) for record in records]
        self.write_pieces([self._facts(record) for record in records], numbers, prepared)
        return numbers

    def update(self, kind: str, id: str, values: dict[str, Any]) -> Record:
        """Write fields of a record and give it back; its pieces are made anew where they may have changed."""
        with self.store.transaction():
            number = self.store.records.update(kind, id, values)
            record = self.store.records.get(kind, id, deleted=True)
            assert record is not None
            if record.deleted_at is None:
                self.rewrite(kind, [number])
                if kind == "session" and "project_id" in values:
                    self.rewrite_session(number)
        self.on_write()
        return record

    def rewrite(self, kind: str, numbers: Sequence[int]) -> None:
        """Make the pieces of records anew; inside a transaction."""
        for start in range(0, len(numbers), 500):
            some = numbers[start : start + 500]
            records = self.store.records.by_numbers(kind, some)
            searched = {number: passages_of(record) for number, record in records.items()}
            if kind not in ("message", "learning", "session"):
                return
            prepared = self.prepare(list(searched.values()))
            self.store.chunks.remove(kind, some)
            self.write_pieces([self._facts(record) for record in records.values()], list(records), prepared)

    def rewrite_session(self, session: int) -> None:
        """Make the pieces of all that lies in a session anew, since they carry its project; inside a transaction."""
        for kind in ("message", "learning"):
            numbers = self.store.sessions.members(kind, session)
            self.rewrite(kind, numbers)
            # the keyword index follows the log: without these lines it would keep pieces that are gone
            self.store.changes.add(self.store.workspace_number, kind, numbers, "update")

    def restore(self, kind: str, number: int) -> None:
        """Bring a softly deleted record back, with all that was deleted together with it."""
        with self.store.transaction():
            for each, numbers in self.store.records.set_deleted(kind, [number], None).items():
                self.rewrite(each, numbers)
        self.on_write()

    def prepare(self, passages: Sequence[Sequence[Passage]]) -> Prepared:
        """Cut the texts of records and embed the pieces; before the transaction begins."""
        prepared = Prepared([list(pieces(each)) for each in passages])
        flat = [piece for each in prepared.pieces for piece in each]
        wanted = [i for i, piece in enumerate(flat) if piece.is_embedded]
        if not flat:
            return prepared
        texts = [piece.told for piece in flat]
        tokens = self._tokens(prepared, texts)
        if not wanted:
            return prepared
        self.fault = self.embedders.is_resting()
        if self.fault is not None:
            return prepared
        import numpy as np

        try:
            setting = self.embedders.choice().answers
            table, vectors = self.embedders.embedded(
                setting, [texts[i] for i in wanted], [tokens[i] for i in wanted] if tokens else None
            )
        except IndexerError as error:
            self.fault = str(error)
            self.embedders.note(self.fault)
            return prepared
        has_direction = vectors.any(axis=1)
        prepared.table = table
        prepared.rows = np.asarray(wanted, dtype=np.int64)[has_direction]
        prepared.vectors = vectors[has_direction]
        return prepared

    def _tokens(self, prepared: Prepared, texts: Sequence[str]) -> "list[NDArray[np.int32]] | None":
        """Cut texts into the tokens of the built-in model, and note them to be kept; None when it cannot be opened."""
        from indexers.embedders.static import built_in
        from indexers.late_interaction import pack_tokens

        try:
            model = built_in()
        except IndexerError:
            return None
        tokens = model.token_ids(texts)
        prepared.tokens = pack_tokens(model.model, tokens)
        return tokens

    def write_pieces(self, facts: Sequence[Facts], numbers: Sequence[int], prepared: Prepared) -> None:
        """Write the pieces of records that have their numbers now; inside the records' transaction."""
        rows: list[ChunkRow] = []
        tools: dict[str | None, int] = {}
        for fact, number, each in zip(facts, numbers, prepared.pieces, strict=True):
            for piece in each:
                if piece.tool not in tools:
                    tools[piece.tool] = self._tool_number(piece.tool)
                tool = tools[piece.tool]
                packed = pack_attributes(
                    self.store.workspace_number,
                    fact.kind,
                    fact.role,
                    fact.is_error,
                    number,
                    fact.session,
                    fact.project,
                    tool,
                    fact.at,
                )
                rows.append(
                    ChunkRow(fact.kind, number, piece.passage, piece.start, piece.end, packed, piece.is_embedded)
                )
        if rows:
            self.store.chunks.put(rows, prepared.table, prepared.rows, prepared.vectors, prepared.tokens)

    def _tool_number(self, tool: str | None) -> int:
        return self.store.chunks.word_number(tool) if tool else 0

    def _facts(self, record: Record) -> Facts:
        number = self.store.records.number
        if isinstance(record, Message):
            session = number("session", record.session_id) or 0
            is_error = record.status == "error" or is_failed(record.tool_result)
            return Facts(
                "message", record.role, is_error, session, self._project_of(session), micros(record.created_at)
            )
        if isinstance(record, Learning):
            session = (number("session", record.session_id) or 0) if record.session_id else 0
            project = (number("project", record.project_id) or 0) if record.project_id else 0
            at = micros(record.valid_from or record.created_at)
            return Facts("learning", None, False, session, project or self._project_of(session), at)
        if isinstance(record, Session):
            session = number("session", record.id) or 0
            return Facts("session", None, False, session, self._project_of(session), micros(record.created_at))
        return Facts(record.declaration.name, None, False, 0, 0, micros(record.created_at))

    def _project_of(self, session: int) -> int:
        return self.store.sessions.project_of(session) if session else 0


def passages_of(record: Record) -> list[Passage]:
    """Give the texts of a record that are searched; [] for a kind that is not."""
    if isinstance(record, Message):
        return message_passages(
            record.role,
            record.content,
            record.parts,
            record.tool_name,
            record.tool_call,
            record.tool_result,
            record.sender_id,
        )
    if isinstance(record, Learning):
        return learning_passages(record.content, record.related_files, record.tags)
    if isinstance(record, Session):
        return session_passages(record.title, record.summary, record.keywords)
    return []


def is_failed(tool_result: Any) -> bool:
    """Say whether a tool's result is an error."""
    return isinstance(tool_result, dict) and bool(tool_result.get("is_error"))


def redaction_key(store: Store) -> bytes:
    """Give the store's own key for placeholders of secrets; made once."""
    found = store.state("redaction_key")
    if found is None:
        with store.transaction():
            found = store.state("redaction_key") or secrets.token_hex(16)
            store.set_state("redaction_key", found)
    return bytes.fromhex(found)
