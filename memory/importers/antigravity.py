"""Antigravity: `brain/<session>/.system_generated/logs/transcript.jsonl`, one step a line.

The session's id stands in no step: it is the name of its folder, else what the file begins with. Calls have no ids: a
tool's step answers the first call before it that is of its kind. `transcript_full.jsonl` beside a transcript is the
same, not cut; then the cut one gives nothing. What the session made beside it (plans, walkthroughs) is named in its
metadata; the texts are notes of their own.

Left out on purpose: steps without a word, such as the history that is given again (`CONVERSATION_HISTORY`).
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from memory.importers.reading.documents import mapping, objects, without, words
from memory.importers.reading.journal import Journal, digest, name_calls, parsed, result_of
from memory.importers.reading.records import Item, Mark, MessageRecord, Part, Role, SessionRecord
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.spoken import stretches

FORMAT = "antigravity"
PLACES = (
    "~/.gemini/antigravity-cli/brain",
    "~/.gemini/antigravity/brain",
    "~/.gemini/antigravity-ide/brain",
)
"""Where its files are on a machine."""

MARK_EVERY = 400
"""Lines from one mark to the next, at least. Untuned."""
OPEN_KEPT = 16
"""How many unanswered calls are remembered. Untuned."""
_ORIGINS = {"CHECKPOINT": "compaction", "ERROR_MESSAGE": "synthetic"}
_ANY_TOOL = ("GENERIC", "TOOL_RESPONSE")
"""Steps that can be of any tool."""
_WRAPPERS: dict[str, str | None] = {
    "USER_REQUEST": None,
    **dict.fromkeys(["USER_SETTINGS_CHANGE", "ADDITIONAL_METADATA", "SYSTEM_MESSAGE", "EPHEMERAL_MESSAGE"], "injected"),
}
_MODEL = re.compile(r"setting `Model Selection` from .* to ([^\n]+?)\.?\s*$", re.MULTILINE)
_STEPS = {
    "list_dir": "LIST_DIRECTORY",
    "view_file": "VIEW_FILE",
    "run_command": "RUN_COMMAND",
    "grep_search": "GREP_SEARCH",
    "search_web": "SEARCH_WEB",
    "read_url_content": "READ_URL_CONTENT",
    "write_file": "CODE_ACTION",
    "write_to_file": "CODE_ACTION",
    "replace_file_content": "CODE_ACTION",
    "multi_replace_file_content": "CODE_ACTION",
}
"""Which step a call becomes, where the names differ by more than their case."""
_USED = frozenset(["step_index", "source", "type", "created_at", "content", "thinking", "tool_calls"])
_FILE_TOOLS = {
    "view_file": ("AbsolutePath", "read"),
    "write_file": ("TargetFile", "changed"),
    "write_to_file": ("TargetFile", "changed"),
    "replace_file_content": ("TargetFile", "changed"),
    "multi_replace_file_content": ("TargetFile", "changed"),
}


def recognises(sample: Sample) -> bool:
    """Say whether the first lines are steps."""
    return any(
        {"step_index", "source", "type", "status"} <= record.keys() and str(record["type"]).isupper()
        for record in sample.records
    )


def companions(path: Path) -> Iterable[Path]:
    """Name what tells of the things a session made."""
    brain = _brain(path)
    return sorted(brain.glob("*.metadata.json")) if brain is not None else []


def read(source: Source) -> Iterator[Item]:
    """Yield a session file's records from `source.offset` on."""
    full = source.path.with_name("transcript_full.jsonl")
    return _copy(source) if source.path.name == "transcript.jsonl" and full.exists() else _Reader(source).items()


def _copy(source: Source) -> Iterator[Item]:
    """Yield nothing but how far a copy goes."""
    for _ in source.json_lines():
        pass
    yield Mark(source.reached, source.reached_line, {})


def _brain(path: Path) -> Path | None:
    logs = path.parent
    return logs.parent.parent if (logs.name, logs.parent.name) == ("logs", ".system_generated") else None


