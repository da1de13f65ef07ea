"""How a framework's items are kept in a session: as messages, with the item itself beside what it says.

An item becomes one message or several. The first has the item in its metadata under `item`, the others name that one, so
that an item is read, and deleted, as a whole. Messages of others in the same session (a note, a stream) are passed over.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from memory.collections.collection import is_too_deep
from memory.collections.sessions import SessionWithMessages
from memory.errors import Conflict, InvalidInput, UnknownRecord
from memory.ids import native_id, new_id
from memory.importers.reading.records import MessageRecord
from memory.importers.reading.spoken import first_line
from memory.importing.merged_rows import content_of
from memory.kinds.message import Message
from memory.kinds.session import Session
from memory.memory import Memory
from memory.store.schema import whole

ITEM = "item"
"""In a message's metadata: the framework's item that it was made from."""
AT_THE_END = 2**62
PAGE = 200
"""Messages that are read at once when the last items are asked for. Untuned."""
_COPIED = (
    "sender_id created_at tool_name tool_call tool_result status error model tokens_in tokens_out started_at ended_at"
).split()

_BESIDE: dict[str, Any] = {"parts": [], "tool_call": None, "tool_result": None}
"""What a message has beside its words, and how it is without that."""


@dataclass(frozen=True)
class Item:
    """A framework's item, and the messages that say the same."""

    value: Any
    """JSON-able."""
    records: Sequence[MessageRecord]
    """At least one."""
    key: str | None = None
    """What it is known by in its session: it is saved once. None for one that is always new."""
    id: str | None = None
    """Of its first message; None for one that is made of its session and its key."""
    parent_id: str | None = None
    """Of the message that its first one follows, where that need not be the one before."""


class ItemLog:
    """The items of one conversation of a framework, in the order in which they were added."""

    def __init__(self, memory: Memory, framework: str, key: Sequence[str], **session: Any) -> None:
        """Name a conversation; nothing is written until something is added.

        Args:
            memory: Where it is kept.
            framework: What the framework is called.
            key: What the framework calls the conversation.
            session: Fields of the session, such as `project`, where it has to be made.
        """
        self.memory = memory
        self.session_id = session_id(framework, key)
        self.name = "/".join(key)
        self._framework = framework
        self._fields = session

    def session(self) -> Session | None:
        """Read the session; None when nothing was added yet, or it was deleted."""
        return self.memory.sessions.get(self.session_id)

    def ensure(self, **fields: Any) -> Session:
        """Read the session, or make it with these fields beside its own.

        Raises:
            InvalidInput: It was deleted, and can be restored.
        """
        found = self.session()
        if found is not None:
            return found
        try:
            return self._make({**fields, **self._fields})
        except Conflict as error:
            # another process may have made it since
            if (made := self.session()) is not None:
                return made
            raise InvalidInput(
                f"session {self.session_id} ({self._framework} {self.name!r}) was deleted; "
                "restore it, or take another session"
            ) from error

    def add(self, items: Iterable[Item]) -> list[Item]:
        """Save items at the end, all or none, and give those that are new; one whose key is there already is passed over.

        Raises:
            InvalidInput: An item has no JSON form, or the session was deleted.
        """
        named: dict[str, Item] = {}
        for item in items:
            named.setdefault(item.id or self._id(item.key), item)
        known = self.memory.store.records.owners(list(named))
        new = {id: item for id, item in named.items() if id not in known}
        saved = [fields for id, item in new.items() for fields in self._messages(id, item)]
        if not saved:
            return []
        title, session = _title(new.values()), self.session()
        pictures = [each for id, item in new.items() for each in _pictures(id, item)]
        if pictures or session is None or (title and session.title is None):
            self._write(saved, pictures, title)
            return list(new.values())
        try:
            # no transaction around it, so that texts are embedded before others have to wait
            self.memory.messages.append_many(self.session_id, saved)
        except UnknownRecord:
            # another one has cleared it since: what is said now begins it anew
            self._write(saved, pictures, title)
        return list(new.values())

    def values(self, limit: int | None = None) -> list[Any]:
        """Give the last items in order; all when there is no limit."""
        if limit is not None and limit < 1:
            return []
        return [value for _, value in self._last(limit)]

    def pop(self) -> Any:
        """Take the last item away for good, and give it; None when there is none."""
        with self.memory.store.transaction():
            found = self._last(1)
            if not found:
                return None
            message, value = found[-1]
            behind = self.memory.messages.window(self.session_id, message.seq, after=PAGE)
            for each in behind:
                if each.id == message.id or self._item(each).get("with") == message.id:
                    self.memory.messages.delete(each.id, hard=True)
        return value

    def clear(self) -> None:
        """Delete the conversation for good."""
        with self.memory.store.transaction():
            if self.memory.store.records.number("session", self.session_id) is not None:
                self.memory.sessions.delete(self.session_id, hard=True)

    def replace(self, items: Iterable[Item]) -> None:
        """Put items in the place of all that there are, in one step; title, project and tags stay.

        Raises:
            InvalidInput: An item has no JSON form, or the session was deleted.
        """
        with self.memory.store.transaction():
            before, given = self.session(), list(items)
            if before is not None:
                self.clear()
            if before is not None and given:
                kept = {name: getattr(before, name) for name in ("title", "project_id", "tags")}
                self._make({name: value for name, value in self._fields.items() if name != "project"} | kept)
            self.add(given)

    def _write(self, messages: Sequence[Mapping[str, Any]], pictures: Sequence[Any], title: str | None) -> None:
        with self.memory.store.transaction():
            session = self.ensure(title=title)
            self.memory.messages.append_many(self.session_id, messages)
            for fields in pictures:
                self.memory.attachments.create(**fields)
            if title and session.title is None:
                self.memory.sessions.update(self.session_id, title=title)

    def _make(self, fields: Mapping[str, Any]) -> Session:
        source = {"format": self._framework, "path": self._framework, "external_id": self.name}
        return self.memory.sessions.create(id=self.session_id, source=source, **fields)

    def tool_names(self) -> dict[str, str]:
        """Give the tools of the calls among the last messages, by the calls' ids."""
        if self.session() is None:
            return {}
        last = self.memory.messages.window(self.session_id, AT_THE_END, before=PAGE, after=0)
        calls = [part for message in last for part in message.parts if part.get("type") == "tool_call"]
        return {call["call_id"]: call["name"] for call in calls if call.get("call_id") and call.get("name")}

    def _id(self, key: str | None) -> str:
        return new_id() if key is None else native_id(self._framework, "message", f"{self.session_id}/{key}")

    def _last(self, limit: int | None) -> list[tuple[Message, Any]]:
        """Give the last items, each with its first message, in order."""
        if self.session() is None:
            return []
        if limit is None:
            return self._values(self._all())
        found: list[tuple[Message, Any]] = []
        end = AT_THE_END
        while len(found) < limit:
            page = self.memory.messages.window(self.session_id, end, before=PAGE, after=0)
            found = self._values(page) + found
            if len(page) < PAGE:
                break
            end = page[0].seq
        return found[-limit:]

    def _all(self) -> Sequence[Message]:
        found = self.memory.sessions.get(self.session_id, messages=True)
        return found.messages if isinstance(found, SessionWithMessages) else []

    def _values(self, messages: Sequence[Message]) -> list[tuple[Message, Any]]:
        return [(each, value_of(item)) for each in messages if holds_value(item := self._item(each))]

    def _item(self, message: Message) -> Mapping[str, Any]:
        item = message.metadata.get(ITEM)
        return item if isinstance(item, dict) and item.get("of") == self._framework else {}

    def _messages(self, id: str, item: Item) -> list[dict[str, Any]]:
        first = kept(self.memory, self._framework, item.value)
        found = []
        for at, record in enumerate(item.records):
            fields = {name: getattr(record, name) for name in _COPIED} | {"role": record.role}
            fields |= {"content": content_of(record), "parts": record.parts}
            # what is odd beside its words cannot be stored but as the text of the item; a text may hold what is odd, too,
            # as the arguments of a call do
            fields |= {name: nothing for name, nothing in _BESIDE.items() if "json" in first or _is_odd(fields[name])}
            said = {name: value for name, value in record.metadata.items() if name in ("origin", "usage")}
            fields["id"] = id if at == 0 else f"{id}#{at}"
            fields["parent_id"] = item.parent_id if at == 0 else None
            fields["metadata"] = said | {ITEM: first if at == 0 else {"of": self._framework, "with": id}}
            found.append(fields)
        return found


