"""The interactions of one conversation of LiteChat → messages.

An interaction is the person's message and the model's. One that was made anew (`regeneratedFromId`) answers the prompt of
the one that it takes the place of, which is then not shown. Where several interactions have no parent, those are what is
shown, and the others are further versions of them; where one has none, each follows on its parent.

Titles that were made, rules that were chosen and the like are in the session's metadata, under `interactions`.
"""

import json
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from memory.importers.reading.documents import mapping, native_key, objects, time_in, without, words
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    AttachmentRecord,
    Item,
    MessageRecord,
    Part,
    Problem,
    SessionRecord,
)
from memory.importers.reading.secrets import without_secrets
from memory.importers.reading.spoken import first_line
from memory.importers.reading.touched_files import TouchedFiles, named_files
from memory.importers.reading.unknown import keep_unknown

_TURNS = frozenset(
    "message.user_assistant message.assistant_regen message.user_edit message.assistant_explain message.workflow_step".split()
)
_PUT_IN = {
    "conversation.compact": "compaction",
    "workflow.run": "synthetic",
    "system.info": "synthetic",
    "system.error": "synthetic",
}
_BESIDE = frozenset(
    "conversation.title_generation prompt.enhance rules.auto_selection code.security_check code_block.repair_enhance".split()
)
_CONVERSATION = frozenset(["id", "title", "createdAt"])
_METADATA = frozenset("toolCalls toolResults reasoning attachedFiles error".split())
_USAGE = (
    "inputTokens",
    "outputTokens",
    "promptTokens",
    "completionTokens",
    "totalTokens",
    "reasoningTokens",
    "cachedInputTokens",
)


def conversation_items(
    conversation: dict[str, Any], interactions: list[dict[str, Any]], project: str | None, system_prompt: str | None
) -> Iterator[Item]:
    """Yield a conversation's session and its messages, what is shown first."""
    problems: list[Problem] = []
    key = words(conversation.get("id")) or f"conversation:{conversation.get('title')}"
    session = SessionRecord(
        key, words(conversation.get("title")), TITLE_GENERATED, project, system_prompt=system_prompt
    )
    session.created_at = time_in(conversation.get("createdAt"), problems)
    session.metadata = {"kind": "main", **without_secrets(without(conversation, _CONVERSATION))}
    yield session
    yield from _Turns(session, interactions, problems).items()
    yield from problems


