"""What is special about Qwen Code's sessions."""

from pathlib import Path

import pytest

from memory.importers import qwen
from memory.importers.reading.records import Item, MessageRecord, Problem, RelationshipRecord, SessionRecord
from memory.importers.reading.source import Source

CHATS = Path(__file__).parent.parent / "data" / "qwen"
SESSION = "019e0000-0000-7000-8000-00000000aaaa"
LINE = "019e0000-0000-7000-8000-0000000000"


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(qwen.read(Source(CHATS / f"{SESSION}.jsonl")))


def messages(items: list[Item], key: str) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord) and item.key == key]


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def test_only_what_was_typed_is_the_persons(items: list[Item]) -> None:
    typed = [item for item in items if isinstance(item, MessageRecord) and item.role == "user"]

    assert [item.parts[0]["text"] for item in typed] == [
        "Read @beds.py",
        "Make it five.",
        "Make it six.",
        "/compress hard please",
    ]


def test_what_was_put_around_a_prompt_stands_beside_it(items: list[Item]) -> None:
    [hook], [file] = messages(items, f"{LINE}01#hook"), messages(items, f"{LINE}01#injected")

    assert (hook.role, hook.metadata["origin"], "It rains." in hook.parts[0]["text"]) == ("system", "hook", True)
    assert (file.parts[0]["text"], file.parent_key) == ("BEDS = 4", f"{LINE}01")


def test_lines_with_one_id_are_one_message(items: list[Item]) -> None:
    thought, call = messages(items, f"{LINE}03")

    assert (thought.parts[0]["type"], call.parts[0]["type"]) == ("reasoning", "tool_call")
    assert thought.parts[0]["id"] != call.parts[0]["id"]
    assert (call.tokens_in, call.tokens_out, call.model) == (30, 6, "coder-1")


def test_objects_that_share_a_line_are_all_read(items: list[Item], tmp_path: Path) -> None:
    lines = (CHATS / f"{SESSION}.jsonl").read_text(encoding="utf-8").splitlines()
    glued = tmp_path / "glued.jsonl"
    glued.write_text("\n".join(["".join(lines[:6]), *lines[6:]]) + "\n", encoding="utf-8")

    assert list(qwen.read(Source(glued)))[:-1] == items[:-1]


def test_a_call_is_answered(items: list[Item]) -> None:
    [result], [failed] = messages(items, f"{LINE}04"), messages(items, f"{LINE}09")

    assert (result.tool_name, result.parts[0]["text"], result.parts[0]["call_id"]) == (
        "read_file",
        "BEDS = 4",
        "call_1",
    )
    assert failed.tool_result == {"call_id": "call_2", "is_error": True, "status": "error"}


def test_what_a_rewind_took_back_is_not_shown(items: list[Item]) -> None:
    hidden = [item.key for item in items if isinstance(item, MessageRecord) and "branch" in item.metadata]

    assert hidden == [f"{LINE}07", f"{LINE}08", f"{LINE}09"]
    assert messages(items, f"{LINE}12")[0].parent_key == f"{LINE}06"


def test_the_last_title_is_the_sessions(items: list[Item]) -> None:
    titles = [(session.title, session.title_authority) for session in sessions(items) if session.title]

    assert [title for title, _ in titles] == ["Read @beds.py", "Five beds", "Counting beds"]
    assert titles[1][1] == titles[2][1]


def test_the_program_never_speaks_for_the_person(items: list[Item]) -> None:
    [notice], [compressed] = messages(items, f"{LINE}13"), messages(items, f"{LINE}16")

    assert (notice.role, notice.metadata["origin"]) == ("system", "injected")
    assert (compressed.metadata["origin"], compressed.parts[0]["text"]) == ("compaction", "Beds were counted.")


def test_records_of_unknown_type_are_kept(items: list[Item]) -> None:
    kept = [record for session in sessions(items) for record in session.metadata.get("unknown_records", [])]

    assert [record.get("subtype", record["type"]) for record in kept] == [
        "slash_command",
        "omni_recall",
        "summary_line",
    ]


def test_files_are_found(items: list[Item]) -> None:
    arrows = [(item.target, item.label) for item in items if isinstance(item, RelationshipRecord)]

    assert arrows == [
        ("file:/home/ada/garden/notes.md", "read"),
        ("file:/home/ada/garden/beds.py", "read"),
        ("file:/home/ada/garden/beds.py", "changed"),
    ]


def test_a_sub_agent_is_a_session_of_its_own() -> None:
    found = list(qwen.read(Source(CHATS / "agent-explore-1.jsonl")))
    prompt = messages(found, f"{LINE}40")[0]

    assert (prompt.role, prompt.metadata["origin"], prompt.session_key) == (
        "system",
        "subagent",
        f"{SESSION}/agent-explore-1",
    )
    assert (sessions(found)[0].parent_key, sessions(found)[0].metadata["kind"]) == (SESSION, "subagent")


def test_a_record_without_a_session_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"uuid": "1", "type": "user", "message": {"parts": []}}\n')

    [problem] = [item for item in qwen.read(Source(tmp_path / "a.jsonl")) if isinstance(item, Problem)]

    assert problem.line == 1
