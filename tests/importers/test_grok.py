"""What is special about Grok's sessions."""

import json
import shutil
from pathlib import Path

import pytest

from memory.importers import grok
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    Item,
    MessageRecord,
    Problem,
    RelationshipRecord,
    SessionRecord,
)
from memory.importers.reading.source import Source

HISTORY = Path(__file__).parent.parent / "data" / "grok" / "chat_history.jsonl"
FOLDER = "019f0000-0000-7000-8000-0000000000c1"
SUMMARY = {
    "info": {"id": "019f0000-0000-7000-8000-0000000000c2", "cwd": "/home/ada/clock"},
    "session_summary": "What clock.py prints",
    "generated_title": "The clock",
    "created_at": "2026-07-31T10:13:27.574131Z",
    "current_model_id": "grok-4.5",
    "git_remotes": ["git@example.org:ada/clock.git"],
    "head_branch": "main",
    "head_commit": "0a1b",
    "session_kind": "subagent",
    "agent_name": "explore",
}


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(grok.read(Source(HISTORY)))


def messages(items: list[Item]) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord)]


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def test_only_what_was_typed_is_the_persons(items: list[Item]) -> None:
    typed = [part.get("text") for each in messages(items) if each.role == "user" for part in each.parts]

    assert typed == ["What does clock.py print?", None, "Thanks."]


def test_what_a_program_put_in_has_its_origin(items: list[Item]) -> None:
    origins = [each.metadata["origin"] for each in messages(items) if each.role == "system"]

    assert origins == ["injected", "injected", "injected", "compaction"]
    assert sessions(items)[1].system_prompt == "You are a helper."


def test_calls_are_answered(items: list[Item]) -> None:
    results = [each for each in messages(items) if each.role == "tool"]

    assert [(each.tool_name, each.parts[0]["text"]) for each in results] == [
        ("read_file", "print(12)\n"),
        ("search_replace", "no match"),
    ]
    assert results[1].tool_result == {"call_id": "call-2", "is_error": True}


def test_a_search_of_the_servers_is_a_call(items: list[Item]) -> None:
    [search] = [each for each in messages(items) if each.tool_name == "web_search"]

    assert search.parts[0]["input"] == {"type": "search", "query": "noon"}


def test_reasoning_without_words_is_no_message(items: list[Item]) -> None:
    thoughts = [part["text"] for each in messages(items) for part in each.parts if part["type"] == "reasoning"]

    assert thoughts == ["Read it first."]


def test_a_picture_is_an_attachment(items: list[Item]) -> None:
    assert [each.attachments[0].media_type for each in messages(items) if each.attachments] == ["image/png"]


def test_equal_texts_are_different_messages(items: list[Item]) -> None:
    keys = [each.key for each in messages(items)]

    assert len(set(keys)) == len(keys) == 14


def test_the_summary_names_the_session(tmp_path: Path) -> None:
    shutil.copy(HISTORY, tmp_path)
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY), encoding="utf-8")

    found = list(grok.read(Source(tmp_path / HISTORY.name)))
    first = sessions(found)[0]

    assert (first.key, first.title, first.title_authority) == (SUMMARY["info"]["id"], "The clock", TITLE_GENERATED)
    assert (first.project, first.model, first.summary) == ("/home/ada/clock", "grok-4.5", "What clock.py prints")
    assert first.metadata["kind"] == "subagent"
    assert [first.metadata[name] for name in ("git_branch", "git_commit", "git_remote")] == [
        "main",
        "0a1b",
        "git@example.org:ada/clock.git",
    ]
    assert ("file:/home/ada/clock/clock.py", "read") in [
        (item.target, item.label) for item in found if isinstance(item, RelationshipRecord)
    ]


def test_without_a_summary_the_folder_names_the_session(tmp_path: Path, items: list[Item]) -> None:
    (tmp_path / FOLDER).mkdir()
    shutil.copy(HISTORY, tmp_path / FOLDER)

    found = sessions(list(grok.read(Source(tmp_path / FOLDER / HISTORY.name))))

    assert found[0].key == FOLDER
    assert sessions(items)[0].key.startswith("unnamed-")
    assert [(each.title, each.title_authority) for each in found if each.title] == [
        ("What does clock.py print?", TITLE_FIRST_PROMPT)
    ]


def test_a_summary_that_is_broken_is_no_summary(tmp_path: Path) -> None:
    shutil.copy(HISTORY, tmp_path)
    (tmp_path / "summary.json").write_text('{"info": [', encoding="utf-8")

    found = list(grok.read(Source(tmp_path / HISTORY.name)))

    assert len(messages(found)) == 14
    assert not [item for item in found if isinstance(item, Problem)]
