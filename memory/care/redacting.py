"""Take secrets out of what is stored already, with today's rules: every text of every record, bytes, marks and sources."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import BaseModel

from memory.care.purging import Purged, is_purge_pending, note_purge, purge
from memory.catch_up import KeywordIndex
from memory.kinds import kinds
from memory.redaction import Redactor
from memory.saving import Saver
from memory.source_bytes import without_secrets
from memory.store.store import Store, open_store
from memory.store.texts import TextRow, Texts

Progress = Callable[[str, int, int], None]


class Redacted(BaseModel):
    """What was taken out, or would be; never the secrets themselves."""

    dry_run: bool
    found: dict[str, int]
    """Secrets by their kind."""
    where: dict[str, int]
    """Secrets by what they stood in, such as `message.content`."""
    sessions: dict[str, int]
    """Secrets by the id of their session."""
    changed: dict[str, list[str]]
    """By kind the ids of records that changed, or would; paths of sources."""
    rows: int
    """Records that were written."""
    vectors: int
    """Records whose pieces and vectors were made anew."""
    purged: Purged | None = None
    """What was made anew behind it; None when nothing had to be."""


@dataclass
class Tally:
    """What was found so far, in all workspaces."""

    found: Counter[str] = field(default_factory=Counter)
    where: Counter[str] = field(default_factory=Counter)
    sessions: Counter[str] = field(default_factory=Counter)
    changed: dict[str, list[str]] = field(default_factory=dict)
    rows: int = 0
    vectors: int = 0

    def receipt(self, *, dry_run: bool, purged: Purged | None) -> Redacted:
        """Put it into a receipt."""
        return Redacted(
            dry_run=dry_run,
            found=dict(self.found.most_common()),
            where=dict(self.where.most_common()),
            sessions=dict(self.sessions.most_common()),
            changed=self.changed,
            rows=self.rows,
            vectors=self.vectors,
            purged=purged,
        )


def redact_store(
    saver: Saver,
    redactor: Redactor,
    keyword: KeywordIndex,
    *,
    dry_run: bool = False,
    on_progress: Progress | None = None,
) -> Redacted:
    """Take the secrets out of all workspaces of a store, and leave nothing of them in its files.

    Raises:
        IndexBusy: Another process has been writing the keyword index all the while; the next run goes on.
    """
    tally, store = Tally(), saver.store
    StoredRedaction(saver, redactor, tally, dry_run=dry_run).run(on_progress)
    for workspace in store.workspace_names():
        if workspace == store.workspace:
            continue
        other = open_store(store.directory, workspace=workspace, create=False)
        try:
            theirs = Saver(other, saver.embedders, lambda: redactor)
            StoredRedaction(theirs, redactor, tally, dry_run=dry_run).run(on_progress)
        finally:
            other.close()
    purged = None
    if not dry_run and is_purge_pending(store):
        purged = purge(store, keyword, on_progress)
    return tally.receipt(dry_run=dry_run, purged=purged)


class StoredRedaction:
    """Looks through one workspace of a store."""

    def __init__(self, saver: Saver, redactor: Redactor, tally: Tally, *, dry_run: bool) -> None:
        self._saver = saver
        self._store: Store = saver.store
        self._texts = Texts(self._store.database, self._store.workspace_number)
        self._redactor = redactor
        self._tally = tally
        self._dry_run = dry_run

    def run(self, on_progress: Progress | None = None) -> None:
        """Look through everything; a few records are in memory at a time, and written in one transaction."""
        for kind in kinds():
            self._kind(kind, on_progress)
        self._attachments()
        self._sources(on_progress)
        self._marks()
        self._words()

    def _kind(self, kind: str, on_progress: Progress | None) -> None:
        total, done, last = (self._texts.count(kind) if on_progress else 0), 0, 0
        while rows := self._texts.after(kind, last):
            last = rows[-1].number
            changed = [row for row in rows if self._values(kind, row)]
            for row in changed:
                self._count(kind, row)
            if changed and not self._dry_run:
                self._write(kind, [row.number for row in changed])
            done += len(rows)
            if on_progress:
                on_progress(f"{kinds()[kind].declaration.plural}", done, total)

    def _values(self, kind: str, row: TextRow) -> dict[str, Any]:
        """Give the fields of a record that change, as they are without secrets."""
        changed = {}
        for name, value in row.values.items():
            new = self._redactor.value(value)
            if new is not value and new != value:
                changed[name] = new
        if row.folded_parts and "content" in changed:
            # parts hold places in the content
            changed.setdefault("parts", row.values["parts"])
        return changed

    def _write(self, kind: str, numbers: list[int]) -> None:
        with self._store.transaction():
            note_purge(self._store)
            written = []
            for number in numbers:
                # read again under the lock: another process may have written it meanwhile
                row = self._texts.one(kind, number)
                values = self._values(kind, row) if row is not None else {}
                if row is not None and values:
                    self._texts.write(kind, number, values, values.get("content", row.values.get("content", "")))
                    written.append(number)
            self._store.changes.add(self._store.workspace_number, kind, written, "update")
            if kinds()[kind].declaration.searchable:
                self._saver.rewrite(kind, written)
                self._tally.vectors += len(written)
            self._tally.rows += len(written)
        self._saver.on_write()

    def _count(self, kind: str, row: TextRow) -> None:
        before = self._tally.found.total()
        for name, value in row.values.items():
            # a text that stands in the content, too, counts once
            self._look(f"{kind}.{name}", row.folded_parts if name == "parts" and row.folded_parts else value)
        self._note(kind, row.id)
        session = self._texts.session_of(kind, row.number)
        if session is not None:
            self._tally.sessions[session] += self._tally.found.total() - before

    def _look(self, where: str, value: Any) -> Any:
        return self._looked(where, value, self._redactor.value)

    def _looked(self, where: str, value: Any, without: Callable[[Any], Any]) -> Any:
        """Redact, and count what was found."""
        self._redactor.found.clear()
        new = without(value)
        count = self._redactor.found.total()
        if not count and new is not value and new != value:
            self._redactor.found["private"] = count = 1
        if count:
            self._tally.found.update(self._redactor.found)
            self._tally.where[where] += count
        return new

    def _note(self, kind: str, id: str) -> None:
        known = self._tally.changed.setdefault(kind, [])
        if not known or known[-1] != id:
            known.append(id)

    def _attachments(self) -> None:
        clean: set[str] = set()
        for number, id, media_type, sha256 in self._texts.attachments():
            if sha256 in clean or (data := self._store.blobs.get(sha256)) is None:
                continue
            before = self._tally.found.total()
            content = self._looked("attachment.content", data, partial(self._redactor.content, media_type=media_type))
            if content is data:
                clean.add(sha256)
                continue
            self._note("attachment", id)
            if session := self._texts.session_of("attachment", number):
                self._tally.sessions[session] += self._tally.found.total() - before
            if not self._dry_run:
                with self._store.transaction():
                    note_purge(self._store)
                    other = self._store.blobs.put(content, media_type)
                    self._texts.set_content(number, other, len(content), sha256)
                    self._store.changes.add(self._store.workspace_number, "attachment", [number], "update")
                    self._tally.rows += 1

    def _sources(self, on_progress: Progress | None) -> None:
        for done, (path, start, data) in enumerate(self._texts.pieces(), 1):
            new = without_secrets(data, partial(self._look, "source"))
            if new != data:
                self._note("source", path)
                if not self._dry_run:
                    with self._store.transaction():
                        note_purge(self._store)
                        self._texts.write_piece(path, start, new)
                        self._tally.rows += 1
            if on_progress:
                on_progress("kept sources", done, done)

    def _marks(self) -> None:
        for path, values in list(self._texts.marks()):
            new = self._look("import mark", values)
            if new is not values:
                self._note("import mark", path)
                if not self._dry_run:
                    with self._store.transaction():
                        note_purge(self._store)
                        self._texts.write_mark(path, new)
                        self._tally.rows += 1

    def _words(self) -> None:
        for number, word in self._texts.words():
            new = self._redactor.text(word)
            if new != word and not self._dry_run:
                with self._store.transaction():
                    note_purge(self._store)
                    self._texts.write_word(number, new)
