"""What is special about pi."""

from pathlib import Path

import pytest

from memory.importers import pi
from memory.importers.reading.records import TITLE_PERSON, Item, Mark, MessageRecord, RelationshipRecord, SessionRecord
from memory.importers.reading.source import Source

DATA = Path(__file__).parent.parent / "data" / "pi"
KETTLE = "019d0000-0000-7000-8000-00000000000a"
BRANCH = "d703a1a9-0000-4000-8000-00000000000b"


@pytest.fixture(scope="module")
def kettle() -> list[Item]:
    return list(pi.read(Source(DATA / f"2026-03-02T09-15-00-000Z_{KETTLE}.jsonl")))


@pytest.fixture(scope="module")
def branch() -> list[Item]:
    return list(pi.read(Source(DATA / f"2025-12-09T00-52-54-397Z_{BRANCH}.jsonl")))


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def messages(items: list[Item]) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord)]


def test_a_session_is_named_by_its_person(kettle: list[Item]) -> None:
    named = sessions(kettle)

    assert [session.title for session in named if session.title] == ["Read kettle.py.", "Kettle"]
    assert (named[-1].title_authority, named[0].project) == (TITLE_PERSON, "/home/ada/kettle")


def test_a_parent_is_found_through_entries_that_are_no_messages(kettle: list[Item]) -> None:
    parents = [message.parent_key for message in messages(kettle)]

    assert parents == [None, *(f"{KETTLE}:aa00000{number}" for number in (3, 4, 5, 6))]


def test_a_call_is_answered_by_its_result(kettle: list[Item]) -> None:
    _, call, result, *_ = messages(kettle)

    assert [part["type"] for part in call.parts] == ["reasoning", "tool_call"]
    assert (result.role, result.tool_name, result.parts[0]["text"]) == ("tool", "read", "STOP_AT = 100")
    assert result.parts[0]["call_id"] == call.parts[1]["call_id"] == "call_1"


def test_cached_tokens_are_tokens_in(kettle: list[Item]) -> None:
    answer = messages(kettle)[1]

    assert (answer.tokens_in, answer.tokens_out, answer.model) == (113, 7, "large-1")


def test_a_compaction_is_nobodys_words(kettle: list[Item], branch: list[Item]) -> None:
    found = [message for message in messages(kettle + branch) if message.metadata.get("origin") == "compaction"]

    assert [message.parts[0]["text"] for message in found] == ["The kettle stops at 100.", "One file."]


def test_an_unknown_entry_is_kept(kettle: list[Item]) -> None:
    kept = [record for session in sessions(kettle) for record in session.metadata.get("unknown_records", [])]

    assert [record["label"] for record in kept] == ["start"]


def test_a_picture_is_an_attachment(kettle: list[Item]) -> None:
    assert messages(kettle)[0].attachments[0].media_type == "image/png"


def test_a_branch_knows_its_parent(branch: list[Item]) -> None:
    session = sessions(branch)[0]

    assert (session.parent_key, session.metadata["kind"]) == ("d703a1a9-0000-4000-8000-00000000000a", "fork")


def test_a_command_that_the_person_ran_is_call_and_output(branch: list[Item]) -> None:
    command = messages(branch)[2]

    assert (command.role, command.parts[0]["input"], command.parts[1]["text"]) == (
        "tool",
        {"command": "ls"},
        "kettle.py\n",
    )


def test_an_answer_that_was_stopped_is_an_error(branch: list[Item]) -> None:
    answer = messages(branch)[1]

    assert (answer.status, answer.error) == ("error", "Request was aborted")


def test_an_entry_without_id_is_known_by_its_content(branch: list[Item]) -> None:
    keys = [message.key for message in messages(branch)]

    assert len(set(keys)) == 4
    assert all(key is not None and key.startswith(f"{BRANCH}:") for key in keys)


@pytest.fixture(scope="module")
def openclaw() -> list[Item]:
    return list(pi.read(Source(DATA / "openclaw.jsonl")))


def test_a_session_of_openclaw_is_known_by_its_entries(openclaw: list[Item], kettle: list[Item]) -> None:
    assert [each.metadata["program"] for each in sessions(openclaw) if "program" in each.metadata] == ["openclaw"]
    assert not [each for each in sessions(kettle) if "program" in each.metadata]


def test_what_answers_a_call_or_the_header_is_found(openclaw: list[Item]) -> None:
    parents = [message.parent_key for message in messages(openclaw)]

    assert parents == [None, None, "claw-1:m1", "claw-1:m2", "claw-1:m3"]


def test_a_notice_to_the_model_is_a_message(openclaw: list[Item]) -> None:
    notice = messages(openclaw)[-1]

    assert (notice.role, notice.metadata["origin"], notice.parts[0]["text"]) == (
        "system",
        "injected",
        "The tent stands.",
    )


def test_files_are_found(openclaw: list[Item], kettle: list[Item]) -> None:
    arrows = [(item.target, item.label) for item in openclaw + kettle if isinstance(item, RelationshipRecord)]

    assert arrows == [("file:/home/ada/tent/tent.md", "changed"), ("file:/home/ada/kettle/kettle.py", "read")]


def test_equal_entries_without_ids_are_all_kept_also_when_reading_on(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    header = '{"type":"session","id":"s","timestamp":"2026-03-02T09:15:00Z","cwd":"/k"}\n'
    turn = '{"type":"message","message":{"role":"user","content":"go on"}}\n'
    path.write_text(header + turn * 2)
    first = list(pi.read(Source(path)))
    mark = first[-1]
    assert isinstance(mark, Mark)
    path.write_text(header + turn * 4)

    rest = list(pi.read(Source(path, mark.offset, mark.lines, mark.state)))

    keys = [message.key for message in messages(first + rest)]
    assert len(set(keys)) == 4
    assert keys == [message.key for message in messages(list(pi.read(Source(path))))]
