"""Claude Agent SDK: a `SessionStore` that mirrors transcripts into sessions that can be searched.

Every entry of a transcript is kept as it is. What people, the model and its tools say becomes messages, read as the
importer of Claude Code reads it; an entry that says nothing is an empty message. A sub-agent's transcript is a session of
its own below the main one.

    ClaudeAgentOptions(session_store=HarkbackSessionStore(Memory.open()))
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from memory.adapters.items import Item, ItemLog, session_id
from memory.errors import InvalidInput
from memory.importers.claude_code.parts import Frame, attachment_text, fill, origin_of, system_text, user_messages
from memory.importers.reading.documents import mapping, time_in, words
from memory.importers.reading.records import TITLE_GENERATED, TITLE_PERSON, TITLE_SUMMARY, MessageRecord
from memory.importing.merged_rows import short_title
from memory.kinds.session import Session
from memory.memory import Memory
from memory.store.schema import whole

try:
    from claude_agent_sdk import (
        SessionKey,
        SessionListSubkeysKey,
        SessionStore,
        SessionStoreEntry,
        SessionStoreListEntry,
        SessionSummaryEntry,
        fold_session_summary,
    )
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("the Claude Agent SDK is not installed; `pip install claude-agent-sdk`") from error

FRAMEWORK = "claude-agent-sdk"
_OWN = "claude_agent_sdk"
"""In a session's metadata: the SDK's summary of it, and how many messages that tells of."""
_TITLES = {"customTitle": TITLE_PERSON, "aiTitle": TITLE_GENERATED, "summary": TITLE_SUMMARY}


class HarkbackSessionStore(SessionStore):
    """Keeps the transcripts of the Claude Agent SDK; safe to use from many tasks, threads and processes."""

    def __init__(self, memory: Memory, *, project: str | None = None) -> None:
        """Keep transcripts in a memory.

        Args:
            memory: Where they are kept.
            project: The project of all sessions; None for the directory that each was begun in.
        """
        self._memory = memory
        self._project = project

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Save entries at the end of a transcript, all or none; those whose uuid is there already are passed over."""
        if entries:
            await asyncio.to_thread(self._append, key, entries)

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """Give all entries of a transcript in order; None when there is none."""
        return await asyncio.to_thread(self._load, key)

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """List the main transcripts of a project key, with the time of the last change in milliseconds."""
        found = await asyncio.to_thread(self._main, project_key)
        return [{"session_id": name, "mtime": _mtime(each)} for name, each in found]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        """Give the SDK's summaries of the main transcripts of a project key, but for those that lost messages since."""
        found = await asyncio.to_thread(self._main, project_key)
        told = ((name, each, _summary(each)) for name, each in found)
        return [
            {"session_id": name, "mtime": _mtime(each), "data": data} for name, each, data in told if data is not None
        ]

    async def delete(self, key: SessionKey) -> None:
        """Delete a transcript for good; a main one with those of its sub-agents."""
        await asyncio.to_thread(self._delete, key)

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """List the subpaths of a main transcript."""
        return [name for name, _ in await asyncio.to_thread(self._below, key)]

    def _append(self, key: SessionKey, entries: Sequence[SessionStoreEntry]) -> None:
        with self._memory.store.transaction():
            log = self._log(key, entries)
            before, names = log.session(), log.tool_names()
            new = log.add([_item(dict(entry), log.session_id, names) for entry in entries])
            session = log.ensure()
            metadata = dict(session.metadata)
            if "subpath" not in key:
                told = _summary(before) if before is not None else None
                given: Any = None
                if told is not None:
                    given = {"session_id": key["session_id"], "mtime": _mtime(session), "data": told}
                # what was told of messages that are gone is told anew from those that are left
                values = log.values() if given is None and before is not None else [item.value for item in new]
                folded = fold_session_summary(given, key, values)
                metadata[_OWN] = {"summary": folded["data"], "messages": session.message_count}
            self._memory.sessions.update(session.id, metadata=metadata, **_titled(metadata, new))

    def _load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        found: list[SessionStoreEntry] = self._log(key).values()
        return found or None

    def _delete(self, key: SessionKey) -> None:
        with self._memory.store.transaction():
            self._log(key).clear()
            if "subpath" not in key:
                for _, each in self._below(key):
                    self._memory.sessions.delete(each.id, hard=True)

    def _main(self, project_key: str) -> list[tuple[str, Session]]:
        return self._named(_project_tag(project_key), [project_key])

    def _below(self, key: SessionKey | SessionListSubkeysKey) -> list[tuple[str, Session]]:
        return self._named(_session_tag(key), [key["project_key"], key["session_id"]])

    def _named(self, tag: str, above: list[str]) -> list[tuple[str, Session]]:
        """Give the sessions that have a tag, with what their keys have behind the beginning."""
        found: list[tuple[str, Session]] = []
        cursor: str | None = None
        while True:
            page = self._memory.sessions.list(limit=200, cursor=cursor, tag=tag)
            for each in page.items:
                # the key stands in the source, which stays when messages are forgotten that name it
                known = (each.source.external_id if each.source is not None else None) or ""
                name = known.removeprefix("/".join([*above, ""]))
                if each.id == session_id(FRAMEWORK, [*above, name]):
                    found.append((name, each))
            cursor = page.next_cursor
            if cursor is None:
                return found

    def _log(self, key: SessionKey, entries: Sequence[SessionStoreEntry] = ()) -> ItemLog:
        own = _checked(key)
        begun_in = next((cwd for entry in entries if (cwd := words(entry.get("cwd")))), None)
        fields: dict[str, Any] = {"project": self._project or begun_in, "metadata": {"kind": "main"}}
        fields["tags"] = [_session_tag(key) if "subpath" in own else _project_tag(own["project_key"])]
        if "subpath" in own:
            fields["metadata"]["kind"] = "subagent"
            main = ItemLog(self._memory, FRAMEWORK, [own["project_key"], own["session_id"]])
            fields["parent_id"] = main.session_id if entries and main.session() else None
        return ItemLog(self._memory, FRAMEWORK, list(own.values()), **fields)


