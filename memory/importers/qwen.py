"""Qwen Code: `projects/<directory>/chats/<session>.jsonl`, Claude Code's envelope around Google's `parts`.

A line can hold two objects. Lines with the same `uuid` are one message. What was typed stands in `displayText`; other
parts of a prompt (hooks, files that were named) are a message of their own. A rewind leaves what it takes back in the
file: it stays, with `branch`, and the session's `rewinds` names the place; what was imported before the rewind was
written is not marked. Of titles the last is shown, whoever gave it. A line with `agentId` is a sub-agent's, a
session of their own: `<session>/agent-<agentId>`.

Left out on purpose: telemetry, snapshots and checkpoints (files, artifacts, goals, modes), `thoughtSignature`
(encrypted), the history that a compression kept (copies).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from memory.importers.reading.documents import mapping, native_key, objects, without, words
from memory.importers.reading.google_parts import google_part, response_text
from memory.importers.reading.journal import Journal, count_of, digest, name_calls, result_of, text_of
from memory.importers.reading.records import TITLE_PERSON, Item, MessageRecord, Part, Problem, Role, SessionRecord
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.spoken import stretches
from memory.importers.reading.touched_files import absolute

FORMAT = "qwen"
PLACES = (
    "$QWEN_RUNTIME_DIR/projects",
    "$QWEN_HOME/projects",
    "~/.qwen/projects",
    "~/.qwen/tmp",
)
"""Where its files are on a machine; a variable that is not set names no place."""

MARK_EVERY = 400
"""Lines from one mark to the next, at least. Untuned."""
_LEFT_OUT = frozenset(
    (
        "ui_telemetry attribution_snapshot file_history_snapshot session_artifact_event session_artifact_snapshot"
        " session_sources_snapshot session_source session_execution_engine session_approval_mode branch_checkpoint"
        " goal_state goal_turn_end turn_result agent_session_ready user_text_elements"
    ).split()
)
_TYPED = (None, "", "mid_turn_user_message", "realtime_message")
_WRAPPERS: dict[str, str | None] = {"qwen:user-prompt-submit-context": "hook", "system-reminder": "injected"}
_ENVELOPE = frozenset(
    (
        "uuid parentUuid sessionId timestamp type cwd version gitBranch message systemPayload model usageMetadata"
        " toolCallResult subtype"
    ).split()
)
_READING = {"read_file": ("file_path", "absolute_path", "path"), "read_many_files": ("path",)}
_CHANGING = {"write_file": ("file_path", "path"), "edit": ("file_path", "path"), "replace": ("file_path", "path")}


def recognises(sample: Sample) -> bool:
    """Say whether the first lines have the envelope, and parts or a payload in it."""
    return any(
        {"uuid", "sessionId", "type"} <= record.keys()
        and (isinstance(record.get("systemPayload"), dict) or "parts" in mapping(record.get("message")))
        for record in sample.records
    )


def read(source: Source) -> Iterator[Item]:
    """Yield a session file's records from `source.offset` on."""
    return _Reader(source, _taken_back(source)).items()


def _taken_back(source: Source) -> frozenset[str]:
    """Find the lines that a rewind took back: those before it that it does not follow."""
    with source.path.open("rb") as file:
        if not any(b'"rewind"' in line for line in file):
            return frozenset()
    parents: dict[str, str | None] = {}
    hidden: set[str] = set()
    for line in Source(source.path).json_lines(is_glued=True):
        for record in () if isinstance(line, Problem) else (line.value, *line.glued):
            own = words(record.get("uuid"))
            if record.get("subtype") == "rewind":
                above: set[str] = set()
                at = words(record.get("parentUuid"))
                while at is not None and at not in above:
                    above.add(at)
                    at = parents.get(at)
                hidden |= parents.keys() - above
            if own is not None:
                parents.setdefault(own, words(record.get("parentUuid")))
    return frozenset(hidden)


