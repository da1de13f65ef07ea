"""Kimi CLI's files: `wire.jsonl` with a payload in each line, and `context.jsonl`."""

from collections.abc import Iterator
from typing import Any

from memory.importers.kimi.parts import call_part, part_of, parts_of, pieces, touched
from memory.importers.kimi.state import session_of
from memory.importers.reading.documents import mapping, objects, without, words
from memory.importers.reading.journal import Journal, count_of, digest, name_calls, result_of, text_of
from memory.importers.reading.records import Item, MessageRecord, Part, Role, SessionRecord
from memory.importers.reading.source import Source

_LEFT_OUT = frozenset(
    (
        "TurnEnd StepInterrupted CompactionBegin CompactionEnd HookTriggered HookResolved MCPLoadingBegin MCPLoadingEnd"
        " MCPStatusSnapshot ApprovalRequest ToolCallRequest ApprovalRequestResolved"
    ).split()
)
_USAGE_IN = ("input_other", "input_cache_read", "input_cache_creation")


class _Older(Journal):
    """What the two files have in common."""

    def begin(self, record: dict[str, Any]) -> Iterator[Item]:
        if self.session is None:
            session = session_of(self.source.path)
            self.session = session.key
            session.created_at = self.time(record.get("timestamp"))
            yield session

    def new(self, record: dict[str, Any], role: Role) -> MessageRecord:
        key = f"{self.session}:{self.count}:{digest(record)}"
        return MessageRecord(str(self.session), key, role, [], created_at=self.time(record.get("timestamp")))

    def given(self, message: MessageRecord, content: object) -> Iterator[Item]:
        """Yield a prompt, and what a program put into it."""
        message.parts, put = pieces(parts_of(content, message))
        if message.parts or not put:
            yield from self.titled(message.session_key, text_of(message.parts))
            yield message
        if put:
            around = MessageRecord(message.session_key, f"{message.key}#around", "system", put)
            around.parent_key = message.key if message.parts else None
            around.created_at, around.metadata = message.created_at, {"origin": "injected"}
            yield around

    def called(self, message: MessageRecord, given: dict[str, Any], part_id: str) -> Part:
        """Add a call to an answer."""
        function, call_id = mapping(given.get("function")), words(given.get("id"))
        part = call_part(part_id, call_id, function.get("name"), function.get("arguments"), {})
        message.parts.append(part)
        if call_id is not None:
            self.calls[call_id] = part["name"]
        return part


