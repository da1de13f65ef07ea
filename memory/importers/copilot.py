"""GitHub Copilot CLI: `session-state/<session>/events.jsonl`, one event a line, `workspace.yaml` beside it.

* `user.message` holds what was typed; what the program put around it for the model is a message of its own, as is a
  message with a `source` that is no person.
* `tool.execution_start` repeats a call of the answer before it; one that no answer made is a message of its own.
* Events with a `parentToolCallId` are a sub-agent's, a session of their own: `<session>/agent-<call>`.

Left out on purpose: beginnings and ends of turns and hooks, partial results, checkpoints, routing and truncation
(counts alone), `reasoningOpaque` and `encryptedContent` (encrypted), `toolTelemetry`, ids of requests.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from memory.importers.reading.documents import mapping, native_key, objects, without, words
from memory.importers.reading.journal import Journal, digest, name_calls, parsed, result_of
from memory.importers.reading.pictures import picture_at, picture_part
from memory.importers.reading.records import (
    TITLE_GENERATED,
    TITLE_SUMMARY,
    Item,
    MessageRecord,
    Part,
    RelationshipRecord,
    Role,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.touched_files import absolute, patched_files

FORMAT = "copilot"
PLACES = ("$COPILOT_HOME/session-state", "~/.copilot/session-state", "$XDG_STATE_HOME/.copilot/session-state")
"""Where its files are on a machine; a variable that is not set names no place."""

MARK_EVERY = 400
"""Lines from one mark to the next, at least. Untuned."""
_LEFT_OUT = frozenset(
    (
        "assistant.turn_start assistant.turn_end assistant.intent hook.start session.truncation session.usage_info"
        " session.usage_checkpoint session.auto_mode_resolved session.compaction_start tool.execution_partial_result"
        " tool.execution_progress pending_messages.modified session.idle"
    ).split()
)
_NOTICES = {
    "session.info": "synthetic",
    "session.warning": "synthetic",
    "session.error": "synthetic",
    "abort": "synthetic",
    "system.notification": "injected",
    "system.message": "injected",
    "skill.invoked": "injected",
    "session.compaction_complete": "compaction",
    "session.task_complete": "synthetic",
    "hook.end": "hook",
}
_SAID = ("content", "message", "summaryContent", "summary", "reason")
_USAGE = ("modelMetrics", "tokenDetails", "totalApiDurationMs")
_COST = ("totalPremiumRequests", "totalNanoAiu")
_CONTEXT = {"branch": "git_branch", "headCommit": "git_commit", "repository": "git_remote"}
_UNUSED = frozenset(
    (
        "reasoningOpaque encryptedContent toolTelemetry apiCallId clientRequestId requestId serviceRequestId rte"
        " providerCallId supportedNativeDocumentMimeTypes stack"
    ).split()
)
_READING = {"view": "path", "read": "path", "read_file": "path"}
_CHANGING = {"edit": "path", "create": "path", "write": "path", "str_replace_editor": "path"}


def recognises(sample: Sample) -> bool:
    """Say whether the first lines are Copilot's events."""
    return any(
        isinstance(record.get("data"), dict)
        and {"id", "timestamp", "parentId"} <= record.keys()
        and str(record.get("type")).startswith(("session.", "user.message", "assistant.", "tool.", "system.", "hook."))
        for record in sample.records
    )


def companions(path: Path) -> Iterable[Path]:
    """Name the file that says what the session is called."""
    return [path.with_name("workspace.yaml")]


def read(source: Source) -> Iterator[Item]:
    """Yield a session file's records from `source.offset` on."""
    return _Reader(source).items()


