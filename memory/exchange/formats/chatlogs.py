"""Chat logs: one session a line with its entries under `chatLogs`, as the older designs that `hark import` reads have it."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from memory.exchange.content import Content
from memory.exchange.formats import spoken
from memory.kinds.message import Message
from memory.kinds.session import Session
from memory.store.schema import to_json

FORMAT = "chatlogs"


def pieces(content: Content) -> Iterator[str]:
    """Yield a line a session."""
    for session in content.sessions():
        yield f'{to_json(_about(session))[:-1]},"chatLogs":['
        for at, message in enumerate(content.messages(session)):
            yield "," * (at > 0) + to_json(_entry(content, session, message))
        yield "]}\n"


def _about(session: Session) -> dict[str, Any]:
    about = {
        "id": session.id,
        "title": session.title,
        "participants": session.participants,
        "state": session.state,
        "createdAt": session.created_at,
    }
    rest = {
        "project": session.project,
        "model": session.model,
        "systemPrompt": session.system_prompt,
        "summary": session.summary,
        "keywords": session.keywords,
        "tags": session.tags,
    }
    return about | {name: value for name, value in rest.items() if value}


def _entry(content: Content, session: Session, message: Message) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": spoken.id_in(session, message), "role": message.role}
    entry |= {
        "sender": message.sender_id or message.role,
        "message": spoken.text_of(message),
        "timestamp": message.created_at,
    }
    if message.role == "tool":
        entry |= {"toolName": message.tool_name, "toolCallId": spoken.answered_call(message)}
        entry |= {"isError": True} if spoken.is_failed(message) else {}
        return {name: value for name, value in entry.items() if value is not None}
    calls = [
        {"id": call["call_id"], "name": call["name"], "arguments": call["input"]} for call in spoken.calls_of(message)
    ]
    files = [file for each in message.attachments if (file := _file(content, each.sha256, each.media_type, each.name))]
    rest: dict[str, Any] = {"reasoning": spoken.reasoning_of(message), "toolCalls": calls, "attachments": files}
    if message.role == "assistant":
        rest |= {"model": message.model, "tokensIn": message.tokens_in, "tokensOut": message.tokens_out}
    return entry | {name: value for name, value in rest.items() if value}


def _file(content: Content, sha256: str, media_type: str, name: str) -> dict[str, Any] | None:
    data = content.data(sha256)
    if data is None:
        return None
    return {"name": name, "type": media_type, "url": f"data:{media_type};base64,{b64encode(data).decode()}"}
