"""What is special about Gemini CLI's sessions."""

import json
from pathlib import Path
from typing import Any

import pytest

from memory import Memory
from memory.importers import gemini_cli
from memory.importers.reading.records import TITLE_SUMMARY, Item, Mark, MessageRecord, SessionRecord
from memory.importers.reading.source import Source

SESSIONS = Path(__file__).parent.parent / "data" / "gemini-cli"
MESSAGE = "3d5e0000-0000-4000-8000-00000000000"


@pytest.fixture(scope="module")
def journal() -> list[Item]:
    return list(gemini_cli.read(Source(SESSIONS / "session-2026-05-01T09-00-3d5e0000.jsonl")))


@pytest.fixture(scope="module")
def document() -> list[Item]:
    return list(gemini_cli.read(Source(SESSIONS / "session-2026-01-10T20-00-fa45.json")))


def message(items: list[Item], key: str) -> MessageRecord:
    return [item for item in items if isinstance(item, MessageRecord) and item.key == key][-1]


def test_a_message_that_stands_there_again_has_more_parts(journal: list[Item]) -> None:
    first, again = (item for item in journal if isinstance(item, MessageRecord) and item.key == f"{MESSAGE}2")

    assert again.parts[: len(first.parts)] == first.parts
    assert again.parts[-1]["input"] == {"file_path": "kiosk.toml"}


def test_thoughts_and_tokens_are_kept(journal: list[Item]) -> None:
    answer = message(journal, f"{MESSAGE}2")

    assert (answer.parts[0]["type"], answer.parts[0]["text"]) == (
        "reasoning",
        "Finding the port\nIt is in the settings.",
    )
    assert (answer.tokens_in, answer.tokens_out, answer.model) == (900, 20, "gemini-3-flash-preview")


def test_a_result_is_what_the_tool_said_to_the_model(journal: list[Item]) -> None:
    result = message(journal, f"{MESSAGE}2:read_file-1")

    assert (result.role, result.tool_name, result.parent_key) == ("tool", "read_file", f"{MESSAGE}2")
    assert result.parts[0]["text"] == "port = 8470"


def test_what_was_taken_back_stays_and_is_answered_no_more(journal: list[Item]) -> None:
    taken_back, instead = message(journal, f"{MESSAGE}5"), message(journal, f"{MESSAGE}6")

    assert taken_back.parent_key == instead.parent_key == f"{MESSAGE}4"
    assert any(isinstance(item, SessionRecord) and "rewinds" in item.metadata for item in journal)
    assert (taken_back.metadata["branch"], "branch" in instead.metadata) == ("not shown", False)
    assert "branch" not in message(journal, f"{MESSAGE}4").metadata


def test_what_the_program_says_for_the_person_is_not_theirs(journal: list[Item]) -> None:
    prompted, failed = message(journal, f"{MESSAGE}3"), message(journal, f"{MESSAGE}7")

    assert (prompted.role, prompted.metadata["origin"]) == ("system", "injected")
    assert (failed.status, failed.error, failed.metadata["origin"]) == (
        "error",
        "The model is overloaded.",
        "synthetic",
    )


def test_a_later_summary_is_the_title(journal: list[Item]) -> None:
    sessions = [item for item in journal if isinstance(item, SessionRecord)]

    assert (sessions[0].project, sessions[1].title) == ("/home/ada/code/kiosk", "Which port does the kiosk use?")
    assert (sessions[-1].title, sessions[-1].title_authority) == (
        "Finding and changing the kiosk's port",
        TITLE_SUMMARY,
    )


def test_an_old_document_is_read_whole(document: list[Item]) -> None:
    result = message(document, "fa450000-0000-4000-8000-000000000000:m2:run-1")

    assert result.tool_result == {"call_id": "run-1", "is_error": True, "status": "error"}
    assert isinstance(document[-1], Mark)
    assert document[-1].state == {"whole": True}


def test_a_document_of_a_mere_history_is_a_session() -> None:
    found = list(gemini_cli.read(Source(SESSIONS / "history.json")))
    asked, answer = (item for item in found if isinstance(item, MessageRecord))
    first = next(item for item in found if isinstance(item, SessionRecord))

    assert (asked.role, asked.attachments[0].media_type) == ("user", "image/png")
    assert (answer.parts[0]["text"], answer.model, answer.parent_key) == ("A kiosk.", "gemini-3-pro", asked.key)
    assert (first.title, first.title_authority) == ("A kiosk described", TITLE_SUMMARY)


def test_all_that_is_taken_back_is_not_shown_however_far_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemini_cli, "PATH_KEPT", 2)
    lines: list[dict[str, Any]] = [{"sessionId": "s", "projectHash": "h", "startTime": "2026-05-01T09:00:00Z"}]
    lines += [{"id": f"m{at}", "type": "user", "content": f"prompt {at}"} for at in range(6)]
    lines.insert(
        5, {"id": "a", "type": "gemini", "content": "", "toolCalls": [{"id": "c", "name": "ls", "result": [{}]}]}
    )
    lines += [{"$rewindTo": "m2"}, {"id": "m6", "type": "user", "content": "instead"}]
    path = tmp_path / "session.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[:7]))
    first = list(gemini_cli.read(Source(path)))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    mark = first[-1]
    assert isinstance(mark, Mark)

    halves = first[:-1] + list(gemini_cli.read(Source(path, mark.offset, mark.lines, mark.state)))

    hidden = [item.key for item in halves if isinstance(item, MessageRecord) and "branch" in item.metadata]
    assert hidden == ["s:m2", "s:m3", "s:a", "s:a:c", "s:m4", "s:m5"]
    assert message(halves, "s:m6").parent_key == "s:m1"
    assert halves[:-1] == list(gemini_cli.read(Source(path)))[:-1]


def test_what_was_taken_back_after_an_import_is_marked_in_the_store(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    lines = (SESSIONS / "session-2026-05-01T09-00-3d5e0000.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    with Memory.open(tmp_path / "store") as memory:
        path.write_text("".join(lines[:8]), encoding="utf-8")
        memory.import_(path)
        path.write_text("".join(lines), encoding="utf-8")
        memory.import_(path)

        branches = {
            each.content: each.metadata.get("branch")
            for session in memory.sessions.list().items
            for each in memory.sessions.get(session.id, messages=True).messages or []
        }

    assert (branches["Change it to 8080."], branches["Change it to 8471."]) == ("not shown", None)
