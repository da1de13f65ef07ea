"""What a doctor looks at, one check a function: what is wrong, and how it can be mended."""

import json
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from indexers.embedders.static import built_in
from indexers.errors import IndexerError
from indexers.keyword.tantivy_files import damaged_files
from indexers.late_interaction import pack_tokens, tag_of
from memory.care.access import Audit
from memory.care.purging import is_purge_pending, purge
from memory.catch_up import WENT_BACKWARDS, KeywordIndex
from memory.errors import MemoryFault
from memory.filling import VectorFiller
from memory.kinds import Record, kinds
from memory.saving import Saver, passages_of
from memory.searchable import pieces
from memory.store.checks import Checks
from memory.store.leavings import Leavings
from memory.store.schema import columns, micros

SAMPLE = 200
"""Records of a kind whose pieces are compared with their texts; --deep compares all. Untuned."""
STREAM_RESTS = timedelta(minutes=10)
"""A stream to which nothing was written for so long has broken off: what it said is to be found. Untuned."""
_SYNCED = ("Dropbox", "OneDrive", "Google Drive", "iCloud", "Mobile Documents", "Nextcloud", "Syncthing")


@dataclass(frozen=True)
class Finding:
    """Something that is wrong."""

    what: str
    mend: Callable[[], None] | None = None
    """Mends it; None when that is not in a program's power."""
    to_do: str = ""
    """What a person can do where it cannot be mended."""


@dataclass
class Patient:
    """What is looked at."""

    saver: Saver
    keyword: KeywordIndex
    filler: VectorFiller
    is_quick: bool = False
    is_deep: bool = False

    def __post_init__(self) -> None:
        self.store = self.saver.store
        self.checks = Checks(self.store.database)


def file(patient: Patient) -> Iterator[Finding]:
    """Ask SQLite for its own check of every page, table and index."""
    for fault in patient.checks.integrity(quick=patient.is_quick):
        if "index" in fault:
            yield Finding(f"the database: {fault}", partial(_reindex, patient))
        else:
            yield Finding(
                f"the database is damaged: {fault}",
                to_do="restore a backup, or `hark doctor --salvage-to DIR` writes what can be read into a new store",
            )


def _reindex(patient: Patient) -> None:
    with patient.store.transaction():
        patient.checks.make_indexes_anew()


def references(patient: Patient) -> Iterator[Finding]:
    """Look for rows that refer to one that is not there."""
    for table, number, parent in patient.checks.dangling():
        column = next(
            (each for each in (columns(table) if table in kinds() else ()) if each.target == parent and each.nullable),
            None,
        )
        what = f"{table} number {number} refers to a {parent} that is not there"
        if column is None:
            yield Finding(what, to_do="restore a backup, or forget the record")
        else:
            yield Finding(what, partial(_clear, patient, table, number, column.name))


def _clear(patient: Patient, table: str, number: int, column: str) -> None:
    with patient.store.transaction():
        patient.checks.clear_reference(table, number, column)
        patient.store.changes.add(patient.store.workspace_number, table, [number], "update")


def backwards(patient: Patient) -> Iterator[Finding]:
    """See whether the index has seen changes that the database does not hold any more."""
    patient.keyword.engine()
    if noted := patient.store.state(WENT_BACKWARDS):
        there = json.loads(noted)
        yield Finding(
            f"the database went backwards: the keyword index had followed change {there['index']} when the log ended with"
            f" {there['store']}, seen on {there['at'][:19]}; its file was replaced by an older one, or its write-ahead log"
            " was lost",
            partial(patient.store.drop_state, WENT_BACKWARDS),
            "restore a backup if something is missing; `hark doctor --repair` accepts the loss",
        )


def counts(patient: Patient) -> Iterator[Finding]:
    """Compare each session's count with its messages."""
    if wrong := patient.checks.miscounted():
        yield Finding(f"{len(wrong):,} sessions count their messages wrongly", partial(_count, patient, wrong))


def _count(patient: Patient, sessions: list[int]) -> None:
    for number in sessions:
        patient.store.sessions.count_anew(number)


def pieces_there(patient: Patient) -> Iterator[Finding]:
    """See that every record that can be found has pieces, and every piece a record."""
    for kind, number in patient.checks.chunks_without_record():
        mend = partial(_write_anew, patient, kind, [number])
        yield Finding(f"{kind} number {number} is not there, and is still in the indexes", mend)
    for kind in _searched():
        for numbers in patient.checks.records_without_chunk(kind, micros(datetime.now(UTC) - STREAM_RESTS)):
            lacking = [n for n, record in _records(patient, kind, numbers).items() if list(pieces(passages_of(record)))]
            if lacking:
                mend = partial(_write_anew, patient, kind, lacking)
                yield Finding(f"{len(lacking):,} {kind} records cannot be found: they have no pieces", mend)


