"""Count sessions, prompts, answers and tool calls in the raw files of all formats but Claude Code's and Codex'.

    python benchmarks/count_other_transcripts.py FOLDER… [--compare]

Nothing of the importers is used but to say which format a file is of. A prompt is what a person typed; an answer is a
message of a model that has words; a call is one call of a tool. `--compare` holds the importers against it and ends with 1 where
they differ (`tests/importers/test_real_files.py` does the same). `count_transcripts.py` has the two formats left out here.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass
class Count:
    """What one file holds."""

    sessions: set[str] = field(default_factory=set)
    prompts: int = 0
    answers: int = 0
    calls: int = 0

    def row(self) -> tuple[int, int, int, int]:
        """Give the numbers: sessions, prompts, answers, calls."""
        return len(self.sessions), self.prompts, self.answers, self.calls


def lines(path: Path) -> Iterator[Json]:
    """Yield the objects of a file's lines, several on a line, too."""
    decoder = json.JSONDecoder()
    for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        rest = line.strip()
        while rest:
            try:
                value, end = decoder.raw_decode(rest)
            except ValueError:
                break
            if isinstance(value, dict):
                yield value
            rest = rest[end:].lstrip()


def document(path: Path) -> Any:
    """Read a whole document."""
    return json.loads(path.read_text(encoding="utf-8-sig"))


def blocks(content: Any) -> list[Json]:
    """Give a content as blocks."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [each for each in content or [] if isinstance(each, dict)]


def texts(content: Any, *kinds: str) -> str:
    """Join the words of a content's text blocks."""
    found = [each.get("text") or "" for each in blocks(content) if each.get("type", "text") in (kinds or ("text",))]
    return "\n".join(found).strip()


def typed(text: str) -> bool:
    """Say whether anything is left of a text without what programs wrap around it."""
    wrapped = r"<(system-reminder|user_info|environment_context|qwen:[\w-]+|ADDITIONAL_METADATA|USER_SETTINGS_CHANGE)[^>]*>[\s\S]*?</\1>"
    return bool(re.sub(wrapped, "", text).strip())


def aider(path: Path, count: Count) -> None:
    """Prompts are runs of lines that begin with `#### `."""
    in_prompt = False
    text = path.read_text(encoding="utf-8")
    if text.strip() and not text.startswith("# aider chat started at "):
        count.sessions.add("what stands before the first")
    for line in text.splitlines():
        if line.startswith("# aider chat started at "):
            count.sessions.add(f"{line}{len(count.sessions)}")
        is_prompt = line.startswith("#### ") and line.strip() != "#### <blank>"
        count.prompts += is_prompt and not in_prompt
        in_prompt = is_prompt


def chatgpt(path: Path, count: Count) -> None:
    """Each node of the tree with a message that says something."""
    found = document(path)
    for conversation in found if isinstance(found, list) else [found]:
        count.sessions.add(conversation.get("conversation_id") or conversation["id"])
        for node in conversation["mapping"].values():
            message = node.get("message") or {}
            content, role = message.get("content") or {}, (message.get("author") or {}).get("role")
            parts = content.get("parts") or []
            words = " ".join(part if isinstance(part, str) else part.get("text") or "" for part in parts)
            words = words or content.get("text") or ""
            is_hidden = (message.get("metadata") or {}).get("is_visually_hidden_from_conversation")
            is_call = role == "assistant" and message.get("recipient", "all") != "all"
            if role == "user" and not is_hidden and content.get("content_type") != "user_editable_context":
                count.prompts += bool(words.strip() or [part for part in parts if part])
            count.calls += is_call
            count.answers += role == "assistant" and not is_call and not is_hidden and bool(words.strip())


def claude_ai(path: Path, count: Count) -> None:
    """`sender` says who; blocks say what."""
    found = document(path)
    for conversation in found if isinstance(found, list) else [found]:
        count.sessions.add(conversation["uuid"])
        for message in conversation["chat_messages"]:
            kinds = [block.get("type") for block in message.get("content") or []]
            said = texts(message.get("content")) or (message.get("text") or "").strip()
            count.prompts += message["sender"] == "human"
            count.answers += message["sender"] == "assistant" and bool(said)
            count.calls += kinds.count("tool_use")


