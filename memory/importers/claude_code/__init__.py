"""Claude Code: `<session>.jsonl`, and `<session>/subagents/agent-<id>.jsonl` beside it.

What becomes a message, and with which identity (a copy of a line in another file is the same message):

* Assistant lines that share `message.id` are one message, and that id is its identity; every part carries the `uuid`
  of its line. A line the program wrote itself (model `<synthetic>`, an API error) is a system message.
* A user line is one message for each tool result (role `tool`), one for what the person typed (`user`), and one for
  what a program put around it (`system`, with its `origin`). The first of these has the line's uuid; for the others
  `#` and a word or number follow it. `/command words`, and `!shell` lines, were typed: they are the person's words,
  as typed, with the wrapper in `native`; a command without words is `system`.
* A prompt typed while the model worked stands in a `queued_command` attachment, or, in versions up to 2.1.40 or so,
  only in a `queue-operation` (enqueued, later removed): both are the person's messages.
* Other attachments that carry text, and `system` lines that have `content`, are system messages.
* A sub-agent's lines are a session of their own; its prompt was written by a model (`origin` `subagent`).

Left out on purpose: `progress`; attachments and `system` lines without text (timings, hooks that said nothing);
`signature`; copies (tool results in `toolUseResult`, `last-prompt`); file backups; the state of the screen (`mode`, …).
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from memory.importers.claude_code.parts import (
    Frame,
    attachment_about,
    attachment_text,
    blocks_of,
    fill,
    origin_of,
    system_text,
    text_of,
    user_messages,
)
from memory.importers.claude_code.recognition import is_foreign, is_own
from memory.importers.claude_code.thread import Thread, agent_beside, name_of
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    TITLE_PERSON,
    TITLE_SUMMARY,
    Item,
    Mark,
    MessageRecord,
    Problem,
    RelationshipRecord,
    SessionRecord,
)
from memory.importers.reading.source import Line, Sample, Source
from memory.importers.reading.spoken import first_line
from memory.importers.reading.times import read_time
from memory.importers.reading.touched_files import TouchedFiles, absolute
from memory.importers.reading.unknown import keep_unknown

FORMAT = "claude-code"
PLACES = ("$CLAUDE_CONFIG_DIR/projects", "~/.claude/projects", "~/.config/claude/projects")
"""Where its files are on a machine; a variable that is not set names no place."""

PURGES = True
"""It deletes sessions after 30 days, unless its setting `cleanupPeriodDays` says otherwise."""

MARK_EVERY = 400
"""Lines from one mark to the next, at least: never inside an answer. Untuned."""

_LEFT_OUT = frozenset(
    (
        "progress last-prompt file-history-snapshot file-history-delta permission-mode mode agent-setting"
        " worktree-state bridge-session"
    ).split()
)
_ENVELOPE = frozenset(
    (
        "parentUuid logicalParentUuid isSidechain userType cwd sessionId session_id version gitBranch type subtype"
        " uuid timestamp slug agentId entrypoint message toolUseResult content attachment level"
    ).split()
)
_TITLES = {"customTitle": TITLE_PERSON, "aiTitle": TITLE_GENERATED, "agentName": TITLE_GENERATED}
_READING = {"Read": "file_path", "NotebookRead": "notebook_path"}
_CHANGING = {"Edit": "file_path", "Write": "file_path", "MultiEdit": "file_path", "NotebookEdit": "notebook_path"}


def recognises(sample: Sample) -> bool:
    """Say whether the first lines are those of a Claude Code session."""
    records = sample.records
    if any("systemPayload" in record or is_foreign(record.get("message")) for record in records):
        return False
    return any(is_own(record) for record in records)


def read(source: Source) -> Iterator[Item]:
    """Yield a session file's records from `source.offset` on."""
    return _Reader(source).items()


def companions(path: Path) -> Iterable[Path]:
    """Name the file that says of which sort a sub-agent is."""
    return [path.with_suffix(".meta.json")]


