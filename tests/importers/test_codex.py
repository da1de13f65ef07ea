"""What is special about Codex's files, of three generations."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memory.importers import codex
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    Item,
    MessageRecord,
    RelationshipRecord,
    SessionRecord,
)
from memory.importers.reading.source import Source

FOLDER = Path(__file__).parent.parent / "data" / "codex"
PARENT = "019d4845-6280-7189-8d86-951d7a54178e"
CHILD = "019d4d6b-be80-7d69-8d43-475fa655c591"
AGENT = "019d4849-f660-79b4-80ad-fe2d005cb8b7"


def read(part_of_name: str) -> list[Item]:
    path = next(path for path in FOLDER.iterdir() if part_of_name in path.name)
    return list(codex.read(Source(path)))


def messages(items: list[Item], role: str | None = None) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord) and role in (None, item.role)]


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def text(message: MessageRecord) -> str:
    return "\n".join(part["text"] for part in message.parts if part["type"] == "text")


@pytest.fixture(scope="module")
def parent() -> list[Item]:
    return read(PARENT)


def test_the_persons_words_are_user_messages(parent: list[Item]) -> None:
    assert [text(message) for message in messages(parent, "user")] == ["Add a dark theme.", "Continue.", "Continue."]


def test_equal_prompts_are_different_messages(parent: list[Item]) -> None:
    counts = Counter(message.key for message in messages(parent))

    assert set(counts.values()) == {1}


def test_instructions_and_environment_are_system_messages(parent: list[Item]) -> None:
    origins = [message.metadata["origin"] for message in messages(parent, "system")]

    assert origins == ["injected", "injected", "injected", "compaction", "synthetic"]


def test_events_that_repeat_items_add_nothing(parent: list[Item]) -> None:
    said = [text(message) for message in messages(parent, "assistant") if text(message)]

    assert said == ["I look for the style sheet.", "Dark theme added.", "One test fails.", "Fixed."]


def test_a_reasoning_summary_is_kept_and_its_cipher_is_not(parent: list[Item]) -> None:
    thoughts = [part for message in messages(parent) for part in message.parts if part["type"] == "reasoning"]

    assert thoughts == [{"type": "reasoning", "id": "0", "text": "Look for the style sheet."}]


def test_calls_and_outputs_know_each_other(parent: list[Item]) -> None:
    calls = [message.tool_call for message in messages(parent) if message.tool_call]
    names = [message.tool_name for message in messages(parent, "tool")]

    assert [call["name"] for call in calls] == ["exec_command", "apply_patch", "web_search", "exec_command"]
    assert calls[0]["input"] == {"cmd": "ls styles", "workdir": "/home/ada/code/kiosk"}
    assert names == ["exec_command", "apply_patch", "exec_command"]


def test_an_exit_code_makes_an_error(parent: list[Item]) -> None:
    results = [message.tool_result for message in messages(parent, "tool") if message.tool_result]

    assert [(result["exit_code"], result["is_error"]) for result in results] == [(0, False), (0, False), (1, True)]


def test_an_output_wrapped_in_json_is_unwrapped(parent: list[Item]) -> None:
    patched = messages(parent, "tool")[1]

    assert patched.parts[0]["text"].startswith("Success. Updated the following files:\n")


def test_tokens_stand_on_the_last_item_of_an_answer(parent: list[Item]) -> None:
    counted = [message.tool_name for message in messages(parent) if message.tokens_in is not None]

    assert counted == ["exec_command", "apply_patch", "exec_command"]


def test_a_patched_file_is_an_arrow_once(parent: list[Item]) -> None:
    arrows = [item for item in parent if isinstance(item, RelationshipRecord)]

    assert [(arrow.type, arrow.target, arrow.label) for arrow in arrows] == [
        ("session_file", "file:/home/ada/code/kiosk/styles/base.css", "changed")
    ]


def test_the_header_gives_the_session(parent: list[Item]) -> None:
    first = sessions(parent)[0]

    assert (first.key, first.project, first.system_prompt) == (
        PARENT,
        "/home/ada/code/kiosk",
        "You are a coding agent. Be brief.",
    )
    assert (first.metadata["kind"], first.metadata["git_branch"]) == ("main", "main")


def test_a_thread_name_is_the_title(parent: list[Item]) -> None:
    titles = [(found.title, found.title_authority) for found in sessions(parent) if found.title]

    assert titles == [("Add a dark theme.", TITLE_FIRST_PROMPT), ("Dark theme", TITLE_GENERATED)]


def test_a_replayed_history_is_the_parents(parent: list[Item]) -> None:
    child = messages(read(CHILD))
    known = {message.key for message in messages(parent)}

    new = [message for message in child if message.key not in known]

    assert [text(message) for message in new if message.role != "system"] == ["Now a sepia theme.", "Sepia it is."]
    assert {message.session_key for message in child if message.key in known} == {PARENT}
    assert {message.session_key for message in new} == {CHILD}


def test_a_replayed_message_has_the_time_of_its_turn() -> None:
    first = messages(read(CHILD), "user")[0]

    assert first.created_at == datetime(2026, 4, 1, 9, 1, 9, tzinfo=UTC)


def test_a_fork_knows_its_parent_and_where_it_left(parent: list[Item]) -> None:
    found = [session for session in sessions(read(CHILD)) if session.key == CHILD]
    left_at = next(session.forked_at_key for session in found if session.forked_at_key)

    assert found[0].parent_key == PARENT
    assert found[0].metadata["kind"] == "fork"
    assert text(next(message for message in messages(parent) if message.key == left_at)) == "Dark theme added."


def test_a_sub_agents_task_is_not_the_persons() -> None:
    items = read(AGENT)

    assert (sessions(items)[0].parent_key, sessions(items)[0].metadata["kind"]) == (PARENT, "subagent")
    assert not messages(items, "user")
    assert "subagent" in [message.metadata["origin"] for message in messages(items, "system")]


def test_items_between_states_are_read() -> None:
    found = messages(read("2025-09-01"))

    assert [message.role for message in found] == ["system", "user", "assistant", "assistant", "tool", "assistant"]
    assert found[4].parts[0]["text"] == "17\n"
    assert found[4].tool_result == {"exit_code": 0, "duration_seconds": 0.1, "call_id": "call_1", "is_error": False}


def test_a_document_is_read() -> None:
    items = read("2025-04-20")

    assert sessions(items)[0].key == "f3c1d2e4-0a5b-4c6d-8e7f-9a0b1c2d3e4f"
    assert [(message.role, text(message)) for message in messages(items)] == [
        ("user", "Say hello in Breton."),
        ("assistant", "Demat!"),
        ("assistant", ""),
        ("tool", ""),
    ]


def _lines(path: Path, *payloads: dict[str, Any]) -> list[Item]:
    header = {"timestamp": "2026-01-01T00:00:00Z", "type": "session_meta", "payload": {"id": "own"}}
    items = [{"timestamp": "2026-01-01T00:00:01Z", "type": "response_item", "payload": payload} for payload in payloads]
    path.write_text("".join(json.dumps(line) + "\n" for line in [header, *items]))
    return list(codex.read(Source(path)))


def _user(*texts: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text} for text in texts]}


def test_what_an_editor_puts_before_a_request_is_not_the_persons(tmp_path: Path) -> None:
    asked = "\n# Files mentioned by the user:\n\n## a.png: a.png\n\n## My request for Codex:\nadd it\n"

    found = messages(_lines(tmp_path / "r.jsonl", _user(asked)))

    assert [(message.role, text(message)) for message in found] == [
        ("user", "add it\n"),
        ("system", asked.removesuffix("add it\n")),
    ]


def test_an_output_of_blocks_is_its_texts(tmp_path: Path) -> None:
    call = {"type": "custom_tool_call", "name": "exec", "input": "x", "call_id": "c"}
    blocks = [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]

    found = messages(
        _lines(tmp_path / "r.jsonl", call, {"type": "custom_tool_call_output", "call_id": "c", "output": blocks})
    )

    assert found[-1].parts[0]["text"] == "a\nb"


def test_without_ids_that_tell_a_pause_ends_a_replay(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    rows = [
        ("00:00:00.000", "session_meta", {"id": "child"}),
        ("00:00:00.001", "session_meta", {"id": "parent"}),
        ("00:00:00.002", "response_item", _user("old")),
        ("00:00:09.000", "response_item", _user("new")),
    ]
    lines = [{"timestamp": f"2026-01-01T{at}Z", "type": kind, "payload": payload} for at, kind, payload in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    found = messages(list(codex.read(Source(path))))

    assert [(message.session_key, text(message)) for message in found] == [("parent", "old"), ("child", "new")]


def test_a_second_header_of_the_same_session_is_no_parent(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    header = {"timestamp": "2026-01-01T00:00:00Z", "type": "session_meta", "payload": {"id": "own"}}
    item = {"timestamp": "2026-01-01T00:00:01Z", "type": "response_item", "payload": _user("hi")}
    path.write_text("".join(json.dumps(line) + "\n" for line in [header, item, header, item]))

    items = list(codex.read(Source(path)))

    assert {message.session_key for message in messages(items)} == {"own"}
    assert all(session.parent_key is None for session in sessions(items))


def test_what_was_counted_without_a_message_is_the_sessions(tmp_path: Path) -> None:
    total = {"input_tokens": 12, "output_tokens": 3}
    payloads: list[tuple[str, dict[str, Any]]] = [
        ("session_meta", {"id": "s", "cwd": "/home/ada"}),
        ("event_msg", {"type": "token_count", "info": {"total_token_usage": total, "last_token_usage": total}}),
        ("event_msg", {"type": "turn.completed", "usage": {"input_tokens": 7}}),
    ]
    lines = [{"timestamp": "2025-10-30T11:00:00Z", "type": kind, "payload": payload} for kind, payload in payloads]
    path = tmp_path / "rollout.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    _, counted, turn = sessions(list(codex.read(Source(path))))

    assert (counted.metadata, turn.metadata) == ({"usage": total}, {"turn_usage": [{"input_tokens": 7}]})
