"""What is special about Droid's sessions and streams."""

import json
import shutil
from pathlib import Path

import pytest

from memory.importers import droid, importer_of
from memory.importers.reading.records import (
    TITLE_GENERATED,
    Item,
    MessageRecord,
    RelationshipRecord,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source

DATA = Path(__file__).parent.parent / "data" / "droid"
SESSION = "6d0a0000-0000-4000-8000-00000000000a"


@pytest.fixture(scope="module")
def stored() -> list[Item]:
    return list(droid.read(Source(DATA / "session.jsonl")))


@pytest.fixture(scope="module")
def streamed() -> list[Item]:
    return list(droid.read(Source(DATA / "stream.jsonl")))


def messages(items: list[Item]) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord)]


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def texts(items: list[Item], role: str) -> list[str]:
    return [part["text"] for each in messages(items) if each.role == role for part in each.parts if "text" in part]


def test_only_what_was_typed_is_the_persons(stored: list[Item], streamed: list[Item]) -> None:
    assert texts(stored, "user") == ["Mend the pump.", "Also oil it."]
    assert texts(streamed, "user") == ["Fill the bucket.", "Again."]


def test_a_reminder_stands_beside_the_prompt(stored: list[Item]) -> None:
    prompt, around, *_ = messages(stored)

    assert (around.role, around.metadata["origin"], around.parent_key) == ("system", "injected", prompt.key)
    assert prompt.attachments[0].media_type == "image/png"


def test_each_result_is_a_message(stored: list[Item]) -> None:
    first, second = (each for each in messages(stored) if each.role == "tool")

    assert (first.tool_name, first.parts[0]["text"]) == ("Read", "RATE = 3")
    assert (second.tool_name, second.tool_result) == ("Execute", {"call_id": "tu2", "is_error": True})
    assert second.attachments[0].media_type == "image/png"


def test_the_title_and_the_place_are_the_sessions(stored: list[Item]) -> None:
    first = sessions(stored)[0]

    assert (first.key, first.title, first.title_authority) == (SESSION, "The pump", TITLE_GENERATED)
    assert first.project == "/home/ada/well"


def test_model_and_tokens_stand_beside_the_session(tmp_path: Path) -> None:
    shutil.copy(DATA / "session.jsonl", tmp_path)
    settings = tmp_path / "session.settings.json"
    settings.write_text('{"model": "large-3", "tokenUsage": {"inputTokens": 9}, "autonomyMode": "normal"}')

    found = list(droid.read(Source(tmp_path / "session.jsonl")))
    first = sessions(found)[0]

    assert list(droid.companions(tmp_path / "session.jsonl")) == [settings]
    assert (first.model, first.metadata["usage"]) == ("large-3", {"inputTokens": 9})
    assert first.metadata["settings"] == {"autonomyMode": "normal"}


def test_a_compaction_and_an_unknown_record_are_kept(stored: list[Item]) -> None:
    [summary] = [each for each in messages(stored) if each.metadata.get("origin") == "compaction"]
    kept = [record["type"] for each in sessions(stored) for record in each.metadata.get("unknown_records", [])]

    assert summary.parts[0]["text"] == "The pump runs."
    assert kept == ["oil_state"]


def test_files_are_found(stored: list[Item], streamed: list[Item]) -> None:
    arrows = [(item.target, item.label) for item in stored + streamed if isinstance(item, RelationshipRecord)]

    assert arrows == [
        ("file:/home/ada/well/pump.py", "read"),
        ("file:/home/ada/well/pump.py", "changed"),
        ("file:/home/ada/well/full.txt", "changed"),
    ]


def test_a_called_session_is_a_sub_agents() -> None:
    found = list(droid.read(Source(DATA / "called.jsonl")))

    assert (sessions(found)[0].parent_key, sessions(found)[0].metadata["kind"]) == (SESSION, "subagent")
    assert (messages(found)[0].role, messages(found)[0].metadata["origin"]) == ("system", "subagent")


def test_a_streams_call_and_result_belong_together(streamed: list[Item]) -> None:
    failed, made = (each for each in messages(streamed) if each.role == "tool")

    assert (failed.tool_name, failed.tool_result) == ("Execute", {"call_id": "call_1", "is_error": True})
    assert (made.tool_name, made.parts[0]["text"], made.parts[0]["output"]["exitCode"]) == ("Create", "made\n", 0)


def test_the_last_answer_stands_there_once(streamed: list[Item]) -> None:
    assert texts(streamed, "assistant") == ["It is empty.", "Full.", "Overflowing."]
    assert sessions(streamed)[-1].metadata["usage"] == {"input_tokens": 10, "output_tokens": 5}


def test_an_error_is_the_programs(streamed: list[Item]) -> None:
    last = messages(streamed)[-1]

    assert (last.role, last.status, last.error, last.metadata["origin"]) == (
        "system",
        "error",
        "Signed out.",
        "synthetic",
    )


def test_the_first_line_of_a_stream_is_known_for_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "stream.jsonl"
    line = {"type": "message", "session_id": "s", "timestamp": "2026-01-01T00:00:00Z", "role": "user", "text": "Do it"}
    path.write_text(json.dumps(line) + "\n")

    assert importer_of(Sample(path)) is droid