def session_id(framework: str, key: Sequence[str]) -> str:
    """Give the id of the session that holds a framework's conversation."""
    return native_id(framework, "session", json.dumps(list(key)))


def kept(memory: Memory, framework: str, value: Any) -> dict[str, Any]:
    """Give what stands under `item` in the metadata of what a framework's item became.

    What JSON can say and the store cannot hold is kept as a text, in which everything is escaped.

    Raises:
        InvalidInput: It has no JSON form.
    """
    try:
        value = json.loads(json.dumps(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the item has no JSON form ({error}); give text, numbers, lists and dicts") from error
    if _is_odd(value):
        return {"of": framework, "json": json.dumps(memory.saver.redactor.value(value))}
    return {"of": framework, "value": value}


def holds_value(item: Mapping[str, Any]) -> bool:
    """Say whether what stands under `item` is a framework's item, and not the name of the message that has it."""
    return "value" in item or "json" in item


def value_of(item: Mapping[str, Any]) -> Any:
    """Give a framework's item back."""
    return json.loads(item["json"]) if "json" in item else item["value"]


def _is_odd(value: Any) -> bool:
    """Say whether a JSON value holds what cannot be stored as it is: large numbers, lone surrogates, NaN, many levels."""
    waiting, is_odd = [value], is_too_deep([[value]])  # it is stored two levels down
    while waiting and not is_odd:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, str):
            is_odd = whole(each) != each
        elif isinstance(each, float):
            is_odd = not isfinite(each)
        else:
            is_odd = isinstance(each, int) and not -(2**63) <= each < 2**63
    return is_odd


def _pictures(id: str, item: Item) -> list[dict[str, Any]]:
    return [
        {
            "message_id": id if at == 0 else f"{id}#{at}",
            "name": each.name,
            "media_type": each.media_type,
            "data": each.read(),
        }
        for at, record in enumerate(item.records)
        for each in record.attachments
    ]


def _title(items: Iterable[Item]) -> str | None:
    said = (content_of(record) for item in items for record in item.records if record.role == "user")
    return next((title for text in said if (title := first_line(text))), None)
