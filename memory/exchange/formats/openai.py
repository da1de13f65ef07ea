"""OpenAI chat JSON Lines: one session a line, `{"messages": […]}`, with `tool_calls` and their answers.

Beside the messages stand the session's id, title, time and model. Pictures and files are left out, and so is reasoning:
the format has no place for them.
"""

import json
from collections.abc import Iterator
from typing import Any

from memory.exchange.content import Content
from memory.exchange.formats import spoken
from memory.kinds.message import Message
from memory.kinds.session import Session
from memory.store.schema import to_json

FORMAT = "openai"


def pieces(content: Content) -> Iterator[str]:
    """Yield a line a session; one in which nothing was said has none."""
    for session in content.sessions():
        is_first = True
        for message in content.messages(session):
            given = _message(message)
            if given is None:
                continue
            yield f'{to_json(_about(session))[:-1]},"messages":[' if is_first else ","
            yield to_json(given)
            is_first = False
        if not is_first:
            yield "]}\n"


def _about(session: Session) -> dict[str, Any]:
    about = {"session_id": session.id, "title": session.title, "model": session.model}
    return {
        name: value for name, value in (about | {"created_at": session.created_at}).items() if value not in (None, "")
    }


def _message(message: Message) -> dict[str, Any] | None:
    given: dict[str, Any] = {"role": message.role, "content": spoken.text_of(message)}
    if message.role == "tool":
        name, call_id = message.tool_name, spoken.answered_call(message)
        return given | ({"name": name} if name else {}) | ({"tool_call_id": call_id} if call_id else {})
    if message.sender_id:
        given["name"] = message.sender_id
    calls = spoken.calls_of(message)
    if calls:
        given["tool_calls"] = [_call(call) for call in calls]
        given["content"] = given["content"] or None
    return given if given["content"] or calls else None


def _call(call: dict[str, Any]) -> dict[str, Any]:
    arguments = call.get("input")
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"id": call.get("call_id"), "type": "function", "function": {"name": call["name"], "arguments": written}}
