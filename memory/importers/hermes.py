"""Hermes Agent: `state.db`, and `sessions/session_*.json`, one document a session.

Both hold the same messages under ids of their own, or none: a message's identity is its session, its content, and which
of equal ones it is, so that a message that stands in both is one. In the database, rows that are not `active` and were
not compacted were taken back: they stay, with `branch`. A session with a parent goes on from it, or is a sub-agent's
(`_delegate_from`), or a fork (`_branched_from`).

Left out on purpose: `encrypted_content`, `codex_message_items` and `api_content` (copies), the tables of search, and
the definitions of tools.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from memory.importers.reading.documents import mapping, names_in, objects, read_document, time_in, without, words
from memory.importers.reading.journal import digest, name_calls, parsed, result_of, text_of
from memory.importers.reading.pictures import picture_at
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    Item,
    Mark,
    MessageRecord,
    Part,
    Problem,
    RelationshipRecord,
    Role,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.spoken import first_line
from memory.importers.reading.touched_files import TouchedFiles, absolute
from memory.importers.reading.unknown import keep_unknown
from memory.store.foreign import ForeignDatabase, open_foreign

FORMAT = "hermes"
PLACES = (
    "$HERMES_HOME/state.db",
    "$HERMES_HOME/sessions",
    "$HERMES_HOME/profiles/*/state.db",
    "$HERMES_HOME/profiles/*/sessions/*",
    "~/.hermes/state.db",
    "~/.hermes/sessions",
    "~/.hermes/profiles/*/state.db",
    "~/.hermes/profiles/*/sessions/*",
    "$LOCALAPPDATA/hermes/state.db",
    "$LOCALAPPDATA/hermes/sessions",
    "$LOCALAPPDATA/hermes/profiles/*/state.db",
    "$LOCALAPPDATA/hermes/profiles/*/sessions/*",
)
"""Where its files are on a machine; a variable that is not set names no place."""

_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
    "system": "system",
    "developer": "system",
}
_ORIGINS = {
    "_compressed_summary": "compaction",
    "_empty_recovery_synthetic": "synthetic",
    "_verification_stop_synthetic": "synthetic",
}
"""Marks of messages that a program wrote in the person's name."""
_JSON_AHEAD = "\x00json:"
"""How content in the database begins that is no text."""
_SESSION = frozenset(
    (
        "id session_id model model_config session_start started_at system_prompt messages tools cwd title"
        " parent_session_id git_branch conversation_tags last_prompt"
    ).split()
)
_MESSAGE = frozenset(
    (
        "id session_id role content reasoning reasoning_content reasoning_details codex_reasoning_items"
        " codex_message_items api_content tool_calls tool_call_id tool_name name timestamp token_count active"
        " compacted display_identity"
    ).split()
)
_USAGE = frozenset(
    (
        "input_tokens output_tokens cache_read_tokens cache_write_tokens reasoning_tokens api_call_count token_count"
    ).split()
)
_COST = frozenset("estimated_cost_usd actual_cost_usd cost_status cost_source pricing_version billing_mode".split())
_FILE_TOOLS = {"read_file": "read", "write_file": "changed", "patch": "changed", "edit_file": "changed"}


def recognises(sample: Sample) -> bool:
    """Say whether it is a database with Hermes' tables, or a session's document."""
    if sample.tables:
        return _is_database(sample.tables)
    return {("session_id",), ("session_start",), ("platform",), ("messages",)} <= names_in(sample)


def read(source: Source) -> Iterator[Item]:
    """Yield the sessions of a database or a document; it is read whole, whatever `source.offset` is."""
    tables = Sample(source.path).tables
    return _database(source, tables) if tables else read_document(source, _document)


def _is_database(tables: Mapping[str, frozenset[str]]) -> bool:
    sessions, messages = (tables.get(name, frozenset()) for name in ("sessions", "messages"))
    is_sessions = {"id", "source", "model_config", "started_at", "parent_session_id"} <= sessions
    return is_sessions and {"id", "session_id", "role", "content", "tool_calls", "tool_name", "timestamp"} <= messages


def _document(document: Any) -> Iterator[Item]:
    given = mapping(document)
    if words(given.get("session_id")) is None or not isinstance(given.get("messages"), list):
        yield Problem(None, "no session: it has no `session_id` or no `messages`")
        return
    yield from _Session(given["session_id"], given).items(objects(given["messages"]))


