"""Factory Droid: `sessions/<directory>/<session>.jsonl`, and what `droid exec --output-format stream-json` prints.

The session's file begins with `session_start` and holds messages in Anthropic's blocks; model and tokens stand in
`<session>.settings.json` beside it. A stream holds messages, calls and results as lines of their own; its `completion`
says the last answer again, which is a message only where it was not said before, and counts the tokens of all answers.

A session that another one called is a sub-agent's: its prompt is that one's.

Left out on purpose: `signature` and `redacted_thinking` (encrypted), `todo_state` (the list is in the call that wrote
it), `agent_turn_outcome` (how a turn ended).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from memory.importers.reading.documents import mapping, native_key, objects, without, words
from memory.importers.reading.journal import Journal, digest, name_calls, parsed, result_of, text_of
from memory.importers.reading.pictures import image_block
from memory.importers.reading.records import (
    TITLE_GENERATED,
    TITLE_SUMMARY,
    Item,
    MessageRecord,
    Part,
    Role,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.spoken import stretches
from memory.importers.reading.touched_files import absolute, patched_files

FORMAT = "droid"
PLACES = ("$FACTORY_HOME_OVERRIDE/.factory/sessions", "~/.factory/sessions", "~/.factory/projects")
"""Where its files are on a machine; a variable that is not set names no place."""

MARK_EVERY = 400
"""Lines from one mark to the next, at least. Untuned."""
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_WRAPPERS: dict[str, str | None] = {"system-reminder": "injected", "system-notification": "injected"}
_START = frozenset(["type", "id", "title", "sessionTitle", "cwd", "callingSessionId", "timestamp"])
_STREAM = frozenset(["message", "tool_call", "tool_result", "completion", "system"])
_LEFT_OUT = frozenset(["todo_state", "agent_turn_outcome"])
_ENVELOPE = frozenset(["type", "session_id", "sessionId", "timestamp", "id"])
_FILE_TOOLS = {
    "Read": ("file_path", "read"),
    "Edit": ("file_path", "changed"),
    "MultiEdit": ("file_path", "changed"),
    "Create": ("file_path", "changed"),
    "Write": ("file_path", "changed"),
}


def recognises(sample: Sample) -> bool:
    """Say whether the first lines are a session's beginning, or a stream's."""
    return any(_is_start(record) or _is_stream(record) for record in sample.records)


def companions(path: Path) -> Iterable[Path]:
    """Name the file that holds the session's model and tokens."""
    return [path.with_suffix(".settings.json")]


def read(source: Source) -> Iterator[Item]:
    """Yield a file's records from `source.offset` on."""
    return _Reader(source).items()


def _is_start(record: dict[str, Any]) -> bool:
    return record.get("type") == "session_start" and words(record.get("id")) is not None and "cwd" in record


def _is_stream(record: dict[str, Any]) -> bool:
    kind, is_named = record.get("type"), _stream_session(record) is not None
    if kind == "message":
        return is_named and "role" in record and isinstance(record.get("text"), str)
    if kind == "tool_call":
        return is_named and "toolName" in record and "parameters" in record
    return kind == "completion" and is_named and "finalText" in record


def _stream_session(record: dict[str, Any]) -> str | None:
    return words(record.get("session_id")) or words(record.get("sessionId"))


