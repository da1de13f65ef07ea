"""What is special about ShareGPT."""

import json
from pathlib import Path

import pytest

from memory.importers import importer_of, sharegpt
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_PERSON,
    Item,
    Mark,
    MessageRecord,
    Problem,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source

DATA = Path(__file__).parent.parent / "data" / "sharegpt"


@pytest.fixture(scope="module")
def listed() -> list[Item]:
    return list(sharegpt.read(Source(DATA / "kettle.json")))


@pytest.fixture(scope="module")
def lines() -> list[Item]:
    return list(sharegpt.read(Source(DATA / "lines.jsonl")))


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def messages(items: list[Item], session: int) -> list[MessageRecord]:
    key = sessions(items)[session].key
    return [item for item in items if isinstance(item, MessageRecord) and item.session_key == key]


def test_each_conversation_is_a_session(listed: list[Item], lines: list[Item]) -> None:
    assert [(session.title, session.title_authority) for session in sessions(listed + lines)] == [
        ("Please heat the water.", TITLE_FIRST_PROMPT),
        ("Green or black?", TITLE_FIRST_PROMPT),
        ("Green or black?", TITLE_FIRST_PROMPT),
        ("Two tools", TITLE_PERSON),
        ("Call something.", TITLE_FIRST_PROMPT),
    ]


def test_one_id_in_two_files_is_two_sessions(listed: list[Item], lines: list[Item]) -> None:
    first, again = sessions(listed)[0], sessions(lines)[1]

    assert first.metadata["native_id"] == again.metadata["native_id"] == "identity_0"
    assert first.key != again.key


def test_one_conversation_in_a_list_and_a_line_is_one_session(listed: list[Item], lines: list[Item]) -> None:
    assert sessions(listed)[1].key == sessions(lines)[0].key


def test_a_system_field_or_turn_is_the_system_prompt(listed: list[Item]) -> None:
    assert [session.system_prompt for session in sessions(listed)] == ["You run a kettle.", "Answer in one word."]
    assert [message.role for message in messages(listed, 1)] == ["system", "user", "assistant"]


def test_a_call_is_answered_by_the_next_observation(listed: list[Item]) -> None:
    _, call, result, answer = messages(listed, 0)

    assert call.tool_call == {"call_id": None, "name": "heat", "input": {"celsius": 96}}
    assert (result.role, result.tool_name, result.parts[0]["text"]) == ("tool", "heat", '{"done": true}')
    assert answer.metadata == {"native": {"weight": 1}}


def test_several_calls_are_answered_in_their_order(lines: list[Item]) -> None:
    _, calls, *results, _ = messages(lines, 1)

    assert [part["input"] for part in calls.parts] == [{"a": 2, "b": 3}, {}]
    assert [result.tool_name for result in results] == ["add", "port"]


def test_a_call_that_cannot_be_read_is_kept(lines: list[Item]) -> None:
    call = messages(lines, 2)[1]

    assert call.parts[0]["input"] == "heat(96)"


def test_a_list_that_was_read_is_not_read_again() -> None:
    path = DATA / "kettle.json"
    size = path.stat().st_size

    assert list(sharegpt.read(Source(path, size, 0, {"whole": True}))) == [Mark(size, 0, {"whole": True})]


def test_half_a_list_is_a_problem_without_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "half.json"
    path.write_bytes((DATA / "kettle.json").read_bytes()[:-20])

    (problem,) = sharegpt.read(Source(path))

    assert isinstance(problem, Problem)


def test_a_list_that_only_quotes_the_format_is_not_recognised(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([{"text": (DATA / "kettle.json").read_text(encoding="utf-8")}]))

    assert importer_of(Sample(path)) is None


HELLO = {"from": "human", "value": "Hello"}
GREETED = [HELLO, {"from": "gpt", "value": "Good morning."}]
GROWN = [*GREETED, {"from": "human", "value": "Tea?"}, {"from": "gpt", "value": "Tea?"}]
OTHER = [HELLO, {"from": "gpt", "value": "Good evening."}]


def imported(path: Path, *conversations: list[dict[str, str]]) -> list[Item]:
    records = [{"conversations": turns} for turns in conversations]
    is_list = path.suffix == ".json"
    path.write_text(json.dumps(records) if is_list else "".join(json.dumps(record) + "\n" for record in records))
    return list(sharegpt.read(Source(path)))


def keys(items: list[Item], kind: type[SessionRecord] | type[MessageRecord]) -> list[str | None]:
    return [item.key for item in items if isinstance(item, kind)]


@pytest.mark.parametrize("name", ["talks.json", "talks.jsonl"])
def test_a_conversation_that_grew_is_the_same_session(name: str, tmp_path: Path) -> None:
    short, grown = imported(tmp_path / name, GREETED, OTHER), imported(tmp_path / name, GROWN, OTHER)

    assert keys(short, SessionRecord) == keys(grown, SessionRecord)
    assert len(set(keys(grown, MessageRecord))) == 6
    assert len(set(keys(grown, MessageRecord)) - set(keys(short, MessageRecord))) == 2


def test_conversations_that_begin_alike_are_two_and_the_same_twice_is_one(tmp_path: Path) -> None:
    found = imported(tmp_path / "talks.jsonl", GREETED, OTHER, GREETED)

    first, other, again = keys(found, SessionRecord)
    assert first == again != other
    assert len(set(keys(found, MessageRecord))) == 4


def test_reading_on_knows_which_conversations_began_alike(tmp_path: Path) -> None:
    path = tmp_path / "talks.jsonl"
    mark = imported(path, GREETED)[-1]
    assert isinstance(mark, Mark)
    whole = imported(path, GREETED, OTHER)

    rest = list(sharegpt.read(Source(path, mark.offset, mark.lines, mark.state)))

    assert keys(rest, SessionRecord) == keys(whole, SessionRecord)[1:]
