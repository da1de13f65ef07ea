"""Grok CLI: `sessions/<directory>/<session>/chat_history.jsonl`, `summary.json` beside it.

The lines have no times, and most have no id: a message's identity is its session, its number and its content. The
session's id stands in the summary, else it is the name of the folder, else what the file begins with. What has a
`synthetic_reason` is the program's. A search that the model's own servers ran (`backend_tool_call`) is a call.

Left out on purpose: `encrypted_content`, `model_fingerprint`; `updates.jsonl` beside it (the same, as shown).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from memory.importers.reading.documents import mapping, native_key, objects, without, words
from memory.importers.reading.journal import Journal, digest, name_calls, parsed, result_of, text_of
from memory.importers.reading.pictures import picture_at
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
from memory.importers.reading.touched_files import absolute

FORMAT = "grok"
PLACES = ("$GROK_HOME/sessions", "~/.grok/sessions")
"""Where its files are on a machine; a variable that is not set names no place."""

MARK_EVERY = 400
"""Lines from one mark to the next, at least. Untuned."""
_TYPES = frozenset(["system", "user", "assistant", "reasoning", "tool_result", "backend_tool_call"])
_OWN = frozenset(["synthetic_reason", "prompt_index", "model_id", "model_fingerprint", "tool_call_id"])
_WRAPPERS: dict[str, str | None] = dict.fromkeys(["user_info", "system-reminder", "git_status"], "injected")
_USED = frozenset(["type", "content", "tool_calls", "model_id", "model_fingerprint", "synthetic_reason", "id"])
_SUMMARY = frozenset(
    (
        "info session_summary generated_title created_at current_model_id head_branch head_commit git_remotes"
        " session_kind parent_session_id"
    ).split()
)
_READING = {"read_file": "target_file", "view_file": "target_file"}
_CHANGING = {"write": "target_file", "edit_file": "target_file", "search_replace": "file_path", "write_file": "path"}


def recognises(sample: Sample) -> bool:
    """Say whether the first lines are Grok's: typed, without times, one with a name that only Grok's have."""
    return any(
        str(record.get("type")) in _TYPES
        and "timestamp" not in record
        and "content" in record
        and bool(_OWN & record.keys())
        for record in sample.records
    )


def companions(path: Path) -> Iterable[Path]:
    """Name the file that says what the session is."""
    return [path.with_name("summary.json")]


def read(source: Source) -> Iterator[Item]:
    """Yield a session file's records from `source.offset` on."""
    return _Reader(source).items()


def _summary_of(path: Path) -> dict[str, Any]:
    try:
        return mapping(json.loads(path.with_name("summary.json").read_bytes()))
    except (OSError, ValueError, RecursionError):
        return {}


def _key_of(path: Path, summary: dict[str, Any]) -> str:
    named = words(mapping(summary.get("info")).get("id"))
    if named is not None:
        return named
    try:
        return str(UUID(path.parent.name))
    except ValueError:
        first: list[dict[str, Any]] = []
        for record in Sample(path).records:
            first.append(record)
            if record.get("type") == "user" and "synthetic_reason" not in record:
                break
        return f"unnamed-{digest(first)}"


