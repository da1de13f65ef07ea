"""pydantic-ai: a `ConversationStore` whose conversations are sessions that can be searched.

An entry of the log becomes the messages that its parts say, each conversation's in its own session. A fork is a fork here,
too: it reads what both share from the other session, and takes it over when that is deleted. What a deleted conversation
alone had is deleted with it for good; branches that were left before a point from which it was forked go to the fork.

    store = HarkbackConversationStore(Memory.open())
    conversation = await store.load(id) or Conversation(conversation_id=id)
    await store.save(await agent.run("…", conversation=conversation))
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from memory.adapters.items import ITEM, Item, ItemLog, holds_value, value_of
from memory.collections.sessions import SessionWithMessages
from memory.errors import InvalidInput, UnknownRecord
from memory.ids import native_id
from memory.importers.pydantic_ai import messages_of
from memory.importers.reading.documents import mapping
from memory.importers.reading.records import MessageRecord
from memory.kinds.message import Message
from memory.kinds.session import Session
from memory.memory import Memory

try:
    from pydantic_ai import ModelMessagesTypeAdapter
    from pydantic_ai.conversation_store import (
        ConversationConflict,
        ConversationEntry,
        ConversationRecord,
        ConversationStore,
    )
    from pydantic_ai.exceptions import UserError
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("pydantic-ai is not installed; `pip install pydantic-ai-slim`") from error

FRAMEWORK = "pydantic-ai"
_OWN = "pydantic_ai"
"""In a session's metadata: the conversation's record."""
ONE_BY_ONE = 20
"""Entries of a history that are read one after another; of a longer one the whole session is read. Untuned."""
_RECORDS: TypeAdapter[ConversationRecord] = TypeAdapter(ConversationRecord)


class HarkbackConversationStore(ConversationStore):
    """Keeps conversations of pydantic-ai; safe to use from many tasks, threads and processes."""

    def __init__(self, memory: Memory, *, project: str | None = None) -> None:
        """Keep conversations in a memory.

        Args:
            memory: Where they are kept.
            project: The body of work that they belong to.
        """
        self._memory = memory
        self._project = project

    async def read_record(self, conversation_id: str) -> ConversationRecord | None:
        return await asyncio.to_thread(lambda: _record(self._log(conversation_id).session()))

    async def read_records(self, *, scope: str | None = None, limit: int | None = None) -> Sequence[ConversationRecord]:
        tag = FRAMEWORK if scope is None else _tag(scope)
        found: list[ConversationRecord] = await asyncio.to_thread(self._records, tag)
        found.sort(key=lambda record: record.updated_at, reverse=True)
        return found[:limit]

    async def write_record(
        self,
        record: ConversationRecord,
        *,
        new_entries: Sequence[ConversationEntry] = (),
        expected_revision: str | None,
    ) -> None:
        """Store a record and its new entries in one transaction, or nothing of them.

        Raises:
            ConversationConflict: The stored record is another one, or the head is not there.
            UserError: A value has no JSON form, or the session was deleted and can be restored.
        """
        try:
            await asyncio.to_thread(self._write, record, new_entries, expected_revision)
        except UnknownRecord as error:
            # the entry that a new one follows was deleted meanwhile
            raise ConversationConflict(record.conversation_id) from error
        except InvalidInput as error:
            raise UserError(str(error)) from error

    async def delete_record(self, conversation_id: str, *, expected_revision: str) -> None:
        """Delete a conversation for good, but for the entries that forks of it share."""
        await asyncio.to_thread(self._delete, conversation_id, expected_revision)

    async def read_entry(self, entry_id: str) -> ConversationEntry:
        found = await asyncio.to_thread(self._message, entry_id)
        if found is None:
            raise KeyError(entry_id)
        return _entry(found)

    async def read_history(self, head_id: str | None, *, limit: int | None = None) -> list[ConversationEntry]:
        """Give the entries up to one, in order: all, or the last ones."""
        if head_id is None or (limit is not None and limit <= ONE_BY_ONE):
            few: list[ConversationEntry] = await super().read_history(head_id, limit=limit)
            return few
        return await asyncio.to_thread(self._history, head_id, limit)

    def _log(self, conversation_id: str) -> ItemLog:
        return ItemLog(self._memory, FRAMEWORK, [conversation_id], project=self._project, tags=[FRAMEWORK])

    def _records(self, tag: str) -> list[ConversationRecord]:
        found: list[ConversationRecord] = []
        cursor: str | None = None
        while True:
            page = self._memory.sessions.list(tag=tag, limit=200, cursor=cursor)
            found += [record for each in page.items if (record := _record(each)) is not None]
            cursor = page.next_cursor
            if cursor is None:
                return found

    def _write(
        self, record: ConversationRecord, entries: Sequence[ConversationEntry], expected_revision: str | None
    ) -> None:
        log = self._log(record.conversation_id)
        with self._memory.store.transaction():
            stored = _record(log.session())
            if (stored.revision if stored is not None else None) != expected_revision:
                raise ConversationConflict(record.conversation_id)
            head = self._message(record.head_id) if record.head_id is not None else None
            if record.head_id is not None and head is None and all(each.id != record.head_id for each in entries):
                raise ConversationConflict(record.conversation_id)
            if stored is None and head is not None and log.session() is None:
                self._fork(log, head)
            session = log.ensure()
            log.add(_item(each, log.session_id) for each in entries)
            tags = [FRAMEWORK, *([_tag(record.scope)] if record.scope is not None else [])]
            own = {_OWN: json.loads(_RECORDS.dump_json(record))}
            self._memory.sessions.update(session.id, metadata=session.metadata | own, tags=tags)

    def _fork(self, log: ItemLog, head: Message) -> None:
        """Make a session that reads the history up to an entry from the session that holds it."""
        behind = self._memory.messages.window(head.session_id, head.seq, after=200)
        last = [
            each for each in behind if each.id == head.id or mapping(each.metadata.get(ITEM)).get("with") == head.id
        ]
        self._memory.sessions.fork(
            head.session_id,
            at=last[-1].id,
            new_id=log.session_id,
            source={"format": FRAMEWORK, "path": FRAMEWORK, "external_id": log.name},
        )

    def _delete(self, conversation_id: str, expected_revision: str) -> None:
        log = self._log(conversation_id)
        with self._memory.store.transaction():
            stored = _record(log.session())
            if stored is None or stored.revision != expected_revision:
                raise ConversationConflict(conversation_id)
            log.clear()

    def _message(self, entry_id: str) -> Message | None:
        found = self._memory.messages.get(_message_id(entry_id))
        return found if found is not None and _is_entry(found) else None

    def _history(self, head_id: str, limit: int | None) -> list[ConversationEntry]:
        head = self._message(head_id)
        if head is None:
            raise KeyError(head_id)
        session = self._memory.sessions.get(head.session_id, messages=True)
        messages = session.messages if isinstance(session, SessionWithMessages) else []
        known = {each.id: each for each in messages if _is_entry(each)}
        found: list[ConversationEntry] = []
        wanted: str | None = head_id
        while wanted is not None and (limit is None or len(found) < limit):
            message = known.get(_message_id(wanted)) or self._message(wanted)
            if message is None:
                raise KeyError(wanted)
            found.append(_entry(message))
            wanted = found[-1].parent_id
        return found[::-1]


def _record(session: Session | None) -> ConversationRecord | None:
    own = session.metadata.get(_OWN) if session is not None else None
    return None if own is None else _RECORDS.validate_json(json.dumps(own))


def _tag(scope: str) -> str:
    return f"{FRAMEWORK}:{scope}"


def _message_id(entry_id: str) -> str:
    return native_id(FRAMEWORK, "message", entry_id)


def _item(entry: ConversationEntry, session_key: str) -> Item:
    message = json.loads(ModelMessagesTypeAdapter.dump_json([entry.message]))[0]
    value = {"id": entry.id, "parent_id": entry.parent_id, "kind": entry.kind, "message": message}
    nothing = MessageRecord(session_key, None, "system", [], metadata={"origin": "synthetic"})
    parent = None if entry.parent_id is None else _message_id(entry.parent_id)
    records = messages_of(message, session_key) or [nothing]
    return Item(value, records, id=_message_id(entry.id), parent_id=parent)


def _is_entry(message: Message) -> bool:
    item = mapping(message.metadata.get(ITEM))
    return item.get("of") == FRAMEWORK and holds_value(item)


def _entry(message: Message) -> ConversationEntry:
    value: dict[str, Any] = value_of(message.metadata[ITEM])
    said = ModelMessagesTypeAdapter.validate_json(json.dumps([value["message"]]))[0]
    return ConversationEntry(id=value["id"], parent_id=value["parent_id"], kind=value["kind"], message=said)
