"""OpenAI Codex: `rollout-<time>-<id>.jsonl` of three generations.

1. Lines `{timestamp, type, payload}` (from October 2025). 2. The items themselves, after a header `{id, timestamp, …}`,
between lines `{"record_type": "state"}`. 3. One document `{"session": …, "items": […]}` (April 2025).

What becomes a message: each `message` item (two, where a program put text around the person's), each call, each output,
and each `reasoning` item that has words. Items have no lasting id: a message's identity is its session, its number
among the session's messages and its content; a call's its `call_id`. So a history that a fork replays is the same
messages, and they stay in the parent's session; the times of replayed lines are those of the copy, so the time of
their turn is taken. `event_msg` lines repeat items; only exit codes, patches, token counts, errors and names are used.

Left out on purpose: `encrypted_content`, `replacement_history` (copies), `world_state`, settings, snapshots.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from memory.importers.codex.lineage import Header, Lineage
from memory.importers.codex.parts import (
    call_input,
    call_name,
    changed_files,
    digest,
    output_of,
    reasoning_text,
    review_of,
    session_of,
    spoken,
)
from memory.importers.reading.documents import read_document
from memory.importers.reading.pictures import picture_part
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    Item,
    Mark,
    MessageRecord,
    Part,
    Problem,
    Role,
    SessionRecord,
)
from memory.importers.reading.source import Line, Sample, Source
from memory.importers.reading.spoken import first_line
from memory.importers.reading.times import read_time
from memory.importers.reading.touched_files import TouchedFiles
from memory.importers.reading.unknown import keep_unknown

FORMAT = "codex"
PLACES = ("$CODEX_HOME/sessions", "$CODEX_HOME/archived_sessions", "~/.codex/sessions", "~/.codex/archived_sessions")
"""Where its files are on a machine; a variable that is not set names no place."""

MARK_EVERY = 400
"""Lines from one mark to the next, at least: never behind an answer. Untuned."""
CALLS_KEPT = 32
"""How many unanswered calls a mark keeps, to name their outputs. Untuned."""

_ENVELOPES = frozenset(["session_meta", "response_item", "event_msg", "turn_context", "compacted", "world_state"])
_LEFT_OUT = frozenset(["world_state", "inter_agent_communication_metadata", "ghost_snapshot", "compaction"])
_DOCUMENT = re.compile(rb'\s*\{\s*"(?:session"\s*:\s*\{|items"\s*:\s*\[)')


def recognises(sample: Sample) -> bool:
    """Say whether the beginning is that of a Codex session, of any generation."""
    return _is_document(sample) or any(_is_line(record) for record in sample.records)


def read(source: Source) -> Iterator[Item]:
    """Yield a session file's records from `source.offset` on."""
    return _Reader(source).items()


def _is_document(sample: Sample) -> bool:
    is_both = b'"session"' in sample.head and b'"items"' in sample.head
    return is_both and _DOCUMENT.match(sample.head) is not None


def _is_line(record: dict[str, Any]) -> bool:
    if isinstance(record.get("payload"), dict):
        return str(record.get("type")) in _ENVELOPES and "timestamp" in record
    if record.get("record_type") == "state":
        return True
    return "type" not in record and {"id", "timestamp", "instructions"} <= record.keys()