class _Turns:
    """Goes through the interactions of a conversation."""

    def __init__(self, session: SessionRecord, interactions: list[dict[str, Any]], problems: list[Problem]) -> None:
        self._session = session
        self._problems = problems
        ordered = sorted(enumerate(interactions), key=lambda pair: (_index(pair[1]), pair[0]))
        self._listed = {words(each.get("id")) or f"interaction{at}": each for at, each in ordered}
        self._shown = self._find_shown()
        self._asked: dict[str, str | None] = {}
        self._unknown = 0
        self._touched = TouchedFiles()

    def items(self) -> Iterator[Item]:
        last: str | None = None
        lasts: dict[str, str | None] = {}
        for id in [*self._shown, *(other for other in self._listed if other not in self._shown)]:
            given, is_shown = self._listed[id], id in self._shown
            kind = str(given.get("type"))
            above = last if is_shown else lasts.get(words(given.get("parentId")) or "")
            for item in self._interaction(id, given, kind, above):
                if isinstance(item, MessageRecord):
                    if not is_shown:
                        item.metadata["branch"] = "not shown"
                    if item.role != "tool":
                        lasts[id] = item.key
                yield item
            last = lasts.get(id, last) if is_shown else last

    def _find_shown(self) -> dict[str, None]:
        turns = {id: each for id, each in self._listed.items() if str(each.get("type")) in _TURNS}
        replaced = {words(_told(each).get("regeneratedFromId")) for each in turns.values()}
        roots = [id for id, each in turns.items() if words(each.get("parentId")) not in self._listed]
        found: dict[str, None] = {}
        for id, each in self._listed.items():
            told = _told(each)
            is_tab = told.get("raceTab") is True or told.get("workflowTab") is True
            is_version = id in turns and len(roots) > 1 and id not in roots
            if id not in replaced and not is_tab and not is_version:
                found[id] = None
        return found

    def _interaction(self, id: str, given: dict[str, Any], kind: str, above: str | None) -> Iterator[Item]:
        if kind in _TURNS:
            yield from self._turn(id, given, kind, above)
        elif kind in _BESIDE:
            yield SessionRecord(self._session.key, metadata={"interactions": [without_secrets(given)]})
        elif kind == "tool.execution":
            yield self._executed(id, given, above)
        elif kind in _PUT_IN:
            message = self._new(id, given, above)
            message.metadata["origin"] = _PUT_IN[kind]
            text = (
                given.get("response")
                if given.get("response") is not None
                else mapping(given.get("prompt")).get("content")
            )
            message.parts = [{"type": "text", "id": "0", "text": text if isinstance(text, str) else json.dumps(text)}]
            if kind == "conversation.compact" and isinstance(text, str):
                yield SessionRecord(self._session.key, summary=text)
            yield message
        else:
            self._unknown += 1
            yield from keep_unknown(without_secrets(given), self._session.key, None, self._unknown)

    def _new(self, id: str, given: dict[str, Any], above: str | None) -> MessageRecord:
        message = MessageRecord(
            self._session.key, native_key(self._session.key, id), "system", [], above, is_whole=True
        )
        message.started_at = self._time(given.get("startedAt"))
        message.ended_at = self._time(given.get("endedAt"))
        message.created_at = message.ended_at or message.started_at
        native = {
            name: given[name] for name in ("type", "status", "index", "parentId") if given.get(name) not in (None, "")
        }
        if told := without_secrets(without(_told(given), _METADATA)):
            native["metadata"] = told
        message.metadata = {"native": native}
        if given.get("rating") is not None:
            message.metadata["rating"] = given["rating"]
        if given.get("status") in ("ERROR", "CANCELLED"):
            message.status, message.error = "error", words(_told(given).get("error")) or str(given["status"]).lower()
        return message

    def _time(self, value: object) -> datetime | None:
        return time_in(value, self._problems)

    def _turn(self, id: str, given: dict[str, Any], kind: str, above: str | None) -> Iterator[Item]:
        owner = self._owner(id)
        if owner not in self._asked:
            asked = self._question(owner, above)
            self._asked[owner] = asked.key if asked else above
            if asked is not None:
                yield from self._titled(asked)
                yield asked
        answer = self._new(id, given, self._asked[owner])
        answer.role = "assistant"
        _fill(answer, given)
        results = _results(answer, _told(given))
        if not answer.parts and not results and answer.status == "complete":
            return
        if answer.model:
            yield SessionRecord(self._session.key, model=answer.model)
        yield answer
        yield from results
        calls = [part for part in answer.parts if part["type"] == "tool_call"]
        touched = [file for call in calls for file in named_files(call["name"], call["input"])]
        yield from self._touched.arrows(self._session.key, touched, answer.created_at)

    def _owner(self, id: str) -> str:
        """Find whose prompt an interaction answers: that of the one that it takes the place of, where they are equal."""
        met = [id]
        while True:
            given = self._listed[met[-1]]
            names = [_told(given).get("regeneratedFromId"), None if met[-1] in self._shown else given.get("parentId")]
            known = (name for name in names if isinstance(name, str) and name in self._listed and name not in met)
            said = _prompt(given).get("content")
            found = next((name for name in known if _prompt(self._listed[name]).get("content") == said), None)
            if found is None:
                return met[-1]
            met.append(found)

    def _question(self, id: str, above: str | None) -> MessageRecord | None:
        given = self._listed[id]
        prompt = _prompt(given)
        if not prompt:
            return None
        at = self._time(given.get("startedAt"))
        key = f"{native_key(self._session.key, id)}:prompt"
        message = MessageRecord(self._session.key, key, "user", [], above, created_at=at, is_whole=True)
        told = mapping(prompt.get("metadata"))
        if str(given.get("type")) == "message.workflow_step" or told.get("isWorkflowStep") is True:
            message.role, message.metadata["origin"] = "system", "synthetic"
        if text := words(prompt.get("content")):
            message.parts.append({"type": "text", "id": "0", "text": text})
        for at_file, file in enumerate(objects(told.get("attachedFiles"))):
            message.parts.append(_file(file, f"file{at_file}", message))
        rest = without(prompt, frozenset(["content", "metadata"]))
        rest |= {"metadata": kept} if (kept := without(told, frozenset(["attachedFiles"]))) else {}
        message.metadata |= {"native": without_secrets(rest)} if rest else {}
        return message

    def _titled(self, message: MessageRecord) -> Iterator[SessionRecord]:
        text = "\n".join(part["text"] for part in message.parts if part["type"] == "text")
        if self._session.title is None and message.role == "user" and (title := first_line(text)):
            self._session.title = title
            yield SessionRecord(self._session.key, title, TITLE_FIRST_PROMPT)

    def _executed(self, id: str, given: dict[str, Any], above: str | None) -> MessageRecord:
        message = self._new(id, given, above)
        message.role = "tool"
        told, response = _told(given), given.get("response")
        message.tool_name = words(told.get("toolName"))
        answer = {"call_id": words(told.get("toolCallId")), "is_error": message.status == "error"}
        message.tool_result = answer
        text = response if isinstance(response, str) else json.dumps(response)
        message.parts = [{"type": "tool_result", "id": "0", "name": message.tool_name, "text": text, **answer}]
        return message


