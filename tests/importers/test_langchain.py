"""What is special about LangChain's messages."""

import json
from pathlib import Path

import pytest

from memory.importers import langchain
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_PERSON,
    Item,
    Mark,
    MessageRecord,
    RelationshipRecord,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source

DATA = Path(__file__).parent.parent / "data" / "langchain"


def read(name: str) -> list[Item]:
    return list(langchain.read(Source(DATA / name)))


def messages(items: list[Item]) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord)]


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


@pytest.fixture(scope="module")
def history() -> list[Item]:
    return read("history.json")


def test_each_type_is_a_role(history: list[Item]) -> None:
    roles = [message.role for message in messages(history)]

    assert roles == ["system", "user", "assistant", "tool", "tool", "assistant", "tool", "tool", "assistant"]
    assert messages(history)[-1].sender_id == "gardener"


def test_a_list_is_titled_by_its_first_prompt(history: list[Item]) -> None:
    titled = [session for session in sessions(history) if session.title]

    assert [(each.title, each.title_authority) for each in titled] == [("Which leaf is this?", TITLE_FIRST_PROMPT)]
    assert len({each.key for each in sessions(history)}) == 1


def test_pictures_and_addresses_are_parts(history: list[Item]) -> None:
    text, picture, address, file = messages(history)[1].parts

    assert (text["text"], picture["attachment"], address["url"]) == (
        "Which leaf is this?",
        0,
        "https://garden.example/leaf.png",
    )
    assert (file["type"], file["native"]["mime_type"]) == ("file", "application/pdf")


def test_a_call_stands_once_where_the_content_has_it(history: list[Item]) -> None:
    parts = messages(history)[2].parts

    assert [(part["type"], part.get("call_id")) for part in parts] == [
        ("reasoning", None),
        ("text", None),
        ("tool_call", "call_1"),
        ("tool_call", "call_2"),
        ("tool_call", "call_3"),
    ]
    assert (parts[2]["input"], parts[4]["native"]["error"]) == ({"edge": "serrated"}, "not JSON")
    assert "signature" not in json.dumps(parts)


def test_a_result_knows_its_call_and_whether_it_failed(history: list[Item]) -> None:
    good, bad = messages(history)[3:5]

    assert (good.tool_name, good.parts[0]["text"], good.parts[0]["output"]["artifact"]) == (
        "herbarium",
        "Tomato",
        {"page": 7},
    )
    assert (bad.tool_name, bad.tool_result) == ("read_file", {"call_id": "call_2", "is_error": True})


def test_what_a_providers_tool_gave_is_a_message_of_its_own(history: list[Item]) -> None:
    answer, given = messages(history)[5:7]

    assert [part["type"] for part in answer.parts] == ["reasoning", "tool_call", "text"]
    assert (given.role, given.parts[0]["text"], given.tool_result) == (
        "tool",
        "fruit",
        {"call_id": "srv_1", "is_error": False},
    )


def test_an_answer_has_its_model_tokens_and_time(history: list[Item]) -> None:
    answer = messages(history)[2]

    assert (answer.model, answer.tokens_in, answer.tokens_out) == ("botanist-1", 40, 12)
    assert answer.created_at is not None
    assert answer.metadata["usage"]["input_token_details"] == {"cache_read": 8}


def test_what_is_no_message_is_kept_with_the_session(history: list[Item]) -> None:
    kept = [session.metadata for session in sessions(history)]

    assert {"removed": ["q1"]} in kept
    assert {"unknown_records": [{"type": "note", "data": {"text": "pinned"}}]} in kept


def test_a_file_that_was_read_is_an_arrow(history: list[Item]) -> None:
    (arrow,) = [item for item in history if isinstance(item, RelationshipRecord)]

    assert (arrow.target, arrow.label) == ("file:/garden/leaves.md", "read")


def test_constructors_in_an_object_are_a_session_with_its_id() -> None:
    items = read("thread.json")
    _, asked, call, result, answer = messages(items)

    assert (sessions(items)[0].key, sessions(items)[0].title_authority) == ("thread-9", TITLE_PERSON)
    assert (asked.key, asked.role, answer.role) == ("thread-9:h1", "user", "assistant")
    assert call.tool_call == {"call_id": "call_w", "name": "forecast", "input": {"night": True}}
    assert (call.tokens_in, result.tool_name, result.parts[0]["text"]) == (9, "forecast", "-2 °C")


def test_each_line_with_a_history_is_a_session() -> None:
    found = [session for session in sessions(read("histories.jsonl")) if "kind" in session.metadata]

    assert [session.key for session in found[:2]] == ["s-1", "s-2"]
    assert (len(found), found[1].model) == (3, "seed-1")


def test_rows_of_one_session_are_together_and_equal_words_stay_apart() -> None:
    found = messages(read("rows.jsonl"))

    assert [message.session_key for message in found] == ["row-1", "row-1", "row-1", "row-2"]
    assert len({message.key for message in found}) == 4
    assert found[1].key == "9b2d6a4e-7c1f-4a55-8a0e-0c6f3f7a1b22"


@pytest.mark.parametrize(
    "content",
    [
        '{"type": "user.message", "data": {"content": "hello"}}',
        '[{"role": "user", "content": "hello"}]',
        '[{"type": "human", "text": "hello"}]',
    ],
)
def test_other_messages_are_not_recognised(content: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)

    assert not langchain.recognises(Sample(path))


def said(kind: str, text: str) -> dict[str, object]:
    return {"type": kind, "data": {"content": text}}


GREETED = [said("system", "Be brief."), said("human", "Hello"), said("ai", "Hello.")]
GROWN = [*GREETED, said("human", "Tea?"), said("ai", "Hello.")]


def keys(path: Path, *records: object) -> tuple[list[str], list[str | None]]:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    items = list(langchain.read(Source(path)))
    return list(dict.fromkeys(each.key for each in sessions(items))), [each.key for each in messages(items)]


@pytest.mark.parametrize(("short", "grown"), [(GREETED, GROWN), ({"messages": GREETED}, {"messages": GROWN})])
def test_a_list_that_grew_and_was_moved_is_the_same_session(short: object, grown: object, tmp_path: Path) -> None:
    session, before = keys(tmp_path / "a.json", short)
    again, after = keys(tmp_path / "moved" / "b.json", grown)

    assert session == again
    assert (after[:3], len(set(after))) == (before, 5)


def test_lists_that_begin_alike_are_two_sessions(tmp_path: Path) -> None:
    other = [*GREETED[:2], said("ai", "Good evening.")]

    found, _ = keys(tmp_path / "a.jsonl", {"messages": GREETED}, {"messages": other}, {"messages": GREETED})

    assert len(found) == 2


def test_messages_in_lines_of_a_moved_file_are_the_same_session(tmp_path: Path) -> None:
    found = keys(tmp_path / "a.jsonl", *GREETED)

    assert found == keys(tmp_path / "moved" / "b.jsonl", *GREETED)
    assert (len(found[0]), len(set(found[1]))) == (1, 3)


def test_reading_on_in_lines_of_messages_goes_on_with_their_session(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    (session,), _ = keys(path, *GREETED)
    *_, mark = langchain.read(Source(path))
    assert isinstance(mark, Mark)
    keys(path, *GROWN)

    rest = list(langchain.read(Source(path, mark.offset, mark.lines, mark.state)))

    assert [message.session_key for message in messages(rest)] == [session] * 2