class _Reader:
    """Goes through one file, item by item."""

    def __init__(self, source: Source) -> None:
        state = source.state
        self._source = source
        self._lineage = Lineage(state)
        self._counts: dict[str, int] = dict(state.get("counts", {}))
        self._calls: dict[str, str] = dict(state.get("calls", []))
        self._exits: dict[str, dict[str, Any]] = dict(state.get("exits", []))
        self._last: list[str] = list(state.get("last", []))
        self._known: dict[str, Any] = dict(state.get("known", {}))
        self._held: MessageRecord | None = None
        self._files = TouchedFiles()
        self._problems: list[Problem] = []
        self._marked_line = source.line
        self._line: int | None = None
        self._at: datetime | None = None

    def items(self) -> Iterator[Item]:
        if _is_document(Sample(self._source.path)):
            yield from read_document(self._source, self._document)
            return
        for line in self._source.json_lines(is_glued=True):
            if isinstance(line, Problem):
                yield line
                continue
            for value in line.values():
                yield from self._record(value, line)
            # A token count may still follow an answer.
            is_answer = self._held is not None and self._held.role == "assistant"
            if line.number - self._marked_line >= MARK_EVERY and not is_answer:
                yield from self._mark()
        yield from self._mark()

    def _document(self, document: object) -> Iterator[Item]:
        if not isinstance(document, dict) or "session" not in document:
            yield Problem(None, "not a whole document: it has no session")
            return
        listed = document.get("items")
        for record in [document["session"], *(listed if isinstance(listed, list) else [])]:
            if isinstance(record, dict):
                yield from self._record(record, None)
        yield from self._finish()

    def _mark(self) -> Iterator[Item]:
        yield from self._finish()
        self._files.clear()
        self._marked_line = self._source.reached_line
        for name in ("_calls", "_exits"):
            setattr(self, name, dict(list(getattr(self, name).items())[-CALLS_KEPT:]))
        state: dict[str, Any] = {**self._lineage.state(), "counts": dict(self._counts), "last": list(self._last or [])}
        state |= {"calls": [list(call) for call in self._calls.items()], "known": dict(self._known)}
        state["exits"] = [list(end) for end in self._exits.items()]
        kept = {name: value for name, value in state.items() if value}
        yield Mark(self._source.reached, self._source.reached_line, kept)

    def _record(self, record: dict[str, Any], line: Line | None) -> Iterator[Item]:
        """Yield what one record of any generation holds."""
        self._line = line.number if line else None
        self._at = self._time(record.get("timestamp", record.get("created_at")))
        kind, payload = record.get("type"), record.get("payload")
        if not isinstance(payload, dict):
            payload = record
            is_header = "id" in record and "role" not in record and kind is None
            kind = "session_meta" if is_header else "state" if "record_type" in record else "response_item"
        turn = payload.get("turn_id") if kind in ("event_msg", "turn_context") else None
        if kind != "session_meta" and self._lineage.goes_on(turn, self._at):
            yield from self._replay_ended()
        if self._lineage.is_replay:
            self._at = self._lineage.turn_at
        if kind != "session_meta" and self._lineage.current is None:
            yield from self._headless(record)
        yield from self._dispatch(str(kind), payload, record)
        yield from self._problems
        self._problems.clear()

    def _dispatch(self, kind: str, payload: dict[str, Any], record: dict[str, Any]) -> Iterator[Item]:
        if kind == "session_meta":
            yield from self._header(payload)
        elif kind == "response_item":
            yield from self._item(payload)
        elif kind == "event_msg":
            yield from self._event(payload)
        elif kind == "turn_context":
            yield from self._context(payload)
        elif kind == "compacted":
            message = self._message("system", "compacted", str(payload.get("message") or ""))
            message.metadata["origin"] = "compaction"
            message.parts = [
                {"type": "text", "id": "0", "text": str(payload.get("message") or "Conversation compacted")}
            ]
            yield from self._hold(message)
        elif kind not in _LEFT_OUT and kind != "state":
            yield from self._unknown(record)

    def _time(self, value: object) -> datetime | None:
        try:
            return read_time(value)
        except ValueError as error:
            if not self._problems:
                self._problems.append(Problem(self._line, str(error)))
            return None

    def _session_key(self) -> str:
        assert self._lineage.current is not None
        return self._lineage.current.key

    def _header(self, payload: dict[str, Any]) -> Iterator[Item]:
        key = payload.get("id")
        if not isinstance(key, str) or not key:
            yield Problem(self._line, "a session header without an id")
            return
        own = self._lineage.headers[0].key if self._lineage.headers else key
        session = session_of(key, payload)
        session.created_at = self._time(payload.get("timestamp"))
        if key != own and len(self._lineage.headers) == 1:
            is_subagent = self._lineage.headers[0].kind == "subagent"
            yield SessionRecord(own, parent_key=key, metadata={} if is_subagent else {"kind": "fork"})
        self._lineage.begin(Header(key, session.metadata["kind"]))
        yield session

    def _headless(self, record: dict[str, Any]) -> Iterator[Item]:
        """Begin a session that has no header; its first record names it."""
        key = f"headless-{digest(json.dumps(record, sort_keys=True))}"
        self._lineage.begin(Header(key, "main"))
        yield SessionRecord(key, created_at=self._at, metadata={"kind": "main"})

    def _replay_ended(self) -> Iterator[Item]:
        """Note the message at which this session left its parent."""
        yield from self._finish()
        if self._last and self._lineage.current is not None and self._last[0] != self._lineage.current.key:
            yield SessionRecord(self._lineage.current.key, forked_at_key=self._last[1])

    def _context(self, payload: dict[str, Any]) -> Iterator[Item]:
        key, model, directory = self._session_key(), payload.get("model"), payload.get("cwd")
        news = SessionRecord(key)
        if isinstance(model, str) and self._known.get("model") != model:
            news.model = self._known["model"] = model
        if isinstance(directory, str) and self._known.get("cwd") != directory:
            news.metadata["working_directory"] = self._known["cwd"] = directory
        if news.model or news.metadata:
            yield news

    def _item(self, payload: dict[str, Any]) -> Iterator[Item]:
        kind = str(payload.get("type") or ("message" if "role" in payload else ""))
        if kind == "message" or (kind == "agent_message" and "role" not in payload):
            yield from self._said(payload, is_agent=kind == "agent_message")
        elif kind == "reasoning":
            if text := reasoning_text(payload):
                message = self._message("assistant", kind, text)
                message.parts = [{"type": "reasoning", "id": "0", "text": text}]
                yield from self._hold(message)
        elif kind.endswith("_call"):
            yield from self._called(payload, kind)
        elif kind.endswith(("_output", "_result")):
            yield from self._answered(payload)
        elif kind not in _LEFT_OUT:
            yield from self._unknown(payload)

    def _said(self, payload: dict[str, Any], is_agent: bool) -> Iterator[Item]:
        role = payload.get("role")
        is_person = role == "user"
        is_subagent = is_person and self._lineage.current is not None and self._lineage.current.kind == "subagent"
        origin = None if is_person or role == "assistant" else "subagent" if is_agent else "injected"
        groups = spoken(payload, origin, looks_inside=is_person)
        key = None
        for group in sorted(groups, key=lambda group: group.origin is not None):
            whose = group.origin or ("subagent" if is_subagent else None)
            speaker: Role = "system" if whose else "assistant" if role == "assistant" else "user"
            texts = "\n".join(part.get("text", "") for part in group.parts)
            message = self._message(speaker, "message", texts) if key is None else self._message(speaker, None, texts)
            key = message.key = message.key if key is None else f"{key}#around"
            message.parts, message.attachments = group.parts, group.attachments
            message.metadata |= {"origin": whose} if whose else {}
            message.metadata |= {name: payload[name] for name in ("phase", "author", "recipient") if payload.get(name)}
            yield from self._titled(message, texts)
            yield from self._hold(message)

    def _titled(self, message: MessageRecord, text: str) -> Iterator[Item]:
        current = self._lineage.current
        is_prompt = message.role == "user" or message.metadata.get("origin") == "subagent"
        if current is not None and is_prompt and not current.is_titled and (title := first_line(text)):
            current.is_titled = True
            yield SessionRecord(current.key, title=title, title_authority=TITLE_FIRST_PROMPT)

    def _called(self, payload: dict[str, Any], kind: str) -> Iterator[Item]:
        name, given, call_id = call_name(payload), call_input(payload), payload.get("call_id", payload.get("id"))
        if isinstance(call_id, str):
            self._calls[call_id] = name
            message = self._message("assistant", None, "")
            message.key = f"{message.session_key}:{call_id}"
        else:
            call_id = None
            message = self._message("assistant", kind, json.dumps(given, sort_keys=True))
        message.tool_name = name
        message.tool_call = {"call_id": call_id, "name": name, "input": given}
        part: Part = {"type": "tool_call", "id": "0", **message.tool_call}
        native = {name: payload[name] for name in ("status", "namespace") if payload.get(name)}
        message.parts = [part | {"native": native} if native else part]
        if kind == "image_generation_call" and isinstance(payload.get("result"), str):
            message.parts.append(picture_part("1", "image/png", payload["result"], message.attachments))
        yield from self._hold(message)
        touched = changed_files(given, self._known.get("cwd"))
        yield from self._files.arrows(message.session_key, touched, message.created_at)

    def _answered(self, payload: dict[str, Any]) -> Iterator[Item]:
        call_id, output = payload.get("call_id"), output_of(payload)
        if not isinstance(call_id, str):
            call_id = None
        name = self._calls.pop(call_id or "", None) or payload.get("name")
        output.details = self._exits.pop(call_id or "", {}) | output.details
        message = self._message("tool", "output" if call_id is None else None, output.text)
        if call_id is not None:
            message.key = f"{message.session_key}:{call_id}:output:{digest(output.text)}"
        message.tool_name = name if isinstance(name, str) else None
        message.tool_result = {**output.details, "call_id": call_id, "is_error": output.is_error}
        part: Part = {"type": "tool_result", "id": "0", "call_id": call_id, "name": message.tool_name}
        part |= {"is_error": output.is_error, "text": output.text}
        message.parts = [part | {"output": output.given} if output.given is not None else part]
        yield from self._hold(message)

    def _event(self, payload: dict[str, Any]) -> Iterator[Item]:
        kind, call_id = payload.get("type"), payload.get("call_id")
        if kind == "token_count":
            yield from self._tokens(payload.get("info"))
        elif kind == "turn.completed" and isinstance(payload.get("usage"), dict):
            yield SessionRecord(self._session_key(), metadata={"turn_usage": [payload["usage"]]})
        elif kind == "thread_name_updated" and isinstance(payload.get("thread_name"), str):
            yield SessionRecord(self._session_key(), title=payload["thread_name"], title_authority=TITLE_GENERATED)
        elif kind in ("error", "stream_error"):
            yield from self._failed(payload)
        elif kind in ("entered_review_mode", "exited_review_mode"):
            yield SessionRecord(self._session_key(), metadata={"reviews": [review_of(payload)]})
        elif isinstance(call_id, str) and kind in ("exec_command_end", "patch_apply_end"):
            names = ("exit_code", "success", "duration")
            if call_id in self._calls:
                self._exits[call_id] = {name: payload[name] for name in names if payload.get(name) is not None}
            changes = payload.get("changes")
            if isinstance(changes, dict) and payload.get("success") is not False:
                touched = [(str(path), "changed") for path in changes]
                yield from self._files.arrows(self._session_key(), touched, self._at)

    def _failed(self, payload: dict[str, Any]) -> Iterator[Item]:
        error = payload.get("error")
        said = payload.get("message") or (error.get("message") if isinstance(error, dict) else error)
        yield from self._note("error", str(said), "synthetic")

    def _note(self, kind: str, text: str, origin: str) -> Iterator[Item]:
        message = self._message("system", kind, text)
        message.metadata["origin"] = origin
        message.parts = [{"type": "text", "id": "0", "text": text}]
        if kind == "error":
            message.status, message.error = "error", text
        yield from self._hold(message)

    def _tokens(self, info: object) -> Iterator[Item]:
        """Give the tokens of one answer of the model to the last item of that answer."""
        usage = info.get("last_token_usage") if isinstance(info, dict) else None
        if isinstance(info, dict) and info and not self._last:
            # counted before any message of this file
            yield SessionRecord(self._session_key(), metadata={"usage": info.get("total_token_usage") or info})
        if not isinstance(usage, dict) or not self._last:
            return
        message = self._held
        if message is None:
            message = MessageRecord(self._last[0], self._last[1], "assistant", [])
        if message.role == "assistant" and message.tokens_in is None and self._last[2] == "assistant":
            counts = usage.get("input_tokens"), usage.get("output_tokens")
            message.tokens_in, message.tokens_out = (count if isinstance(count, int) else None for count in counts)
            message.metadata["usage"] = usage
            self._last[2] = "counted"
            if self._held is None:
                yield message

    def _message(self, role: Role, counted: str | None, text: str) -> MessageRecord:
        """Make a message of the session at hand; `counted` names the sequence that numbers it, for its key."""
        session = self._session_key()
        key = None
        if counted is not None:
            sequence = f"{session}:{counted}"
            number = self._counts.get(sequence, 0)
            self._counts[sequence] = number + 1
            key = f"{sequence}:{number}:{digest(text)}"
        message = MessageRecord(session, key, role, [], created_at=self._at)
        if role == "assistant":
            message.model = self._known.get("model")
        return message

    def _hold(self, message: MessageRecord) -> Iterator[Item]:
        """Keep a message back until the next, for the token count that may follow it."""
        yield from self._finish()
        self._held, self._last = message, [message.session_key, message.key or "", message.role]

    def _finish(self) -> Iterator[Item]:
        held, self._held = self._held, None
        if held is not None:
            yield held

    def _unknown(self, record: dict[str, Any]) -> Iterator[Item]:
        self._known["unknown"] = self._known.get("unknown", 0) + 1
        current = self._lineage.current
        yield from keep_unknown(record, current.key if current else None, self._line, self._known["unknown"])