class _Reader(Journal):
    """Goes through one session's events."""

    def __init__(self, source: Source) -> None:
        super().__init__(source, MARK_EVERY)
        self._model: str | None = source.state.get("model")
        self._directory: str | None = source.state.get("cwd")
        self._thought: str | None = source.state.get("thought")
        self._handlers: dict[str, Callable[[dict[str, Any], dict[str, Any]], Iterator[Item]]] = {
            "session.start": self._start,
            "session.resume": self._start,
            "session.context_changed": self._start,
            "session.model_change": self._model_change,
            "session.title_changed": self._title,
            "session.snapshot_rewind": self._rewind,
            "session.shutdown": self._shutdown,
            "user.message": self._user,
            "assistant.message": self._answer,
            "assistant.reasoning": self._reasoning,
            "tool.user_requested": self._call,
            "tool.execution_start": self._call,
            "tool.execution_complete": self._result,
            "subagent.started": self._spawned,
            "subagent.selected": self._spawned,
            "subagent.completed": self._returned,
            "subagent.failed": self._returned,
        }

    def known(self) -> dict[str, Any]:
        return {"model": self._model, "cwd": self._directory, "thought": self._thought}

    def record(self, record: dict[str, Any]) -> Iterator[Item]:
        kind, data = str(record.get("type")), mapping(record.get("data"))
        if self.session is None and kind != "session.start":
            yield self._headless(record)
        handler = self._handlers.get(kind)
        if handler is not None:
            yield from handler(record, data)
        elif kind in _NOTICES:
            yield from self._notice(record, data, kind)
        else:
            self.link(record, "parentId")
            if kind not in _LEFT_OUT:
                yield from self.keep(record)

    def _headless(self, record: dict[str, Any]) -> SessionRecord:
        """Begin a session whose file has no start; its first event names it."""
        self.session = f"headless-{digest(record)}"
        return SessionRecord(self.session, metadata={"kind": "main"})

    def _start(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        """Yield what a beginning, a resuming, or a change of directory says of the session."""
        self.link(record, "parentId")
        is_new = self.session is None
        if record.get("type") == "session.start" or self.session is None:
            self.session = words(data.get("sessionId")) or self.session or f"headless-{digest(record)}"
        given = mapping(data.get("context")) or (data if record.get("type") == "session.context_changed" else {})
        session = SessionRecord(self.session, project=words(given.get("cwd")), model=words(data.get("selectedModel")))
        self._directory, self._model = session.project or self._directory, session.model or self._model
        session.metadata = {ours: given[name] for name, ours in _CONTEXT.items() if words(given.get(name))}
        if is_new:
            session.created_at = self.time(data.get("startTime"))
            session.metadata |= {"kind": "main"} | without(data, frozenset(["sessionId", "startTime", "context"]))
        yield session
        if is_new:
            yield from _of_workspace(self.source.path.with_name("workspace.yaml"), self.session)

    def _model_change(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        self.link(record, "parentId")
        if model := words(data.get("newModel")):
            self._model = model
            yield SessionRecord(str(self.session), model=model, metadata={"models": [model]})

    def _title(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        self.link(record, "parentId")
        yield SessionRecord(str(self.session), words(data.get("title")), TITLE_GENERATED)

    def _rewind(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        self.link(record, "parentId")
        yield SessionRecord(str(self.session), metadata={"rewinds": [data]})

    def _shutdown(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        """Yield what the session cost, and which files it changed."""
        self.link(record, "parentId")
        session = SessionRecord(str(self.session))
        changes = mapping(data.get("codeChanges"))
        session.metadata = {"usage": {name: data[name] for name in _USAGE if data.get(name)}}
        session.metadata["cost"] = {name: data[name] for name in _COST if data.get(name) is not None}
        session.metadata["code_changes"] = changes
        session.metadata["shutdown"] = without(data, frozenset([*_USAGE, *_COST, "codeChanges"]))
        session.metadata = without(session.metadata, frozenset())
        yield session
        listed = changes.get("filesModified")
        changed = [path for path in listed if isinstance(path, str)] if isinstance(listed, list) else []
        touched = [(absolute(path, self._directory), "changed") for path in changed]
        yield from self.files.arrows(session.key, touched, self.time(record.get("timestamp")))

    def _new(self, record: dict[str, Any], data: dict[str, Any], role: Role) -> MessageRecord:
        session = str(self.session)
        if spawning := words(data.get("parentToolCallId")):
            session = f"{session}/agent-{spawning}"
        message = MessageRecord(session, None, role, [])
        message.key = native_key(str(self.session), words(record.get("id")) or digest(record))
        message.parent_key = self.parent(str(self.session), record.get("parentId"))
        message.created_at = self.time(record.get("timestamp"))
        return message

    def _enter(self, message: MessageRecord) -> Iterator[Item]:
        """Yield the session of a sub-agent, where a message is one's."""
        if message.session_key != self.session:
            yield SessionRecord(message.session_key, parent_key=self.session, metadata={"kind": "subagent"})

    def _user(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        message = self._new(record, data, "user")
        text, sent = words(data.get("content")) or "", words(data.get("transformedContent")) or ""
        message.parts = [{"type": "text", "id": "0", "text": text}] if text else []
        touched: list[tuple[str, str]] = []
        for at, attached in enumerate(objects(data.get("attachments"))):
            message.parts.append(_attached(attached, f"attachment{at}", message))
            touched.append((absolute(words(attached.get("path")) or "", self._directory), "read"))
        message.metadata = _native(data, "content", "transformedContent", "attachments")
        is_agent = words(data.get("parentAgentTaskId")) is not None or message.session_key != self.session
        if is_agent or words(data.get("source")) not in (None, "user"):
            message.role = "system"
            message.metadata["origin"] = "subagent" if is_agent else "injected"
        yield from self._enter(message)
        if message.role == "user" or is_agent:
            yield from self.titled(message.session_key, text)
        yield message
        around = sent.replace(text, "", 1).strip() if text in sent else sent
        if around:
            put = MessageRecord(message.session_key, f"{message.key}#around", "system", [], message.key)
            put.created_at, put.metadata = message.created_at, {"origin": "injected"}
            put.parts = [{"type": "text", "id": "0", "text": around}]
            yield put
        yield from self.files.arrows(message.session_key, touched, message.created_at)

    def _answer(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        message = self._new(record, data, "assistant")
        message.model = words(data.get("model")) or self._model
        count = data.get("outputTokens")
        message.tokens_out = count if type(count) is int else None
        thought, text = words(data.get("reasoningText")), words(data.get("content"))
        if thought and digest(thought) != self._thought:
            self._thought = digest(thought)
            message.parts.append({"type": "reasoning", "id": "reasoning", "text": thought})
        if text:
            message.parts.append({"type": "text", "id": "0", "text": text})
        touched: list[tuple[str, str]] = []
        for at, request in enumerate(objects(data.get("toolRequests"))):
            call_id = words(request.get("toolCallId"))
            if call_id is None or call_id not in self.calls:
                message.parts.append(_call_part(request, f"call{at}", "name"))
                touched += self._note_call(message.parts[-1])
        message.metadata = _native(data, "content", "toolRequests", "reasoningText", "model", "outputTokens")
        yield from self._enter(message)
        yield name_calls(message)
        yield from self.files.arrows(message.session_key, touched, message.created_at)

    def _note_call(self, part: Part) -> list[tuple[str, str]]:
        """Remember a call's name for its result; give the files it touches."""
        name, given = part["name"], part["input"]
        if part["call_id"] is not None:
            self.calls[part["call_id"]] = name
        if isinstance(given, str) and name == "apply_patch":
            return [(absolute(path, self._directory), "changed") for path in patched_files(given)]
        for tools, label in ((_READING, "read"), (_CHANGING, "changed")):
            path = words(mapping(given).get(tools[name])) if name in tools else None
            if path is not None:
                return [(absolute(path, self._directory), label)]
        return []

    def _reasoning(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        text = words(data.get("content"))
        if text is None or digest(text) == self._thought:
            self.link(record, "parentId")
            return
        self._thought = digest(text)
        message = self._new(record, data, "assistant")
        message.model = self._model
        message.parts = [{"type": "reasoning", "id": "reasoning", "text": text}]
        yield from self._enter(message)
        yield message

    def _call(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        call_id = words(data.get("toolCallId"))
        if call_id is not None and call_id in self.calls:
            self.link(record, "parentId")
            return
        message = self._new(record, data, "assistant")
        message.parts = [_call_part(data, "call", "toolName")]
        touched = self._note_call(message.parts[0])
        message.metadata = _native(data, "toolCallId", "toolName", "arguments")
        if record.get("type") == "tool.user_requested":
            message.metadata["asked_by"] = "user"
        yield from self._enter(message)
        yield name_calls(message)
        yield from self.files.arrows(message.session_key, touched, message.created_at)

    def _result(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        message = self._new(record, data, "tool")
        call_id, given, error = words(data.get("toolCallId")), mapping(data.get("result")), mapping(data.get("error"))
        text = words(given.get("content")) or words(error.get("message")) or ""
        detailed = given.get("detailedContent")
        rest = without(given, frozenset(["content", "detailedContent"]))
        rest |= {"detailedContent": detailed} if detailed not in (None, "", text) else {}
        rest |= {"error": error} if error else {}
        name = self.calls.get(call_id or "") or words(data.get("toolName"))
        result_of(message, call_id, name, text, is_error=data.get("success") is False, output=rest)
        message.metadata = _native(data, "toolCallId", "result", "error", "success")
        yield from self._enter(message)
        yield message

    def _spawned(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        self.link(record, "parentId")
        if call_id := words(data.get("toolCallId")):
            key, label = f"{self.session}/agent-{call_id}", words(data.get("agentName"))
            agent = without(data, frozenset(["toolCallId"]))
            metadata = {"kind": "subagent", "agent": agent}
            yield SessionRecord(key, parent_key=self.session, metadata=metadata)
            at = self.time(record.get("timestamp"))
            yield RelationshipRecord("spawned", f"session:{self.session}", f"session:{key}", label, self.session, at)

    def _returned(self, record: dict[str, Any], data: dict[str, Any]) -> Iterator[Item]:
        self.link(record, "parentId")
        if call_id := words(data.get("toolCallId")):
            key, rest = f"{self.session}/agent-{call_id}", without(data, frozenset(["toolCallId"]))
            metadata = {"kind": "subagent", "agent": rest}
            yield SessionRecord(key, model=words(data.get("model")), parent_key=self.session, metadata=metadata)

    def _notice(self, record: dict[str, Any], data: dict[str, Any], kind: str) -> Iterator[Item]:
        """Yield what the program said, to the model or to the person."""
        text = next((said for name in _SAID if (said := words(data.get(name)))), None)
        output = data.get("output")
        if kind == "hook.end":
            text = output if isinstance(output, str) else words(mapping(output).get("additionalContext"))
        if not text:
            self.link(record, "parentId")
            if without(data, _UNUSED) and kind != "hook.end":
                yield from self.keep(record)
            return
        message = self._new(record, data, "system")
        message.metadata = {"origin": _NOTICES[kind], "native_role": kind, **_native(data, *_SAID)}
        message.parts = [{"type": "text", "id": "0", "text": text}]
        if kind == "session.error":
            message.status, message.error = "error", text
        yield from self._enter(message)
        if kind == "system.message":
            yield SessionRecord(message.session_key, system_prompt=text)
        yield message


def _native(data: dict[str, Any], *used: str) -> dict[str, Any]:
    rest = without(data, _UNUSED | {*used, "parentToolCallId"})
    return {"native": rest} if rest else {}


def _call_part(given: dict[str, Any], part_id: str, name: str) -> Part:
    part: Part = {"type": "tool_call", "id": part_id, "call_id": words(given.get("toolCallId"))}
    part |= {"name": words(given.get(name)) or "", "input": parsed(given.get("arguments"))}
    rest = {other: given[other] for other in ("intentionSummary", "toolTitle") if given.get(other)}
    return part | ({"native": rest} if rest else {})


def _attached(given: dict[str, Any], part_id: str, message: MessageRecord) -> Part:
    data, media_type = words(given.get("data")), words(given.get("mimeType"))
    if data and media_type:
        return picture_part(part_id, media_type, data, message.attachments)
    if data and data.startswith("data:"):
        return picture_at(part_id, data, message.attachments)
    return {"type": "file", "id": part_id, "native": given}


def _of_workspace(path: Path, session_key: str) -> Iterator[Item]:
    """Yield what the session is called; of the YAML only plain `name: value` lines are read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    pairs = [line.partition(":") for line in lines if line[:1].isalpha()]
    said = {name: value.strip().strip("\"'") for name, _, value in pairs}
    titles = [said[name] for name in ("name", "summary") if said.get(name) and said[name][0] not in "|>&*{["]
    if titles:
        yield SessionRecord(session_key, titles[0], TITLE_SUMMARY)