def _checked(key: SessionKey) -> dict[str, str]:
    """Give the parts of a key in order.

    Raises:
        InvalidInput: One is no text, or is empty, or has a lone surrogate.
    """
    own = {name: key.get(name) for name in ("project_key", "session_id", "subpath") if name in key}
    for name in ("project_key", "session_id", "subpath"):
        value = own.get(name, "" if name != "subpath" else "-")
        if not isinstance(value, str) or not value or value != whole(value):
            raise InvalidInput(f"{name} of a session key is {value!r}; give a text that is not empty")
    return own  # type: ignore[return-value]


def _summary(session: Session) -> dict[str, Any] | None:
    """Give the SDK's summary of a session; None where there is none, or messages came or went without it."""
    own = mapping(session.metadata.get(_OWN))
    return own.get("summary") if own.get("messages") == session.message_count else None


def _mtime(session: Session) -> int:
    return int(session.updated_at.timestamp() * 1000)


def _project_tag(project_key: str) -> str:
    return f"claude-project:{project_key}"


def _session_tag(key: SessionKey | SessionListSubkeysKey) -> str:
    return f"claude-session:{key['project_key']}/{key['session_id']}"


def _titled(metadata: dict[str, Any], new: Sequence[Item]) -> dict[str, str]:
    """Give the title that new entries name, and note what it is worth; {} where there is none, or a better one."""
    found: dict[str, str] = {}
    for item in new:
        for name, authority in _TITLES.items():
            title = words(item.value.get(name))
            if title and authority >= metadata.get("title_authority", 0) and (name != "summary" or _is_summary(item)):
                found["title"], metadata["title_authority"] = short_title(title), authority
    return found


def _is_summary(item: Item) -> bool:
    return bool(item.value.get("type") == "summary")


def _item(entry: dict[str, Any], session_key: str, names: dict[str, str]) -> Item:
    """Make an entry's messages; `names` learns which call is for which tool, and tells it for its result."""
    frame = Frame(session_key, words(entry.get("uuid")), None, time_in(entry.get("timestamp"), []))
    return Item(entry, _records(frame, entry, names), frame.uuid)


def _records(frame: Frame, entry: dict[str, Any], names: dict[str, str]) -> list[MessageRecord]:
    message, kind = mapping(entry.get("message")), entry.get("type")
    if kind == "assistant" and message:
        return [_answer(frame, entry, message, names)]
    if kind == "user" and message:
        return user_messages(frame, message.get("content"), origin_of(entry), names.get, entry.get("toolUseResult"))
    attachment = mapping(entry.get("attachment"))
    if attachment.get("type") == "queued_command":
        return user_messages(frame, attachment.get("prompt"), origin_of(attachment), names.get)
    text = attachment_text(attachment) if attachment else system_text(entry) if kind == "system" else ""
    aside = frame.message("system", "injected" if attachment else "synthetic")
    aside.parts = [{"type": "text", "id": frame.uuid, "text": text}] if text else []
    return [aside]


def _answer(frame: Frame, entry: dict[str, Any], message: dict[str, Any], names: dict[str, str]) -> MessageRecord:
    is_own = entry.get("isApiErrorMessage") or message.get("model") == "<synthetic>"
    answer = frame.message("assistant", "synthetic" if is_own else None)
    fill(answer, message, frame)
    calls = [part for part in answer.parts if part["type"] == "tool_call"]
    names |= {call["call_id"]: call["name"] for call in calls if words(call["call_id"]) and words(call["name"])}
    answer.tool_name = words(calls[0]["name"]) if calls else None
    if len(answer.parts) == len(calls) == 1:
        answer.tool_call = {name: calls[0].get(name) for name in ("call_id", "name", "input")}
    return answer
