"""What is special about Hermes' sessions."""

from pathlib import Path

import pytest

from memory.importers import hermes
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

DATA = Path(__file__).parent.parent / "data" / "hermes"
TEA, LEAF, CUP = "20260601_tea", "20260601_leaf", "20260601_cup"


@pytest.fixture(scope="module")
def document() -> list[Item]:
    return list(hermes.read(Source(DATA / "session_20260601_tea.json")))


@pytest.fixture(scope="module")
def database() -> list[Item]:
    return list(hermes.read(Source(DATA / "state.db")))


def messages(items: list[Item], session: str = TEA) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord) and item.session_key == session]


def session(items: list[Item], key: str = TEA) -> SessionRecord:
    return next(item for item in items if isinstance(item, SessionRecord) and item.key == key)


def texts(items: list[MessageRecord], role: str) -> list[str]:
    return [part["text"] for each in items if each.role == role for part in each.parts if "text" in part]


def test_a_message_that_stands_in_both_is_one(document: list[Item], database: list[Item]) -> None:
    assert [each.key for each in messages(database)] == [each.key for each in messages(document)][:5]


def test_equal_messages_are_two(document: list[Item]) -> None:
    same = [each.key for each in messages(document) if each.parts[0].get("text") == "Sixty."]

    assert len(set(same)) == 2


def test_what_was_thought_is_kept_once(document: list[Item]) -> None:
    answer = messages(document)[1]

    assert [(part["type"], part.get("text")) for part in answer.parts][:3] == [
        ("reasoning", "Look first."),
        ("reasoning", "Looking at the tea"),
        ("text", "I look."),
    ]


def test_calls_are_answered(document: list[Item]) -> None:
    read, failed = (each for each in messages(document) if each.role == "tool")

    assert (read.tool_name, read.parts[0]["text"], read.parts[0]["call_id"]) == ("read_file", "WARM = 60", "call_1")
    assert (failed.tool_name, failed.tool_result) == ("terminal", {"call_id": "call_2", "is_error": True})
    assert messages(document)[1].parts[4]["input"] == {"command": "warm"}


def test_only_what_was_typed_is_the_persons(document: list[Item], database: list[Item]) -> None:
    assert texts(messages(document), "user") == ["How warm is the tea?", "And this?"]
    assert [each.metadata["origin"] for each in messages(document) if each.role == "system"] == [
        "compaction",
        "injected",
    ]
    assert messages(database, LEAF)[0].metadata["origin"] == "subagent"


def test_a_picture_is_an_attachment(document: list[Item], database: list[Item]) -> None:
    for found in (messages(document), messages(database, CUP)):
        assert [each.attachments[0].media_type for each in found if each.attachments] == ["image/png"]


def test_the_session_has_place_title_usage_and_cost(document: list[Item], database: list[Item]) -> None:
    stored, written = session(database), session(document)

    assert (stored.title, stored.title_authority, stored.project) == ("Warm tea", TITLE_GENERATED, "/home/ada/tea")
    assert stored.metadata["usage"] == {"input_tokens": 100, "output_tokens": 20}
    assert (stored.metadata["cost"]["estimated_cost_usd"], stored.metadata["git_branch"]) == (0.25, "main")
    assert (written.project, written.tags, written.system_prompt) == ("/home/ada/tea", ["warm"], "You are a helper.")
    titled = [item for item in document if isinstance(item, SessionRecord) and item.title_authority]
    assert [(item.title, item.title_authority) for item in titled] == [("How warm is the tea?", TITLE_FIRST_PROMPT)]


def test_a_session_knows_where_it_comes_from(database: list[Item]) -> None:
    leaf, cup = session(database, LEAF), session(database, CUP)

    assert (leaf.parent_key, leaf.metadata["kind"]) == (TEA, "subagent")
    assert (cup.parent_key, cup.metadata["kind"]) == (TEA, "fork")


def test_what_was_taken_back_is_not_shown(database: list[Item]) -> None:
    hidden = [each.parts[0]["text"] for each in messages(database, CUP) if "branch" in each.metadata]

    assert hidden == ["Which cup?"]
    assert not [each for each in messages(database) if "branch" in each.metadata]


def test_a_message_of_an_unknown_role_is_kept(document: list[Item]) -> None:
    named = [item.metadata for item in document if isinstance(item, SessionRecord)]

    assert [each["unknown_records"] for each in named if "unknown_records" in each] == [
        [{"role": "steam", "content": "?"}]
    ]


def test_files_are_found(document: list[Item]) -> None:
    assert [(item.target, item.label) for item in document if isinstance(item, RelationshipRecord)] == [
        ("file:/home/ada/tea/tea.py", "read")
    ]


def test_a_document_without_messages_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"session_id": "a", "messages": null}')

    assert [item for item in hermes.read(Source(tmp_path / "a.json")) if isinstance(item, Problem)]
