"""What is special about Claude.ai's exports."""

from pathlib import Path

import pytest

from memory.importers import claude_ai
from memory.importers.reading.records import Item, MessageRecord, SessionRecord
from memory.importers.reading.source import Source

EXPORT = Path(__file__).parent.parent / "data" / "claude-ai" / "conversations.json"
MESSAGE = "7a1e0000-0000-4000-8000-00000000000"


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(claude_ai.read(Source(EXPORT)))


@pytest.fixture(scope="module")
def messages(items: list[Item]) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord)]


def test_a_conversation_keeps_its_summary(items: list[Item]) -> None:
    session = next(item for item in items if isinstance(item, SessionRecord))

    assert (session.title, session.summary) == ("Which tide to sail on", "Ada picks a tide.")
    assert session.metadata["updated_at"] == "2026-03-01T08:10:00.000000Z"


def test_what_was_extracted_from_an_attachment_is_kept(messages: list[MessageRecord]) -> None:
    text, attachment, file = messages[0].parts

    assert (text["text"], attachment["text"]) == ("When is high water?", "The sill dries at two metres.")
    assert (attachment["native"]["file_name"], file["native"]["file_name"]) == ("harbour.txt", "chart.png")


def test_blocks_are_read_and_not_their_flattened_copy(messages: list[MessageRecord]) -> None:
    thought, said, call, answer = messages[1].parts

    assert (thought["type"], said["text"], call["name"]) == ("reasoning", "Let me look.", "web_search")
    assert answer["native"]["citations"][0]["details"]["url"] == "https://example.org/tides"


def test_a_result_is_a_message_of_its_tool(messages: list[MessageRecord]) -> None:
    call, result = messages[1].parts[2], messages[2]

    assert (result.role, result.tool_name, result.parent_key) == ("tool", "web_search", f"{MESSAGE}2")
    assert result.parts[0]["text"] == "Tides of Brest\nhttps://example.org/tides\nHigh water 14:20, 6.9 m"
    assert result.parts[0]["call_id"] == call["call_id"]


def test_text_is_read_where_there_are_no_blocks(messages: list[MessageRecord]) -> None:
    last = messages[3]

    assert (last.parts, last.parent_key) == (
        [{"type": "text", "id": "text", "text": "Then I leave at one."}],
        f"{MESSAGE}2",
    )


def test_a_first_message_answers_nothing(messages: list[MessageRecord]) -> None:
    assert messages[0].parent_key is None
