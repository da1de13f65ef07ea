"""OpenAI Agents SDK: a `Session` whose items are messages that can be searched.

result = await Runner.run(agent, "…", session=HarkbackSession("user-7", Memory.open()))
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from memory.adapters.items import Item, ItemLog
from memory.errors import InvalidInput
from memory.importers.codex.parts import call_input, call_name, output_of, reasoning_text, spoken
from memory.importers.reading.documents import mapping, words
from memory.importers.reading.records import MessageRecord, Role
from memory.memory import Memory

try:
    from agents import SessionSettings, TResponseInputItem
    from agents.exceptions import UserError
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("the OpenAI Agents SDK is not installed; `pip install openai-agents`") from error

FRAMEWORK = "openai-agents"
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
T = TypeVar("T")


class HarkbackSession:
    """One conversation of the OpenAI Agents SDK; safe to use from many tasks, threads and processes."""

    def __init__(
        self,
        session_id: str,
        memory: Memory,
        *,
        project: str | None = None,
        session_settings: SessionSettings | None = None,
    ) -> None:
        """Name a conversation; nothing is written until something is said.

        Args:
            session_id: Any text; the same text is the same conversation.
            memory: Where it is kept.
            project: The body of work that it belongs to.
            session_settings: As the SDK has them: how many items are read unless a call says so.

        Raises:
            UserError: The id is no text, or is empty.
        """
        if not isinstance(session_id, str) or not session_id:
            raise UserError(f"session_id is {session_id!r}; give a text that is not empty")
        self.session_id = session_id
        self.session_settings = session_settings
        self._log = ItemLog(memory, FRAMEWORK, [session_id], project=project)

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Give the last items in order; all when neither the call nor the settings have a limit."""
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        return await self._done(lambda: self._log.values(limit))

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Save items at the end, all or none.

        Raises:
            UserError: One is no dict, or has no JSON form.
        """
        if items:
            await self._done(lambda: self._log.add(self._items(items)))

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the last item away for good, and give it; None when there is none."""
        return await self._done(self._log.pop)

    async def clear_session(self) -> None:
        """Delete the conversation for good."""
        await self._done(self._log.clear)

    def _items(self, items: Sequence[TResponseInputItem]) -> list[Item]:
        names = self._log.tool_names()
        return [Item(each, [_record(mapping(each), self._log.session_id, names)]) for each in items]

    async def _done(self, do: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(do)
        except InvalidInput as error:
            raise UserError(str(error)) from error


def _record(item: dict[str, Any], session_key: str, names: dict[str, str]) -> MessageRecord:
    """Make an item's message; `names` learns which call is for which tool, and tells it for its output.

    Raises:
        InvalidInput: It is no item.
    """
    kind, role = str(item.get("type") or "message"), item.get("role")
    if not item:
        raise InvalidInput("an item is a dict such as {'role': 'user', 'content': 'hello'}")
    if kind == "message" and role in _ROLES:
        said = spoken(item, None, False)[0]
        message = MessageRecord(session_key, None, _ROLES[str(role)], said.parts, attachments=said.attachments)
        message.metadata = {"origin": "injected"} if role == "developer" else {}
        return message
    if kind == "reasoning":
        part = {"type": "reasoning", "id": words(item.get("id")), "text": reasoning_text(item)}
        return MessageRecord(session_key, None, "assistant", [part])
    if kind.endswith("_output"):
        return _answered(item, session_key, names)
    if kind.endswith("_call"):
        return _called(item, session_key, names)
    return MessageRecord(session_key, None, "system", [], metadata={"origin": "synthetic"})


def _called(item: dict[str, Any], session_key: str, names: dict[str, str]) -> MessageRecord:
    call_id, name = words(item.get("call_id")) or words(item.get("id")), call_name(item)
    call = {"call_id": call_id, "name": name, "input": call_input(item)}
    if call_id:
        names[call_id] = name
    message = MessageRecord(session_key, None, "assistant", [{"type": "tool_call", "id": call_id} | call])
    message.tool_name, message.tool_call = name, call
    return message


def _answered(item: dict[str, Any], session_key: str, names: dict[str, str]) -> MessageRecord:
    call_id, output = words(item.get("call_id")), output_of(item)
    name = names.get(call_id or "")
    text = output.text or ("" if output.given is None else json.dumps(output.given, default=str))
    answer = {"call_id": call_id, "is_error": bool(output.is_error)}
    part = {"type": "tool_result", "id": call_id, "name": name, "text": text, **answer}
    message = MessageRecord(session_key, None, "tool", [part])
    message.tool_name, message.tool_result = name, answer
    return message