def pieces_right(patient: Patient) -> Iterator[Finding]:
    """Compare the pieces and tokens of records with their texts: a flipped bit in either shows."""
    model = built_in()
    for kind in _searched():
        drawn = patient.checks.sample(kind, 1 << 40 if patient.is_deep else SAMPLE)
        for start in range(0, len(drawn), SAMPLE):
            some = drawn[start : start + SAMPLE]
            records = _records(patient, kind, some)
            for number in [n for n, record in records.items() if not _is_right(patient, kind, n, record, model)]:
                mend = partial(_write_anew, patient, kind, [number])
                yield Finding(f"{kind} {records[number].id}: its pieces are not those of its text", mend)


def _is_right(patient: Patient, kind: str, number: int, record: Record, model: "object") -> bool:
    wanted = list(pieces(passages_of(record)))
    there = sorted(patient.store.chunks.of_records(kind, [number]))
    if [(p.passage, p.start, p.end) for p in wanted] != [(row[2], row[3], row[4]) for row in there]:
        return False
    embedder = built_in()
    kept = patient.store.chunks.tokens_of([row[0] for row in there])
    tokens = pack_tokens(embedder.model, embedder.token_ids([each.told for each in wanted]))
    tag = tag_of(embedder.model)
    # tokens of another model are no fault: they are made anew when they are asked for
    return all(
        kept[row[0]] == packed
        for row, packed in zip(there, tokens, strict=True)
        if row[0] in kept and kept[row[0]][: len(tag)] == tag
    )


def vectors(patient: Patient) -> Iterator[Finding]:
    """See that every piece that ought to have a vector has one, of length 1, and that none is left over."""
    for table in patient.store.chunks.vector_tables():
        try:
            if left := patient.checks.vectors_without_chunk(table):
                yield Finding(
                    f"{len(left):,} vectors of {table.model} belong to nothing",
                    partial(_drop, patient, table.name, left),
                )
            if bad := _bad_vectors(patient, table.name, table.dim):
                yield Finding(
                    f"{len(bad):,} vectors of {table.model} are damaged", partial(_fill, patient, table.name, bad)
                )
        except MemoryFault as error:
            yield Finding(
                f"the vectors of {table.model} cannot be read ({error})",
                partial(_make_table_anew, patient, table.model),
            )
    try:
        if patient.filler.is_lacking():
            yield Finding("vectors are missing", partial(_fill, patient, "", []))
    except IndexerError as error:
        yield Finding(
            f"vectors are missing, and cannot be made: {error}", to_do="choose another: `hark config embedder static`"
        )


def _bad_vectors(patient: Patient, name: str, dim: int) -> list[int]:
    import numpy as np

    table = next(each for each in patient.store.chunks.vector_tables() if each.name == name)
    bad = []
    for kind in _searched():
        numbers = patient.checks.sample(kind, 1 << 40 if patient.is_deep else SAMPLE)
        for key, *_ in patient.store.chunks.of_records(kind, numbers):
            data = patient.checks.vector(table, key)
            if data is not None:
                vector = np.frombuffer(data, np.float32)
                if len(vector) != dim or not np.isfinite(vector).all() or abs(float(vector @ vector) - 1) > 1e-2:
                    bad.append(key)
    return bad


def _drop(patient: Patient, table: str, keys: list[int]) -> None:
    from indexers.vectors.sqlite_vec import remove_rows

    with patient.store.transaction():
        remove_rows(patient.store.database, table, keys)


def _fill(patient: Patient, table: str, keys: list[int]) -> None:
    if keys:
        _drop(patient, table, keys)
        for each in patient.store.chunks.vector_tables():
            with patient.store.transaction():
                patient.store.chunks.set_tried(each, 0)
    patient.filler.fill()


def _make_table_anew(patient: Patient, model: str) -> None:
    table = patient.store.chunks.vector_table(model)
    if table is not None:
        with patient.store.transaction():
            patient.store.chunks.drop_vector_table(table)
    patient.filler.fill()


