"""One OpenCode session, from wherever its records come, as sessions, messages and arrows."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from memory.importers.reading.documents import mapping, native_key, objects, time_in, without, words
from memory.importers.reading.pictures import picture_at
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    Item,
    MessageRecord,
    Part,
    Problem,
    Role,
    SessionRecord,
)
from memory.importers.reading.spoken import first_line
from memory.importers.reading.touched_files import TouchedFiles, absolute

_SESSION = frozenset("id title parentID directory time projectID".split())
_MESSAGE = frozenset("id sessionID role time parentID modelID error tokens cost".split())
_PART = frozenset("id sessionID messageID type text time".split())
_READING, _CHANGING = frozenset(("read",)), frozenset(("edit", "write", "multiedit", "patch"))
_UNTITLED = ("New session", "Child session")


class Conversation:
    """Makes records of one session; what they are made of is what the program stored, as JSON objects."""

    def __init__(self, session: dict[str, Any]) -> None:
        self._given = session
        self.key = str(session["id"])
        self._files = TouchedFiles()
        self._problems: list[Problem] = []
        self._directory = words(session.get("directory"))
        self._is_titled = False

    def items(self, messages: Iterable[tuple[dict[str, Any], list[dict[str, Any]]]]) -> Iterator[Item]:
        """Yield the session, then each message with its parts."""
        given = self._given
        title = words(given.get("title"))
        self._is_titled = title is not None and not title.startswith(_UNTITLED)
        session = SessionRecord(self.key, title if self._is_titled else None, TITLE_GENERATED)
        session.project = self._directory
        session.parent_key = words(given.get("parentID"))
        session.created_at = self._time(mapping(given.get("time")).get("created"))
        session.metadata = {"kind": "subagent" if session.parent_key else "main", **without(given, _SESSION)}
        if words(given.get("projectID")):
            session.metadata["native_project"] = given["projectID"]
        yield session
        for message, parts in messages:
            yield from self._message(message, parts)
        yield from self._problems

    def _time(self, value: object) -> Any:
        return time_in(value, self._problems)

    def _message(self, given: dict[str, Any], parts: list[dict[str, Any]]) -> Iterator[Item]:
        native = words(given.get("id"))
        if native is None:
            self._problems.append(Problem(None, f"a message of session {self.key[:60]!r} has no id"))
            return
        role: Role = "assistant" if given.get("role") == "assistant" else "user"
        message = MessageRecord(self.key, native_key(self.key, native), role, [], is_whole=True)
        times = mapping(given.get("time"))
        message.created_at = message.started_at = self._time(times.get("created"))
        message.ended_at = self._time(times.get("completed"))
        if parent := words(given.get("parentID")):
            message.parent_key = native_key(self.key, parent)
        self._count(message, given)
        own, put_there, calls = self._sorted(parts, message)
        if not own and not put_there and words(mapping(given.get("summary")).get("body")):
            # where the parts are gone, what was said of them is all there is
            own = [{"type": "text", "id": "summary", "text": given["summary"]["body"]}]
        message.parts = own
        if named := [part for part in own if part["type"] == "tool_call"]:
            message.tool_name = named[0]["name"]
            if len(own) == 1:
                message.tool_call = {name: named[0][name] for name in ("call_id", "name", "input")}
        if role == "user" and not self._is_titled and (title := first_line(_text_of(own))):
            self._is_titled = True
            yield SessionRecord(self.key, title, TITLE_FIRST_PROMPT)
        if own or not put_there:
            yield message
        if put_there:
            yield self._injected(message, put_there)
        for part in calls:
            yield from self._result(message, part)
        yield from self._files.arrows(self.key, self._touched(parts), message.created_at)

    def _count(self, message: MessageRecord, given: dict[str, Any]) -> None:
        """Take up the model, what it cost, and how it failed."""
        chosen = mapping(given.get("model"))
        message.model = words(given.get("modelID")) or words(chosen.get("modelID"))
        tokens = mapping(given.get("tokens"))
        counts = (tokens.get(name) for name in ("input", "output"))
        message.tokens_in, message.tokens_out = (count if isinstance(count, int) else None for count in counts)
        message.metadata = {"usage": tokens} if tokens else {}
        if given.get("cost"):
            message.metadata["cost"] = given["cost"]
        if native := without(given, _MESSAGE):
            message.metadata["native"] = native
        if error := mapping(given.get("error")):
            said = words(mapping(error.get("data")).get("message"))
            message.status, message.error = "error", said or words(error.get("name")) or json.dumps(error)
            message.metadata["native_error"] = error

    def _sorted(
        self, parts: list[dict[str, Any]], message: MessageRecord
    ) -> tuple[list[Part], list[Part], list[dict[str, Any]]]:
        """Make parts: the message's own, those that the program put there, and the calls that have come to an end."""
        own: list[Part] = []
        put_there: list[Part] = []
        ended: list[dict[str, Any]] = []
        for at, given in enumerate(parts):
            kind, part_id = str(given.get("type")), words(given.get("id")) or str(at)
            if kind in ("step-start", "step-finish"):
                message.metadata.setdefault("steps", []).append(without(given, _PART) | {"type": kind})
            elif kind == "tool":
                own.append(_call(given, part_id))
                if str(mapping(given.get("state")).get("status")) not in ("pending", "running"):
                    ended.append(given)
            elif kind in ("text", "reasoning"):
                part: Part = {"type": kind, "id": part_id, "text": str(given.get("text") or "")}
                native = without(given, _PART)
                (put_there if given.get("synthetic") is True else own).append(
                    part | {"native": native} if native else part
                )
            elif kind == "file":
                own.append(_file(given, part_id, message))
            elif kind == "compaction":
                put_there.append(
                    {"type": "text", "id": part_id, "text": "Conversation compacted", "native": _own(given)}
                )
            else:
                own.append({"type": "patch" if kind == "patch" else "file", "id": part_id, "native": _own(given)})
        return own, put_there, ended

    def _injected(self, message: MessageRecord, parts: list[Part]) -> MessageRecord:
        """Make the message of what the program put into another."""
        found = MessageRecord(self.key, f"{message.key}#put", "system", parts, message.key, is_whole=True)
        found.created_at = message.created_at
        is_compaction = any(mapping(part.get("native")).get("type") == "compaction" for part in parts)
        found.metadata = {"origin": "compaction" if is_compaction else "injected", "native_role": message.role}
        return found

    def _result(self, asked: MessageRecord, given: dict[str, Any]) -> Iterator[Item]:
        state = mapping(given.get("state"))
        call_id = words(given.get("callID")) or words(given.get("id")) or ""
        result = MessageRecord(self.key, f"{asked.key}:{call_id}", "tool", [], asked.key, is_whole=True)
        result.created_at = self._time(mapping(state.get("time")).get("end")) or asked.created_at
        result.tool_name = words(given.get("tool"))
        code = mapping(state.get("metadata")).get("exit")
        is_error = state.get("status") == "error" or (isinstance(code, int) and code not in (0, False))
        result.tool_result = {"call_id": call_id, "is_error": is_error}
        text = words(state.get("output")) or words(state.get("error")) or ""
        part: Part = {"type": "tool_result", "id": "0", "name": result.tool_name, **result.tool_result, "text": text}
        rest = without(state, frozenset(("input", "output", "attachments", "error")))
        result.parts = [part | {"output": rest} if rest else part]
        for at, attached in enumerate(objects(state.get("attachments"))):
            result.parts.append(_file(attached, f"attachment{at}", result))
        yield result

    def _touched(self, parts: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
        for part in parts:
            if part.get("type") == "patch":
                named = part.get("files")
                yield from (
                    ((path, "changed") for path in named if isinstance(path, str)) if isinstance(named, list) else ()
                )
            given = mapping(mapping(part.get("state")).get("input"))
            path, tool = words(given.get("filePath")) or words(given.get("path")), words(part.get("tool"))
            if path and tool in _READING | _CHANGING:
                yield absolute(path, self._directory), "read" if tool in _READING else "changed"


def _own(given: dict[str, Any]) -> dict[str, Any]:
    return without(given, frozenset(("id", "sessionID", "messageID")))


def _call(given: dict[str, Any], part_id: str) -> Part:
    call: Part = {"type": "tool_call", "id": part_id, "call_id": words(given.get("callID")) or part_id}
    call |= {"name": words(given.get("tool")) or "", "input": mapping(given.get("state")).get("input")}
    native = without(given, _PART | {"callID", "tool", "state"})
    return call | {"native": native} if native else call


def _file(given: dict[str, Any], part_id: str, message: MessageRecord) -> Part:
    """Make a part of a file that was given along; its bytes are attached where they stand in its address."""
    media_type = words(given.get("mime"))
    part = picture_at(part_id, words(given.get("url")) or "", message.attachments)
    if not str(media_type).startswith("image/"):
        part["type"] = "file"
    if "attachment" in part and words(given.get("filename")):
        message.attachments[-1].name = given["filename"]
    native = without(given, _PART | {"url", "mime"})
    return part | {"media_type": media_type} | ({"native": native} if native else {})


def _text_of(parts: list[Part]) -> str:
    return "\n".join(part["text"] for part in parts if part["type"] == "text")
