"""Messages: appended, read around a place, edited with their history kept."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from memory.collections.attachments import Attachments
from memory.collections.collection import PAGE, Collection, Page
from memory.errors import Conflict, InvalidInput
from memory.ids import new_id
from memory.kinds import Record
from memory.kinds.message import Message, MessageVersion
from memory.saving import passages_of
from memory.store.records import MOST_IN_A_PAGE, Where, page_limit, unknown
from memory.store.schema import micros
from memory.store.sessions import messages_of

MOST_CHARACTERS = 64 * 1024 * 1024
"""Longest content of a message. Source: the longest line that an import reads."""
KEPT_OF_LONGER = 1024 * 1024
"""Characters that stand in a message whose text is longer; the whole is its attachment. As many are searched of any text."""
OVERFLOW = "overflow"
"""In a message's metadata: the id of the attachment that holds its whole text, and how many characters that has."""


class Messages(Collection[Message]):
    """The messages of one workspace."""

    def append(self, session_id: str, *, role: str, content: str = "", **fields: Any) -> Message:
        """Save a message at the end of a session; when this returns, it is on disk and will be found.

        An `id` that is there already with the same content is not saved again; with other content it is an edit.

        Raises:
            UnknownRecord: There is no such session.
            InvalidInput: A field is unknown, or of another type.
            Conflict: The id is a message of another session.
        """
        return self.append_many(session_id, [{"role": role, "content": content, **fields}])[0]

    def append_many(self, session_id: str, messages: Iterable[Mapping[str, Any] | Message]) -> Sequence[Message]:
        """Save messages at the end of a session, all or none, and give them back in order; see `append`."""
        if not isinstance(messages, Iterable) or isinstance(messages, str | Mapping):
            raise InvalidInput("messages must be a list of dicts")
        given = [self._fields(message) for message in messages]
        if not given:
            return []
        now = datetime.now(UTC)
        made = [self._made({"created_at": now, **fields, "session_id": session_id}) for fields in given]
        wholes = {message.id: whole for message in made if (whole := _shortened(message))}
        # an id that was made just now cannot be there
        named = [message for message, fields in zip(made, given, strict=True) if fields.get("id") is not None]
        there = self._there_already(session_id, named)
        new = [*{message.id: message for message in made if message.id not in there}.values()]
        prepared = self._saver.prepare([passages_of(message) for message in new])
        with self._store.transaction():
            if self._there_already(session_id, [message for message in named if message.id not in there]):
                # another one has saved some of them since: begin again, with what is there now
                for message in made:
                    message.content = wholes.get(message.id, message.content)
                return self.append_many(session_id, made)
            number = self._store.records.number("session", session_id)
            if number is None or not self._store.records.is_there("session", number):
                raise unknown("session", session_id)
            self._place(number, new)
            self._saver.write(new, prepared)
            self._count(number, new)
            for message in new:
                self._keep_whole(message.id, wholes.get(message.id))
            for message in made:
                if message.id in there and not _says_the_same(there[message.id], message):
                    self.update(message.id, content=wholes.get(message.id, message.content), parts=message.parts)
        self._saver.on_write()
        found = self._read_many([message.id for message in named])
        return [found.get(message.id, message) for message in made]

    def create(self, **fields: Any) -> Message:
        """Save a message at the end of the session that `session_id` names; see `append`."""
        session_id = fields.pop("session_id", None)
        if not isinstance(session_id, str):
            raise InvalidInput("a message needs a session; give session_id")
        return self.append_many(session_id, [fields])[0]

    def list(
        self, session_id: str | None = None, *, limit: int = PAGE, cursor: str | None = None, **filters: Any
    ) -> Page[Message]:
        """Read a page of messages in order: of a session, those before a fork included, or of all.

        Raises:
            UnknownRecord: There is no such session.
        """
        if session_id is None:
            return super().list(limit=limit, cursor=cursor, **filters)
        number = self._store.records.number("session", session_id)
        if number is None:
            raise unknown("session", session_id)
        mine = messages_of(self._store.sessions.lineage(number))
        rest = self._where({name: value for name, value in filters.items() if value not in (None, "")})
        where = Where(f"({mine.sql}) and ({rest.sql})", (*mine.parameters, *rest.parameters))
        found, next_cursor = self._store.records.page("message", where, limit=page_limit(limit), cursor=cursor)
        return Page[Any](items=[record for _, record in found], next_cursor=next_cursor)

    def around(self, id: str, *, before: int = 2, after: int = 2, session_id: str | None = None) -> Sequence[Message]:
        """Read a message with its neighbours in its session, in order.

        Args:
            id: The message.
            before: How many messages before it are read.
            after: How many behind it.
            session_id: The session whose lineage to follow; None for the message's own.

        Raises:
            UnknownRecord: There is no such message.
        """
        _check_counts(before, after)
        message = self._existing(id)
        return self.window(session_id or message.session_id, message.seq, before=before, after=after + 1)

    def window(self, session_id: str, seq: int, *, before: int = 0, after: int = PAGE) -> Sequence[Message]:
        """Read the messages of a session on both sides of a position, in order, those before a fork included.

        Args:
            session_id: The session.
            seq: The position; there need not be a message at it.
            before: How many messages below it are read, at most 200.
            after: How many from it on, at most 201.

        Raises:
            UnknownRecord: There is no such session.
        """
        _check_counts(before, after)
        number = self._store.records.number("session", session_id)
        if number is None:
            raise unknown("session", session_id)
        mine = messages_of(self._store.sessions.lineage(number))

        def read(compare: str, order: str, limit: int) -> list[tuple[int, Record]]:
            where = Where(f"({mine.sql}) and {{t}}.seq {compare} ?", (*mine.parameters, seq))
            return self._store.records.select("message", where, limit=limit, order=order)

        earlier = read("<", "{t}.seq desc, {t}.number desc", min(before, MOST_IN_A_PAGE)) if before else []
        later = read(">=", "{t}.seq, {t}.number", min(after, MOST_IN_A_PAGE + 1)) if after else []
        return [record for _, record in [*reversed(earlier), *later] if isinstance(record, Message)]

    def update(self, id: str, /, **fields: Any) -> Message:
        """Change fields of a message; what it said before is kept as a version.

        Raises:
            InvalidInput: A field is unknown, or of another type.
            UnknownRecord: There is no such message.
        """
        with self._store.transaction():
            before = self._existing(id)
            if "content" not in fields and (said := _said(fields.get("parts"))):
                fields["content"] = said
            if {"content", "parts"} & fields.keys():
                self._keep_version(before)
                if "content" in fields and "parts" not in fields:
                    fields["parts"] = [part for part in before.parts if part.get("type") != "text"]
            whole = None
            if "content" in fields:
                metadata = {**before.metadata, **(fields.get("metadata") or {})}
                metadata.pop(OVERFLOW, None)
                content = fields["content"]
                if isinstance(content, str) and len(content) > MOST_CHARACTERS:
                    whole, metadata[OVERFLOW] = content, _overflow(id, content)
                    fields["content"] = content[:KEPT_OF_LONGER]
                if metadata != before.metadata:
                    fields["metadata"] = metadata
            updated = super().update(id, **fields)
            self._keep_whole(id, whole)
            return updated

    def text(self, id: str) -> str:
        """Give all that a message says, also where that is too long to stand in the message itself.

        Raises:
            UnknownRecord: There is no such message.
        """
        message = self._existing(id)
        noted = message.metadata.get(OVERFLOW)
        if not noted:
            return message.content
        return Attachments(self._store, self._saver, "attachment").data(noted["attachment_id"]).decode()

    def versions(self, id: str) -> Sequence[MessageVersion]:
        """Give what a message said before its edits, the oldest first."""
        self._existing(id)
        where = Where("{t}.message_number = ?", (self._store.records.number("message", id),))
        found = self._store.records.select("message_version", where, limit=10_000, order="{t}.version")
        return [record for _, record in found if isinstance(record, MessageVersion)]

    def version_counts(self, ids: Sequence[str]) -> dict[str, int]:
        """Count the former texts of some messages, up to 500; those that were never edited are left out."""
        return self._store.sessions.version_counts(ids)

    def delete(self, id: str, *, hard: bool = False) -> None:
        """Delete a message; see `Collection.delete`."""
        with self._store.transaction():
            message = self._store.records.get("message", id, deleted=True)
            super().delete(id, hard=hard)
            if isinstance(message, Message):
                self._store.sessions.count_anew(self._store.records.number("session", message.session_id) or 0)

    def restore(self, id: str) -> Message:
        """Bring back a message that was deleted.

        Raises:
            UnknownRecord: There is no such message, or it was deleted for good.
            Conflict: Its session is deleted, too.
        """
        with self._store.transaction():
            message = self._store.records.get("message", id, deleted=True)
            if isinstance(message, Message) and self._store.records.get("session", message.session_id) is None:
                raise Conflict(
                    f"message {id!r} is of session {message.session_id!r}, which is deleted; restore that one"
                )
            restored = super().restore(id)
            self._store.sessions.count_anew(self._store.records.number("session", restored.session_id) or 0)
        return restored

    def _keep_whole(self, id: str, whole: str | None) -> None:
        """Keep a text that is too long for its message as the message's attachment."""
        if whole is None:
            return
        noted = _overflow(id, whole)
        attachments = Attachments(self._store, self._saver, "attachment")
        if attachments.get(noted["attachment_id"]) is None:
            attachments.create(
                id=noted["attachment_id"],
                message_id=id,
                name="content.txt",
                media_type="text/plain; charset=utf-8",
                data=whole.encode(),
            )

    def _fields(self, message: Mapping[str, Any] | Message) -> dict[str, Any]:
        if not isinstance(message, Message | Mapping):
            raise InvalidInput(f"a message is a dict or a Message, not a {type(message).__name__}")
        if not isinstance(message, Message):
            return {name: value for name, value in message.items() if name != "session_id"}
        left_out = {"session_id", "workspace_id", "seq", "turn", "attachments", "deleted_at", "updated_at"}
        return {name: getattr(message, name) for name in Message.model_fields if name not in left_out}

    def _prepared(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        values = super()._prepared(fields)
        if values.get("attachments"):
            raise InvalidInput(
                "attachments have bytes; save each with `attachments.create(message_id=…, name=…, data=…)`"
            )
        content = values.get("content")
        if not content and values.get("parts"):
            said = _said(values["parts"])
            # parts that say nothing leave the content of a message that is changed as it is
            if said or "content" in values:
                values["content"] = said
        return values

    def _there_already(self, session_id: str, made: Iterable[Message]) -> dict[str, Message]:
        found = self._read_many([message.id for message in made])
        for message in found.values():
            if message.deleted_at is not None:
                raise Conflict(f"message {message.id!r} was deleted; restore it, or give another id")
            if message.session_id != session_id:
                raise Conflict(f"message {message.id!r} is one of another session; give another id")
        return found

    def _read_many(self, ids: Iterable[str]) -> dict[str, Message]:
        wanted = list(dict.fromkeys(ids))
        found: dict[str, Message] = {}
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            where = Where(f"{{t}}.id in ({', '.join('?' * len(some))})", tuple(some))
            for _, record in self._store.records.select("message", where, limit=len(some)):
                assert isinstance(record, Message)
                found[record.id] = record
        return found

    def _place(self, session_number: int, messages: Iterable[Message]) -> None:
        seq, turn = self._store.sessions.last_place(session_number)
        for message in messages:
            seq += 1
            turn += message.role == "user" or turn == 0
            message.seq, message.turn = seq, message.turn or turn

    def _count(self, session_number: int, messages: Sequence[Message]) -> None:
        if messages:
            last_at = max(micros(each.created_at) for each in messages)
            self._store.sessions.count_added(session_number, len(messages), last_at)

    def _keep_version(self, message: Message) -> None:
        number = self._store.records.number("message", message.id)
        version = MessageVersion(
            id=new_id(),
            workspace_id=message.workspace_id,
            created_at=message.updated_at,
            updated_at=message.updated_at,
            message_id=message.id,
            version=self._store.sessions.last_version(number or 0) + 1,
            content=message.content,
            parts=message.parts,
        )
        self._store.records.insert(version)


def _check_counts(before: int, after: int) -> None:
    if before < 0 or after < 0:
        raise InvalidInput(f"before is {before} and after is {after}; both must be 0 or more")


def _says_the_same(one: Message, other: Message) -> bool:
    if one.metadata.get(OVERFLOW) != other.metadata.get(OVERFLOW):
        return False
    return one.content == other.content and (not other.parts or one.parts == other.parts)


def _said(parts: Any) -> str:
    """Give the text of the parts that are text."""
    given = parts if isinstance(parts, list | tuple) else []
    said = [part.get("text") for part in given if isinstance(part, dict) and part.get("type") == "text"]
    return "\n\n".join(text for text in said if isinstance(text, str))


def _shortened(message: Message) -> str | None:
    """Cut the text of a message that is too long, note that, and give the whole; None when it is not."""
    whole = message.content
    if len(whole) <= MOST_CHARACTERS:
        return None
    message.content = whole[:KEPT_OF_LONGER]
    message.metadata = {**message.metadata, OVERFLOW: _overflow(message.id, whole)}
    return whole


def _overflow(id: str, whole: str) -> dict[str, Any]:
    digest = hashlib.sha256(whole.encode()).hexdigest()
    return {"attachment_id": f"{id[:400]}:content:{digest[:16]}", "characters": len(whole)}
