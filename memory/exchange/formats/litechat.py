"""LiteChat's full export: conversations of interactions, each what was asked and what was answered.

A tool's answer stands with the call before it, else for itself; what a system said is an interaction for itself. There are
no keys, providers, rules and servers in it: those lists are empty.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from memory.exchange.content import Content
from memory.exchange.formats import spoken
from memory.kinds.message import Message
from memory.kinds.session import Session
from memory.store.schema import to_json

FORMAT = "litechat"

_EMPTY = (
    "apiKeys providerConfigs rules tags tagRuleLinks mods syncRepos mcpServers promptTemplates agents workflows".split()
)
_LONGEST = 20
"""How many projects may lie in each other."""


def pieces(content: Content) -> Iterator[str]:
    """Yield the document."""
    yield f'{{"version":1,"exportedAt":{to_json(datetime.now(UTC))}'
    yield "".join(f',"{name}":[]' for name in _EMPTY)
    yield ',"interactions":['
    conversations: list[dict[str, Any]] = []
    comma = ""
    for session in content.sessions():
        conversations.append(_conversation(session))
        for index, turn in enumerate(_turns(content.messages(session))):
            yield f"{comma}\n{to_json(_interaction(content, session, index, turn))}"
            comma = ","
    yield '],\n"conversations":['
    for at, conversation in enumerate(conversations):
        yield f"{',' * (at > 0)}\n{to_json(conversation)}"
    projects = {each["projectId"] for each in conversations} - {None}
    yield f'],\n"projects":{to_json(list(_projects(content, projects)))}}}\n'


@dataclass
class _Turn:
    """What becomes one interaction."""

    asked: Message | None = None
    answered: Message | None = None
    """What a model said, or a system, or a tool whose call is not before it."""
    results: list[Message] = field(default_factory=list)


def _turns(messages: Iterable[Message]) -> Iterator[_Turn]:
    turn = _Turn()
    for message in messages:
        is_open = turn.asked is not None and turn.answered is None
        if message.role == "user" or not (is_open and message.role == "assistant"):
            is_result = message.role == "tool" and turn.answered is not None and turn.answered.role == "assistant"
            if is_result:
                turn.results.append(message)
                continue
            if turn.asked or turn.answered:
                yield turn
            turn = _Turn()
        if message.role == "user":
            turn.asked = message
        else:
            turn.answered = message
    if turn.asked or turn.answered:
        yield turn


def _conversation(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "title": session.title or "",
        "projectId": session.project_id,
        "metadata": {},
        "createdAt": session.created_at,
        "updatedAt": session.updated_at,
    }


def _interaction(content: Content, session: Session, index: int, turn: _Turn) -> dict[str, Any]:
    first, last = turn.asked or turn.answered, turn.answered or turn.asked
    assert first is not None
    assert last is not None
    kind = {"system": "system.info", "tool": "tool.execution"}.get(last.role, "message.user_assistant")
    return {
        "id": spoken.id_in(session, last),
        "conversationId": session.id,
        "type": kind,
        "index": index,
        "parentId": None,
        "prompt": None if turn.asked is None else _prompt(content, turn.asked),
        "response": None if turn.answered is None else spoken.text_of(turn.answered),
        "status": "ERROR"
        if last.status == "error" or (last.role == "tool" and spoken.is_failed(last))
        else "COMPLETED",
        "startedAt": first.created_at,
        "endedAt": last.created_at,
        "rating": None,
        "metadata": _metadata(turn),
    }


def _prompt(content: Content, message: Message) -> dict[str, Any]:
    files = []
    for each in message.attachments:
        if (data := content.data(each.sha256)) is not None:
            file = {"id": each.id, "name": each.name, "type": each.media_type, "size": each.size_bytes}
            files.append(file | {"contentBase64": b64encode(data).decode()})
    prompt = {"id": message.id, "content": spoken.text_of(message), "parameters": {}}
    return prompt | {"metadata": {"attachedFiles": files} if files else {}}


def _metadata(turn: _Turn) -> dict[str, Any]:
    answer = turn.answered
    if answer is None:
        return {}
    found: dict[str, Any] = {"error": answer.error}
    if answer.role == "tool":
        found |= {"toolName": answer.tool_name, "toolCallId": spoken.answered_call(answer)}
    elif answer.role == "assistant":
        found |= {"modelId": answer.model, "reasoning": spoken.reasoning_of(answer)}
        found |= {"inputTokens": answer.tokens_in, "outputTokens": answer.tokens_out}
        found["toolCalls"] = [
            _written({"toolCallId": call["call_id"], "toolName": call["name"], "args": call["input"]})
            for call in spoken.calls_of(answer)
        ]
        found["toolResults"] = [_result(each) for each in turn.results]
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def _result(message: Message) -> str:
    result = {"toolCallId": spoken.answered_call(message), "toolName": message.tool_name}
    return _written(result | {"result": spoken.text_of(message), "isError": spoken.is_failed(message)})


def _written(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _projects(content: Content, wanted: set[str]) -> Iterator[dict[str, Any]]:
    """Give the projects of the conversations, with those that they lie in."""
    known = {project["id"]: project for project in content.projects()}
    needed = set(wanted)
    for id in wanted:
        at = known.get(id, {}).get("parent_id")
        for _ in range(_LONGEST):
            if at is None or at in needed:
                break
            needed.add(at)
            at = known.get(at, {}).get("parent_id")
    for id, project in known.items():
        if id in needed:
            above = known.get(project.get("parent_id", ""), {}).get("name")
            yield {
                "id": id,
                # a name is read behind those of the projects that it lies in
                "name": project["name"].removeprefix(f"{above}/") if above else project["name"],
                "path": project.get("path") or project["name"],
                "parentId": project.get("parent_id"),
                "systemPrompt": project.get("system_prompt"),
                "metadata": {},
                "createdAt": project["created_at"],
                "updatedAt": project["updated_at"],
            }
