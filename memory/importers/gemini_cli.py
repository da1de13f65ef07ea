"""Gemini CLI: `session-*.json`, one document (until early 2026), and `session-*.jsonl`, a journal of one session.

In a journal a message that stands there again is the same message, newer; `{"$set": …}` changes what is known of the
session, and `{"$rewindTo": id}` takes that message and all behind it back. They stay, with `branch` in their metadata:
the next message answers the one before them, and the session's `rewinds` names the place. Calls are parts of the model's
message, and what came of each is a message of role `tool`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memory.importers.reading.documents import (
    mapping,
    names_in,
    native_key,
    objects,
    read_document,
    time_in,
    without,
    words,
)
from memory.importers.reading.google_parts import google_part
from memory.importers.reading.journal import digest
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_SUMMARY,
    Item,
    Mark,
    MessageRecord,
    Part,
    Problem,
    Role,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.spoken import first_line
from memory.importers.reading.unknown import keep_unknown

FORMAT = "gemini-cli"
PLACES = ("$GEMINI_CLI_HOME/.gemini/tmp", "~/.gemini/tmp")
"""Where its files are on a machine; a variable that is not set names no place."""

MARK_EVERY = 400
"""Lines from one mark to the next, at least. Untuned."""
PATH_KEPT = 64
"""How many of the last messages a mark knows, to find their parents and where a rewind goes. Untuned."""
_ROLES: dict[str, Role] = {
    "user": "user",
    "gemini": "assistant",
    "model": "assistant",
    "info": "system",
    "error": "system",
    "warning": "system",
}
_INJECTED = ("System: Please continue.", "<session_context>")
"""How texts begin that Gemini CLI sends in the person's name."""
_SESSION = frozenset(["sessionId", "startTime", "summary", "messages", "kind"])
_MESSAGE = frozenset(
    ["role", "ts", "id", "timestamp", "type", "content", "parts", "toolCalls", "thoughts", "tokens", "model"]
)


def recognises(sample: Sample) -> bool:
    """Say whether the beginning is a session's header, in a document or a journal's first line."""
    names = names_in(sample)
    is_history = {("history",), ("role",), ("parts",), ("meta",), ("start_time",)} <= names
    return is_history or {("sessionId",), ("projectHash",), ("startTime",)} <= names


def read(source: Source) -> Iterator[Item]:
    """Yield a session's records: of a journal from `source.offset` on, of a document all."""
    if source.state.get("whole") or _is_document(Sample(source.path)):
        return read_document(source, lambda document: _Reader({}).document(document))
    return _Reader(source.state).journal(source)


def _is_document(sample: Sample) -> bool:
    """Say whether a session has its messages in it; a journal's header can have an empty list of them."""
    if ("messages",) not in names_in(sample):
        return ("history",) in names_in(sample)
    try:
        header = json.loads(sample.head.strip(b"\x00 \t\r\n").partition(b"\n")[0])
    except (ValueError, RecursionError):
        return True
    return not isinstance(header, dict) or bool(header.get("messages"))


