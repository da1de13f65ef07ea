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
from collections.abc import Mapping, Sequence
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
"""In a session's metadata: the conversation's record, and what lies above its ends."""
_WAITING = "pydantic_ai_waiting"
"""In a session's metadata: the tool calls that the conversation waits on."""
ABOVE = 8
"""Entries above one that it names: so many that follow each other can be deleted by a person. Untuned."""
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
        return await asyncio.to_thread(lambda: self._standing(self._log(conversation_id).session()))

    async def read_records(self, *, scope: str | None = None, limit: int | None = None) -> Sequence[ConversationRecord]:
        tag = FRAMEWORK if scope is None else _tag(scope)
        return await asyncio.to_thread(self._records, tag, limit)

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
        """Give the entries up to one, in order: all, or the last ones; those that a person deleted are left out."""
        return [] if head_id is None else await asyncio.to_thread(self._history, head_id, limit)

    def _log(self, conversation_id: str) -> ItemLog:
        return ItemLog(self._memory, FRAMEWORK, [conversation_id], project=self._project, tags=[FRAMEWORK])

    def _records(self, tag: str, limit: int | None) -> list[ConversationRecord]:
        found: list[tuple[ConversationRecord, Session]] = []
        cursor: str | None = None
        while True:
            page = self._memory.sessions.list(tag=tag, limit=200, cursor=cursor)
            found += [(record, each) for each in page.items if (record := _record(each)) is not None]
            cursor = page.next_cursor
            if cursor is None:
                break
        found.sort(key=lambda each: each[0].updated_at, reverse=True)
        standing = (self._standing(session) for _, session in found[:limit])
        return [record for record in standing if record is not None]

    def _standing(self, session: Session | None) -> ConversationRecord | None:
        """Give a conversation's record; where a person deleted its last entries, it ends at the one before them."""
        record = _record(session)
        if record is None or session is None:
            return None
        lines = mapping(mapping(session.metadata[_OWN]).get("lines"))
        ends = [tip for tip in [record.head_id, *record.branches] if tip is not None]
        tips = [self._last_there([tip, *lines.get(tip, [])]) for tip in ends]
        if record.head_id is not None:
            record.head_id = tips.pop(0)
        record.branches = [*dict.fromkeys(tip for tip in tips if tip not in (None, record.head_id))]
        return record

    def _last_there(self, line: Sequence[str]) -> str | None:
        return next((id for id in line if self._message(id) is not None), None)

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
            lines = self._lines(entries, [record.head_id, *record.branches])
            log.add(_item(each, log.session_id, lines[each.id][1:]) for each in entries)
            tags = [each for each in session.tags if each != FRAMEWORK and not each.startswith(_tag(""))]
            tags += [FRAMEWORK, *([_tag(record.scope)] if record.scope is not None else [])]
            metadata = session.metadata | _told(record, lines)
            self._memory.sessions.update(session.id, metadata=metadata, tags=tags)

    def _lines(self, entries: Sequence[ConversationEntry], tips: Sequence[str | None]) -> dict[str, list[str]]:
        """Give the ids of the entries above new ones and above some others, the nearest first."""
        found: dict[str, list[str]] = {}
        for entry in entries:
            found[entry.id] = self._above(entry.parent_id, found)
        return found | {tip: self._above(tip, found)[1:] for tip in tips if tip is not None and tip not in found}

    def _above(self, id: str | None, known: Mapping[str, list[str]]) -> list[str]:
        if id is None:
            return []
        message = None if id in known else self._message(id)
        return [id, *(known.get(id, []) if message is None else _line(message))][:ABOVE]

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
        known = self._known(head_id) if limit is None or limit > ONE_BY_ONE else {}
        found: list[ConversationEntry] = []
        line = [head_id]
        while line and (limit is None or len(found) < limit):
            there = (known.get(_message_id(id)) or self._message(id) for id in line)
            message = next((each for each in there if each is not None), None)
            if message is None:
                break
            found.append(_entry(message))
            line = _line(message)
        if not found and limit != 0:
            raise KeyError(head_id)
        return found[::-1]

    def _known(self, head_id: str) -> dict[str, Message]:
        """Read the entries of the session that an entry lies in."""
        head = self._message(head_id)
        if head is None:
            raise KeyError(head_id)
        session = self._memory.sessions.get(head.session_id, messages=True)
        messages = session.messages if isinstance(session, SessionWithMessages) else []
        return {each.id: each for each in messages if _is_entry(each)}


def _told(record: ConversationRecord, lines: Mapping[str, list[str]]) -> dict[str, Any]:
    """Give the metadata that tells a record.

    A name in it goes when a message is forgotten that says what stands under it. So what people name stands elsewhere,
    the conversation in the session's source and the scope in a tag, and what a model said has a name of its own.
    """
    own = json.loads(_RECORDS.dump_json(record))
    waiting = own.pop("deferred_tool_requests")
    del own["conversation_id"], own["scope"]
    own["lines"] = {tip: lines[tip] for tip in [record.head_id, *record.branches] if tip is not None}
    return {_OWN: own, _WAITING: waiting}


def _record(session: Session | None) -> ConversationRecord | None:
    own = session.metadata.get(_OWN) if session is not None else None
    if own is None or session is None or session.source is None:
        return None
    scope = next((each.removeprefix(_tag("")) for each in session.tags if each.startswith(_tag(""))), None)
    known = {"conversation_id": session.source.external_id, "scope": scope}
    known["deferred_tool_requests"] = session.metadata.get(_WAITING)
    return _RECORDS.validate_json(json.dumps(own | known))


def _tag(scope: str) -> str:
    return f"{FRAMEWORK}:{scope}"


def _message_id(entry_id: str) -> str:
    return native_id(FRAMEWORK, "message", entry_id)


def _item(entry: ConversationEntry, session_key: str, above: Sequence[str]) -> Item:
    message = json.loads(ModelMessagesTypeAdapter.dump_json([entry.message]))[0]
    value = {"id": entry.id, "parent_id": entry.parent_id, "above": above, "kind": entry.kind, "message": message}
    nothing = MessageRecord(session_key, None, "system", [], metadata={"origin": "synthetic"})
    parent = None if entry.parent_id is None else _message_id(entry.parent_id)
    records = messages_of(message, session_key) or [nothing]
    return Item(value, records, id=_message_id(entry.id), parent_id=parent)


def _is_entry(message: Message) -> bool:
    item = mapping(message.metadata.get(ITEM))
    return item.get("of") == FRAMEWORK and holds_value(item)


def _line(message: Message) -> list[str]:
    """Give the ids of the entries above one, the nearest first."""
    value = value_of(message.metadata[ITEM])
    return [] if value["parent_id"] is None else [value["parent_id"], *value["above"]]


def _entry(message: Message) -> ConversationEntry:
    value: dict[str, Any] = value_of(message.metadata[ITEM])
    said = ModelMessagesTypeAdapter.validate_json(json.dumps([value["message"]]))[0]
    return ConversationEntry(id=value["id"], parent_id=value["parent_id"], kind=value["kind"], message=said)