class _Reader(Journal):
    """Goes through one session's lines."""

    def __init__(self, source: Source) -> None:
        super().__init__(source, MARK_EVERY)
        self._directory: str | None = source.state.get("cwd")
        self._handlers: dict[str, Callable[[MessageRecord, dict[str, Any]], Iterator[Item]]] = {
            "system": self._system,
            "user": self._user,
            "assistant": self._answer,
            "reasoning": self._reasoning,
            "tool_result": self._result,
            "backend_tool_call": self._backend_call,
        }

    def known(self) -> dict[str, Any]:
        return {"cwd": self._directory}

    def record(self, record: dict[str, Any]) -> Iterator[Item]:
        if self.session is None:
            yield from self._begin()
        handler = self._handlers.get(str(record.get("type")))
        if handler is None:
            yield from self.keep(record)
            return
        role: Role = "assistant" if record["type"] not in ("system", "user") else record["type"]
        session = str(self.session)
        own = words(record.get("id")) or f"{self.count}:{digest(record)}"
        message = MessageRecord(session, native_key(session, own), role, [])
        rest = without(record, _USED)
        message.metadata = {"native": rest} if rest else {}
        yield from handler(message, record)

    def _begin(self) -> Iterator[Item]:
        """Yield what the summary says of the session."""
        given = _summary_of(self.source.path)
        self.session = _key_of(self.source.path, given)
        session = SessionRecord(self.session, project=words(mapping(given.get("info")).get("cwd")))
        self._directory = session.project
        session.model, session.summary = words(given.get("current_model_id")), words(given.get("session_summary"))
        session.parent_key = words(given.get("parent_session_id"))
        session.created_at = self.time(given.get("created_at"))
        is_subagent = str(given.get("session_kind")).startswith("subagent")
        session.metadata = {"kind": "subagent" if is_subagent else "main"} | without(given, _SUMMARY)
        remotes = given.get("git_remotes")
        remote = words(remotes[0]) if isinstance(remotes, list) and remotes else None
        git = {"git_branch": given.get("head_branch"), "git_commit": given.get("head_commit"), "git_remote": remote}
        session.metadata |= {name: value for name, value in git.items() if words(value)}
        if title := words(given.get("generated_title")):
            session.title, session.title_authority = title, TITLE_GENERATED
        elif session.summary:
            session.title, session.title_authority = session.summary, TITLE_SUMMARY
        yield session

    def _system(self, message: MessageRecord, record: dict[str, Any]) -> Iterator[Item]:
        message.parts = _parts(record.get("content"), message)
        message.metadata |= {"origin": "injected", "native_role": "system"}
        yield SessionRecord(message.session_key, system_prompt=text_of(message.parts) or None)
        yield message

    def _user(self, message: MessageRecord, record: dict[str, Any]) -> Iterator[Item]:
        parts, reason = _parts(record.get("content"), message), words(record.get("synthetic_reason"))
        if reason is not None:
            message.role, message.parts = "system", parts
            origin = "compaction" if "compact" in reason else "injected"
            message.metadata |= {"origin": origin, "native_role": "user", "synthetic_reason": reason}
            yield message
            return
        cut = [piece for part in parts for piece in _pieces(part)]
        message.parts = [part for origin, part in cut if origin is None]
        put = MessageRecord(message.session_key, f"{message.key}#around", "system", [], message.key)
        put.parts = [part for origin, part in cut if origin is not None]
        put.metadata = {"origin": "injected"}
        if message.parts or not put.parts:
            yield from self.titled(message.session_key, text_of(message.parts))
            yield message
        if put.parts:
            put.parent_key = message.key if message.parts else None
            yield put

    def _answer(self, message: MessageRecord, record: dict[str, Any]) -> Iterator[Item]:
        message.parts = _parts(record.get("content"), message)
        message.model = words(record.get("model_id"))
        touched: list[tuple[str, str]] = []
        for at, call in enumerate(objects(record.get("tool_calls"))):
            part: Part = {"type": "tool_call", "id": f"call{at}", "call_id": words(call.get("id"))}
            part |= {"name": words(call.get("name")) or "", "input": parsed(call.get("arguments"))}
            message.parts.append(part)
            if part["call_id"] is not None:
                self.calls[part["call_id"]] = part["name"]
            for tools, label in ((_READING, "read"), (_CHANGING, "changed")):
                path = words(mapping(part["input"]).get(tools[part["name"]])) if part["name"] in tools else None
                touched += [(absolute(path, self._directory), label)] if path is not None else []
        yield name_calls(message)
        yield from self.files.arrows(message.session_key, touched, None)

    def _reasoning(self, message: MessageRecord, record: dict[str, Any]) -> Iterator[Item]:
        said = [text for each in objects(record.get("summary")) if (text := words(each.get("text")))]
        said += [text for each in objects(record.get("content")) if (text := words(each.get("text")))]
        message.parts = [{"type": "reasoning", "id": "0", "text": "\n".join(said)}] if said else []
        rest = without(record, frozenset(["type", "id", "summary", "content", "encrypted_content"]))
        message.metadata = {"native": rest} if rest else {}
        if said:
            yield message

    def _result(self, message: MessageRecord, record: dict[str, Any]) -> Iterator[Item]:
        message.role = "tool"
        message.parts = _parts(record.get("content"), message)
        call_id = words(record.get("tool_call_id"))
        is_error = record.get("is_error") is True or record.get("status") == "error"
        name = self.calls.get(call_id or "")
        yield result_of(message, call_id, name, text_of(message.parts), is_error=is_error)

    def _backend_call(self, message: MessageRecord, record: dict[str, Any]) -> Iterator[Item]:
        """Give a call that the servers ran; what came of it is in the next answer."""
        kind = mapping(record.get("kind"))
        part: Part = {"type": "tool_call", "id": "call", "call_id": words(kind.get("id"))}
        part |= {"name": words(kind.get("tool_type")) or "", "input": kind.get("action")}
        rest = without(kind, frozenset(["id", "tool_type", "action"]))
        message.parts = [part | ({"native": rest} if rest else {})]
        message.metadata = {"native": {"type": "backend_tool_call"}}
        yield name_calls(message)


def _parts(content: object, message: MessageRecord) -> list[Part]:
    if isinstance(content, str):
        return [{"type": "text", "id": "0", "text": content}] if content else []
    found: list[Part] = []
    for at, block in enumerate(objects(content)):
        text, url = block.get("text"), words(block.get("url"))
        if block.get("type") == "text" and isinstance(text, str):
            found.append({"type": "text", "id": str(at), "text": text})
        elif block.get("type") == "image" and url is not None:
            found.append(picture_at(str(at), url, message.attachments))
        else:
            found.append({"type": "file", "id": str(at), "native": block})
    return found


def _pieces(part: Part) -> list[tuple[str | None, Part]]:
    if part["type"] != "text":
        return [(None, part)]
    cut = stretches(part["text"], _WRAPPERS)
    return [(piece.origin, {**part, "id": f"{part['id']}.{at}", "text": piece.raw}) for at, piece in enumerate(cut)]
