"""What is special about Antigravity's steps."""

import shutil
from pathlib import Path

import pytest

from memory.importers import antigravity
from memory.importers.reading.records import Item, Mark, MessageRecord, RelationshipRecord, SessionRecord
from memory.importers.reading.source import Source

TRANSCRIPT = Path(__file__).parent.parent / "data" / "antigravity" / "transcript.jsonl"
SESSION = "5e000000-0000-4000-8000-0000000000bb"


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(antigravity.read(Source(TRANSCRIPT)))


def messages(items: list[Item], role: str) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord) and item.role == role]


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def test_only_what_was_asked_is_the_persons(items: list[Item]) -> None:
    assert [each.parts[0]["text"] for each in messages(items, "user")] == ["How high is the kite?", "Thanks."]


def test_what_was_put_around_has_its_origin(items: list[Item]) -> None:
    found = messages(items, "system")

    assert [each.metadata["origin"] for each in found] == ["injected", "compaction", "injected", "synthetic"]
    assert (found[0].parent_key, found[3].status) == (messages(items, "user")[0].key, "error")


def test_the_model_is_the_one_that_was_chosen(items: list[Item]) -> None:
    assert "Large 3 (High)" in [session.model for session in sessions(items)]
    assert messages(items, "assistant")[0].model == "Large 3 (High)"


def test_arguments_are_read_twice(items: list[Item]) -> None:
    _, _, view = messages(items, "assistant")[0].parts

    assert view["input"] == {"AbsolutePath": "/home/ada/kite/kite.py", "StartLine": 5}


def test_a_step_answers_the_call_of_its_kind(items: list[Item]) -> None:
    results = [(each.tool_name, each.parts[0]["call_id"]) for each in messages(items, "tool")]

    assert results == [
        ("view_file", "2.1"),
        ("list_dir", "2.0"),
        ("write_to_file", "5.0"),
        ("fly_kite", "5.1"),
        ("run_command", None),
    ]


def test_a_step_that_failed_is_an_error(items: list[Item]) -> None:
    assert [each.tool_result["is_error"] for each in messages(items, "tool") if each.tool_result][-1] is True


def test_records_of_unknown_type_are_kept(items: list[Item]) -> None:
    kept = [record for session in sessions(items) for record in session.metadata.get("unknown_records", [])]

    assert [record.get("type", record.get("kind")) for record in kept] == ["BROWSER_WAIT", "kite"]


def test_files_are_found(items: list[Item]) -> None:
    assert [(item.target, item.label) for item in items if isinstance(item, RelationshipRecord)] == [
        ("file:/home/ada/kite/kite.py", "read"),
        ("file:/home/ada/kite/notes.md", "changed"),
    ]


def test_the_folder_names_the_session_and_what_it_made(tmp_path: Path) -> None:
    logs = tmp_path / SESSION / ".system_generated" / "logs"
    logs.mkdir(parents=True)
    shutil.copy(TRANSCRIPT, logs)
    about = logs.parent.parent / "task.md.metadata.json"
    about.write_text('{"artifactType": "ARTIFACT_TYPE_TASK", "summary": "Fly it."}', encoding="utf-8")

    first = sessions(list(antigravity.read(Source(logs / TRANSCRIPT.name))))[0]

    assert list(antigravity.companions(logs / TRANSCRIPT.name)) == [about]
    assert first.key == SESSION
    assert first.metadata["artifacts"] == [
        {"name": "task.md", "artifactType": "ARTIFACT_TYPE_TASK", "summary": "Fly it."}
    ]


def test_beside_the_full_transcript_the_cut_one_gives_nothing(tmp_path: Path) -> None:
    shutil.copy(TRANSCRIPT, tmp_path)
    shutil.copy(TRANSCRIPT, tmp_path / "transcript_full.jsonl")

    cut = list(antigravity.read(Source(tmp_path / "transcript.jsonl")))
    full = list(antigravity.read(Source(tmp_path / "transcript_full.jsonl")))

    assert [type(item) for item in cut] == [Mark]
    assert len(messages(full, "user")) == 2
