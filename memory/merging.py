"""Merge what importers yield into the store: native ids become record ids, and nothing is written twice.

A message that is there already keeps its place; parts that it lacks are added to it. When a session begins with
messages of another one, it is that one's fork, and reads them from there.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from memory.collections.messages import count_messages, last_place
from memory.collections.sessions import lineage
from memory.ids import native_id
from memory.importers.records import MessageRecord, RelationshipRecord, SessionRecord
from memory.kinds import EARLIEST, LATEST
from memory.saving import Facts, Prepared, is_failed
from memory.searchable import Passage, message_passages
from memory.store.parts import fold_parts
from memory.store.schema import columns, micros, to_json, whole

if TYPE_CHECKING:
    from memory.memory import Memory

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TITLE_CHARACTERS = 200
"""Of a title; a longer one is cut. Untuned."""


@dataclass
class Batch:
    """What an importer yielded since the last write, merged by native ids."""

    sessions: dict[str, SessionRecord] = field(default_factory=dict)
    messages: dict[tuple[str, str], MessageRecord] = field(default_factory=dict)
    relationships: list[RelationshipRecord] = field(default_factory=list)
    _unnamed: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was yielded."""
        return not (self.sessions or self.messages or self.relationships)

    def add(self, record: SessionRecord | MessageRecord | RelationshipRecord) -> None:
        """Take up what an importer yields."""
        if isinstance(record, SessionRecord):
            self.add_session(record)
        elif isinstance(record, MessageRecord):
            self.add_message(record)
        else:
            self.relationships.append(record)

    def add_session(self, record: SessionRecord) -> None:
        """Take up a session, or news of one."""
        there = self.sessions.get(record.key)
        if there is None:
            self.sessions[record.key] = record
            return
        if record.title is not None and record.title_authority >= there.title_authority:
            there.title, there.title_authority = record.title, record.title_authority
        for each in fields(record):
            value = getattr(record, each.name)
            if each.name in ("key", "title", "title_authority") or value in (None, [], {}):
                continue
            if each.name == "metadata":
                there.metadata = merged_metadata(there.metadata, value)
            else:
                setattr(there, each.name, value)

    def add_message(self, record: MessageRecord) -> None:
        """Take up a message, or more parts of one."""
        if record.session_key not in self.sessions:
            self.sessions[record.session_key] = SessionRecord(record.session_key)
        key = record.key or self._key_of_unnamed(record)
        there = self.messages.get((record.session_key, key))
        if there is None:
            self.messages[record.session_key, key] = record
            record.key = key
            return
        there.parts, _ = united(there.parts, record.parts)
        there.attachments += record.attachments
        for name in ("model", "tokens_in", "tokens_out", "ended_at", "tool_name", "tool_call", "tool_result", "error"):
            value = getattr(record, name)
            if value is not None:
                setattr(there, name, value)

    def _key_of_unnamed(self, record: MessageRecord) -> str:
        """Name a message without a native id by its session, role and content, and by how many are alike before it."""
        said = to_json([record.session_key, record.role, record.parts]).encode()
        digest = hashlib.blake2b(said, digest_size=16).hexdigest()
        count = self._unnamed.get((record.session_key, digest), 0)
        self._unnamed[record.session_key, digest] = count + 1
        return f"{digest}:{count}"


@dataclass
class PreparedBatch:
    """A batch whose messages are cut and embedded."""

    batch: Batch
    format: str
    path: str
    messages: list[tuple[str, MessageRecord, str]]
    """Id, record and content of each message that was not in the store when it was looked."""
    known: list[tuple[str, MessageRecord]]
    """Id and record of each that was."""
    pieces: dict[str, int]
    """For each id its place in `prepared`."""
    prepared: Prepared