def copilot(path: Path, count: Count) -> None:
    """Events."""
    calls = set()
    for event in lines(path):
        data = event.get("data") or {}
        if event.get("type") == "session.start":
            count.sessions.add(data["sessionId"])
        count.prompts += event.get("type") == "user.message" and bool((data.get("content") or "").strip())
        count.answers += event.get("type") == "assistant.message" and bool((data.get("content") or "").strip())
        calls |= {each["toolCallId"] for each in data.get("toolRequests") or []}
        if event.get("type") == "tool.execution_start":
            calls.add(data["toolCallId"])
    count.calls = len(calls)


def cursor(path: Path, count: Count) -> None:
    """Transcripts: roles and blocks."""
    if path.suffix == ".db":
        count.sessions.add(path.name)
        return
    count.sessions.add(path.name)
    for line in lines(path):
        content = (line.get("message") or {}).get("content")
        said = texts(content)
        count.prompts += line.get("role") == "user" and bool(said) and path.parent.name != "subagents"
        others = [
            block for block in blocks(content) if block.get("type") in ("text", "custom_block") and block.get("text")
        ]
        count.answers += line.get("role") == "assistant" and bool(others)
        count.calls += sum(block.get("type") in ("tool_use", "tool_call") for block in blocks(content))


def droid(path: Path, count: Count) -> None:
    """The session store, and the stream."""
    for line in lines(path):
        key = (
            line.get("session_id")
            or line.get("sessionId")
            or (line.get("id") if line.get("type") == "session_start" else None)
        )
        if key:
            count.sessions.add(key)
        message = line.get("message") if isinstance(line.get("message"), dict) else None
        role = message["role"] if message else line.get("role")
        content = message.get("content") if message else line.get("text")
        said = texts(content)
        if line.get("type") == "message":
            count.prompts += role == "user" and bool(said) and typed(said)
            count.answers += role == "assistant" and bool(said)
            count.calls += sum(block.get("type") == "tool_use" for block in blocks(content))
        count.calls += line.get("type") == "tool_call"
        count.answers += line.get("type") == "completion" and bool(line.get("finalText"))


def gemini(path: Path, count: Count) -> None:
    """A document, or a journal in which a message may come again."""
    try:
        found = document(path)
        records = [found] if isinstance(found, dict) else []
    except ValueError:
        records = list(lines(path))
    messages: dict[str, Json] = {}
    for record in records:
        if record.get("sessionId") or "history" in record:
            count.sessions.add(record.get("sessionId") or "a mere history")
        listed = record.get("messages") or record.get("history") or []
        for at, message in enumerate([*listed, *([record] if "type" in record else [])]):
            messages[message.get("id") or f"{len(messages)}-{at}"] = message
    for message in messages.values():
        content = message.get("content", message.get("parts"))
        words = (
            content
            if isinstance(content, str)
            else "".join(part.get("text") or "" for part in content or [] if isinstance(part, dict))
        )
        who = message.get("type") or message.get("role")
        count.prompts += who == "user" and bool(words.strip()) and not words.startswith("System: ")
        count.answers += who in ("gemini", "model") and bool(words.strip())
        count.calls += len(message.get("toolCalls") or [])


def openai_chat(path: Path, count: Count) -> None:
    """A conversation a line; a block may hold its words as `value`."""
    for at, line in enumerate(lines(path)):
        count.sessions.add(str(at))
        for message in line["messages"]:
            content = message.get("content")
            words = (
                ""
                if content is None
                else content
                if isinstance(content, str)
                else "".join(
                    block.get("text") or (block.get("value") if block.get("type") == "text" else "") or ""
                    for block in content
                )
            )
            count.prompts += message["role"] == "user" and bool(words.strip())
            count.answers += message["role"] == "assistant" and bool(words.strip())
            count.calls += len(message.get("tool_calls") or [])
            count.calls += sum(block.get("type") == "tool_call" for block in blocks(content))


def opencode(path: Path, count: Count) -> None:
    """A session's file, with its messages and parts in folders beside."""
    storage = path.parents[2]
    session = document(path)["id"]
    count.sessions.add(session)
    for file in (storage / "message" / session).glob("*.json"):
        message = document(file)
        own = [*(storage / "part" / message["id"]).glob("*.json"), *(storage / "part").glob("*.json")]
        parts = [part for part in map(document, own) if part.get("messageID", message["id"]) == message["id"]]
        said = any(part.get("type") == "text" and part.get("text") and not part.get("synthetic") for part in parts)
        said = said or (not parts and bool((message.get("summary") or {}).get("body")))
        count.prompts += message["role"] == "user" and said
        count.answers += message["role"] == "assistant" and said
        count.calls += sum(part.get("type") == "tool" for part in parts)


