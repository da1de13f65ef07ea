"""Merge what importers yield into the store: native ids become record ids, and nothing is written twice.

A message that is there already keeps its place; parts that it lacks are added to it, and what was edited is written
anew, with what it said before as a version. When a session begins with
messages of another one, it is that one's fork, and reads them from there.
"""

from datetime import UTC, datetime
from typing import Any

from memory.collections.messages import Messages
from memory.collections.projects import Projects
from memory.errors import SourceFault
from memory.ids import native_id
from memory.importers.reading.records import MessageRecord, SessionRecord
from memory.importing.deriving import Deriver
from memory.importing.drawn import Derived
from memory.importing.merged_rows import (
    Batch,
    PreparedBatch,
    Rows,
    as_stored,
    cleaned,
    content_of,
    decoded,
    merged_metadata,
    row,
    short_title,
    stamp,
    united,
    withhold,
)
from memory.importing.recalled import without_recalled
from memory.saving import Facts, Saver, is_failed
from memory.searchable import Passage, message_passages
from memory.store.schema import micros, to_json


class Merger:
    """Writes batches into one workspace."""

    def __init__(self, saver: Saver, projects: Projects, project: str | None, kinds: frozenset[str]) -> None:
        self._saver = saver
        self._store = saver.store
        self._project = project
        self._rows = Rows(saver.store, projects, project)
        self._messages = Messages(saver.store, saver, "message")
        self._deriver = Deriver(saver, projects, self._rows, kinds)

    def prepare(self, batch: Batch, format: str, path: str) -> PreparedBatch:
        """Look up what is there already, cut and embed what is not; before the transaction begins."""
        named = [(native_id(format, "message", key), record) for (_, key), record in batch.messages.items()]
        there = self._store.records.owners([id for id, _ in named])
        buried = self._buried("message", [id for id, _ in named])
        new: dict[str, tuple[str, MessageRecord, str]] = {}
        known: list[tuple[str, MessageRecord]] = []
        passages: list[list[Passage]] = []
        derived = Derived()
        for id, record in named:
            if id in buried:
                continue
            if id in there or id in new:
                known.append((id, record))
                continue
            self._redact(record)
            content = content_of(record)
            new[id] = (id, record, content)
            passages.append(
                message_passages(record.role, content, record.parts, record.tool_name, sender=record.sender_id)
            )
            derived.take(id, record, self._deriver.kinds)
        pieces = {id: place for place, id in enumerate(new)}
        ready = self._saver.prepare(passages)
        forgotten = bool(
            buried or self._buried("session", [native_id(format, "session", key) for key in batch.sessions])
        )
        return PreparedBatch(batch, format, path, list(new.values()), known, pieces, ready, derived, forgotten)

    def write(self, prepared: PreparedBatch) -> tuple[list[int], list[int]]:
        """Write a prepared batch; inside a transaction.

        Returns:
            Numbers of the messages that were added, and of those that were there already.
        """
        sessions = self._write_sessions(prepared)
        # another process may have written the same messages since they were looked up
        there = self._store.records.owners([id for id, _, _ in prepared.messages] + [id for id, _ in prepared.known])
        met: list[int] = []
        new: list[tuple[str, MessageRecord, str]] = []
        for id, record, content in prepared.messages:
            if record.session_key not in sessions:
                continue
            if id in there:
                self._meet(there[id], id, record, sessions[record.session_key])
                met.append(there[id][0])
            else:
                new.append((id, record, content))
        added = []
        if shared := {id for id, _ in prepared.known if id not in there}:
            # a session and its fork in one batch: what they share is written before the fork's own, which stands behind it
            owners = {record.session_key for id, record, _ in new if id in shared}
            added = self._write_messages(prepared, [each for each in new if each[1].session_key in owners], sessions)
            new = [each for each in new if each[1].session_key not in owners]
            there |= self._store.records.owners(sorted(shared))
        for id, record in prepared.known:
            if id in there and record.session_key in sessions:
                self._meet(there[id], id, record, sessions[record.session_key])
                if id not in shared:
                    met.append(there[id][0])
        added += self._write_messages(prepared, new, sessions)
        self._deriver.write(prepared.format, prepared.batch.relationships, prepared.derived, sessions)
        return added, met

    def _write_sessions(self, prepared: PreparedBatch) -> dict[str, int]:
        without = self._saver.redactor.value
        for session in prepared.batch.sessions.values():
            for name in ("title", "summary", "system_prompt", "model", "participants", "keywords", "tags", "metadata"):
                setattr(session, name, without(getattr(session, name)))
        for relationship in prepared.batch.relationships:
            relationship.source, relationship.target = without(relationship.source), without(relationship.target)
            relationship.label = without(relationship.label)
        ids = {key: native_id(prepared.format, "session", key) for key in prepared.batch.sessions}
        buried = self._buried("session", list(ids.values()))
        sessions: dict[str, int] = {}
        for key, session in prepared.batch.sessions.items():
            if ids[key] not in buried:
                sessions[key] = self._write_session(prepared, session)
        self._store.marks.add_sessions(prepared.path, [ids[key] for key in sessions])
        return sessions

    def link(self) -> None:
        """Link the sessions whose parent, or the message they were forked at, came after them."""
        with self._store.transaction():
            for number, text in self._store.records.sessions_noting("waits_for"):
                metadata = decoded(text)
                waits = metadata.pop("waits_for")
                parent = self._store.records.number("session", waits["parent"])
                at = self._store.records.number("message", waits["forked_at"]) if waits.get("forked_at") else None
                if parent is None or (waits.get("forked_at") and at is None):
                    continue
                if number in [each for each, _ in self._store.sessions.lineage(parent)]:
                    continue
                _, forked_at = self._store.sessions.link(number)
                self._store.sessions.set_link(number, parent, forked_at or at)
                self._deriver.link(number, parent)
                self._store.records.set_stored("session", {"metadata": to_json(metadata)}, number)

    def done(self) -> None:
        """Let others know of what was committed."""
        self._saver.on_write()

    def _redact(self, record: MessageRecord) -> None:
        """Take the secrets out of a message, and what cannot be stored, or is stored already."""
        without_recalled(record)
        without = self._saver.redactor.value
        record.parts = cleaned(without(record.parts))
        record.tool_call, record.tool_result = without(record.tool_call), without(record.tool_result)
        for name in ("metadata", "error", "tool_name", "model", "sender_id"):
            setattr(record, name, without(getattr(record, name)))

    def _buried(self, kind: str, ids: list[str]) -> set[str]:
        return self._store.changes.buried(self._store.workspace_number, kind, ids)

    def _meet(self, place: tuple[int, int], id: str, record: MessageRecord, session: int) -> None:
        """Deal with a message that is there already: write what is new of it; note a fork when it is another session's."""
        number, owner = place
        fields = ("content", "parts", "metadata", "status", "error")
        for _, said, parts, known, *ended in self._store.records.values("message", fields, [number]):
            self._redact(record)
            if record.metadata.get("branch") and not known.get("branch"):
                # taken back after it was imported
                self._store.records.update("message", id, {"metadata": known | {"branch": record.metadata["branch"]}})
            if record.is_whole:
                is_news = as_stored(record.parts) != parts or ended != [record.status, record.error]
            else:
                record.parts, is_news = united(parts, record.parts)
            if is_news and (parts or record.is_whole):
                values: dict[str, Any] = {"content": content_of(record), "parts": record.parts}
                whole = ("tool_result", "metadata") if record.is_whole else ()
                for name in ("tokens_in", "tokens_out", "model", "ended_at", *whole):
                    if value := getattr(record, name):
                        values[name] = value
                if record.is_whole:
                    values |= {"status": record.status, "error": record.error}
                # what only grew while it was written needs no version of its own
                is_edit = record.is_whole and not values["content"].startswith(said)
                if is_edit:
                    self._messages.update(id, **values)
                else:
                    self._saver.update("message", id, values)
                self._write_attachments(id, number, record, None)
        if owner != session:
            self._note_fork(session, owner, number)

    def _note_fork(self, session: int, owner: int, message: int) -> None:
        parent, _ = self._store.sessions.link(session)
        if parent not in (None, owner) or self._store.sessions.members("message", session):
            return
        if session not in [number for number, _ in self._store.sessions.lineage(owner)]:
            self._store.sessions.set_link(session, owner, message)
            self._deriver.link(session, owner)

    def _write_session(self, prepared: PreparedBatch, record: SessionRecord) -> int:
        id = native_id(prepared.format, "session", record.key)
        number = self._store.records.number("session", id)
        stored = ("title", "summary", "metadata", "project_number")
        found = None if number is None else self._store.records.stored("session", stored, number)
        if found is not None:
            withhold(record, decoded(found[2]))
        values = self._rows.session(prepared, record)
        if number is None or found is None:
            numbers = self._store.records.insert_rows("session", [row("session", id, values)])
            self._saver.rewrite("session", numbers)
            if values["parent_number"] is not None:
                self._deriver.link(numbers[0], values["parent_number"])
            return numbers[0]
        metadata = decoded(found[2])
        changes: dict[str, Any] = {}
        authority = int(metadata.get("title_authority", 0))
        if record.title and record.title_authority >= authority and short_title(record.title) != found[0]:
            changes["title"] = short_title(record.title)
        together = merged_metadata(metadata, decoded(values["metadata"]))
        together["title_authority"] = max(authority, record.title_authority if record.title else 0)
        if together != metadata:
            changes["metadata"] = to_json(together)
        for name in ("summary", "model", "system_prompt", "participants", "keywords", "tags"):
            if getattr(record, name) and values[name] is not None:
                changes[name] = values[name]
        if values["project_number"] is not None and (found[3] is None or self._project):
            changes["project_number"] = values["project_number"]
        for name in ("parent_number", "forked_at_number"):
            if values[name] is not None:
                changes[name] = values[name]
        self._change_session(number, changes)
        if values["parent_number"] is not None:
            self._deriver.link(number, values["parent_number"])
        return number

    def _change_session(self, number: int, changes: dict[str, Any]) -> None:
        if not changes:
            return
        now = self._store.records.stored("session", list(changes), number) or ()
        changed = {name: value for (name, value), there in zip(changes.items(), now, strict=True) if value != there}
        if not changed:
            return
        self._store.records.set_stored("session", {**changed, "updated_at": micros(datetime.now(UTC))}, number)
        self._store.changes.add(self._store.workspace_number, "session", [number], "update")
        if changed.keys() & {"title", "summary", "keywords", "project_number"}:
            self._saver.rewrite("session", [number])
        if "project_number" in changed:
            self._saver.rewrite_session(number)

    def _write_messages(
        self, prepared: PreparedBatch, new: list[tuple[str, MessageRecord, str]], sessions: dict[str, int]
    ) -> list[int]:
        if not new:
            return []
        first = self._store.records.next_number("message")
        numbers = {id: first + i for i, (id, _, _) in enumerate(new)}
        known = {number: self._rows.project_and_deleted_at(number) for number in set(sessions.values())}
        places: dict[int, tuple[int, int]] = {}
        rows: list[tuple[Any, ...]] = []
        facts: list[Facts] = []
        later: list[tuple[int, int]] = []
        for id, record, content in new:
            session = sessions[record.session_key]
            seq, turn = places.get(session) or self._store.sessions.last_place(session)
            seq, turn = seq + 1, turn + (record.role == "user" or turn == 0)
            places[session] = (seq, turn)
            values = self._rows.message(prepared, record, content, session, numbers)
            if (values["parent_number"] or 0) >= numbers[id]:
                # a parent that stands behind its child
                later.append((values["parent_number"], numbers[id]))
                values["parent_number"] = None
            project, deleted_at = known[session]
            rows.append(row("message", id, values | {"seq": seq, "turn": turn, "deleted_at": deleted_at}))
            is_error = record.status == "error" or is_failed(record.tool_result)
            facts.append(Facts("message", record.role, is_error, session, project, values["created_at"]))
        written = self._store.records.insert_rows("message", rows)
        self._store.sessions.set_parents(later)
        stamps = [known[fact.session][1] for fact in facts]
        # what comes to a deleted session is deleted with it, and comes back with it: it is not to be found until then
        living = [place for place, stamp in enumerate(stamps) if stamp is None]
        self._write_pieces(prepared, [new[i] for i in living], [written[i] for i in living], [facts[i] for i in living])
        self._count([facts[i] for i in living])
        for (id, record, _), number, deleted_at in zip(new, written, stamps, strict=True):
            if record.attachments:
                self._write_attachments(id, number, record, deleted_at)
        return written

    def _count(self, facts: list[Facts]) -> None:
        latest: dict[int, tuple[int, int]] = {}
        for fact in facts:
            count, last = latest.get(fact.session, (0, fact.at))
            latest[fact.session] = (count + 1, max(last, fact.at))
        for session, (count, last) in latest.items():
            self._store.sessions.count_added(session, count, last)

    def _write_pieces(
        self,
        prepared: PreparedBatch,
        new: list[tuple[str, MessageRecord, str]],
        written: list[int],
        facts: list[Facts],
    ) -> None:
        if len(new) == len(prepared.pieces):
            self._saver.write_pieces(facts, written, prepared.prepared)
            return
        # others have come first with some of them: what is left is cut and embedded again
        passages = [
            message_passages(record.role, content, record.parts, record.tool_name, sender=record.sender_id)
            for _, record, content in new
        ]
        self._saver.write_pieces(facts, written, self._saver.prepare(passages))

    def _write_attachments(self, message_id: str, number: int, record: MessageRecord, deleted_at: int | None) -> None:
        at = stamp(record.created_at) or micros(datetime.now(UTC))
        rows = []
        for place, attachment in enumerate(record.attachments):
            own_id = native_id("attachment", message_id, str(place))
            known = self._store.records.number("attachment", own_id)
            if known is not None and not record.is_whole:
                continue
            try:
                data = attachment.read()
            except OSError as error:
                raise SourceFault(f"{attachment.data!s}: cannot be read ({error.strerror}); import again") from error
            data = self._saver.redactor.content(data, attachment.media_type)
            sha256 = self._store.blobs.put(data, attachment.media_type)
            values = self._rows.attachment(number, at, sha256, attachment, len(data)) | {"deleted_at": deleted_at}
            if known is None:
                rows.append(row("attachment", own_id, values))
            elif self._store.records.stored("attachment", ("sha256",), known) != (sha256,):
                new = {name: values[name] for name in ("name", "media_type", "size_bytes", "sha256", "updated_at")}
                self._store.records.set_stored("attachment", new, known)
                self._store.changes.add(self._store.workspace_number, "attachment", [known], "update")
        self._store.records.insert_rows("attachment", rows)
