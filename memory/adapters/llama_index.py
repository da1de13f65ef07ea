"""LlamaIndex: a memory block that keeps what leaves the short-term memory, and recalls what the last question needs.

Memory.from_defaults(session_id="user-7", memory_blocks=[HarkbackMemoryBlock(memory=memory)])
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from memory.adapters.items import Item, ItemLog, session_id
from memory.errors import InvalidInput
from memory.importers.reading.documents import mapping, words
from memory.importers.reading.pictures import picture_at, picture_part
from memory.importers.reading.records import MessageRecord, Part, Role
from memory.memory import Memory

try:
    from llama_index.core.base.llms.types import ChatMessage
    from llama_index.core.memory import BaseMemoryBlock
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("LlamaIndex is not installed; `pip install llama-index-core`") from error

FRAMEWORK = "llama-index"
UNNAMED = "llama-index"
"""The conversation of messages that are put into the block by hand, without a session."""
CHARACTERS_A_TOKEN = 4
"""As `Memory.recall` counts."""
_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}


class HarkbackMemoryBlock(BaseMemoryBlock[str]):
    """Keeps messages of LlamaIndex as sessions, and recalls from them, cited, for the last question."""

    name: str = "remembered"
    memory: Memory
    """Where messages are kept, and what is searched."""
    recalls: Literal["session", "all"] = "session"
    """`session` looks into the conversation alone; `all` into everything, as far as `search_arguments` do not narrow it."""
    search_arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of `Memory.search` beside the query, such as `project` or `kind`."""
    budget: int = Field(default=1_000, ge=1)
    """Tokens that are recalled, at most."""
    project: str | None = None
    """The body of work that new sessions belong to."""

    async def _aget(self, messages: list[ChatMessage] | None = None, **options: Any) -> str:
        asked = next((each.content for each in reversed(messages or []) if each.role.value == "user"), None)
        if not asked:
            return ""
        narrowed = dict(self.search_arguments)
        if self.recalls == "session":
            narrowed["session"] = session_id(FRAMEWORK, [str(options.get("session_id") or UNNAMED)])
        try:
            found = await asyncio.to_thread(self.memory.recall, asked, budget=self.budget, **narrowed)
        except InvalidInput as error:
            raise ValueError(str(error)) from error
        return found.text

    async def _aput(self, messages: list[ChatMessage]) -> None:
        try:
            await asyncio.to_thread(self._put, messages)
        except InvalidInput as error:
            raise ValueError(str(error)) from error

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """Drop whole lines from the end, the least relevant; None when nothing is left."""
        lines, left = content.splitlines(), len(content) - tokens_to_truncate * CHARACTERS_A_TOKEN
        while lines and len("\n".join(lines)) > left:
            lines.pop()
        return "\n".join(lines) or None

    def _put(self, messages: Sequence[ChatMessage]) -> None:
        by_session: dict[str, list[ChatMessage]] = {}
        for message in messages:
            by_session.setdefault(str(message.additional_kwargs.get("session_id") or UNNAMED), []).append(message)
        with self.memory.store.transaction():
            for name, said in by_session.items():
                log = ItemLog(self.memory, FRAMEWORK, [name], project=self.project)
                names = log.tool_names()
                log.add([_item(each.model_dump(mode="json"), log.session_id, names) for each in said])


def _item(message: dict[str, Any], session_key: str, names: dict[str, str]) -> Item:
    """Make a message's message; `names` learns which call is for which tool, and tells it for its result."""
    record = MessageRecord(session_key, None, _ROLES[message["role"]], [])
    record.parts = [_part(mapping(block), str(at), record) for at, block in enumerate(message["blocks"])]
    calls = [part for part in record.parts if part["type"] == "tool_call"]
    names |= {call["call_id"]: call["name"] for call in calls if call["call_id"]}
    record.tool_name = calls[0]["name"] if calls else None
    if len(record.parts) == len(calls) == 1:
        record.tool_call = {name: calls[0][name] for name in ("call_id", "name", "input")}
    if record.role == "tool":
        _fill_result(record, mapping(message["additional_kwargs"]), names)
    return Item(message, [record])


def _fill_result(record: MessageRecord, told: dict[str, Any], names: dict[str, str]) -> None:
    call_id = words(told.get("tool_call_id"))
    record.tool_name = words(told.get("name")) or names.get(call_id or "")
    record.tool_result = {"call_id": call_id, "is_error": False}
    text = "\n".join(part["text"] for part in record.parts if part["type"] == "text")
    others = [part for part in record.parts if part["type"] != "text"]
    result: Part = {"type": "tool_result", "id": "result", "name": record.tool_name, "text": text}
    record.parts = [result | record.tool_result, *others]


def _part(block: dict[str, Any], part_id: str, record: MessageRecord) -> Part:
    kind = block.get("block_type")
    if kind == "text":
        return {"type": "text", "id": part_id, "text": block["text"]}
    if kind == "thinking":
        return {"type": "reasoning", "id": part_id, "text": words(block.get("content")) or ""}
    if kind == "tool_call":
        call: Part = {"type": "tool_call", "id": part_id, "call_id": words(block.get("tool_call_id"))}
        return call | {"name": block["tool_name"], "input": block.get("tool_kwargs")}
    if kind == "image" and (data := words(block.get("image"))):
        return picture_part(part_id, words(block.get("image_mimetype")) or "image/png", data, record.attachments)
    if kind == "image" and (url := words(block.get("url"))):
        return picture_at(part_id, url, record.attachments)
    return {"type": "file", "id": part_id, "native": block}
