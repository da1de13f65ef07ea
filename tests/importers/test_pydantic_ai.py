"""What is special about pydantic-ai's messages."""

import json
from pathlib import Path

import pytest

from memory.importers import pydantic_ai
from memory.importers.reading.records import (
    TITLE_PERSON,
    Item,
    MessageRecord,
    Problem,
    RelationshipRecord,
    SessionRecord,
)
from memory.importers.reading.source import Source

DATA = Path(__file__).parent.parent / "data" / "pydantic-ai"


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(pydantic_ai.read(Source(DATA / "messages.json")))


@pytest.fixture(scope="module")
def runs() -> list[Item]:
    return list(pydantic_ai.read(Source(DATA / "runs.jsonl")))


def messages(items: list[Item]) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord)]


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def test_each_part_of_a_request_is_a_message(items: list[Item]) -> None:
    roles = [message.role for message in messages(items)]

    assert roles == [
        *("system", "user", "assistant", "tool"),
        *("tool", "tool", "system", "assistant"),
        *("user", "user", "system"),
    ]


def test_a_document_is_known_by_its_first_run(items: list[Item]) -> None:
    assert {session.key for session in sessions(items)} == {"run-bees"}
    assert [session.title for session in sessions(items) if session.title] == ["Is this a queen?"]


def test_instructions_are_the_system_prompt_and_later_ones_are_kept(items: list[Item]) -> None:
    prompts = [session.system_prompt for session in sessions(items) if session.system_prompt]

    assert prompts == ["Answer in one line."]
    assert {"later_instructions": ["Answer in two lines."]} in [session.metadata for session in sessions(items)]


def test_a_prompt_has_its_pictures(items: list[Item]) -> None:
    text, picture, address = messages(items)[1].parts

    assert (text["text"], picture["attachment"], address["url"]) == (
        "Is this a queen?",
        0,
        "https://hive.example/queen.png",
    )
    assert messages(items)[1].attachments[0].media_type == "image/png"


def test_an_answer_has_thoughts_calls_model_and_tokens(items: list[Item]) -> None:
    answer = messages(items)[2]

    assert [part["type"] for part in answer.parts] == [
        *("reasoning", "text", "tool_call", "tool_call", "tool_call", "image"),
    ]
    assert (answer.model, answer.tokens_in, answer.tokens_out) == ("hive-1", 30, 9)
    assert answer.metadata["usage"]["cache_read_tokens"] == 10
    assert "c2ln" not in json.dumps(answer.parts)


def test_results_are_paired_with_their_calls(items: list[Item]) -> None:
    searched, measured, refused = messages(items)[3:6]

    assert searched.tool_result == {"call_id": "b1", "is_error": False}
    assert (measured.tool_name, measured.parts[0]["text"]) == ("measure", '{"length": 20}')
    assert (refused.parts[0]["text"], refused.tool_result) == ("path is outside", {"call_id": "c2", "is_error": True})


def test_what_the_framework_says_is_nobodys_words(items: list[Item]) -> None:
    retry, compaction = messages(items)[6], messages(items)[10]

    assert (retry.metadata["origin"], retry.parts[0]["text"]) == ("synthetic", "colour: Field required")
    assert (compaction.metadata["origin"], compaction.parts[0]["text"]) == ("compaction", "A queen of 20 mm.")


def test_equal_prompts_are_two_messages(items: list[Item]) -> None:
    first, second = messages(items)[8:10]

    assert first.parts == second.parts
    assert first.key != second.key


def test_changes_and_unknown_messages_are_kept_with_the_session(items: list[Item]) -> None:
    kept = [session.metadata for session in sessions(items)]

    assert any("changes" in each and each["changes"][0]["loaded"] == ["smoker"] for each in kept)
    assert {"unknown_records": [{"kind": "note", "text": "left"}]} in kept


def test_a_file_that_was_read_is_an_arrow(items: list[Item]) -> None:
    (arrow,) = [item for item in items if isinstance(item, RelationshipRecord)]

    assert (arrow.target, arrow.label) == ("file:hive/log.md", "read")


def test_lines_of_one_conversation_are_one_session(runs: list[Item]) -> None:
    assert [message.session_key for message in messages(runs)] == ["swarm"] * 4 + ["honey"]
    assert [session.title_authority for session in sessions(runs) if session.title == "Honey"] == [TITLE_PERSON]


def test_a_line_without_messages_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text((DATA / "runs.jsonl").read_text() + "[]\n" + '{"a": 1}\n')

    found = [item.line for item in pydantic_ai.read(Source(path)) if isinstance(item, Problem)]

    assert found == [4, 5]


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_a_history_that_grew_and_was_moved_is_the_same_session(ending: str, tmp_path: Path) -> None:
    asked = {"kind": "request", "parts": [{"part_kind": "user-prompt", "content": "How many bees?"}]}
    answer = {"kind": "response", "parts": [{"part_kind": "text", "content": "Many."}]}
    short, grown = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    short.write_text(json.dumps([asked, answer]) + "\n")
    grown.write_text(json.dumps([asked, answer, asked, answer]) + "\n")

    before, after = list(pydantic_ai.read(Source(short))), list(pydantic_ai.read(Source(grown)))

    assert {each.key for each in sessions(before)} == {each.key for each in sessions(after)}
    assert [each.key for each in messages(before)] == [each.key for each in messages(after)][:2]
    assert len({each.key for each in messages(after)}) == 4


def test_histories_that_begin_alike_are_two_sessions(tmp_path: Path) -> None:
    asked = {"kind": "request", "parts": [{"part_kind": "user-prompt", "content": "How many bees?"}]}
    answers = [{"kind": "response", "parts": [{"part_kind": "text", "content": text}]} for text in ("Many.", "Few.")]
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps([asked, answer]) + "\n" for answer in answers))

    assert len({each.key for each in sessions(list(pydantic_ai.read(Source(path))))}) == 2