class _Reader:
    """Goes through one session; what it must know to go on is `state()`."""

    def __init__(self, state: dict[str, Any]) -> None:
        self._key: str | None = state.get("session")
        self._path: list[str] = list(state.get("path", []))
        self._is_titled: bool = state.get("titled", False)
        self._unknown: int = state.get("unknown", 0)
        self._problems: list[Problem] = []
        self._line: int | None = None
        self._place = 0
        self._source: Source | None = None

    def state(self) -> dict[str, Any]:
        self._path = self._path[-PATH_KEPT:]
        known = {"titled": self._is_titled, "unknown": self._unknown}
        return {"session": self._key, "path": list(self._path), **known}

    def document(self, document: Any) -> Iterator[Item]:
        given = mapping(document)
        if "sessionId" not in given and isinstance(given.get("history"), list):
            given = _of_history(given)
        yield from self._record(given)
        yield from self._problems

    def journal(self, source: Source) -> Iterator[Item]:
        self._source, marked_line = source, source.line
        for line in source.json_lines(is_glued=True):
            if isinstance(line, Problem):
                yield line
                continue
            self._line, self._problems = line.number, []
            for self._place, value in enumerate(line.values()):
                yield from self._record(value)
            yield from self._problems
            if line.number - marked_line >= MARK_EVERY:
                marked_line = line.number
                yield Mark(source.reached, source.reached_line, self.state())
        yield Mark(source.reached, source.reached_line, self.state())

    def _record(self, record: dict[str, Any]) -> Iterator[Item]:
        if words(record.get("sessionId")) and "type" not in record:
            self._key = record["sessionId"]
            yield from self._session(record)
        elif self._key is None:
            self._problems.append(Problem(self._line, "no session: a record before any `sessionId`"))
        elif isinstance(record.get("$set"), dict):
            yield from self._session(record["$set"])
        elif words(record.get("$rewindTo")):
            yield SessionRecord(self._key, metadata={"rewinds": [record["$rewindTo"]]})
            yield from self._rewind(native_key(self._key, record["$rewindTo"]))
        elif str(record.get("type")) in _ROLES:
            yield from self._message(self._key, record)
        else:
            self._unknown += 1
            yield from keep_unknown(record, self._key, self._line, self._unknown)

    def _rewind(self, target: str) -> Iterator[MessageRecord]:
        """Take back a message and all behind it, or all where it is not known; yield again, as not shown, what that takes."""
        said: dict[str | None, MessageRecord] = {}
        if self._source is not None:
            # a mark knows the end of the path alone
            earlier = _Reader({})
            said = earlier._said_before(self._source.path, self._line or 0, self._place)
            self._path = earlier._path
        at = self._path.index(target) if target in self._path else 0
        taken = set(self._path[at:])
        self._path = self._path[:at]
        for message in said.values():
            if message.key in taken or (message.role == "tool" and message.parent_key in taken):
                yield message

    def _said_before(self, path: Path, line: int, place: int) -> dict[str | None, MessageRecord]:
        """Read a journal up to a place; give its messages without what they say, as they are once they are taken back."""
        found: dict[str | None, MessageRecord] = {}
        for each in Source(path).json_lines(is_glued=True):
            if isinstance(each, Problem):
                continue
            for at, value in enumerate(each.values()):
                if (each.number, at) >= (line, place):
                    return found
                self._line = each.number
                for item in self._record(value):
                    if isinstance(item, MessageRecord):
                        shell = MessageRecord(item.session_key, item.key, item.role, [], item.parent_key)
                        shell.metadata["branch"] = "not shown"
                        found[item.key] = shell
        return found

    def _session(self, given: dict[str, Any]) -> Iterator[Item]:
        """Yield what a header or a change tells of the session, and the messages it holds."""
        assert self._key is not None
        session = SessionRecord(self._key, summary=words(given.get("summary")))
        session.created_at = time_in(given.get("startTime"), self._problems, self._line)
        session.metadata = without(given, _SESSION)
        if words(given.get("kind")) or "sessionId" in given:
            session.metadata["kind"] = "subagent" if given.get("kind") == "subagent" else "main"
        directories = given.get("directories")
        if isinstance(directories, list) and directories:
            session.project = words(directories[0])
        if session.summary:
            session.title, session.title_authority = first_line(session.summary), TITLE_SUMMARY
        yield session
        for each in objects(given.get("messages")):
            yield from self._record(without(each, frozenset(["sessionId"])))

    def _message(self, session_key: str, given: dict[str, Any]) -> Iterator[Item]:
        key = native_key(session_key, words(given.get("id")) or f"line{self._line or len(self._path)}")
        message = MessageRecord(session_key, key, _ROLES[given["type"]], [], is_whole=True)
        message.parent_key = self._parent(key)
        message.created_at = time_in(given.get("timestamp"), self._problems, self._line)
        rest = without(given, _MESSAGE)
        message.metadata = {"native": rest} if rest else {}
        message.parts = [*_thoughts(given), *_content(given.get("content", given.get("parts")), message)]
        text = "\n".join(part["text"] for part in message.parts if part["type"] == "text")
        if message.role == "system":
            message.metadata |= {"origin": "synthetic", "native_role": given["type"]}
            if given["type"] == "error":
                message.status, message.error = "error", text
        elif message.role == "user" and text.startswith(_INJECTED):
            message.role = "system"
            message.metadata |= {"origin": "injected", "native_role": "user"}
        elif message.role == "user" and not self._is_titled and (title := first_line(text)):
            self._is_titled = True
            yield SessionRecord(session_key, title, TITLE_FIRST_PROMPT)
        if message.role == "assistant":
            _count(message, given)
        calls = objects(given.get("toolCalls"))
        message.parts += [_call(call, at) for at, call in enumerate(calls)]
        yield _named(message)
        for at, call in enumerate(calls):
            if call.get("result") or call.get("resultDisplay") or call.get("status") in ("error", "cancelled"):
                yield self._result(message, call, at)

    def _parent(self, key: str) -> str | None:
        """Find the message before one, which becomes the last unless it is known."""
        if key not in self._path:
            self._path.append(key)
        at = self._path.index(key)
        return self._path[at - 1] if at else None

    def _result(self, asked: MessageRecord, call: dict[str, Any], at: int) -> MessageRecord:
        call_id = words(call.get("id")) or f"call{at}"
        result = MessageRecord(asked.session_key, f"{asked.key}:{call_id}", "tool", [], asked.key, is_whole=True)
        result.created_at = time_in(call.get("timestamp"), self._problems, self._line) or asked.created_at
        result.tool_name = words(call.get("name"))
        answer = {"call_id": call_id, "is_error": call.get("status") == "error"}
        result.tool_result = {**answer, "status": call.get("status")}
        given = {name: call[name] for name in ("result", "resultDisplay") if call.get(name)}
        part: Part = {"type": "tool_result", "id": "0", "name": result.tool_name, **answer}
        result.parts = [part | {"text": _output(call), "output": given}]
        return result


