"""pi, and OpenClaw, which is built on it: `<time>_<id>.jsonl`, a header and entries.

The header is `{"type": "session", …}`, an entry `{"type": "message", "message": {…}}` or another type.

From version 2 on entries have an `id`, which is one of their session only, and a `parentId`; in version 1 an entry's
content is its id, with how many were alike before. A session that was branched from another names it and holds a copy of
what came before: the copies are messages of the branch. A command that the person ran (`bashExecution`) is one message of
role `tool`: call and output.

OpenClaw's files are told apart by what its own entries are named, and only in the session's metadata (`program`).

Left out on purpose: `thinkingSignature`, `textSignature` (encrypted), `partialJson` (a copy).
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePath
from typing import Any

from memory.importers.reading.journal import digest
from memory.importers.reading.pictures import picture_part
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_PERSON,
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
from memory.importers.reading.touched_files import TouchedFiles, absolute
from memory.importers.reading.unknown import keep_unknown

FORMAT = "pi"
PLACES = (
    "$PI_CODING_AGENT_SESSION_DIR",
    "$PI_CODING_AGENT_DIR/sessions",
    "~/.pi/agent/sessions",
    "$OPENCLAW_STATE_DIR/agents",
    "$OPENCLAW_HOME/.openclaw/agents",
    "~/.openclaw/agents",
    "~/.clawdbot/agents",
)
"""Where its files are on a machine; a variable that is not set names no place."""

MARK_EVERY = 400
"""Lines from one mark to the next, at least. Untuned."""
PASSED_KEPT = 16
"""How many entries that are no messages a mark keeps, to find what a message answers. Untuned."""
ALIKE_KEPT = 64
"""How many of the last entries without an id a mark knows, to tell one that is alike apart from them. Untuned."""
_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "toolResult": "tool",
    "bashExecution": "tool",
    "custom": "system",
    "system": "system",
    "hookMessage": "system",
    "branchSummary": "system",
    "compactionSummary": "system",
}
_ORIGINS = {"compaction": "compaction", "branch_summary": "synthetic", "custom_message": "injected"}
_FILE_TOOLS = {"read": "read", "write": "changed", "edit": "changed", "write_file": "changed", "edit_file": "changed"}
_READ = frozenset("role content timestamp model usage toolCallId toolName isError command output errorMessage".split())
_LEFT_OUT = frozenset(["thinkingSignature", "textSignature", "partialJson"])
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def recognises(sample: Sample) -> bool:
    """Say whether the first line is a header of pi's."""
    first = sample.records[0] if sample.records else {}
    return first.get("type") == "session" and isinstance(first.get("id"), str) and {"timestamp", "cwd"} <= first.keys()


def read(source: Source) -> Iterator[Item]:
    """Yield a session file's records from `source.offset` on."""
    return _Reader(source).items()