class _Reader(Journal):
    """Goes through one file, of either kind."""

    def __init__(self, source: Source) -> None:
        super().__init__(source, MARK_EVERY)
        self._directory: str | None = source.state.get("cwd")
        self._model: str | None = source.state.get("model")
        self._last: str | None = source.state.get("last")
        self._is_called: bool = source.state.get("called", False)
        self._handlers: dict[str, Callable[[dict[str, Any]], Iterator[Item]]] = {
            "session_start": self._start,
            "system": self._system,
            "message": self._message,
            "reasoning": self._reasoning,
            "tool_call": self._call,
            "tool_result": self._result,
            "completion": self._completion,
            "error": self._error,
            "compaction_state": self._compaction,
        }

    def known(self) -> dict[str, Any]:
        return {"cwd": self._directory, "model": self._model, "last": self._last, "called": self._is_called}

    def record(self, record: dict[str, Any]) -> Iterator[Item]:
        kind, named = str(record.get("type")), _stream_session(record)
        if named is not None and named != self.session:
            self.session = named
            yield SessionRecord(named, created_at=self.time(record.get("timestamp")), metadata={"kind": "main"})
        elif self.session is None and kind != "session_start":
            self.session = f"headless-{digest(record)}"
            yield SessionRecord(self.session, metadata={"kind": "main"})
        handler = self._handlers.get(kind)
        if handler is not None:
            yield from handler(record)
        else:
            self.link(record, "parentId")
            if kind == "session_settings":
                yield SessionRecord(str(self.session), metadata={"settings": without(record, _ENVELOPE | {"parentId"})})
            elif kind not in _LEFT_OUT:
                yield from self.keep(record)

    def _start(self, record: dict[str, Any]) -> Iterator[Item]:
        self.session = words(record.get("id")) or self.session or f"headless-{digest(record)}"
        session = SessionRecord(self.session, project=words(record.get("cwd")))
        self._directory = session.project
        session.parent_key = words(record.get("callingSessionId"))
        session.created_at = self.time(record.get("timestamp"))
        self._is_called = session.parent_key is not None
        session.metadata = {"kind": "subagent" if self._is_called else "main"} | without(record, _START)
        if title := words(record.get("sessionTitle")):
            session.title, session.title_authority = title, TITLE_GENERATED
        elif title := words(record.get("title")):
            session.title, session.title_authority = title, TITLE_SUMMARY
        settings = _settings_of(self.source.path)
        session.model = self._model = words(settings.get("model"))
        session.metadata |= {"usage": settings["tokenUsage"]} if mapping(settings.get("tokenUsage")) else {}
        rest = without(settings, frozenset(["model", "tokenUsage"]))
        session.metadata |= {"settings": rest} if rest else {}
        yield session

    def _system(self, record: dict[str, Any]) -> Iterator[Item]:
        """Yield what the beginning of a stream says of the session."""
        self._directory = words(record.get("cwd")) or self._directory
        self._model = words(record.get("model")) or self._model
        rest = without(record, _ENVELOPE | {"cwd", "model"})
        yield SessionRecord(str(self.session), project=self._directory, model=self._model, metadata=rest)

    def _new(self, record: dict[str, Any], role: Role, ending: str = "") -> MessageRecord:
        session = str(self.session)
        own = words(record.get("id")) or f"{self.count}:{digest(record)}"
        message = MessageRecord(session, native_key(session, own) + ending, role, [])
        parent = words(record.get("parentId"))
        message.parent_key = self.parent(session, parent) if parent != session else None
        message.created_at = self.time(record.get("timestamp"))
        return message

    def _message(self, record: dict[str, Any]) -> Iterator[Item]:
        given = mapping(record.get("message")) or record
        role = _ROLES.get(str(given.get("role")), "system")
        message = self._new(record, role)
        content = given.get("content", given.get("text"))
        blocks = objects(content) if isinstance(content, list) else [{"type": "text", "text": content}]
        rest = without(given, _ENVELOPE | {"role", "content", "text", "parentId", "model"})
        message.metadata = {"native": rest} if rest else {}
        message.metadata |= {"origin": "injected", "native_role": str(given.get("role"))} if role == "system" else {}
        if role == "assistant":
            yield from self._answer(message, blocks, words(given.get("model")))
            return
        results = [block for block in blocks if block.get("type") == "tool_result"]
        yield from self._results(message, results)
        said = [block for block in blocks if block.get("type") != "tool_result"]
        yield from self._said(message, said, main=not results)

    def _answer(self, message: MessageRecord, blocks: list[dict[str, Any]], model: str | None) -> Iterator[Item]:
        message.parts = [_part(block, str(at), message) for at, block in enumerate(blocks)]
        message.parts = [part for part in message.parts if part.get("text") != ""]
        message.model = model or self._model
        self._last = digest(text_of(message.parts))
        touched = [each for part in message.parts if part["type"] == "tool_call" for each in self._note_call(part)]
        yield name_calls(message)
        yield from self.files.arrows(message.session_key, touched, message.created_at)

    def _note_call(self, part: Part) -> list[tuple[str, str]]:
        """Remember a call's name for its result; give the files it touches."""
        name, given = part["name"], mapping(part["input"])
        if part["call_id"] is not None:
            self.calls[part["call_id"]] = name
        patch = words(given.get("input")) or words(given.get("patch"))
        if name == "ApplyPatch" and patch is not None:
            return [(absolute(path, self._directory), "changed") for path in patched_files(patch)]
        argument, label = _FILE_TOOLS.get(name, ("", ""))
        path = words(given.get(argument))
        return [(absolute(path, self._directory), label)] if path is not None else []

    def _results(self, message: MessageRecord, blocks: list[dict[str, Any]]) -> Iterator[Item]:
        for at, block in enumerate(blocks):
            key = str(message.key) if at == 0 else f"{message.key}#tool{at}"
            result = MessageRecord(message.session_key, key, "tool", [], message.parent_key)
            result.created_at, content = message.created_at, block.get("content")
            inner = objects(content) if isinstance(content, list) else [{"type": "text", "text": content}]
            result.parts = [_part(each, str(place), result) for place, each in enumerate(inner)]
            call_id = words(block.get("tool_use_id"))
            name, text = self.calls.get(call_id or ""), text_of(result.parts)
            yield result_of(result, call_id, name, text, is_error=block.get("is_error") is True)

    def _said(self, message: MessageRecord, blocks: list[dict[str, Any]], *, main: bool) -> Iterator[Item]:
        """Yield what the person typed, and what a program put around it."""
        parts = [_part(block, str(at), message) for at, block in enumerate(blocks)]
        if message.role == "system":
            message.parts = parts
            yield message
            return
        cut = [piece for part in parts for piece in _pieces(part)]
        message.parts = [part for origin, part in cut if origin is None and part.get("text") != ""]
        around = [part for origin, part in cut if origin is not None]
        if not main:
            message.key = f"{message.key}#user"
        if self._is_called:
            message.role = "system"
            message.metadata["origin"] = "subagent"
        if message.parts:
            yield from self.titled(message.session_key, text_of(message.parts))
            yield message
        if around:
            put = MessageRecord(message.session_key, f"{message.key}#around", "system", around, message.parent_key)
            put.parent_key = message.key if message.parts else message.parent_key
            put.created_at, put.metadata = message.created_at, {"origin": "injected"}
            yield put

    def _reasoning(self, record: dict[str, Any]) -> Iterator[Item]:
        message = self._new(record, "assistant", ":reasoning")
        message.model = self._model
        message.parts = [{"type": "reasoning", "id": "0", "text": words(record.get("text")) or ""}]
        yield message

    def _call(self, record: dict[str, Any]) -> Iterator[Item]:
        message = self._new(record, "assistant", ":call")
        call_id = words(record.get("toolCallId")) or words(record.get("id"))
        name = words(record.get("toolName")) or words(record.get("toolId")) or ""
        part: Part = {"type": "tool_call", "id": "0", "call_id": call_id, "name": name}
        message.parts = [part | {"input": parsed(record.get("parameters"))}]
        message.model = self._model
        touched = self._note_call(message.parts[0])
        yield name_calls(message)
        yield from self.files.arrows(message.session_key, touched, message.created_at)

    def _result(self, record: dict[str, Any]) -> Iterator[Item]:
        message = self._new(record, "tool", ":result")
        call_id = words(record.get("toolCallId")) or words(record.get("id"))
        value, error = record.get("value"), record.get("error")
        given = mapping(value)
        said = [text for name in ("stdout", "stderr", "text", "message") if (text := words(given.get(name)))]
        text = value if isinstance(value, str) else "\n".join(said) or (json.dumps(value) if value else "")
        text = text or (error if isinstance(error, str) else words(mapping(error).get("message")) or "")
        is_error = record.get("isError") is True or given.get("exitCode") not in (None, 0)
        name = self.calls.get(call_id or "") or words(record.get("toolName")) or words(record.get("toolId"))
        output = value if isinstance(value, (dict, list)) else None
        yield result_of(message, call_id, name, text, is_error=is_error, output=output)

    def _completion(self, record: dict[str, Any]) -> Iterator[Item]:
        rest, text = without(record, _ENVELOPE | {"finalText", "usage"}), words(record.get("finalText"))
        session = SessionRecord(str(self.session), metadata={"completion": rest} if rest else {})
        session.metadata |= {"usage": record["usage"]} if mapping(record.get("usage")) else {}
        if text is not None and digest(text) != self._last:
            message = self._new(record, "assistant")
            message.model, message.parts = self._model, [{"type": "text", "id": "0", "text": text}]
            self._last = digest(text)
            yield message
        if session.metadata:
            yield session

    def _error(self, record: dict[str, Any]) -> Iterator[Item]:
        message = self._new(record, "system", ":error")
        text = words(record.get("message")) or json.dumps(record.get("message"))
        message.parts = [{"type": "text", "id": "0", "text": text}]
        message.status, message.error = "error", text
        message.metadata = {"origin": "synthetic", "native": without(record, _ENVELOPE | {"message"})}
        yield message

    def _compaction(self, record: dict[str, Any]) -> Iterator[Item]:
        text = words(record.get("summaryText")) or words(record.get("summary"))
        if text is None:
            self.link(record, "parentId")
            yield from self.keep(record)
            return
        message = self._new(record, "system")
        message.parts = [{"type": "text", "id": "0", "text": text}]
        rest = without(record, _ENVELOPE | {"summaryText", "summary", "parentId"})
        message.metadata = {"origin": "compaction"} | ({"native": rest} if rest else {})
        yield message