class Wire(_Older):
    """Goes through an older wire: parts of an answer until its status, which says the tokens."""

    def __init__(self, source: Source, mark_every: int) -> None:
        super().__init__(source, mark_every)
        self._step: MessageRecord | None = None
        self._results: list[MessageRecord] = []
        self._begun: str | None = source.state.get("begun")

    def known(self) -> dict[str, Any]:
        return {"begun": self._begun}

    def is_open(self) -> bool:
        return self._step is not None

    def finish(self) -> Iterator[Item]:
        step, self._step = self._step, None
        results, self._results = self._results, []
        if step is not None:
            yield name_calls(step)
            calls = [part for part in step.parts if part["type"] == "tool_call"]
            files = [each for part in calls for each in touched(part, None)]
            yield from self.files.arrows(step.session_key, files, step.created_at)
        yield from results

    def record(self, record: dict[str, Any]) -> Iterator[Item]:
        envelope = mapping(record.get("message"))
        kind, payload = str(envelope.get("type")), mapping(envelope.get("payload"))
        yield from self.begin(record)
        if kind in ("TurnBegin", "SteerInput"):
            yield from self.finish()
            self._begun = None
            yield from self.given(self.new(record, "user"), payload.get("user_input"))
        elif kind == "StepBegin":
            yield from self.finish()
            self._begun = None
        elif kind in ("ContentPart", "ToolCall", "ToolCallPart"):
            self._part(record, kind, payload)
        elif kind == "ToolResult":
            yield from self._answered(record, payload)
        elif kind == "StatusUpdate":
            self._counted(payload)
        elif kind == "ApprovalResponse":
            yield from self._decided(record, payload)
        elif kind == "SubagentEvent":
            yield from self._of_agent(record, payload)
        elif kind in ("Notification", "PlanDisplay"):
            yield from self._shown(record, kind, payload)
        elif kind not in _LEFT_OUT and record.get("type") != "metadata":
            yield from self.keep(record)

    def _part(self, record: dict[str, Any], kind: str, payload: dict[str, Any]) -> None:
        if self._step is None:
            self._step = self.new(record, "assistant")
            # a step that a mark has cut goes on under the key it began with
            self._step.key = self._begun = self._begun or self._step.key
        part_id = f"{self.count}"
        if kind == "ContentPart":
            self._step.parts.append(part_of(payload, part_id, self._step))
        elif kind == "ToolCall":
            self.called(self._step, payload, part_id)
        elif self._step.parts and isinstance(self._step.parts[-1].get("input"), str):
            self._step.parts[-1]["input"] += words(payload.get("arguments_part")) or ""

    def _answered(self, record: dict[str, Any], payload: dict[str, Any]) -> Iterator[Item]:
        message = self._result(self.new(record, "tool"), payload)
        if self._step is None:
            yield message
        else:
            self._results.append(message)

    def _result(self, message: MessageRecord, payload: dict[str, Any]) -> MessageRecord:
        call_id = words(payload.get("tool_call_id"))
        given = mapping(payload.get("return_value")) or mapping(payload.get("result"))
        message.role, message.parts = "tool", parts_of(given.get("output"), message)
        text = text_of(message.parts) or words(given.get("message")) or ""
        rest = without(given, frozenset(["is_error", "output"]))
        name = self.calls.get(call_id or "")
        return result_of(message, call_id, name, text, is_error=given.get("is_error") is True, output=rest)

    def _counted(self, payload: dict[str, Any]) -> None:
        usage = mapping(payload.get("token_usage"))
        if self._step is not None and usage:
            self._step.tokens_in, self._step.tokens_out = count_of(usage, *_USAGE_IN), count_of(usage, "output")
            self._step.metadata["usage"] = usage

    def _decided(self, record: dict[str, Any], payload: dict[str, Any]) -> Iterator[Item]:
        """Yield what the person wrote when they were asked whether a call may be made."""
        if text := words(payload.get("feedback")):
            message = self.new(record, "user")
            message.parts = [{"type": "text", "id": "0", "text": text}]
            message.metadata = {"native": payload}
            yield message

    def _of_agent(self, record: dict[str, Any], payload: dict[str, Any]) -> Iterator[Item]:
        """Yield what a sub-agent said and did, where it has no wire of its own."""
        called_by = words(payload.get("parent_tool_call_id")) or words(payload.get("task_tool_call_id"))
        event = mapping(payload.get("event"))
        kind, given = event.get("type"), mapping(event.get("payload"))
        if words(payload.get("agent_id")) or called_by is None or kind not in ("ContentPart", "ToolCall", "ToolResult"):
            return
        message = self.new(record, "assistant")
        message.session_key = f"{self.session}/{called_by}"
        yield SessionRecord(message.session_key, parent_key=self.session, metadata={"kind": "subagent"})
        if kind == "ContentPart":
            message.parts = [part_of(given, "0", message)]
        elif kind == "ToolCall":
            self.called(message, given, "0")
        else:
            yield self._result(message, given)
            return
        yield name_calls(message)

    def _shown(self, record: dict[str, Any], kind: str, payload: dict[str, Any]) -> Iterator[Item]:
        said = [text for name in ("title", "body", "content") if (text := words(payload.get(name)))]
        message = self.new(record, "system")
        message.parts = [{"type": "text", "id": "0", "text": "\n".join(said)}]
        rest = without(payload, frozenset(["title", "body", "content"]))
        message.metadata = {"origin": "synthetic", "native_role": kind} | ({"native": rest} if rest else {})
        yield message


class Context(_Older):
    """Goes through a context: messages by role, and lines that only count."""

    def record(self, record: dict[str, Any]) -> Iterator[Item]:
        yield from self.begin(record)
        role, content = record.get("role"), record.get("content")
        if role == "user":
            yield from self.given(self.new(record, "user"), content)
        elif role == "assistant":
            yield from self._answer(record)
        elif role == "tool":
            message = self.new(record, "tool")
            message.parts = parts_of(content, message)
            call_id = words(record.get("tool_call_id"))
            name = self.calls.get(call_id or "")
            yield result_of(message, call_id, name, text_of(message.parts), is_error=False)
        elif role in ("_system_prompt", "system"):
            text = content if isinstance(content, str) else text_of(parts_of(content, self.new(record, "system")))
            yield SessionRecord(str(self.session), system_prompt=text or None)
        elif role not in ("_checkpoint", "_usage"):
            yield from self.keep(record)

    def _answer(self, record: dict[str, Any]) -> Iterator[Item]:
        message = self.new(record, "assistant")
        message.parts = parts_of(record.get("content"), message)
        calls = [self.called(message, each, f"call{at}") for at, each in enumerate(objects(record.get("tool_calls")))]
        yield name_calls(message)
        files = [each for part in calls for each in touched(part, None)]
        yield from self.files.arrows(message.session_key, files, message.created_at)