def keyword_index(patient: Patient) -> Iterator[Finding]:
    """Compare the keyword index with the store: the same pieces, whole files, and how far it has followed."""
    index = patient.keyword
    anew = partial(_rebuild, patient)
    engine = index.engine()
    if engine is None:
        yield Finding(f"the keyword index does not answer: {index.fault}", anew)
        return
    try:
        if wrong := damaged_files(engine.directory):
            yield Finding(f"files of the keyword index are damaged: {', '.join(wrong[:5])}", anew)
            return
    except OSError as error:
        yield Finding(
            f"files of the keyword index cannot be read ({error.strerror})", to_do="check the disk and its rights"
        )
        return
    if not index.catch_up() and index.lag():
        return  # another process is at it: what it has not done yet is no fault
    engine = index.engine()
    if engine is None:
        yield Finding(f"the keyword index does not answer: {index.fault}", anew)
        return
    with patient.store.snapshot():
        there, wanted = set(engine.keys()), set(patient.checks.chunk_keys())
    newer = {key for key in wanted - there if key > max(there, default=0)} if index.lag() else set()
    if missing := wanted - there - newer:
        yield Finding(f"the keyword index lacks {len(missing):,} of {len(wanted):,} pieces", anew)
    elif left := there - wanted:
        yield Finding(f"the keyword index holds {len(left):,} pieces that are gone", anew)


def _rebuild(patient: Patient) -> None:
    patient.keyword.rebuild()


def attachments(patient: Patient) -> Iterator[Finding]:
    """Compare the bytes of attachments with the hashes they are kept under."""
    for sha256 in patient.checks.wrong_bytes():
        yield Finding(f"the bytes of an attachment are damaged (sha256 {sha256})", to_do="restore a backup")
    for id in patient.checks.attachments_without_bytes():
        yield Finding(f"attachment {id} has no bytes", to_do="restore a backup, or forget it")


def forgotten(patient: Patient) -> Iterator[Finding]:
    """See that what was forgotten is gone, and that its traces were cleaned away."""
    for kind, id in patient.checks.risen():
        yield Finding(
            f"{kind} {id} was forgotten and is there", to_do=f"forget it again: `hark forget {kind}:{id} --yes`"
        )
    if is_purge_pending(patient.store):
        yield Finding(
            "a run of forget or redact was broken off before the files were cleaned", partial(_purge, patient)
        )


def _purge(patient: Patient) -> None:
    with patient.store.transaction():
        Leavings(patient.store.database, patient.store.workspace_number).drop_unused_bytes()
    purge(patient.store, patient.keyword)


def audit(patient: Patient) -> Iterator[Finding]:
    """See that each row of the audit log proves the one before it."""
    if (row := Audit(patient.store).broken_at()) is not None:
        yield Finding(
            f"the audit log was changed by hand: row {row} does not prove the one before it",
            to_do="ask who writes to the store's file; the rows themselves are as they are",
        )


def place(patient: Patient) -> Iterator[Finding]:
    """Look at where the store lies, and who may read it."""
    directory = patient.store.directory
    if any(part in _SYNCED for part in directory.resolve().parts):
        yield Finding(
            f"{directory} is in a folder that is synchronised: another machine may overwrite the store while it is open",
            to_do="move it elsewhere and back it up instead: `hark backup`",
        )
    if sys.platform == "win32":
        return
    open_ones = [path for path in (directory, directory / "store.db") if path.exists() and _is_open(path)]
    for path in open_ones:
        yield Finding(f"{path} can be read by other people on this machine", partial(_close, path))


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _close(path: Path) -> None:
    path.chmod(0o700 if path.is_dir() else 0o600)


CHECKS: tuple[tuple[str, Callable[[Patient], Iterator[Finding]]], ...] = (
    ("the file", file),
    ("references", references),
    ("the log", backwards),
    ("counts", counts),
    ("pieces", pieces_there),
    ("pieces and texts", pieces_right),
    ("vectors", vectors),
    ("the keyword index", keyword_index),
    ("attachments", attachments),
    ("what was forgotten", forgotten),
    ("the audit log", audit),
    ("the place", place),
)
"""Every check, in the order in which one rests on the one before."""
OF_ROWS = ("pieces", "pieces and texts")
"""Checks that look at the records of one workspace; the others look at the whole store."""


def _searched() -> list[str]:
    return [kind for kind, record in kinds().items() if record.declaration.searchable]


def _records(patient: Patient, kind: str, numbers: list[int]) -> dict[int, Record]:
    return patient.store.records.by_numbers(kind, numbers) if numbers else {}


def _write_anew(patient: Patient, kind: str, numbers: list[int]) -> None:
    for start in range(0, len(numbers), SAMPLE):
        some = numbers[start : start + SAMPLE]
        with patient.store.transaction():
            patient.store.chunks.remove(kind, some)
            patient.saver.rewrite(kind, some)
            patient.store.changes.add(patient.store.workspace_number, kind, some, "update")
    patient.saver.on_write()