class Merger:
    """Writes batches into one workspace."""

    def __init__(self, memory: "Memory", project: str | None) -> None:
        self._memory = memory
        self._store = memory.store
        self._project = project
        self._projects: dict[str, int] = {}

    def prepare(self, batch: Batch, format: str, path: str) -> PreparedBatch:
        """Look up what is there already, cut and embed what is not; before the transaction begins."""
        named = [(native_id(format, "message", key), record) for (_, key), record in batch.messages.items()]
        there = self._known_messages([id for id, _ in named])
        buried = self._buried("message", [id for id, _ in named])
        new: dict[str, tuple[str, MessageRecord, str]] = {}
        known: list[tuple[str, MessageRecord]] = []
        passages: list[list[Passage]] = []
        for id, record in named:
            if id in buried:
                continue
            if id in there or id in new:
                known.append((id, record))
                continue
            self._redact(record)
            content = content_of(record)
            new[id] = (id, record, content)
            passages.append(message_passages(record.role, content, record.parts, record.tool_name))
        pieces = {id: place for place, id in enumerate(new)}
        return PreparedBatch(
            batch, format, path, list(new.values()), known, pieces, self._memory.saver.prepare(passages)
        )

    def write(self, prepared: PreparedBatch) -> tuple[list[int], list[int]]:
        """Write a prepared batch; inside a transaction.

        Returns:
            Numbers of the messages that were added, and of those that were there already.
        """
        format = prepared.format
        without = self._memory.saver.redactor.value
        for session in prepared.batch.sessions.values():
            for name in ("title", "summary", "system_prompt", "keywords", "metadata"):
                setattr(session, name, without(getattr(session, name)))
        for relationship in prepared.batch.relationships:
            relationship.source, relationship.target = without(relationship.source), without(relationship.target)
            relationship.label = without(relationship.label)
        buried = self._buried("session", [native_id(format, "session", key) for key in prepared.batch.sessions])
        sessions: dict[str, int] = {}
        for key, session in prepared.batch.sessions.items():
            if native_id(format, "session", key) not in buried:
                sessions[key] = self._write_session(prepared, session)
        seen = [native_id(format, "session", key) for key in sessions]
        self._store.marks.add_sessions(prepared.path, seen)
        # another process may have written the same messages since they were looked up
        there = self._known_messages([id for id, _, _ in prepared.messages] + [id for id, _ in prepared.known])
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
        for id, record in prepared.known:
            if id in there and record.session_key in sessions:
                self._meet(there[id], id, record, sessions[record.session_key])
                met.append(there[id][0])
        added = self._write_messages(prepared, new, sessions)
        self._write_relationships(prepared, sessions)
        return added, met

    def link(self) -> None:
        """Link the sessions whose parent, or the message they were forked at, came after them."""
        rows = self._store.database.rows(
            "select number, metadata from session where workspace_number = ? and metadata like ?",
            (self._store.workspace_number, '%"waits_for":%'),
        )
        with self._store.transaction():
            for number, text in rows:
                metadata = _decoded(text)
                waits = metadata.pop("waits_for")
                parent = self._store.records.number("session", waits["parent"])
                at = self._store.records.number("message", waits["forked_at"]) if waits.get("forked_at") else None
                if parent is None or (waits.get("forked_at") and at is None):
                    continue
                if number in [each for each, _ in lineage(self._store, parent)]:
                    continue
                self._store.database.rows(
                    "update session set parent_number = ?, forked_at_number = coalesce(forked_at_number, ?), metadata = ?"
                    " where number = ?",
                    (parent, at, to_json(metadata), number),
                )

    def done(self) -> None:
        """Let others know of what was committed."""
        self._memory.saver.on_write()

    def _redact(self, record: MessageRecord) -> None:
        """Take the secrets out of a message, and what cannot be stored."""
        without = self._memory.saver.redactor.value
        record.parts = cleaned(without(record.parts))
        record.tool_call, record.tool_result = without(record.tool_call), without(record.tool_result)
        record.metadata, record.error = without(record.metadata), without(record.error)
        for attachment in record.attachments:
            if attachment.media_type.startswith("text/"):
                text = attachment.data.decode("utf-8", "surrogateescape")
                attachment.data = without(text).encode("utf-8", "surrogateescape")

    def _known_messages(self, ids: list[str]) -> dict[str, tuple[int, int]]:
        """Give number and session number of the messages that are there, by id; softly deleted ones included."""
        found: dict[str, tuple[int, int]] = {}
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500]
            sql = (
                "select id, number, session_number from message where workspace_number = ?"
                f" and id in ({', '.join('?' * len(some))})"
            )
            for row in self._store.database.rows(sql, (self._store.workspace_number, *some)):
                found[row[0]] = (row[1], row[2])
        return found

    def _buried(self, kind: str, ids: list[str]) -> set[str]:
        return self._store.changes.buried(self._store.workspace_number, kind, ids)

    def _meet(self, place: tuple[int, int], id: str, record: MessageRecord, session: int) -> None:
        """Deal with a message that is there already: add the parts it lacks; note a fork when it is another session's."""
        number, owner = place
        row = self._store.database.row("select role from message where number = ? and deleted_at is null", (number,))
        if row is not None:
            [(_, content, parts)] = self._store.records.values("message", ("content", "parts"), [number])
            self._redact(record)
            together, grown = united(parts, record.parts)
            if grown and parts:
                record.parts = together
                content = content_of(record)
                values: dict[str, Any] = {"content": content, "parts": together}
                for name in ("tokens_in", "tokens_out", "model", "ended_at"):
                    if (value := getattr(record, name)) is not None:
                        values[name] = value
                self._memory.saver.update("message", id, values)
        if owner != session:
            self._note_fork(session, owner, number)

    def _note_fork(self, session: int, owner: int, message: int) -> None:
        row = self._store.database.row(
            "select parent_number, forked_at_number from session where number = ?", (session,)
        )
        has_own = self._store.database.row("select 1 from message where session_number = ? limit 1", (session,))
        if row is None or has_own or (row[0] not in (None, owner)):
            return
        if session in [number for number, _ in lineage(self._store, owner)]:
            return
        self._store.database.rows(
            "update session set parent_number = ?, forked_at_number = ? where number = ?", (owner, message, session)
        )

    def _write_session(self, prepared: PreparedBatch, record: SessionRecord) -> int:
        id = native_id(prepared.format, "session", record.key)
        number = self._store.records.number("session", id)
        values = self._session_values(prepared, record)
        if number is None:
            numbers = self._store.records.insert_rows("session", [_row("session", id, values)])
            self._memory.saver.rewrite("session", numbers)
            return numbers[0]
        row = self._store.database.row(
            "select title, summary, metadata, project_number from session where number = ?", (number,)
        )
        assert row is not None
        metadata = _decoded(row[2])
        changes: dict[str, Any] = {}
        authority = int(metadata.get("title_authority", 0))
        if record.title and record.title_authority >= authority and _title(record.title) != row[0]:
            changes["title"] = _title(record.title)
        together = merged_metadata(metadata, _decoded(values["metadata"]))
        together["title_authority"] = max(authority, record.title_authority if record.title else 0)
        if together != metadata:
            changes["metadata"] = to_json(together)
        for name in ("summary", "model", "system_prompt", "participants", "keywords", "tags"):
            if getattr(record, name) and values[name] is not None:
                changes[name] = values[name]
        if values["project_number"] is not None and (row[3] is None or self._project):
            changes["project_number"] = values["project_number"]
        for name in ("parent_number", "forked_at_number"):
            if values[name] is not None:
                changes[name] = values[name]
        self._change_session(number, changes)
        return number

    def _change_session(self, number: int, changes: dict[str, Any]) -> None:
        now = self._store.database.row(f"select {', '.join(changes) or '1'} from session where number = ?", (number,))
        changed = {
            name: value for (name, value), there in zip(changes.items(), now or (), strict=False) if value != there
        }
        if not changed:
            return
        sets = ", ".join(f"{name} = ?" for name in changed)
        self._store.database.rows(
            f"update session set {sets}, updated_at = ? where number = ?",
            (*changed.values(), micros(datetime.now(UTC)), number),
        )
        self._store.changes.add(self._store.workspace_number, "session", [number], "update")
        if changed.keys() & {"title", "summary", "keywords", "project_number"}:
            self._memory.saver.rewrite("session", [number])
        if "project_number" in changed:
            self._memory.saver.rewrite_session(number)

    def _session_values(self, prepared: PreparedBatch, record: SessionRecord) -> dict[str, Any]:
        created = stamp(record.created_at)
        if created is None:
            mine = [m.created_at for (key, _), m in prepared.batch.messages.items() if key == record.key]
            created = min((s for at in mine if (s := stamp(at)) is not None), default=micros(datetime.now(UTC)))
        parent = native_id(prepared.format, "session", record.parent_key) if record.parent_key else None
        forked_at = native_id(prepared.format, "message", record.forked_at_key) if record.forked_at_key else None
        metadata = dict(record.metadata)
        if record.title:
            metadata["title_authority"] = record.title_authority
        parent_number = self._store.records.number("session", parent) if parent else None
        forked_at_number = self._store.records.number("message", forked_at) if forked_at else None
        if (parent and parent_number is None) or (forked_at and forked_at_number is None):
            metadata["waits_for"] = {"parent": parent, "forked_at": forked_at}
        source = {"format": prepared.format, "path": prepared.path, "external_id": record.key}
        return {
            "created_at": created,
            "updated_at": created,
            "metadata": to_json(metadata) if metadata else None,
            "title": _title(record.title) if record.title else None,
            "project_number": self._project_number(record.project),
            "state": "active",
            "participants": _list(record.participants),
            "keywords": _list(record.keywords),
            "tags": _list(record.tags),
            "model": record.model,
            "system_prompt": whole(record.system_prompt) if record.system_prompt else None,
            "source": to_json(source),
            "parent_number": parent_number,
            "forked_at_number": forked_at_number,
            "summary": whole(record.summary) if record.summary else None,
            "message_count": 0,
        }

    def _project_number(self, project: str | None) -> int | None:
        wanted = self._project or project
        if not wanted:
            return None
        if wanted not in self._projects:
            found = self._memory.projects.ensure(whole(wanted))
            self._projects[wanted] = self._store.records.number("project", found.id) or 0
        return self._projects[wanted]

    def _write_messages(
        self, prepared: PreparedBatch, new: list[tuple[str, MessageRecord, str]], sessions: dict[str, int]
    ) -> list[int]:
        places: dict[int, tuple[int, int]] = {}
        latest: dict[int, tuple[int, int]] = {}
        rows: list[tuple[Any, ...]] = []
        facts: list[Facts] = []
        first = self._store.records.next_number("message")
        numbers = {id: first + i for i, (id, _, _) in enumerate(new)}
        known: dict[int, tuple[int, int | None]] = {}
        for id, record, content in new:
            session = sessions[record.session_key]
            seq, turn = places.get(session) or last_place(self._store, session)
            seq, turn = seq + 1, turn + (record.role == "user" or turn == 0)
            places[session] = (seq, turn)
            values = self._message_values(prepared, record, content, session, numbers)
            values["seq"], values["turn"] = seq, turn
            if session not in known:
                known[session] = self._project_and_deleted_at(session)
            project, values["deleted_at"] = known[session]
            rows.append(_row("message", id, values))
            at = values["created_at"]
            if values["deleted_at"] is None:
                count, last = latest.get(session, (0, at))
                latest[session] = (count + 1, max(last, at))
            is_error = record.status == "error" or is_failed(record.tool_result)
            facts.append(Facts("message", record.role, is_error, session, project, at))
        if not rows:
            return []
        written = self._store.records.insert_rows("message", rows)
        stamps = [known[fact.session][1] for fact in facts]
        # what comes to a deleted session is deleted with it, and comes back with it: it is not to be found until then
        living = [place for place, stamp in enumerate(stamps) if stamp is None]
        self._write_pieces(prepared, [new[i] for i in living], [written[i] for i in living], [facts[i] for i in living])
        for session, (count, last) in latest.items():
            count_messages(self._store, session, count, last)
        for (id, record, _), number, deleted_at in zip(new, written, stamps, strict=True):
            if record.attachments:
                self._write_attachments(id, number, record, deleted_at)
        return written

    def _project_and_deleted_at(self, session: int) -> tuple[int, int | None]:
        row = self._store.database.row(
            "select coalesce(project_number, 0), deleted_at from session where number = ?", (session,)
        )
        return (int(row[0]), row[1]) if row else (0, None)

    def _write_pieces(
        self,
        prepared: PreparedBatch,
        new: list[tuple[str, MessageRecord, str]],
        written: list[int],
        facts: list[Facts],
    ) -> None:
        if len(new) == len(prepared.pieces):
            self._memory.saver.write_pieces(facts, written, prepared.prepared)
            return
        # others have come first with some of them: what is left is cut and embedded again
        passages = [
            message_passages(record.role, content, record.parts, record.tool_name) for _, record, content in new
        ]
        self._memory.saver.write_pieces(facts, written, self._memory.saver.prepare(passages))

    def _message_values(
        self, prepared: PreparedBatch, record: MessageRecord, content: str, session: int, numbers: dict[str, int]
    ) -> dict[str, Any]:
        created = stamp(record.created_at)
        metadata = dict(record.metadata)
        if created is None:
            row = self._store.database.row("select created_at from session where number = ?", (session,))
            created = row[0] if row else micros(datetime.now(UTC))
            metadata["time_unknown"] = True
        parent_number = None
        if record.parent_key:
            parent = native_id(prepared.format, "message", record.parent_key)
            parent_number = numbers.get(parent) or self._store.records.number("message", parent)
        if any("\ufffd" in str(part.get("text")) for part in record.parts if part.get("lossy")):
            metadata["lossy"] = True
        folded = fold_parts(content, record.parts)
        return {
            "created_at": created,
            "updated_at": created,
            "metadata": to_json(metadata) if metadata else None,
            "session_number": session,
            "parent_number": parent_number,
            "sender_id": record.sender_id,
            "role": record.role,
            "content": content,
            "parts": to_json(folded) if folded else None,
            "tool_name": record.tool_name,
            "tool_call": _json(record.tool_call),
            "tool_result": _json(record.tool_result),
            "status": record.status,
            "error": whole(record.error) if record.error else None,
            "model": record.model,
            "tokens_in": record.tokens_in,
            "tokens_out": record.tokens_out,
            "started_at": stamp(record.started_at),
            "ended_at": stamp(record.ended_at),
        }

    def _write_attachments(self, message_id: str, number: int, record: MessageRecord, deleted_at: int | None) -> None:
        at = stamp(record.created_at) or micros(datetime.now(UTC))
        rows = []
        for place, attachment in enumerate(record.attachments):
            sha256 = self._memory.attachments.put_bytes(attachment.data, attachment.media_type)
            values = {
                "created_at": at,
                "updated_at": at,
                "deleted_at": deleted_at,
                "message_number": number,
                "name": whole(attachment.name),
                "media_type": attachment.media_type,
                "size_bytes": len(attachment.data),
                "sha256": sha256,
            }
            rows.append(_row("attachment", native_id("attachment", message_id, str(place)), values))
        self._store.records.insert_rows("attachment", rows)

    def _write_relationships(self, prepared: PreparedBatch, sessions: dict[str, int]) -> None:
        rows: dict[str, tuple[Any, ...]] = {}
        for record in prepared.batch.relationships:
            source, target = (self._ref(prepared.format, end) for end in (record.source, record.target))
            said = "\0".join((record.type, source, target, record.label or "", record.session_key or ""))
            id = native_id(prepared.format, "relationship", said)
            at = stamp(record.created_at) or micros(datetime.now(UTC))
            session = sessions.get(record.session_key or "")
            values = {
                "created_at": at,
                "updated_at": at,
                "deleted_at": self._project_and_deleted_at(session)[1] if session else None,
                "type": record.type,
                "source": source,
                "target": target,
                "label": whole(record.label) if record.label else None,
                "session_number": session,
                "valid_from": stamp(record.created_at),
            }
            rows.setdefault(id, _row("relationship", id, values))
        there = {id for id in rows if self._store.records.number("relationship", id) is not None}
        there |= self._buried("relationship", list(rows))
        new = [row for id, row in rows.items() if id not in there]
        if new:
            self._store.records.insert_rows("relationship", new)

    def _ref(self, format: str, end: str) -> str:
        kind, _, key = end.partition(":")
        return f"{kind}:{native_id(format, kind, key)}" if kind in ("session", "message") and key else whole(end)