def _database(source: Source, tables: Mapping[str, frozenset[str]]) -> Iterator[Item]:
    size = source.path.stat().st_size
    if not _is_database(tables):
        yield Problem(None, "no database of Hermes'")
        return
    if source.offset != size:
        with open_foreign(source.path) as foreign:
            columns = sorted(tables["sessions"])
            for row in foreign.rows(f"select {_quoted(columns)} from sessions order by started_at, id"):
                given = _plain(columns, row)
                if key := words(given.get("id")):
                    yield from _Session(key, given).items(_rows(foreign, sorted(tables["messages"]), key))
                    yield Mark(0, 0, {"whole": True})
    yield Mark(size, 0, {"whole": True})


def _quoted(columns: list[str]) -> str:
    return ", ".join('"' + column.replace('"', '""') + '"' for column in columns)


def _plain(columns: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    """Name the values of a row; bytes, which no JSON holds, are left out."""
    return {name: value for name, value in zip(columns, row, strict=True) if not isinstance(value, bytes)}


def _rows(foreign: ForeignDatabase, columns: list[str], key: str) -> Iterator[dict[str, Any]]:
    for row in foreign.rows(f"select {_quoted(columns)} from messages where session_id = ? order by id", (key,)):
        given = _plain(columns, row)
        content = given.get("content")
        if isinstance(content, str) and content.startswith(_JSON_AHEAD):
            given["content"] = parsed(content.removeprefix(_JSON_AHEAD))
        for name in ("tool_calls", "codex_reasoning_items", "reasoning_details", "display_metadata"):
            given[name] = parsed(given.get(name))
        yield given


class _Session:
    """Goes through one session."""

    def __init__(self, key: str, given: dict[str, Any]) -> None:
        self._key = key
        self._given = given
        self._seen: Counter[str] = Counter()
        self._calls: dict[str, str] = {}
        self._files = TouchedFiles()
        self._directory: str | None = None
        self._problems: list[Problem] = []
        self._unknown = 0
        self._is_titled = False

    def items(self, messages: Iterable[dict[str, Any]]) -> Iterator[Item]:
        session = self._session()
        self._directory = session.project
        self._is_sub = session.metadata["kind"] == "subagent"
        yield session
        for given in messages:
            role = str(given.get("role"))
            if role in _ROLES:
                yield from self._message(given, role)
            elif without(given, frozenset(["role", "id", "session_id", "timestamp", "active", "compacted"])):
                self._unknown += 1
                yield from keep_unknown(given, self._key, None, self._unknown)
        yield from self._problems

    def _session(self) -> SessionRecord:
        given, config = self._given, mapping(parsed(self._given.get("model_config")))
        session = SessionRecord(self._key)
        if title := words(given.get("title")):
            session.title, session.title_authority = title, TITLE_GENERATED
        session.project = words(given.get("cwd")) or words(config.get("cwd"))
        session.model, session.system_prompt = words(given.get("model")), words(given.get("system_prompt"))
        session.created_at = time_in(given.get("session_start", given.get("started_at")), self._problems)
        parents = [config.get("_delegate_from"), config.get("_branched_from"), given.get("parent_session_id")]
        session.parent_key = next((parent for parent in parents if words(parent)), None)
        is_sub = words(config.get("_delegate_from")) is not None or given.get("source") == "subagent"
        kind = "subagent" if is_sub else "fork" if words(config.get("_branched_from")) else "main"
        rest = without(given, _SESSION | _USAGE | _COST)
        tags = given.get("conversation_tags")
        session.tags = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
        session.metadata = {"kind": kind} | rest | ({"model_config": config} if config else {})
        session.metadata |= {"git_branch": given["git_branch"]} if words(given.get("git_branch")) else {}
        for name, columns in (("usage", _USAGE), ("cost", _COST)):
            values = {column: given[column] for column in sorted(columns) if given.get(column) not in (None, 0, "")}
            session.metadata |= {name: values} if values else {}
        return session

    def _message(self, given: dict[str, Any], role: str) -> Iterator[Item]:
        content, call_id = given.get("content") or "", words(given.get("tool_call_id"))
        calls = [_call(call, at) for at, call in enumerate(objects(given.get("tool_calls")))]
        known = digest([role, content, call_id, [[part["call_id"], part["name"]] for part in calls]])
        self._seen[known] += 1
        message = MessageRecord(self._key, f"{self._key}:{known}:{self._seen[known]}", _ROLES[role], [])
        message.created_at = time_in(given.get("timestamp"), self._problems)
        rest = without(given, _MESSAGE)
        message.metadata = {"native": rest} if rest else {}
        if given.get("active") == 0 and given.get("compacted") in (0, None):
            message.metadata["branch"] = "not shown"
        message.parts = [*_thoughts(given), *_content(content, message)]
        if message.role == "tool":
            name = words(given.get("tool_name")) or words(given.get("name")) or self._calls.get(call_id or "")
            is_error = given.get("finish_reason") == "error"
            yield result_of(message, call_id, name, text_of(message.parts), is_error=is_error)
        elif message.role == "assistant":
            yield from self._answer(message, given, calls)
        else:
            yield from self._said(message, given, role)

    def _said(self, message: MessageRecord, given: dict[str, Any], role: str) -> Iterator[Item]:
        origin = next((origin for name, origin in _ORIGINS.items() if given.get(name)), None)
        if role == "user" and self._is_sub:
            origin = origin or "subagent"
        if origin is not None or message.role == "system":
            message.role = "system"
            message.metadata |= {"origin": origin or "injected", "native_role": role}
        text = text_of(message.parts)
        if not self._is_titled and message.metadata.get("origin") in (None, "subagent") and (title := first_line(text)):
            self._is_titled = True
            yield SessionRecord(self._key, title, TITLE_FIRST_PROMPT)
        yield message

    def _answer(self, message: MessageRecord, given: dict[str, Any], calls: list[Part]) -> Iterator[Item]:
        message.model = words(self._given.get("model"))
        message.parts += calls
        count = given.get("token_count")
        message.tokens_out = count if type(count) is int and count > 0 else None
        yield name_calls(message)
        touched: list[tuple[str, str]] = []
        for part in calls:
            if part["call_id"] is not None:
                self._calls[part["call_id"]] = part["name"]
            path = words(mapping(part["input"]).get("path")) or words(mapping(part["input"]).get("file_path"))
            if path is not None and part["name"] in _FILE_TOOLS:
                touched.append((absolute(path, self._directory), _FILE_TOOLS[part["name"]]))
        arrows: Iterator[RelationshipRecord] = self._files.arrows(self._key, touched, message.created_at)
        yield from arrows


def _call(given: dict[str, Any], at: int) -> Part:
    function = mapping(given.get("function")) or given
    part: Part = {"type": "tool_call", "id": f"call{at}"}
    part |= {
        "call_id": words(given.get("id")) or words(given.get("call_id")),
        "name": words(function.get("name")) or "",
    }
    part["input"] = parsed(function.get("arguments"))
    rest = without(given, frozenset(["id", "call_id", "type", "function", "name", "arguments", "extra_content"]))
    return part | ({"native": rest} if rest else {})


def _thoughts(given: dict[str, Any]) -> list[Part]:
    """Make one part of each different text that was thought."""
    said = [words(given.get(name)) for name in ("reasoning", "reasoning_content")]
    for name in ("reasoning_details", "codex_reasoning_items"):
        for item in objects(given.get(name)):
            said.append(words(item.get("text")))
            said += [words(each.get("text")) for each in objects(item.get("summary"))]
    different = list(dict.fromkeys(text for text in said if text))
    whole = [text for text in different if not any(text != other and text in other for other in different)]
    return [{"type": "reasoning", "id": f"thought{at}", "text": text} for at, text in enumerate(whole)]


def _content(content: object, message: MessageRecord) -> list[Part]:
    """Make parts of a text, or of OpenAI's blocks."""
    if isinstance(content, str):
        return [{"type": "text", "id": "0", "text": content}] if content else []
    if not isinstance(content, list):
        return [{"type": "text", "id": "0", "text": json.dumps(content), "native": content}]
    found: list[Part] = []
    for at, block in enumerate(content):
        given = mapping(block)
        url = words(mapping(given.get("image_url")).get("url")) or words(given.get("image_url"))
        text = block if isinstance(block, str) else given.get("text")
        if isinstance(text, str):
            found.append({"type": "text", "id": str(at), "text": text})
        elif url is not None:
            found.append(picture_at(str(at), url, message.attachments))
        else:
            found.append({"type": "file", "id": str(at), "native": block})
    return found
