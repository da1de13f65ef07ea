"""Kimi Code's `wire.jsonl`: what was prompted, and the steps of the model."""

from collections.abc import Callable, Iterator
from typing import Any

from memory.importers.kimi.parts import call_part, part_of, parts_of, pieces, touched
from memory.importers.kimi.state import session_of
from memory.importers.reading.documents import mapping, native_key, without, words
from memory.importers.reading.journal import Journal, count_of, digest, name_calls, result_of, text_of
from memory.importers.reading.records import Item, MessageRecord, Part, SessionRecord
from memory.importers.reading.source import Source

PROMPTS_KEPT = 8
"""How many prompts are remembered, to leave out their second copies. Untuned."""
_LEFT_OUT = frozenset(
    (
        "metadata tools.set_active_tools tools.update_store tools.register_user_tool llm.tools_snapshot llm.request"
        " mcp.tools_discovered turn.started turn.ended turn.cancel turn.step.started turn.step.completed"
        " turn.step.retrying permission.set_mode plan_mode.enter plan_mode.exit plan_mode.cancel"
        " full_compaction.begin full_compaction.cancel full_compaction.complete micro_compaction.apply"
        " context.update_token_count token_counting.measured token_counting.turn_recorded runtime.set_binding"
        " swarm_mode.enter swarm_mode.exit task.started"
    ).split()
)
_ORIGINS = {
    "compaction_summary": "compaction",
    "hook_result": "hook",
    "subagent": "subagent",
    "user": None,
}
_USAGE_IN = ("inputOther", "inputCacheRead", "inputCacheCreation")