def content_of(record: MessageRecord) -> str:
    """Make a message's content of its parts: what its text parts say, or of a tool's message its results."""
    kind = "tool_result" if record.role == "tool" else "text"
    texts = [part.get("text") for part in record.parts if part.get("type") == kind]
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)


def united(there: list[dict[str, Any]], more: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
    """Add the parts whose `id` is not there yet, and say whether there were any; parts without an id count as there."""
    ids = {part.get("id") for part in there}
    added = [part for part in more if part.get("id") is not None and part["id"] not in ids]
    return [*there, *added], bool(added)


def merged_metadata(there: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Merge metadata: lists grow by what they lack, other values are replaced."""
    merged = dict(there)
    for name, value in more.items():
        old = merged.get(name)
        if isinstance(old, list) and isinstance(value, list):
            merged[name] = old + [each for each in value if each not in old]
        elif isinstance(old, dict) and isinstance(value, dict):
            merged[name] = merged_metadata(old, value)
        else:
            merged[name] = value
    return merged


def cleaned(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make lone surrogates in the texts of parts U+FFFD, and note them."""
    found = []
    for part in parts:
        text = part.get("text")
        if isinstance(text, str) and not text.isascii() and (clean := whole(text)) != text:
            found.append({**part, "text": clean, "lossy": True})
        else:
            found.append(part)
    return found


def stamp(at: datetime | None) -> int | None:
    """Give a time as it is stored; None for one that cannot be shown everywhere."""
    if at is None:
        return None
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return micros(aware) if EARLIEST <= aware <= LATEST else None


def _row(kind: str, id: str, values: dict[str, Any]) -> tuple[Any, ...]:
    return (id, *(values.get(column.name) for column in columns(kind)))


def _title(title: str) -> str:
    flat = " ".join(whole(title).split())
    return flat if len(flat) <= TITLE_CHARACTERS else flat[: TITLE_CHARACTERS - 1] + "…"


def _list(values: list[str]) -> str | None:
    return to_json(values) if values else None


def _json(value: Any) -> str | None:
    return None if value is None else to_json(value)


def _decoded(text: str | None) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(text) if text else {}
    return found