class _Reader(Journal):
    """Goes through one session's steps."""

    def __init__(self, source: Source) -> None:
        super().__init__(source, MARK_EVERY)
        self._model: str | None = source.state.get("model")
        self._open: list[list[str]] = list(source.state.get("open", []))

    def known(self) -> dict[str, Any]:
        return {"model": self._model, "open": list(self._open)}

    def record(self, record: dict[str, Any]) -> Iterator[Item]:
        if self.session is None:
            yield self._begin(record)
        kind, text = str(record.get("type")), words(record.get("content"))
        if "step_index" not in record:
            yield from self.keep(record)
        elif kind == "USER_INPUT":
            yield from self._user(record, text or "")
        elif kind == "PLANNER_RESPONSE":
            yield from self._answer(record, text)
        elif text is not None and (kind in _ORIGINS or (record.get("source") == "SYSTEM" and kind not in _ANY_TOOL)):
            message = self._new(record, "system")
            message.metadata |= {"origin": _ORIGINS.get(kind, "injected"), "native_role": kind}
            message.parts = [{"type": "text", "id": digest(text)[:12], "text": text}]
            if kind == "ERROR_MESSAGE":
                message.status, message.error = "error", text
            yield message
        elif text is not None:
            yield self._result(record, kind, text)
        elif record.get("source") != "SYSTEM" and kind != "CONVERSATION_HISTORY":
            yield from self.keep(record)

    def _begin(self, record: dict[str, Any]) -> SessionRecord:
        brain = _brain(self.source.path)
        try:
            self.session = str(UUID(brain.name if brain is not None else self.source.path.stem))
        except ValueError:
            self.session = f"unnamed-{digest(record)}"
        session = SessionRecord(self.session, metadata={"kind": "main"})
        session.created_at = self.time(record.get("created_at"))
        made = [found for each in companions(self.source.path) if (found := _made(each))]
        session.metadata |= {"artifacts": made} if made else {}
        return session

    def _new(self, record: dict[str, Any], role: Role) -> MessageRecord:
        key = f"{self.session}:{record.get('step_index')}:{record.get('type')}"
        message = MessageRecord(str(self.session), key, role, [])
        message.created_at = self.time(record.get("created_at"))
        rest = without(record, _USED)
        if rest.get("status") == "DONE":
            del rest["status"]
        message.metadata = {"native": rest} if rest else {}
        if record.get("status") == "ERROR":
            message.status = "error"
        return message

    def _user(self, record: dict[str, Any], text: str) -> Iterator[Item]:
        """Yield what was asked, and what the program put around it."""
        message = self._new(record, "user")
        pieces = stretches(text, _WRAPPERS)
        said = [_inside(piece.raw) if piece.tag else piece.raw.strip() for piece in pieces if piece.origin is None]
        asked = "\n".join(each for each in said if each)
        put = "".join(piece.raw for piece in pieces if piece.origin is not None).strip()
        if asked:
            native = {} if asked == text else {"native": {"raw": text}}
            message.parts = [{"type": "text", "id": digest(asked)[:12], "text": asked, **(native if not put else {})}]
            yield from self.titled(message.session_key, asked)
        if asked or not put:
            yield message
        if put:
            around = MessageRecord(message.session_key, f"{message.key}#around", "system", [])
            around.parent_key = message.key if asked else None
            around.created_at, around.metadata = message.created_at, {"origin": "injected"}
            around.parts = [{"type": "text", "id": digest(put)[:12], "text": put}]
            yield around
        if chosen := _MODEL.search(put):
            self._model = chosen[1]
            yield SessionRecord(message.session_key, model=self._model, metadata={"models": [self._model]})

    def _answer(self, record: dict[str, Any], text: str | None) -> Iterator[Item]:
        message = self._new(record, "assistant")
        message.model = self._model
        if thought := words(record.get("thinking")):
            message.parts.append({"type": "reasoning", "id": digest([thought])[:12], "text": thought})
        if text is not None:
            message.parts.append({"type": "text", "id": digest(text)[:12], "text": text})
        touched: list[tuple[str, str]] = []
        for at, call in enumerate(objects(record.get("tool_calls"))):
            name, call_id = words(call.get("name")) or "", f"{record.get('step_index')}.{at}"
            # an argument is JSON once more: "\"/tmp\"" is a path, "5" a number
            given = {argument: parsed(value) for argument, value in mapping(call.get("args")).items()}
            part: Part = {"type": "tool_call", "id": f"call{at}", "call_id": call_id, "name": name, "input": given}
            message.parts.append(part)
            self._open = [*self._open, [call_id, name]][-OPEN_KEPT:]
            argument, label = _FILE_TOOLS.get(name.removeprefix("default_api:"), ("", ""))
            if path := words(given.get(argument)):
                touched.append((path, label))
        yield name_calls(message)
        yield from self.files.arrows(message.session_key, touched, message.created_at)

    def _result(self, record: dict[str, Any], kind: str, text: str) -> MessageRecord:
        message = self._new(record, "tool")
        call_id: str | None = None
        name: str | None = kind.lower()
        for at, (open_id, open_name) in enumerate(self._open):
            plain = open_name.removeprefix("default_api:")
            if kind in (_STEPS.get(plain, plain.upper()), *_ANY_TOOL):
                call_id, name = open_id, open_name
                del self._open[at]
                break
        result_of(message, call_id, name, text, is_error=record.get("status") == "ERROR")
        message.parts[0]["id"] = digest(text)[:12]
        return message


def _inside(raw: str) -> str:
    start, end = raw.find(">"), raw.rfind("</")
    return raw[start + 1 : end].strip()


def _made(path: Path) -> dict[str, Any]:
    """Read what is said of a thing that a session made."""
    try:
        given = mapping(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return {}
    return {"name": path.name.removesuffix(".metadata.json"), **given} if given else {}