class _Reader:
    """Goes through one file, entry by entry."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._session: str | None = source.state.get("session")
        self._is_titled: bool = source.state.get("titled", False)
        self._unknown: int = source.state.get("unknown", 0)
        self._passed: dict[str, str | None] = dict(source.state.get("passed", []))
        self._alike: dict[str, int] = dict(source.state.get("alike", []))
        self._directory: str | None = source.state.get("cwd")
        self._program: str | None = source.state.get("program")
        self._files = TouchedFiles()
        self._at: datetime | None = None

    def items(self) -> Iterator[Item]:
        marked_line = self._source.line
        for line in self._source.json_lines(is_glued=True):
            if isinstance(line, Problem):
                yield line
                continue
            for value in line.values():
                yield from self._entry(Line(line.number, line.end, value))
            if line.number - marked_line >= MARK_EVERY:
                marked_line = line.number
                yield self._mark()
        yield self._mark()

    def _mark(self) -> Mark:
        self._files.clear()
        self._passed = dict(list(self._passed.items())[-PASSED_KEPT:])
        self._alike = dict(list(self._alike.items())[-ALIKE_KEPT:])
        passed = [list(pair) for pair in self._passed.items()]
        state = {"session": self._session, "titled": self._is_titled, "unknown": self._unknown, "passed": passed}
        named: dict[str, Any] = {"cwd": self._directory, "program": self._program}
        named["alike"] = [list(pair) for pair in self._alike.items()]
        state |= {name: value for name, value in named.items() if value}
        return Mark(self._source.reached, self._source.reached_line, state)

    def _entry(self, line: Line) -> Iterator[Item]:
        entry, kind = line.value, str(line.value.get("type"))
        try:
            self._at = read_time(entry.get("timestamp"))
        except ValueError as error:
            self._at = None
            yield Problem(line.number, str(error))
        if kind == "session" and isinstance(entry.get("id"), str):
            yield self._header(entry)
            return
        if self._session is None:
            self._session = self._source.name
            yield Problem(line.number, "no header before the first entry; the path is the session's id")
            yield SessionRecord(self._session, metadata={"kind": "main"})
        if self._program is None and _is_openclaw(entry):
            self._program = "openclaw"
            yield SessionRecord(self._session, metadata={"program": self._program})
        given = entry.get("message")
        if kind == "message" and isinstance(given, dict) and str(given.get("role")) in _ROLES:
            yield from self._message(entry, given)
        elif kind in _ORIGINS:
            yield self._put_in(entry, kind)
        else:
            yield from self._other(entry, kind, line.number)

    def _header(self, entry: dict[str, Any]) -> SessionRecord:
        self._session = entry["id"]
        session = SessionRecord(entry["id"], created_at=self._at, metadata={"kind": "main"})
        session.project, session.model = _text_or_none(entry.get("cwd")), _text_or_none(entry.get("modelId"))
        self._directory = session.project
        # OpenClaw's first entries answer the header
        self._passed[entry["id"]] = None
        rest = {name: value for name, value in entry.items() if name not in ("type", "id", "timestamp", "cwd")}
        session.metadata |= {"native": rest} if rest else {}
        origin = entry.get("branchedFrom") or entry.get("parentSession")
        if isinstance(origin, str):
            found = _UUID.search(PurePath(origin.replace("\\", "/")).name.removesuffix(".jsonl"))
            session.parent_key = found[0] if found is not None else None
            session.metadata["kind"] = "fork"
        return session

    def _other(self, entry: dict[str, Any], kind: str, number: int) -> Iterator[Item]:
        """Yield what an entry that is no message says of its session."""
        if isinstance(entry.get("id"), str):
            parent = _text_or_none(entry.get("parentId"))
            self._passed[entry["id"]] = self._passed.get(parent, parent) if parent is not None else None
        session = SessionRecord(str(self._session))
        if kind == "model_change" and isinstance(entry.get("modelId"), str):
            session.model, session.metadata = entry["modelId"], {"models": [entry["modelId"]]}
            yield session
        elif kind == "thinking_level_change":
            session.metadata = {"thinking_level": entry.get("thinkingLevel")}
            yield session
        elif kind == "session_info" and isinstance(entry.get("name"), str) and entry["name"]:
            session.title, session.title_authority = entry["name"], TITLE_PERSON
            yield session
        else:
            self._unknown += 1
            yield from keep_unknown(entry, self._session, number, self._unknown)

    def _new(self, entry: dict[str, Any], role: Role) -> MessageRecord:
        session, parent = str(self._session), _text_or_none(entry.get("parentId"))
        own = entry.get("id")
        if not isinstance(own, str):
            own = self._named(entry)
        message = MessageRecord(session, f"{session}:{own}", role, [], created_at=self._at)
        parent = self._passed.get(parent, parent) if parent is not None else None
        message.parent_key = f"{session}:{parent}" if parent is not None else None
        return message

    def _named(self, entry: dict[str, Any]) -> str:
        """Name an entry without an id by its content, and by how many were alike before."""
        name = digest(entry)
        short = name[:12]
        # what was met last stands last
        before = self._alike.pop(short, 0)
        self._alike[short] = before + 1
        return f"{name}:{before}" if before else name

    def _put_in(self, entry: dict[str, Any], kind: str) -> MessageRecord:
        """Make a message of a summary, or of what an extension put in."""
        message = self._new(entry, "system")
        content = entry.get("summary", entry.get("content"))
        message.parts = _parts(content, message)
        rest = {name: value for name, value in entry.items() if name not in ("id", "parentId", "timestamp", "type")}
        rest = {name: value for name, value in rest.items() if name not in ("summary", "content")}
        message.metadata = {"origin": _ORIGINS[kind], "native": {"type": kind, **rest}}
        return message

    def _message(self, entry: dict[str, Any], given: dict[str, Any]) -> Iterator[Item]:
        role = str(given["role"])
        message = self._new(entry, _ROLES[role])
        message.parts = _parts(given.get("content"), message)
        rest = {name: value for name, value in given.items() if name not in _READ}
        message.metadata = {"native": rest} if rest else {}
        if message.role == "system":
            message.metadata |= {"origin": "injected", "native_role": role}
        elif role == "assistant":
            _fill_answer(message, given)
        elif role == "toolResult":
            _fill_result(message, given)
        elif role == "bashExecution":
            _fill_command(message, given)
        elif not self._is_titled:
            text = "\n".join(part["text"] for part in message.parts if part["type"] == "text")
            if title := first_line(text):
                self._is_titled = True
                yield SessionRecord(message.session_key, title=title, title_authority=TITLE_FIRST_PROMPT)
        yield message
        yield from self._calls_made(entry, message)

    def _calls_made(self, entry: dict[str, Any], message: MessageRecord) -> Iterator[Item]:
        """Note that what answers a call answers its message; yield the files that calls touch."""
        touched: list[tuple[str, str]] = []
        for part in message.parts:
            if part["type"] != "tool_call" or message.role != "assistant":
                continue
            if isinstance(part["call_id"], str) and isinstance(entry.get("id"), str):
                self._passed[part["call_id"]] = entry["id"]
            path = part["input"].get("path") if isinstance(part["input"], dict) else None
            if isinstance(path, str) and part["name"] in _FILE_TOOLS:
                touched.append((absolute(path, self._directory), _FILE_TOOLS[part["name"]]))
        yield from self._files.arrows(message.session_key, touched, message.created_at)


def _is_openclaw(entry: dict[str, Any]) -> bool:
    return any(str(entry.get(name)).startswith("openclaw") for name in ("customType", "provider", "agent"))


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _parts(content: object, message: MessageRecord) -> list[Part]:
    if isinstance(content, str):
        return [{"type": "text", "id": "0", "text": content}] if content else []
    blocks = content if isinstance(content, list) else []
    return [_part(block, str(at), message) for at, block in enumerate(blocks)]


def _part(block: Any, part_id: str, message: MessageRecord) -> Part:
    """Make a part of one block; what it has no place for stays under `native`."""
    block = dict[str, Any](block) if isinstance(block, dict) else dict[str, Any](value=block)
    kind, part, used = block.get("type"), dict[str, Any](id=part_id), ["type"]
    if kind == "text" and isinstance(block.get("text"), str):
        part |= {"type": "text", "text": block["text"]}
        used += ["text"]
    elif kind == "thinking" and isinstance(block.get("thinking"), str):
        part |= {"type": "reasoning", "text": block["thinking"]}
        used += ["thinking"]
    elif kind == "toolCall":
        part |= {"type": "tool_call", "call_id": block.get("id"), "name": str(block.get("name") or "")}
        part["input"] = block.get("arguments")
        used += ["id", "name", "arguments"]
    elif kind == "image" and isinstance(block.get("data"), str):
        part = picture_part(part_id, str(block.get("mimeType") or "image/png"), block["data"], message.attachments)
        used += ["data", "mimeType"]
    else:
        return {"type": "file", "id": part_id, "native": block}
    rest = {name: value for name, value in block.items() if name not in used and name not in _LEFT_OUT}
    return part | ({"native": rest} if rest else {})


def _fill_answer(message: MessageRecord, given: dict[str, Any]) -> None:
    message.model = _text_or_none(given.get("model"))
    calls = [part for part in message.parts if part["type"] == "tool_call"]
    message.tool_name = calls[0]["name"] if calls else None
    if len(message.parts) == len(calls) == 1:
        message.tool_call = {name: calls[0][name] for name in ("call_id", "name", "input")}
    if given.get("stopReason") in ("error", "aborted"):
        message.status, message.error = "error", _text_or_none(given.get("errorMessage")) or str(given["stopReason"])
    usage = given.get("usage")
    if isinstance(usage, dict):
        counts = [usage.get(name) for name in ("input", "cacheRead", "cacheWrite")]
        message.tokens_in = sum(count for count in counts if type(count) is int)
        message.tokens_out = usage["output"] if type(usage.get("output")) is int else None
        message.metadata["usage"] = usage


def _fill_result(message: MessageRecord, given: dict[str, Any]) -> None:
    """Put a result's texts together; what else it holds stays beside them."""
    call_id, is_error = given.get("toolCallId"), given.get("isError") is True
    message.tool_name = _text_or_none(given.get("toolName"))
    message.tool_result = {"call_id": call_id, "is_error": is_error}
    text = "\n".join(part["text"] for part in message.parts if part["type"] == "text")
    part: Part = {"type": "tool_result", "id": "result", "call_id": call_id, "name": message.tool_name}
    others = [other for other in message.parts if other["type"] != "text"]
    message.parts = [part | {"is_error": is_error, "text": text}, *others]


def _fill_command(message: MessageRecord, given: dict[str, Any]) -> None:
    """Give a command that the person ran as a call and its output."""
    is_error = given.get("exitCode") not in (0, None) or given.get("cancelled") is True
    output = given.get("output")
    message.tool_name, message.tool_result = "bash", {"call_id": None, "is_error": is_error}
    call: Part = {"type": "tool_call", "id": "call", "call_id": None, "name": "bash"}
    result: Part = {"type": "tool_result", "id": "result", "call_id": None, "name": "bash", "is_error": is_error}
    shown = {"text": output} if isinstance(output, str) else {"text": "", "output": output}
    message.parts = [call | {"input": {"command": given.get("command")}}, result | shown]