def _settings_of(path: Path) -> dict[str, Any]:
    try:
        return mapping(json.loads(path.with_suffix(".settings.json").read_bytes()))
    except (OSError, ValueError, RecursionError):
        return {}


def _part(block: dict[str, Any], part_id: str, message: MessageRecord) -> Part:
    """Make a part of one of Anthropic's blocks."""
    kind, text = block.get("type"), block.get("text")
    if kind == "text" and (isinstance(text, str) or text is None):
        return {"type": "text", "id": part_id, "text": text or ""}
    if kind in ("thinking", "redacted_thinking"):
        return {"type": "reasoning", "id": part_id, "text": words(block.get("thinking")) or ""}
    if kind == "tool_use":
        part: Part = {"type": "tool_call", "id": part_id, "call_id": words(block.get("id"))}
        return part | {"name": words(block.get("name")) or "", "input": block.get("input")}
    if kind in ("image", "document"):
        return image_block(part_id, block, message.attachments)
    return {"type": "file", "id": part_id, "native": block}


def _pieces(part: Part) -> list[tuple[str | None, Part]]:
    if part["type"] != "text":
        return [(None, part)]
    cut = stretches(part["text"], _WRAPPERS)
    return [(piece.origin, {**part, "id": f"{part['id']}.{at}", "text": piece.raw}) for at, piece in enumerate(cut)]