def pi(path: Path, count: Count) -> None:
    """Pi and OpenClaw: roles and blocks; a command that the person ran is a call."""
    for line in lines(path):
        if line.get("type") == "session":
            count.sessions.add(line["id"])
        message = line.get("message") or {}
        role, content = message.get("role"), message.get("content")
        count.prompts += role == "user" and bool(blocks(content))
        count.calls += role == "bashExecution"
        count.answers += role == "assistant" and bool(texts(content))
        count.calls += sum(block.get("type") == "toolCall" for block in blocks(content)) if role == "assistant" else 0


def sharegpt(path: Path, count: Count) -> None:
    """A list of conversations, or one a line."""
    found = document(path) if path.suffix == ".json" else list(lines(path))
    for record in found:
        # the same conversation twice is one
        if (key := json.dumps(record, sort_keys=True)) in count.sessions:
            continue
        count.sessions.add(key)
        for turn in record["conversations"]:
            said = bool(str(turn.get("value") or "").strip())
            count.prompts += turn["from"] in ("human", "user") and said
            count.answers += turn["from"] in ("gpt", "assistant", "chatgpt") and said
            count.calls += turn["from"] == "function_call"


COUNTERS: dict[str, Callable[[Path, Count], None]] = {
    "aider": aider, "chatgpt": chatgpt, "claude-ai": claude_ai, "copilot": copilot, "cursor": cursor, "droid": droid,
    "gemini-cli": gemini, "openai-chat": openai_chat, "opencode": opencode, "pi": pi, "sharegpt": sharegpt,
}  # fmt: skip
"""One a format; aider's answers and calls are not told apart from what the console said by anything but its own rules."""


def count_file(format: str, path: Path) -> Count:
    """Count one file."""
    count = Count()
    COUNTERS[format](path, count)
    return count


def imported(importer: Any, path: Path) -> Count:
    """Count what an importer yields of one file."""
    from memory.importers.reading.records import MessageRecord, SessionRecord
    from memory.importers.reading.source import Source

    count = Count()
    found: dict[tuple[str, str | None], Any] = {}
    for item in importer.read(Source(path)):
        if isinstance(item, SessionRecord):
            count.sessions.add(item.key)
        elif isinstance(item, MessageRecord):
            found[item.session_key, item.key or str(len(found))] = item
    for message in found.values():
        said = any(part["type"] == "text" and str(part.get("text")).strip() for part in message.parts)
        count.prompts += message.role == "user"
        count.answers += message.role == "assistant" and said
        count.calls += sum(part["type"] == "tool_call" for part in message.parts)
    return count


def compare(folders: list[Path]) -> Iterator[tuple[str, Path, Count, Count]]:
    """Yield format, file, count and what was imported, for every file of a format that is counted here."""
    from memory.importers.reading.finding import Found, find_files

    for found in find_files(folders, None, []):
        if isinstance(found, Found) and found.importer.FORMAT in COUNTERS:
            name = found.importer.FORMAT
            yield name, found.path, count_file(name, found.path), imported(found.importer, found.path)


def agrees(format: str, count: Count, found: Count) -> bool:
    """Say whether what was imported is what was counted; Aider's answers are not counted."""
    mine, theirs = count.row(), found.row()
    return mine[:2] == theirs[:2] and mine[3] == theirs[3] and (format == "aider" or mine[2] == theirs[2])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--compare", action="store_true", help="end with 1 where the importers differ")
    given = parser.parse_args()
    totals: dict[str, list[int]] = {}
    differences = 0
    for name, path, count, found in compare(given.folders):
        row = [*count.row(), *found.row()]
        before = totals.setdefault(name, [0] * (len(row) + 1))
        totals[name] = [before[0] + 1, *(a + b for a, b in zip(before[1:], row, strict=True))]
        if not agrees(name, count, found):
            differences += 1
            print(f"differs: {name} {path}: {count.row()} counted, {found.row()} imported", file=sys.stderr)
    names = ("files", "sessions", "prompts", "answers", "calls", "imported:", "", "", "")
    print(f"{'format':14}" + "".join(f"{name:>10}" for name in names))
    for name, row in sorted(totals.items()):
        print(f"{name:14}" + "".join(f"{value:10,}" for value in row))
    sys.exit(bool(differences) if given.compare else 0)


if __name__ == "__main__":
    main()
