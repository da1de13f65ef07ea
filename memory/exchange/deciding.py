"""What becomes of each record of an export: it is new here, here already, here but different, or forgotten here."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from memory.exchange.export_file import RecordLine
from memory.exchange.extras import EXTRAS, Blob, Extra, ImportMark, ImportSession, KeptPiece, Tombstone, blob_of
from memory.exchange.references import field_of, references_of
from memory.kinds import Record, kinds
from memory.saving import Saver
from memory.source_bytes import without_secrets
from memory.store.exchange import ExchangeRows, Plain
from memory.store.exchange_extras import ExtraRows
from memory.store.kept_sources import pack
from memory.store.schema import columns, to_json

Verdict = Literal["added", "unchanged", "replaced", "kept", "forgotten"]
ON_DUPLICATE = ("report", "skip", "replace", "newest")
_COUNTED = {"session": ("message_count", "last_message_at")}
"""Fields that follow from other records: a difference in them alone is none."""


@dataclass
class Decided:
    """One line of an export, and what becomes of it."""

    line: RecordLine
    verdict: Verdict
    record: Plain
    """As it is written here: without secrets."""
    made: Record | Extra
    number: int | None = None
    """Of the record that is here."""

    @property
    def is_written(self) -> bool:
        """Whether it is written."""
        return self.verdict in ("added", "replaced")


class Decider:
    """Compares the lines of one export with one workspace."""

    def __init__(self, saver: Saver, on_duplicate: str) -> None:
        store = saver.store
        self.rows = ExchangeRows(store.database, store.workspace_number)
        self.extras = ExtraRows(store.database, store.workspace_number)
        self.foreign_sources: set[str] = set()
        """Paths of kept sources of which something else is kept here."""
        self._store = store
        self._redactor = saver.redactor
        self._on_duplicate = on_duplicate
        self._aliases: dict[tuple[str, str], str] = {}
        self._rewritten: dict[str, tuple[str, int]] = {}
        self._has_tombstones = bool(next(self.extras.tombstones(), None))

    @property
    def foreign_verdict(self) -> Verdict:
        """What becomes of the pieces of such a source."""
        return "replaced" if self._on_duplicate == "replace" else "kept"

    def decide(self, lines: Sequence[RecordLine]) -> list[Decided]:
        """Compare lines, each of which must be valid."""
        by_kind: dict[str, list[RecordLine]] = {}
        for line in lines:
            by_kind.setdefault(line.kind, []).append(line)
        found: list[Decided] = []
        for kind, some in by_kind.items():
            if kind in EXTRAS:
                found += [self._extra(line) for line in some]
            else:
                found += self._records(kind, some)
        return sorted(found, key=lambda each: each.line.number)

    def _records(self, kind: str, lines: list[RecordLine]) -> list[Decided]:
        wanted = [self._without_secrets(kind, line.record) for line in lines]
        forgotten = self._forgotten(kind, wanted)
        ours = self.rows.named(kind, [record["id"] for record in wanted])
        found = []
        for line, record in zip(lines, wanted, strict=True):
            if kind == "session" and (here := ours.get(record["id"], (0, None))[1]):
                _withhold(here, record)
            made = valid(kind, record, self._store.workspace)
            if record["id"] in forgotten:
                found.append(Decided(line, "forgotten", record, made))
                continue
            number, here = ours.get(record["id"], (None, None))
            if here is None and (holder := self._holder(kind, record)):
                self._aliases[kind, record["id"]] = holder[1]
                number, here = self.rows.named(kind, [holder[1]])[holder[1]]
            verdict = self._verdict(kind, here, record)
            found.append(Decided(line, verdict, record, made, number))
        return found

    def _without_secrets(self, kind: str, given: Plain) -> Plain:
        kept = {"id", *kinds()[kind].declaration.references}
        record = {name: value if name in kept else self._redactor.value(value) for name, value in given.items()}
        for field, target, id, _ in references_of(kind, given):
            record[field] = self._aliases.get((target, id), id)
        if kind == "attachment" and (other := self._rewritten.get(str(record.get("sha256")))):
            record["sha256"], record["size_bytes"] = other
        return record

    def _forgotten(self, kind: str, records: list[Plain]) -> set[str]:
        """Find the records that were forgotten here, or belong to such; what else refers to such refers to nothing."""
        if not self._has_tombstones:
            return set()
        buried, workspace = self._store.changes.buried, self._store.workspace_number
        found = buried(workspace, kind, [record["id"] for record in records])
        pairs = [(record, each) for record in records for each in references_of(kind, record)]
        for target in {each[1] for _, each in pairs}:
            gone = buried(workspace, target, {each[2] for _, each in pairs if each[1] == target})
            for record, (field, its, id, is_needed) in pairs:
                if its == target and id in gone:
                    if is_needed:
                        found.add(record["id"])
                    else:
                        del record[field]
        return found

    def _holder(self, kind: str, record: Plain) -> tuple[int, str] | None:
        """Find the record here that has what must be unique, under another id."""
        if record.get("deleted_at") is not None:
            return None
        targets = {column.name: column.target for column in columns(kind)}
        for unique in kinds()[kind].declaration.unique:
            values: list[Any] = [record.get(field_of(name)) for name in unique]
            for at, name in enumerate(unique):
                if target := targets[name]:
                    values[at] = self.rows.numbers(target, [values[at]]).get(values[at])
            if found := self.rows.holder(kind, unique, values):
                return found
        return None

    def _verdict(self, kind: str, ours: Plain | None, theirs: Plain) -> Verdict:
        if ours is None:
            return "added"
        counted = _COUNTED.get(kind, ())
        one, other = ({name: each[name] for name in each if name not in counted} for each in (ours, theirs))
        if one == other or to_json(dict(sorted(one.items()))) == to_json(dict(sorted(other.items()))):
            return "unchanged"
        return self._taken(ours["updated_at"], theirs["updated_at"])

    def _taken(self, ours_at: str, theirs_at: str) -> Verdict:
        if self._on_duplicate == "replace":
            return "replaced"
        is_newer = datetime.fromisoformat(theirs_at) > datetime.fromisoformat(ours_at)
        return "replaced" if self._on_duplicate == "newest" and is_newer else "kept"

    def _extra(self, line: RecordLine) -> Decided:
        made = EXTRAS[line.kind].model_validate(line.record)
        verdict: Verdict = "added"
        if isinstance(made, Blob):
            made = self._blob(made)
            verdict = "unchanged" if self.extras.has_blob(made.sha256) else "added"
        elif isinstance(made, Tombstone):
            if self.extras.tombstone(made.kind, made.id):
                verdict = "unchanged"
            elif self.rows.numbers(made.kind, [made.id]):
                verdict = "kept"
        elif isinstance(made, ImportMark):
            verdict, made = self._mark(made)
        elif isinstance(made, ImportSession):
            verdict = "unchanged" if self.extras.has_mark_session(made.path, made.session_id) else "added"
        elif isinstance(made, KeptPiece):
            verdict, made = self._piece(made)
        return Decided(line, verdict, line.record, made)

    def _blob(self, blob: Blob) -> Blob:
        data = self._redactor.content(blob.content, blob.media_type)
        if data is blob.content:
            return blob
        other = blob_of(data, blob.media_type)
        self._rewritten[blob.sha256] = (other.sha256, len(data))
        return other

    def _mark(self, given: ImportMark) -> tuple[Verdict, ImportMark]:
        values = {name: self._redactor.value(getattr(given, name)) for name in ("state", "problems")}
        mark = given.model_copy(update=values)
        ours = self.extras.import_mark(mark.path)
        if ours is None:
            return "added", mark
        here = ImportMark.model_validate(ours)
        without: dict[str, Any] = {"exclude": {"counted"}}
        if here.model_dump(**without) == mark.model_dump(**without):
            return "unchanged", mark
        return self._taken(ours["imported_at"], mark.imported_at.isoformat()), mark

    def _piece(self, given: KeptPiece) -> tuple[Verdict, KeptPiece]:
        piece = self.clean_piece(given)
        if piece.path in self.foreign_sources:
            return self.foreign_verdict, piece
        ours = self.extras.source(piece.path, piece.start_at)
        return "unchanged" if ours and ours["data"] == piece.data else "added", piece

    def clean_piece(self, piece: KeptPiece) -> KeptPiece:
        """Give a piece of a source without secrets; most often as it is."""
        data = without_secrets(piece.content, self._redactor.value)
        if data == piece.content:
            return piece
        packed = pack(piece.start_at, data)
        written = b64encode(packed.packed).decode()
        return KeptPiece(path=piece.path, start_at=piece.start_at, size_bytes=packed.size_bytes, data=written)


def _withhold(ours: Plain, theirs: Plain) -> None:
    """Take out of a session what was forgotten of it here: what its metadata names as `withheld`."""
    metadata = ours.get("metadata") or {}
    for name in metadata.get("withheld") or ():
        field, _, inner = name.partition(".")
        before, after = (metadata, theirs.setdefault("metadata", {})) if inner else (ours, theirs)
        after.pop(inner or field, None)
        if (inner or field) in before:
            after[inner or field] = before[inner or field]
    if metadata.get("withheld"):
        theirs["metadata"] = {**(theirs.get("metadata") or {}), "withheld": metadata["withheld"]}


def valid(kind: str, record: Plain, workspace: str) -> Record:
    """Make a record of what a line holds.

    Raises:
        ValueError: It cannot be one.
    """
    made = kinds()[kind].model_validate({**record, "workspace_id": workspace})
    for column in columns(kind):
        value = vars(made)[column.field]
        if column.sql_type == "bigint" and isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(f"{column.field} is a number of more than 64 bits")
    return made