class Wire(Journal):
    """Goes through one agent's records."""

    def __init__(self, source: Source, mark_every: int) -> None:
        super().__init__(source, mark_every)
        self._directory: str | None = source.state.get("cwd")
        self._model: str | None = source.state.get("model")
        self._is_sub: bool = source.state.get("sub", False)
        self._prompts: list[str] = list(source.state.get("prompts", []))
        self._approvals: dict[str, Any] = dict(source.state.get("approvals", []))
        self._step: MessageRecord | None = None
        self._results: list[MessageRecord] = []
        self._handlers: dict[str, Callable[[dict[str, Any]], Iterator[Item]]] = {
            "config.update": self._config,
            "profile.bind": self._config,
            "turn.prompt": self._prompt,
            "turn.steer": self._prompt,
            "context.append_message": self._appended,
            "context.append_loop_event": self._event,
            "context.apply_compaction": self._compacted,
            "context.undo": self._undone,
            "context.clear": self._undone,
            "permission.record_approval_result": self._approved,
            "usage.record": self._usage,
            "forked": self._forked,
            "plugin.session_start": self._plugin,
        }

    def known(self) -> dict[str, Any]:
        self._approvals = dict(list(self._approvals.items())[-PROMPTS_KEPT:])
        known: dict[str, Any] = {"cwd": self._directory, "model": self._model, "sub": self._is_sub}
        return known | {"prompts": list(self._prompts), "approvals": [list(each) for each in self._approvals.items()]}

    def is_open(self) -> bool:
        return self._step is not None

    def finish(self) -> Iterator[Item]:
        """Yield the step that is held, then its results."""
        step, self._step = self._step, None
        results, self._results = self._results, []
        # a step that was cancelled before an answer came says nothing
        if step is not None and (step.parts or "usage" in step.metadata):
            yield name_calls(step)
            calls = [part for part in step.parts if part["type"] == "tool_call"]
            files = [each for part in calls for each in touched(part, self._directory)]
            yield from self.files.arrows(step.session_key, files, step.created_at)
        yield from results

    def record(self, record: dict[str, Any]) -> Iterator[Item]:
        if self.session is None:
            session = session_of(self.source.path)
            self.session, self._directory = session.key, session.project
            self._is_sub = session.metadata["kind"] == "subagent"
            session.created_at = self.time(record.get("created_at", record.get("time")))
            yield session
        kind = str(record.get("type"))
        handler = self._handlers.get(kind)
        if handler is not None:
            yield from handler(record)
        elif kind not in _LEFT_OUT:
            yield from self.keep(record)

    def _config(self, record: dict[str, Any]) -> Iterator[Item]:
        disclosed = mapping(record.get("environmentDisclosure"))
        session = SessionRecord(str(self.session), model=words(record.get("modelAlias")))
        session.project = words(record.get("cwd")) or words(disclosed.get("cwd"))
        session.system_prompt = words(record.get("systemPrompt"))
        self._model, self._directory = session.model or self._model, session.project or self._directory
        named = {"agent": record.get("profileName"), "thinking_effort": record.get("thinkingEffort")}
        session.metadata = {name: value for name, value in named.items() if words(value)}
        session.metadata |= {"models": [session.model]} if session.model else {}
        yield session

    def _prompt(self, record: dict[str, Any]) -> Iterator[Item]:
        self._prompts = [*self._prompts, digest(record.get("input"))][-PROMPTS_KEPT:]
        yield from self._given(record, record.get("input"), mapping(record.get("origin")), {})

    def _appended(self, record: dict[str, Any]) -> Iterator[Item]:
        given = mapping(record.get("message"))
        content = given.get("content")
        if given.get("role") == "assistant":
            message = self._new(record, "assistant")
            message.parts, message.model = parts_of(content, message), self._model
            yield name_calls(message)
        elif digest(content) in self._prompts:
            self._prompts.remove(digest(content))
        else:
            rest = without(given, frozenset(["role", "content", "toolCalls", "origin", "id"]))
            yield from self._given(record, content, mapping(given.get("origin")), rest)

    def _new(self, record: dict[str, Any], role: str) -> MessageRecord:
        key = f"{self.session}:{self.count}:{digest(record)}"
        message = MessageRecord(str(self.session), key, "assistant" if role == "assistant" else "user", [])
        message.created_at = self.time(record.get("time"))
        return message

    def _given(
        self, record: dict[str, Any], content: object, origin: dict[str, Any], native: dict[str, Any]
    ) -> Iterator[Item]:
        """Yield what was given to the model: by the person, or by a program in their name."""
        yield from self.finish()
        message = self._new(record, "user")
        whose = _origin(origin)
        if whose == "subagent" and not self._is_sub:
            self._is_sub = True
            yield SessionRecord(message.session_key, metadata={"kind": "subagent"})
        parts = parts_of(content, message)
        message.metadata = {"native": native} if native else {}
        typed, put = pieces(parts) if whose is None else (parts, [])
        if whose is not None:
            message.role = "system"
            message.metadata |= {"origin": whose, "native_origin": origin}
        message.parts = typed
        if typed and whose in (None, "subagent"):
            yield from self.titled(message.session_key, text_of(pieces(typed)[0]))
        if typed or not put:
            yield message
        if put:
            around = MessageRecord(message.session_key, f"{message.key}#around", "system", put)
            around.parent_key = message.key if typed else None
            around.created_at, around.metadata = message.created_at, {"origin": "injected"}
            yield around

    def _event(self, record: dict[str, Any]) -> Iterator[Item]:
        event = mapping(record.get("event"))
        kind = event.get("type")
        if kind == "step.begin":
            yield from self.finish()
            self._begun(record, words(event.get("uuid")))
        elif kind in ("content.part", "tool.call"):
            yield from self._part(record, event)
        elif kind == "tool.result":
            yield from self._answered(record, event)
        elif kind == "step.end":
            yield from self._ended(record, event)
        else:
            yield from self.keep(record)

    def _begun(self, record: dict[str, Any], uuid: str | None) -> MessageRecord:
        self._step = self._new(record, "assistant")
        self._step.key = native_key(str(self.session), uuid) if uuid else self._step.key
        self._step.model, self._step.started_at = self._model, self._step.created_at
        return self._step

    def _of_step(self, record: dict[str, Any], uuid: object) -> Iterator[Item]:
        """Make the step at hand that with an id; the rest of one that a mark has cut is the same message."""
        named = words(uuid)
        key = native_key(str(self.session), named) if named else None
        if self._step is None or (key is not None and self._step.key != key):
            yield from self.finish()
            self._begun(record, named)

    def _part(self, record: dict[str, Any], event: dict[str, Any]) -> Iterator[Item]:
        yield from self._of_step(record, event.get("stepUuid"))
        assert self._step is not None
        part_id = words(event.get("uuid")) or digest(event)[:12]
        if event.get("type") == "content.part":
            block = mapping(event.get("part"))
            part: Part = part_of(block, part_id, self._step)
        else:
            call_id = words(event.get("toolCallId")) or words(event.get("uuid"))
            native = without({"description": event.get("description")}, frozenset())
            native |= {"approval": self._approvals.pop(call_id)} if call_id in self._approvals else {}
            part = call_part(part_id, call_id, event.get("name"), event.get("args"), native)
            if call_id is not None:
                self.calls[call_id] = part["name"]
        self._step.parts.append(part)

    def _answered(self, record: dict[str, Any], event: dict[str, Any]) -> Iterator[Item]:
        call_id, given = words(event.get("toolCallId")), event.get("result")
        message = self._new(record, "user")
        message.role = "tool"
        output = given.get("output") if isinstance(given, dict) else given
        message.parts = parts_of(output, message)
        rest = without(given, frozenset(["output", "isError"])) if isinstance(given, dict) else {}
        rest |= {"output": output} if isinstance(output, dict) else {}
        is_error = isinstance(given, dict) and given.get("isError") is True
        name = self.calls.get(call_id or "")
        result_of(message, call_id, name, text_of(message.parts), is_error=is_error, output=rest)
        if self._step is None:
            yield message
        else:
            self._results.append(message)

    def _ended(self, record: dict[str, Any], event: dict[str, Any]) -> Iterator[Item]:
        yield from self._of_step(record, event.get("uuid"))
        assert self._step is not None
        usage = mapping(event.get("usage"))
        self._step.ended_at = self.time(record.get("time"))
        self._step.tokens_in, self._step.tokens_out = count_of(usage, *_USAGE_IN), count_of(usage, "output")
        self._step.metadata |= {"usage": usage} if usage else {}
        self._step.metadata |= {"stop_reason": event["finishReason"]} if words(event.get("finishReason")) else {}
        yield from self.finish()

    def _compacted(self, record: dict[str, Any]) -> Iterator[Item]:
        yield from self.finish()
        message = self._new(record, "user")
        message.role = "system"
        text = words(record.get("summary")) or words(record.get("contextSummary")) or "The context was compacted."
        message.parts = [{"type": "text", "id": "0", "text": text}]
        counts = without(record, frozenset(["type", "time", "agentId", "summary", "contextSummary"]))
        message.metadata = {"origin": "compaction"} | ({"native": counts} if counts else {})
        yield message

    def _undone(self, record: dict[str, Any]) -> Iterator[Item]:
        yield SessionRecord(str(self.session), metadata={"rewinds": [record]})

    def _approved(self, record: dict[str, Any]) -> Iterator[Item]:
        if call_id := words(record.get("toolCallId")):
            self._approvals[call_id] = record.get("result")
        yield from ()

    def _usage(self, record: dict[str, Any]) -> Iterator[Item]:
        """Keep what was used outside of turns; what a turn used is in its steps."""
        if record.get("usageScope") != "turn":
            rest = without(record, frozenset(["type", "agentId"]))
            yield SessionRecord(str(self.session), metadata={"usage_outside_turns": [rest]})

    def _forked(self, record: dict[str, Any]) -> Iterator[Item]:
        rest = without(record, frozenset(["type", "agentId"]))
        yield SessionRecord(str(self.session), metadata={"kind": "fork", "forked": rest})

    def _plugin(self, record: dict[str, Any]) -> Iterator[Item]:
        if text := words(record.get("content")):
            message = self._new(record, "user")
            message.role, message.metadata = "system", {"origin": "hook"}
            message.parts = [{"type": "text", "id": "0", "text": text}]
            yield message


def _origin(origin: dict[str, Any]) -> str | None:
    """Say whose words are given; None: the person's."""
    kind = origin.get("kind", "user")
    if kind == "system_trigger":
        return "subagent" if origin.get("name", "subagent") == "subagent" else "injected"
    if kind == "shell_command":
        return None if origin.get("phase") == "input" else "injected"
    return _ORIGINS.get(str(kind), "injected")