class _Reader:
    """Goes through one file, line by line."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._thread = Thread(source.state)
        self._problems: list[Problem] = []
        self._answer: MessageRecord | None = None
        self._sent: list[tuple[str, list[MessageRecord]]] = []
        self._files = TouchedFiles()
        self._marked_line = source.line
        self._at: datetime | None = None
        self._handlers: dict[str, Callable[[dict[str, Any], Line], Iterator[Item]]] = {
            "assistant": self._assistant,
            "user": self._user,
            "attachment": self._attachment,
            "system": self._system,
            "summary": self._summary,
            "ai-title": self._title,
            "custom-title": self._title,
            "agent-name": self._title,
            "queue-operation": self._queue_operation,
            "pr-link": self._pull_request,
        }

    def items(self) -> Iterator[Item]:
        for line in self._source.json_lines(self._thread.passes_over, is_glued=True):
            if isinstance(line, Problem):
                yield line
                continue
            for value in line.values():
                yield from self._line(Line(line.number, line.end, value))
                yield from self._problems
                self._problems.clear()
            if line.number - self._marked_line >= MARK_EVERY and self._answer is None:
                yield from self._mark()
        yield from self._mark()

    def _line(self, line: Line) -> Iterator[Item]:
        record = line.value
        kind = record.get("type")
        self._thread.make_unique(record)
        if isinstance(kind, str) and kind in _LEFT_OUT:
            self._thread.link(record, None)
            return
        self._at = self._time(record, line)
        handler = self._handlers.get(kind) if isinstance(kind, str) else None
        if kind != "assistant":
            yield from self._finish_answer()
        if handler is None:
            yield from self._unknown_record(record, line)
        else:
            yield from handler(record, line)

    def _mark(self) -> Iterator[Item]:
        yield from self._finish_answer()
        yield from self._send_queued()
        self._files.clear()
        self._marked_line = self._source.reached_line
        yield Mark(self._source.reached, self._source.reached_line, self._thread.state())

    def _time(self, record: dict[str, Any], line: Line) -> datetime | None:
        try:
            return read_time(record.get("timestamp"))
        except ValueError as error:
            self._problems.append(Problem(line.number, str(error)))
            return None

    def _session(self, record: dict[str, Any]) -> Iterator[Item]:
        news = self._thread.enter(record, self._at)
        if news is not None:
            if news.metadata.get("kind") == "subagent":
                news.metadata |= agent_beside(self._source.path)
            yield news

    def _frame(self, record: dict[str, Any]) -> Frame:
        native = {name: value for name, value in record.items() if name not in _ENVELOPE}
        parent = self._thread.parent(record.get("parentUuid") or record.get("logicalParentUuid"))
        metadata = {"native": native} if native else {}
        return Frame(self._thread.session_key or "", name_of(record.get("uuid")), parent, self._at, metadata)

    def _assistant(self, record: dict[str, Any], line: Line) -> Iterator[Item]:
        message = record.get("message")
        yield from self._session(record)
        if not isinstance(message, dict) or self._thread.session_key is None:
            yield Problem(line.number, "an assistant line without a message or a session")
            return
        frame = self._frame(record)
        key = name_of(message.get("id")) or frame.uuid
        self._thread.link(record, key)
        yield from self._summarised(frame)
        if (
            key is None
            or self._answer is None
            or self._answer.key != key
            or self._answer.session_key != frame.session_key
        ):
            yield from self._finish_answer()
            yield from self._send_queued()
            self._answer = self._begin_answer(frame, key, record)
        answer = self._answer
        fill(answer, message, frame)
        if record.get("isApiErrorMessage"):
            answer.status, answer.error = "error", text_of(answer)
        if answer.model and self._thread.sessions[frame.session_key].get("model") != answer.model:
            self._thread.sessions[frame.session_key]["model"] = answer.model
            yield SessionRecord(frame.session_key, model=answer.model)
        self._note_calls(message, record)

    def _begin_answer(self, frame: Frame, key: str | None, record: dict[str, Any]) -> MessageRecord:
        is_own = record.get("isApiErrorMessage") or record["message"].get("model") == "<synthetic>"
        answer = frame.message("assistant", "synthetic" if is_own else None)
        answer.key, answer.started_at = key, frame.created_at
        if key is not None and self._thread.is_more_of(key):
            # The rest of an answer that results stand inside: it begins where its first lines began.
            answer.parent_key = answer.created_at = answer.started_at = None
        return answer

    def _note_calls(self, message: dict[str, Any], record: dict[str, Any]) -> None:
        for block in blocks_of(message.get("content")):
            name, call_id, given = block.get("name"), block.get("id"), block.get("input")
            if not isinstance(name, str) or not str(block.get("type")).endswith("tool_use"):
                continue
            if isinstance(call_id, str):
                self._thread.calls[call_id] = name
            for tools, label in ((_READING, "read"), (_CHANGING, "changed")):
                path = given.get(tools[name]) if name in tools and isinstance(given, dict) else None
                if isinstance(path, str) and isinstance(call_id, str):
                    # whether it did so is known when its result is there
                    self._thread.touched[call_id] = [absolute(path, name_of(record.get("cwd"))), label]

    def _finish_answer(self) -> Iterator[Item]:
        answer, self._answer = self._answer, None
        if answer is not None:
            calls = [part for part in answer.parts if part["type"] == "tool_call"]
            if calls:
                answer.tool_name = name_of(calls[0].get("name"))
            if len(answer.parts) == len(calls) == 1:
                answer.tool_call = {name: calls[0].get(name) for name in ("call_id", "name", "input")}
            yield answer

    def _user(self, record: dict[str, Any], line: Line) -> Iterator[Item]:
        message = record.get("message")
        yield from self._session(record)
        if not isinstance(message, dict) or self._thread.session_key is None:
            yield Problem(line.number, "a user line without a message or a session")
            return
        yield from self._send_queued()
        details = record.get("toolUseResult")
        frame = self._frame(record)
        self._thread.link(record, frame.uuid)
        yield from self._summarised(frame)
        found = user_messages(frame, message.get("content"), origin_of(record), self._tool_name, details)
        yield from self._titled(found)
        for each in found:
            result = each.tool_result or {}
            touched = self._thread.touched.pop(str(result.get("call_id")), None)
            if touched and not result.get("is_error"):
                yield from self._files.arrows(each.session_key, [(touched[0], touched[1])], each.created_at)
        if isinstance(details, dict) and name_of(details.get("agentId")) and record.get("isSidechain") is not True:
            spawned = f"session:{frame.session_key}/agent-{details['agentId']}"
            label = name_of(details.get("description"))
            yield RelationshipRecord(
                "spawned", f"session:{frame.session_key}", spawned, label, frame.session_key, frame.created_at
            )

    def _tool_name(self, call_id: str) -> str | None:
        return self._thread.calls.pop(call_id, None)

    def _titled(self, messages: list[MessageRecord]) -> Iterator[Item]:
        """Yield messages, and before them the title their session has until it gets a better one."""
        for message in messages:
            known = self._thread.sessions.get(message.session_key, {"titled": True})
            is_prompt = message.role == "user" or message.metadata.get("origin") == "subagent"
            if is_prompt and not known.get("titled") and (title := first_line(text_of(message))):
                known["titled"] = True
                yield SessionRecord(message.session_key, title=title, title_authority=TITLE_FIRST_PROMPT)
            yield message

    def _attachment(self, record: dict[str, Any], line: Line) -> Iterator[Item]:
        attachment = record.get("attachment")
        if not isinstance(attachment, dict):
            yield from self._unknown_record(record, line)
            return
        kind, text = str(attachment.get("type")), attachment_text(attachment)
        if kind != "queued_command" and not text:
            self._thread.link(record, None)
            if (
                kind == "opened_file_in_ide"
                and isinstance(attachment.get("filename"), str)
                and self._thread.session_key
            ):
                opened = [(attachment["filename"], "opened")]
                yield from self._files.arrows(self._thread.session_key, opened, self._at)
            return
        yield from self._session(record)
        frame = self._frame(record)
        self._thread.link(record, frame.uuid)
        frame.metadata |= {"attachment": kind}
        if about := attachment_about(attachment, text):
            frame.metadata["about"] = about
        if kind == "queued_command":
            prompt = attachment.get("prompt")
            self._sent = [sent for sent in self._sent if sent[0] != prompt]
            if self._thread.was_given(prompt):
                return
            yield from self._titled(user_messages(frame, prompt, origin_of(attachment), self._tool_name))
            return
        message = frame.message("user", "hook" if kind.startswith("hook") else "injected")
        message.parts.append({"type": "text", "id": frame.uuid, "text": text})
        yield message
        if kind == "file" and isinstance(attachment.get("filename"), str):
            yield from self._files.arrows(frame.session_key, [(attachment["filename"], "read")], frame.created_at)

    def _system(self, record: dict[str, Any], line: Line) -> Iterator[Item]:
        subtype, text = str(record.get("subtype")), system_text(record)
        if not text or subtype == "away_summary":
            self._thread.link(record, None)
            if text:
                yield from self._session(record)
                yield SessionRecord(self._thread.session_key or "", summary=text)
            return
        yield from self._session(record)
        frame = self._frame(record)
        self._thread.link(record, frame.uuid)
        frame.metadata |= {"subtype": subtype}
        if subtype == "local_command":
            yield from self._titled(user_messages(frame, text, None, self._tool_name))
            return
        origin = "compaction" if subtype.endswith("compact_boundary") else "hook" if "hook" in subtype else "synthetic"
        message = frame.message("system", origin)
        message.parts.append({"type": "text", "id": frame.uuid, "text": text})
        if subtype == "api_error":
            message.status, message.error = "error", text
        yield message
        if record.get("logicalParentUuid") and frame.uuid and frame.parent_key:
            ends = f"message:{frame.uuid}", f"message:{frame.parent_key}"
            yield RelationshipRecord("logical_parent", *ends, subtype, frame.session_key, frame.created_at)

    def _summary(self, record: dict[str, Any], line: Line) -> Iterator[Item]:
        """A summary belongs to the session that holds its leaf; that may be one in another file."""
        leaf, text = record.get("leafUuid"), record.get("summary")
        if not isinstance(leaf, str) or not isinstance(text, str):
            yield from self._unknown_record(record, line)
        elif self._thread.session_key is not None and self._thread.knows(leaf):
            yield SessionRecord(self._thread.session_key, title=text, title_authority=TITLE_SUMMARY)
        else:
            self._thread.summaries[leaf] = text
            if self._thread.session_key is not None:
                yield SessionRecord(self._thread.session_key, metadata={"other_summaries": [text]})

    def _summarised(self, frame: Frame) -> Iterator[Item]:
        text = self._thread.summaries.pop((frame.uuid or "").rpartition(":")[2], None)
        if text is not None:
            yield SessionRecord(frame.session_key, title=text, title_authority=TITLE_SUMMARY)

    def _title(self, record: dict[str, Any], line: Line) -> Iterator[Item]:
        key = name_of(record.get("sessionId")) or self._thread.session_key
        for native, authority in _TITLES.items():
            if key is not None and (title := name_of(record.get(native))):
                yield SessionRecord(key, title=title, title_authority=authority)

    def _pull_request(self, record: dict[str, Any], line: Line) -> Iterator[Item]:
        key, url = name_of(record.get("sessionId")) or self._thread.session_key, name_of(record.get("prUrl"))
        if key is not None and url is not None:
            label = f"{record.get('prRepository')}#{record.get('prNumber')}"
            yield RelationshipRecord("session_pull_request", f"session:{key}", f"url:{url}", label, key, self._at)

    def _queue_operation(self, record: dict[str, Any], line: Line) -> Iterator[Item]:
        """Follow prompts typed while the model worked; one that is removed has been given to it."""
        operation, key = record.get("operation"), name_of(record.get("sessionId")) or self._thread.session_key
        queue = self._thread.queue
        if operation == "enqueue":
            queue.append([record.get("content"), record.get("timestamp")])
        elif operation == "popAll":
            queue.clear()
        elif operation in ("dequeue", "remove") and queue:
            content, timestamp = queue.pop(0)
            if operation == "remove" and key is not None and isinstance(content, str) and content.strip():
                at = self._time({"timestamp": timestamp}, line)
                frame = Frame(key, f"{key}:queue:{timestamp}", None, at, {"attachment": "queue-operation"})
                self._sent.append((content, user_messages(frame, content, None, self._tool_name)))
        return iter(())

    def _send_queued(self) -> Iterator[Item]:
        sent, self._sent = self._sent, []
        for prompt, messages in sent:
            self._thread.give(prompt)
            yield from self._titled(messages)

    def _unknown_record(self, record: dict[str, Any], line: Line) -> Iterator[Item]:
        """Keep a record of a type that this importer does not know, whole, with its session."""
        self._thread.link(record, None)
        if name_of(record.get("sessionId")):
            yield from self._session(record)
        self._thread.unknown += 1
        yield from keep_unknown(record, self._thread.session_key, line.number, self._thread.unknown)
