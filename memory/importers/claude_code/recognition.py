"""Which lines are Claude Code's."""

from typing import Any


def is_foreign(message: object) -> bool:
    """Say whether a message is another program's that writes the same envelope."""
    # Qwen Code has the same envelope, with Gemini's `parts` in it.
    return isinstance(message, dict) and "parts" in message


def is_own(record: dict[str, Any]) -> bool:
    """Say whether a line is one that no other program writes."""
    kind, message = record.get("type"), record.get("message")
    if kind in ("user", "assistant"):
        return isinstance(record.get("sessionId"), str) and isinstance(message, dict) and "content" in message
    if kind == "summary":
        return isinstance(record.get("summary"), str) and "leafUuid" in record
    if kind == "file-history-snapshot":
        return "messageId" in record and "snapshot" in record
    if kind in ("ai-title", "custom-title", "agent-name", "queue-operation", "pr-link"):
        return isinstance(record.get("sessionId"), str)
    return kind in ("system", "attachment", "progress") and {"sessionId", "parentUuid", "isSidechain"} <= record.keys()