class _Reader(Journal):
    """Goes through one file's records."""

    def __init__(self, source: Source, taken_back: frozenset[str]) -> None:
        super().__init__(source, MARK_EVERY)
        self._taken_back = taken_back
        self._facts: dict[str, Any] = dict(source.state.get("facts", {}))
        self._handlers: dict[str, Callable[[dict[str, Any]], Iterator[Item]]] = {
            "user": self._user,
            "assistant": self._answer,
            "tool_result": self._result,
            "system": self._system,
        }

    def known(self) -> dict[str, Any]:
        return {"facts": dict(self._facts)}

    def record(self, record: dict[str, Any]) -> Iterator[Item]:
        yield from self._enter(record)
        handler = self._handlers.get(str(record.get("type")))
        if self.session is None:
            self.problems.append(Problem(self.line, "no session: a record without `sessionId`"))
        elif handler is None:
            self.link(record, "parentUuid", "uuid")
            yield from self.keep(record)
        else:
            yield from handler(record)

    def _enter(self, record: dict[str, Any]) -> Iterator[Item]:
        """Go to the session of a line, and yield what is new about it."""
        main, agent = words(record.get("sessionId")), words(record.get("agentId"))
        if main is None:
            return
        key = f"{main}/agent-{agent}" if agent else main
        news = SessionRecord(key)
        if key != self.session:
            self.session, self._facts = key, {}
            news.metadata = {"kind": "subagent" if agent else "main"}
            news.parent_key = main if agent else None
            news.created_at = self.time(record.get("timestamp"))
            news.project = words(record.get("cwd"))
        for name, ours in (("gitBranch", "git_branch"), ("version", "version"), ("cwd", "working_directory")):
            if words(record.get(name)) and self._facts.get(ours) != record[name]:
                self._facts[ours] = news.metadata[ours] = record[name]
        if news.metadata:
            yield news

    def _new(self, record: dict[str, Any], role: Role) -> MessageRecord:
        session = str(self.session)
        own = words(record.get("uuid"))
        message = MessageRecord(session, native_key(session, own or digest(record)), role, [])
        message.parent_key = self.parent(session, record.get("parentUuid"))
        message.created_at = self.time(record.get("timestamp"))
        rest = without(record, _ENVELOPE)
        message.metadata = {"native": rest} if rest else {}
        if own in self._taken_back:
            message.metadata["branch"] = "not shown"
        return message

    def _parts(self, record: dict[str, Any], message: MessageRecord) -> list[Part]:
        """Make the parts of a line; each is known by its content, since a line can stand there again with others."""
        found: list[Part] = []
        for given in objects(mapping(record.get("message")).get("parts")):
            if "functionResponse" not in given:
                part = google_part(given, digest(given)[:12], message.attachments)
                found += [part] if part is not None else []
        return found

    def _user(self, record: dict[str, Any]) -> Iterator[Item]:
        message, payload = self._new(record, "user"), mapping(record.get("systemPayload"))
        parts, shown = self._parts(record, message), words(payload.get("displayText"))
        origin = _origin(record)
        if shown is not None and origin is None:
            said = [part for part in parts if part["type"] == "text"]
            put = [part for part in said if part["text"].strip() != shown.strip()]
            others = [part for part in parts if part["type"] != "text"]
            message.parts = [{"type": "text", "id": "shown", "text": shown}, *others]
            around = [piece for part in put for piece in _pieces(part, "injected")]
        else:
            cut = [piece for part in parts for piece in _pieces(part, None)]
            message.parts = [part for whose, part in cut if whose is None or origin is not None]
            around = [(whose, part) for whose, part in cut if whose is not None and origin is None]
        if not message.parts and shown:
            message.parts = [{"type": "text", "id": "shown", "text": shown}]
        hook = words(payload.get("hookContext"))
        if hook and not any(hook in part["text"] for _, part in around):
            around.append(("hook", {"type": "text", "id": "hook", "text": hook}))
        rest = without(payload, frozenset(["displayText", "hookContext"]))
        message.metadata |= {"payload": rest} if rest else {}
        if origin is not None:
            message.role = "system"
            message.metadata |= {"origin": origin} | without({"subtype": record.get("subtype")}, frozenset())
        if message.role == "user" or origin == "subagent":
            yield from self.titled(message.session_key, text_of(message.parts))
        yield message
        for whose in sorted({whose for whose, _ in around if whose}):
            put_in = MessageRecord(message.session_key, f"{message.key}#{whose}", "system", [], message.key)
            put_in.created_at, put_in.metadata = message.created_at, {"origin": whose}
            put_in.parts = [part for other, part in around if other == whose]
            yield put_in

    def _answer(self, record: dict[str, Any]) -> Iterator[Item]:
        message = self._new(record, "assistant")
        message.parts = self._parts(record, message)
        message.model = words(record.get("model"))
        usage = mapping(record.get("usageMetadata"))
        if usage:
            message.tokens_in = count_of(usage, "promptTokenCount")
            message.tokens_out = count_of(usage, "candidatesTokenCount", "thoughtsTokenCount")
            message.metadata["usage"] = usage
        if message.model is not None and self._facts.get("model") != message.model:
            self._facts["model"] = message.model
            yield SessionRecord(message.session_key, model=message.model)
        touched: list[tuple[str, str]] = []
        for part in message.parts:
            if part["type"] == "tool_call":
                if part["call_id"] is not None:
                    self.calls[part["call_id"]] = part["name"]
                touched += _touched(part, words(record.get("cwd")))
        yield name_calls(message)
        yield from self.files.arrows(message.session_key, touched, message.created_at)

    def _result(self, record: dict[str, Any]) -> Iterator[Item]:
        message, details = self._new(record, "tool"), mapping(record.get("toolCallResult"))
        message.parts = self._parts(record, message)
        listed = objects(mapping(record.get("message")).get("parts"))
        given = next((mapping(part["functionResponse"]) for part in listed if "functionResponse" in part), {})
        call_id = words(given.get("id")) or words(details.get("callId"))
        response, display = mapping(given.get("response")), details.get("resultDisplay")
        text = response_text(response) or (display if isinstance(display, str) else "")
        more = {name: value for name, value in response.items() if not isinstance(value, str) or value not in text}
        rest = without(details, frozenset(["callId", "responseParts", "status"]))
        if rest.get("resultDisplay") == text:
            del rest["resultDisplay"]
        output = without({"response": more, "details": rest}, frozenset())
        name = words(given.get("name")) or self.calls.get(call_id or "")
        result_of(message, call_id, name, text, is_error=details.get("status") == "error", output=output)
        assert message.tool_result is not None
        message.tool_result |= {"status": details["status"]} if words(details.get("status")) else {}
        yield message

    def _system(self, record: dict[str, Any]) -> Iterator[Item]:
        subtype, payload = str(record.get("subtype")), mapping(record.get("systemPayload"))
        if subtype == "chat_compression":
            summary = "\n".join(_texts(objects(payload.get("compressedHistory"))[:1]))
            yield from self._said(record, summary or "The chat was compressed.", "compaction", payload.get("info"))
        elif subtype == "slash_command":
            yield from self._command(record, payload)
        else:
            self.link(record, "parentUuid", "uuid")
            news = self._news(record, subtype, payload)
            yield from news if news is not None else self.keep(record)

    def _command(self, record: dict[str, Any], payload: dict[str, Any]) -> Iterator[Item]:
        """Yield a command as it was typed, or what came of it."""
        command, items = words(payload.get("rawCommand")), objects(payload.get("outputHistoryItems"))
        shown = [text for each in items if (text := words(each.get("text")))]
        if payload.get("phase") != "result" and command is not None:
            yield from self._typed(record, command)
        elif shown:
            yield from self._said(record, "\n".join(shown), "synthetic", command)
        else:
            self.link(record, "parentUuid", "uuid")
            yield from self.keep(record) if items else ()

    def _news(self, record: dict[str, Any], subtype: str, payload: dict[str, Any]) -> Iterable[Item] | None:
        """Give what a record says of its session; None where it is of unknown type."""
        session = SessionRecord(str(self.session))
        if subtype == "custom_title" and words(payload.get("customTitle")):
            session.title, session.title_authority = payload["customTitle"], TITLE_PERSON
        elif subtype == "session_model" and words(payload.get("model")):
            session.model = payload["model"]
        elif subtype == "rewind":
            session.metadata = {"rewinds": [payload]}
        elif subtype == "at_command":
            listed = payload.get("filesRead")
            paths = [path for path in listed if isinstance(path, str)] if isinstance(listed, list) else []
            touched = [(absolute(path, words(record.get("cwd"))), "read") for path in paths]
            return self.files.arrows(session.key, touched, self.time(record.get("timestamp")))
        else:
            return () if subtype in _LEFT_OUT else None
        return (session,)

    def _said(self, record: dict[str, Any], text: str, origin: str, native: object) -> Iterator[Item]:
        message = self._new(record, "system")
        message.metadata |= {"origin": origin} | without({"details": native}, frozenset())
        message.parts = [{"type": "text", "id": "0", "text": text}]
        yield message

    def _typed(self, record: dict[str, Any], command: str) -> Iterator[Item]:
        """Yield a command; without words it is the program's note that it ran."""
        message = self._new(record, "user")
        message.parts = [{"type": "text", "id": "0", "text": command}]
        if len(command.split()) < 2:
            message.role = "system"
            message.metadata["origin"] = "injected"
        yield message


def _origin(record: dict[str, Any]) -> str | None:
    """Say whose words a user line is; None: the person's."""
    if words(record.get("agentId")):
        return "subagent"
    is_typed = record.get("subtype") in _TYPED and record.get("provenance") in (None, "real_user")
    return None if is_typed else "injected"


def _pieces(part: Part, origin: str | None) -> list[tuple[str | None, Part]]:
    """Cut a text at what a program put into it."""
    if part["type"] != "text":
        return [(None, part)]
    cut = stretches(part["text"], _WRAPPERS)
    return [
        (piece.origin or origin, {**part, "id": f"{part['id']}.{at}", "text": piece.raw})
        for at, piece in enumerate(cut)
    ]


def _texts(contents: list[dict[str, Any]]) -> list[str]:
    """Give the texts in some of Google's contents."""
    return [text for each in contents for part in objects(each.get("parts")) if (text := words(part.get("text")))]


def _touched(part: Part, directory: str | None) -> list[tuple[str, str]]:
    for tools, label in ((_READING, "read"), (_CHANGING, "changed")):
        for name in tools.get(part["name"], ()):
            path = words(mapping(part["input"]).get(name))
            if path is not None:
                return [(absolute(path, directory), label)]
    return []
