"""What importers yield, merged by native ids in batches, and encoded as rows of the store's tables."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from memory.collections.projects import Projects
from memory.ids import native_id
from memory.importers.reading.records import AttachmentRecord, MessageRecord, RelationshipRecord, SessionRecord
from memory.importing.drawn import Derived
from memory.kinds import EARLIEST, LATEST
from memory.saving import Prepared
from memory.store.parts import fold_parts
from memory.store.schema import columns, micros, to_json, whole
from memory.store.store import Store

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
        if record.is_whole:
            self.messages[record.session_key, key] = record
            record.key = key
            return
        there.parts, _ = united(there.parts, record.parts)
        there.attachments += record.attachments
        there.metadata = merged_metadata(there.metadata, record.metadata)
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
    derived: Derived
    """What was drawn from the new messages."""
    holds_forgotten: bool = False
    """Whether it holds what was forgotten: then nothing of the file is kept."""


class Rows:
    """Encodes records for the tables of one workspace; inside the transaction that writes them."""

    def __init__(self, store: Store, projects: Projects, project: str | None) -> None:
        self._store = store
        self._projects = projects
        self._project = project
        self._project_numbers: dict[tuple[str, str | None], int] = {}

    def session(self, prepared: PreparedBatch, record: SessionRecord) -> dict[str, Any]:
        """Give a session's columns."""
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
            "title": short_title(record.title) if record.title else None,
            "project_number": self._project_number(record.project, record.metadata.get("git_remote")),
            "state": record.state or "active",
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

    def message(
        self, prepared: PreparedBatch, record: MessageRecord, content: str, session: int, numbers: dict[str, int]
    ) -> dict[str, Any]:
        """Give a message's columns, but for its place; `numbers` has those of the messages that are written with it."""
        created = stamp(record.created_at)
        metadata = dict(record.metadata)
        if created is None:
            begun = self._store.records.stored("session", ("created_at",), session)
            created = begun[0] if begun else micros(datetime.now(UTC))
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

    def attachment(
        self, number: int, at: int, sha256: str, attachment: AttachmentRecord, size_bytes: int
    ) -> dict[str, Any]:
        """Give the columns of an attachment of a message."""
        return {
            "created_at": at,
            "updated_at": at,
            "message_number": number,
            "name": whole(attachment.name),
            "media_type": attachment.media_type,
            "size_bytes": size_bytes,
            "sha256": sha256,
        }

    def relationship(self, format: str, record: RelationshipRecord, session: int | None) -> tuple[str, dict[str, Any]]:
        """Give a relationship's id and columns."""
        source, target = (self._ref(format, end) for end in (record.source, record.target))
        said = "\0".join((record.type, source, target, record.label or "", record.session_key or ""))
        at = stamp(record.created_at) or micros(datetime.now(UTC))
        values = {
            "created_at": at,
            "updated_at": at,
            "deleted_at": self.project_and_deleted_at(session)[1] if session else None,
            "type": record.type,
            "source": source,
            "target": target,
            "label": whole(record.label) if record.label else None,
            "session_number": session,
            "valid_from": stamp(record.created_at),
        }
        return native_id(format, "relationship", said), values

    def project_and_deleted_at(self, session: int) -> tuple[int, int | None]:
        """Give a session's project, 0 for none, and when it was deleted."""
        found = self._store.records.stored("session", ("project_number", "deleted_at"), session)
        return (found[0] or 0, found[1]) if found else (0, None)

    def _project_number(self, project: str | None, remote: object) -> int | None:
        wanted = self._project or project
        if not wanted:
            return None
        address = remote if isinstance(remote, str) and not self._project else None
        if (wanted, address) not in self._project_numbers:
            found = self._projects.ensure(whole(wanted), address)
            self._project_numbers[wanted, address] = self._store.records.number("project", found.id) or 0
        return self._project_numbers[wanted, address]

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


def as_stored(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give parts as they come back from the store."""
    stored: list[dict[str, Any]] = json.loads(to_json(parts))
    return stored


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


def withhold(record: SessionRecord, metadata: dict[str, Any]) -> None:
    """Take out of a session what was forgotten of it: what its metadata names as `withheld`."""
    for name in metadata.get("withheld") or ():
        field_name, _, inner = name.partition(".")
        if inner:
            record.metadata.pop(inner, None)
        else:
            setattr(record, field_name, [] if isinstance(getattr(record, field_name), list) else None)


def stamp(at: datetime | None) -> int | None:
    """Give a time as it is stored; None for one that cannot be shown everywhere."""
    if at is None:
        return None
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return micros(aware) if EARLIEST <= aware <= LATEST else None


def row(kind: str, id: str, values: dict[str, Any]) -> tuple[Any, ...]:
    """Put the values of a record in the order of its kind's columns, behind its id."""
    return (id, *(values.get(column.name) for column in columns(kind)))


def short_title(title: str) -> str:
    """Make a title one line of TITLE_CHARACTERS at most."""
    flat = " ".join(whole(title).split())
    return flat if len(flat) <= TITLE_CHARACTERS else flat[: TITLE_CHARACTERS - 1] + "…"


def _list(values: list[str]) -> str | None:
    return to_json(values) if values else None


def _json(value: Any) -> str | None:
    return None if value is None else to_json(value)


def decoded(text: str | None) -> dict[str, Any]:
    """Read a stored JSON object; {} where none is stored."""
    found: dict[str, Any] = json.loads(text) if text else {}
    return found
