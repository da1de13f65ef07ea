"""To be read: one session behind the other, who spoke as headings, what tools did in fenced blocks; then learnings."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from memory.exchange.content import Content
from memory.kinds.learning import Learning
from memory.kinds.message import Message
from memory.kinds.session import Session

FORMAT = "markdown"

_TICKS = re.compile(r"`{3,}")
_LINE_ENDS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")


def pieces(content: Content) -> Iterator[str]:
    """Yield the text."""
    for at, session in enumerate(content.sessions()):
        yield "\n" * (at > 0) + _heading(session)
        for message in content.messages(session):
            yield _said(message)
    for at, learning in enumerate(content.learnings()):
        yield ("\n# Learnings\n\n" if at == 0 else "") + _learned(learning)


def _heading(session: Session) -> str:
    lines = [f"# {_line(session.title or 'Session without a title')}", ""]
    about = [f"date: {_day(session.created_at)}"]
    about += [f"project: {_line(session.project)}"] if session.project else []
    about += [f"session: {session.id}"]
    lines += [f"- {each}" for each in about]
    if session.summary:
        lines += ["", *(f"> {line}".rstrip() for line in session.summary.splitlines())]
    return "\n".join(lines) + "\n"


def _said(message: Message) -> str:
    speaker = message.sender_id or (message.tool_name if message.role == "tool" else None)
    who = f"{message.role} ({_line(speaker)})" if speaker else message.role
    blocks = [f"\n## {who}, {_time(message.created_at)}"]
    parts: list[dict[str, Any]] = message.parts or [{"type": "text", "text": message.content}]
    if message.role == "tool" and not message.parts:
        parts = [{"type": "tool_result", "text": message.content}]
    blocks += [block for part in parts if (block := _part(part))]
    if message.error:
        blocks.append(f"error: {_line(message.error)}")
    blocks += [f"- attachment: {_line(each.name)} ({each.size_bytes} bytes)" for each in message.attachments]
    return "\n\n".join(blocks) + "\n"


def _part(part: dict[str, Any]) -> str:
    kind, text = part.get("type"), part.get("text")
    if kind == "tool_call":
        given = part.get("input")
        shown = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, indent=2)
        return f"Tool call `{_line(str(part.get('name')))}`:\n\n{_fenced(shown, 'json')}"
    if kind == "tool_result":
        shown = text if isinstance(text, str) else json.dumps(part.get("output"), ensure_ascii=False, indent=2)
        return f"{'Failed' if part.get('is_error') else 'Result'}:\n\n{_fenced(shown, '')}"
    if kind == "reasoning":
        return _fenced(text, "reasoning") if isinstance(text, str) and text else ""
    if isinstance(text, str) and text:
        return text if kind == "text" else _fenced(text, str(kind or ""))
    return "" if kind == "text" else f"[{_line(str(kind))}]"


def _fenced(text: str, language: str) -> str:
    """Put text in a fence that is longer than any in it."""
    longest = max((len(ticks) for ticks in _TICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _learned(learning: Learning) -> str:
    about = [_day(learning.created_at), *([learning.project] if learning.project else []), *learning.related_files]
    return f"- {_line(learning.category)}: {_line(learning.content)} ({_line(', '.join(about))})\n"


def _line(text: str) -> str:
    return _LINE_ENDS.sub(" ", text)


def _day(at: datetime) -> str:
    return at.date().isoformat()


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S}" if at.year < 1000 else f"{at:%Y-%m-%d %H:%M:%S}"
