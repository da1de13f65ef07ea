"""What formats of other programs need of a message: its text, the calls of tools in it, and what it answers."""

from typing import Any

from memory.kinds.message import Message
from memory.kinds.session import Session


def id_in(session: Session, message: Message) -> str:
    """Give the id of a message in a session; one that a fork shares with another session has an id of its own there."""
    return message.id if message.session_id == session.id else f"{session.id}:{message.id}"


def text_of(message: Message) -> str:
    """Give what a message says."""
    if message.content or not message.parts:
        return message.content
    kind = "tool_result" if message.role == "tool" else "text"
    texts = [part.get("text") for part in message.parts if part.get("type") == kind]
    return "\n\n".join(text for text in texts if isinstance(text, str))


def reasoning_of(message: Message) -> str:
    """Give what a model thought before it spoke."""
    texts = [part.get("text") for part in message.parts if part.get("type") == "reasoning"]
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)


def calls_of(message: Message) -> list[dict[str, Any]]:
    """Give the calls of tools, each with `call_id`, `name` and `input`."""
    calls = [part for part in message.parts if part.get("type") == "tool_call"]
    if not calls and isinstance(message.tool_call, dict):
        calls = [message.tool_call]
    return [
        {
            "call_id": call.get("call_id"),
            "name": str(call.get("name") or message.tool_name or ""),
            "input": call.get("input"),
        }
        for call in calls
    ]


def answered_call(message: Message) -> str | None:
    """Give the id of the call that a tool's message answers."""
    given = message.tool_result.get("call_id") if isinstance(message.tool_result, dict) else None
    found = given or next((part.get("call_id") for part in message.parts if part.get("type") == "tool_result"), None)
    return found if isinstance(found, str) else None


def is_failed(message: Message) -> bool:
    """Say whether a tool's message is an error."""
    return isinstance(message.tool_result, dict) and bool(message.tool_result.get("is_error"))