def _of_history(given: dict[str, Any]) -> dict[str, Any]:
    """Give a document that only has a history the shape of a session; what it begins with is its id."""
    said = objects(given["history"])
    model = words(mapping(given.get("meta")).get("model"))
    messages = [
        {**each, "id": f"history{at}", "type": str(each.get("role")), "timestamp": each.get("ts"), "model": model}
        for at, each in enumerate(said)
    ]
    rest = without(given, frozenset(["history", "start_time"]))
    key = f"unnamed-{digest([given.get('start_time'), said[:1]])}"
    return {**rest, "sessionId": key, "startTime": given.get("start_time"), "messages": messages}


def _thoughts(given: dict[str, Any]) -> list[Part]:
    found: list[Part] = []
    for at, thought in enumerate(objects(given.get("thoughts"))):
        said = [text for name in ("subject", "description") if (text := words(thought.get(name)))]
        found.append({"type": "reasoning", "id": f"thought{at}", "text": "\n".join(said)})
    return found


def _content(content: object, message: MessageRecord) -> list[Part]:
    """Make parts of a text, or of Google's `parts`."""
    found: list[Part] = []
    for at, each in enumerate(content if isinstance(content, list) else [content]):
        part_id = f"content{at}"
        given = {"text": each} if isinstance(each, str) else mapping(each)
        part = google_part(given, part_id, message.attachments)
        found += [part] if part is not None else []
    return found


def _count(message: MessageRecord, given: dict[str, Any]) -> None:
    message.model = words(given.get("model"))
    tokens = mapping(given.get("tokens"))
    counts = (tokens.get(name) for name in ("input", "output"))
    message.tokens_in, message.tokens_out = (count if isinstance(count, int) else None for count in counts)
    if tokens:
        message.metadata["usage"] = tokens


def _call(call: dict[str, Any], at: int) -> Part:
    part: Part = {"type": "tool_call", "id": f"call{at}", "call_id": words(call.get("id")) or f"call{at}"}
    return part | {"name": words(call.get("name")) or "", "input": call.get("args")}


def _named(message: MessageRecord) -> MessageRecord:
    """Give a message the name of its first call, and the call itself where it is all there is."""
    calls = [part for part in message.parts if part["type"] == "tool_call"]
    message.tool_name = calls[0]["name"] if calls else None
    if len(calls) == len(message.parts) == 1:
        message.tool_call = {name: calls[0][name] for name in ("call_id", "name", "input")}
    return message


def _output(call: dict[str, Any]) -> str:
    """Find what a tool said to the model; where that is not kept, what was shown of it."""
    said: list[str] = []
    for each in objects(call.get("result")):
        response = mapping(mapping(each.get("functionResponse")).get("response"))
        said += [text for name in ("output", "error") if (text := words(response.get(name)))]
    shown = call.get("resultDisplay")
    if said or not shown:
        return "\n".join(said)
    return shown if isinstance(shown, str) else json.dumps(shown)
