"""What is special about OpenAI chat JSON Lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from memory.importers import openai_chat
from memory.importers.reading.records import TITLE_FIRST_PROMPT, TITLE_PERSON, Item, MessageRecord, SessionRecord
from memory.importers.reading.source import Source

CHATS = Path(__file__).parent.parent / "data" / "openai-chat" / "chats.jsonl"


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(openai_chat.read(Source(CHATS)))


def messages(items: list[Item], session: int) -> list[MessageRecord]:
    key = [item.key for item in items if isinstance(item, SessionRecord)][session]
    return [item for item in items if isinstance(item, MessageRecord) and item.session_key == key]


def test_each_line_is_a_session(items: list[Item]) -> None:
    found = [item for item in items if isinstance(item, SessionRecord)]

    assert [(session.title, session.title_authority) for session in found] == [
        ("Is it raining in Brest?", TITLE_FIRST_PROMPT),
        ("One pixel", TITLE_PERSON),
        ("Add 2 and 3.", TITLE_FIRST_PROMPT),
    ]


def test_a_developers_message_is_the_system_prompt(items: list[Item]) -> None:
    session = next(item for item in items if isinstance(item, SessionRecord))

    assert session.system_prompt == "Answer in one sentence."
    assert session.metadata["tools"][0]["function"]["name"] == "weather"


def test_a_call_is_answered_by_its_tool(items: list[Item]) -> None:
    _, _, call, result, _ = messages(items, 0)

    assert call.tool_call == {"call_id": "call_a", "name": "weather", "input": {"city": "Brest"}}
    assert (result.role, result.tool_name, result.parts[0]["text"]) == ("tool", "weather", "drizzle, 14 °C")


def test_the_old_form_of_a_call_is_read(items: list[Item]) -> None:
    _, call, result, _ = messages(items, 2)

    assert (call.tool_name, call.parts[0]["input"]) == ("add", {"a": 2, "b": 3})
    assert (result.role, result.tool_name) == ("tool", "add")


def test_pictures_and_refusals_are_kept(items: list[Item]) -> None:
    asked, refused = messages(items, 1)

    assert asked.attachments[0].media_type == "image/png"
    assert refused.parts[0]["text"] == "I cannot see it."


def test_blocks_that_hold_a_value_are_read() -> None:
    prompt, asked, call, result, answer = messages(list(openai_chat.read(Source(CHATS.with_name("values.jsonl")))), 0)

    assert (prompt.role, asked.parts[0]["text"]) == ("system", "How tall is the lighthouse?")
    assert [(part["type"], part.get("text")) for part in call.parts] == [
        ("reasoning", "I have to look it up."),
        ("tool_call", None),
    ]
    assert call.parts[1]["input"] == {"what": "lighthouse"}
    assert (result.tool_name, result.parts[0]["text"]) == ("look_up", '{"height_m": 31}')
    assert [part["type"] for part in answer.parts] == ["reasoning", "text"]


PROMPT, HELLO = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}
SHORT = [PROMPT, HELLO, {"role": "assistant", "content": "Good morning."}]
GROWN = [*SHORT, HELLO, {"role": "assistant", "content": "Good morning."}]
OTHER = [PROMPT, HELLO, {"role": "assistant", "content": "Good evening."}]


def keys(path: Path, *records: dict[str, Any]) -> tuple[list[str], set[str | None]]:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    found = list(openai_chat.read(Source(path)))
    sessions = [item.key for item in found if isinstance(item, SessionRecord)]
    return sessions, {item.key for item in found if isinstance(item, MessageRecord)}


def test_a_conversation_that_grew_is_the_same_session(tmp_path: Path) -> None:
    sessions, before = keys(tmp_path / "a.jsonl", {"messages": SHORT}, {"messages": OTHER})
    again, after = keys(tmp_path / "b.jsonl", {"messages": GROWN}, {"messages": OTHER})

    assert sessions == again
    assert (len(set(sessions)), len(before), len(after - before)) == (2, 6, 2)


def test_a_session_has_the_id_it_was_given(tmp_path: Path) -> None:
    sessions, messages = keys(
        tmp_path / "a.jsonl",
        {"session_id": "s-1", "messages": SHORT},
        {"session_id": "s-1", "messages": GROWN},
        {"session_id": "s-2", "messages": SHORT},
    )

    assert sessions == ["s-1", "s-1", "s-2"]
    assert len(messages) == 8


def test_the_same_conversation_twice_is_one_session(tmp_path: Path) -> None:
    sessions, messages = keys(tmp_path / "a.jsonl", {"messages": SHORT}, {"messages": SHORT})

    assert (len(set(sessions)), len(messages)) == (1, 3)