def _index(interaction: dict[str, Any]) -> float:
    index = interaction.get("index")
    return float(index) if isinstance(index, (int, float)) and not isinstance(index, bool) else 0.0


def _told(interaction: dict[str, Any]) -> dict[str, Any]:
    return mapping(interaction.get("metadata"))


def _prompt(interaction: dict[str, Any]) -> dict[str, Any]:
    return mapping(interaction.get("prompt"))


def _fill(answer: MessageRecord, given: dict[str, Any]) -> None:
    told, response = _told(given), given.get("response")
    if reasoning := words(told.get("reasoning")):
        answer.parts.append({"type": "reasoning", "id": "reasoning", "text": reasoning})
    for at, call in enumerate(_decoded(told.get("toolCalls"))):
        part: Part = {"type": "tool_call", "id": f"call{at}", "call_id": words(call.get("toolCallId"))}
        answer.parts.append(
            part | {"name": words(call.get("toolName")) or "", "input": call.get("args", call.get("input"))}
        )
    if isinstance(response, str) and response:
        answer.parts.append({"type": "text", "id": "response", "text": response})
    elif response not in (None, ""):
        answer.parts.append(
            {"type": "text", "id": "response", "text": json.dumps(response), "native": {"response": response}}
        )
    calls = [part for part in answer.parts if part["type"] == "tool_call"]
    answer.tool_name = calls[0]["name"] if calls else None
    if len(answer.parts) == len(calls) == 1:
        answer.tool_call = {name: calls[0][name] for name in ("call_id", "name", "input")}
    model, provider = words(told.get("modelId")), words(told.get("providerId"))
    # a model's id has that of its provider before it
    answer.model = model.removeprefix(f"{provider}:") if model and provider else model
    answer.tokens_in = _count(told, "inputTokens", "promptTokens")
    answer.tokens_out = _count(told, "outputTokens", "completionTokens")
    if usage := {name: told[name] for name in _USAGE if told.get(name) is not None}:
        answer.metadata["usage"] = usage


def _count(told: dict[str, Any], *names: str) -> int | None:
    return next((told[name] for name in names if type(told.get(name)) is int), None)


def _decoded(listed: object) -> list[dict[str, Any]]:
    """Decode calls or results, which are JSON texts; one that is none is kept as what it is."""
    found: list[dict[str, Any]] = []
    for each in listed if isinstance(listed, list) else []:
        value = each
        if isinstance(each, str):
            with suppress(ValueError, RecursionError):
                value = json.loads(each)
        found.append(value if isinstance(value, dict) else {"args": value, "result": value})
    return found


def _results(answer: MessageRecord, told: dict[str, Any]) -> list[MessageRecord]:
    found: list[MessageRecord] = []
    for at, given in enumerate(_decoded(told.get("toolResults"))):
        output = given.get("result", given.get("output"))
        call_id = words(given.get("toolCallId"))
        is_error = given.get("isError") is True or mapping(output).get("_isError") is True
        key = f"{answer.key}:{call_id or at}"
        result = MessageRecord(answer.session_key, key, "tool", [], answer.key, is_whole=True)
        result.created_at, result.tool_name = answer.created_at, words(given.get("toolName"))
        result.tool_result = {"call_id": call_id, "is_error": is_error}
        part: Part = {"type": "tool_result", "id": "0", "name": result.tool_name, **result.tool_result}
        text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
        result.parts = [part | {"text": text} | ({} if isinstance(output, str) else {"output": output})]
        found.append(result)
    return found


def _file(file: dict[str, Any], part_id: str, message: MessageRecord) -> Part:
    """Make a part of an attached file; its content becomes an attachment, a text's also the text of the part."""
    media_type = words(file.get("type")) or "application/octet-stream"
    part: Part = {
        "type": "image" if media_type.startswith("image/") else "file",
        "id": part_id,
        "media_type": media_type,
    }
    part["native"] = without(file, frozenset(["contentText", "contentBase64", "type"]))
    name, text, base64 = (
        words(file.get("name")) or "file",
        words(file.get("contentText")),
        words(file.get("contentBase64")),
    )
    if text is not None:
        data = text.encode("utf-8", "surrogatepass")
        part["text"] = text
    elif base64 is not None:
        try:
            data = b64decode(base64.rpartition(",")[2], validate=True)
        except (NoBase64, ValueError):
            part["native"]["broken_base64"] = len(base64)
            return part
    else:
        return part
    message.attachments.append(AttachmentRecord(name, media_type, data))
    return part | {"attachment": len(message.attachments) - 1}
