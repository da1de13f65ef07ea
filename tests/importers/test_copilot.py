"""What is special about Copilot's events."""

import shutil
from pathlib import Path

import pytest

from memory.importers import copilot
from memory.importers.reading.records import (
    TITLE_GENERATED,
    Item,
    MessageRecord,
    Problem,
    RelationshipRecord,
    SessionRecord,
)
from memory.importers.reading.source import Source

EVENTS = Path(__file__).parent.parent / "data" / "copilot" / "events.jsonl"
SESSION = "5c0a0000-0000-4000-8000-00000000aaaa"


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(copilot.read(Source(EVENTS)))


def messages(items: list[Item]) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord)]


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def saying(items: list[Item], text: str) -> MessageRecord:
    [found] = [each for each in messages(items) if any(text == part.get("text") for part in each.parts)]
    return found


def test_only_what_was_typed_is_the_persons(items: list[Item]) -> None:
    typed = [message for message in messages(items) if message.role == "user"]

    assert [part.get("text") for message in typed for part in message.parts] == ["When does the oven start?", None]
    assert saying(items, "Use the skill.").metadata["origin"] == "injected"


def test_what_was_put_around_a_prompt_stands_beside_it(items: list[Item]) -> None:
    around = saying(items, "<current_datetime>2026-04-02</current_datetime>")

    assert (around.role, around.metadata["origin"]) == ("system", "injected")
    assert around.parent_key == saying(items, "When does the oven start?").key


def test_calls_are_named_and_answered(items: list[Item]) -> None:
    answer, result = saying(items, "I look."), saying(items, "START_AT = 4")

    assert [(part["type"], part.get("call_id")) for part in answer.parts][1:] == [
        ("tool_call", "call_1"),
        ("tool_call", "call_2"),
    ]
    assert answer.parts[2]["input"] == {"command": "date"}
    assert (result.tool_name, result.tool_result) == ("view", {"call_id": "call_1", "is_error": False})


def test_a_failed_call_says_why(items: list[Item]) -> None:
    failed = saying(items, "date: not found")

    assert failed.tool_result == {"call_id": "call_2", "is_error": True}


def test_a_call_stands_there_once(items: list[Item]) -> None:
    called = [part["call_id"] for each in messages(items) for part in each.parts if part["type"] == "tool_call"]

    assert called == ["call_1", "call_2", "call_3", "call_4", "call_5"]


def test_reasoning_that_is_said_twice_is_kept_once(items: list[Item]) -> None:
    thoughts = [part["text"] for each in messages(items) for part in each.parts if part["type"] == "reasoning"]

    assert thoughts == ["It stands in the code.", "Now count."]


def test_a_sub_agent_is_a_session_of_its_own(items: list[Item]) -> None:
    [own] = [message for message in messages(items) if message.session_key == f"{SESSION}/agent-call_4"]
    [started] = [session for session in sessions(items) if "agentDescription" in session.metadata.get("agent", {})]

    assert own.parts[0]["text"] == "Nine trays."
    assert (started.key, started.parent_key, started.metadata["kind"]) == (own.session_key, SESSION, "subagent")
    assert any(isinstance(item, RelationshipRecord) and item.type == "spawned" for item in items)


def test_the_compaction_and_the_hook_have_their_origin(items: list[Item]) -> None:
    assert saying(items, "The oven starts at five.").metadata["origin"] == "compaction"
    assert saying(items, "Ovens are hot.").metadata["origin"] == "hook"


def test_files_are_found(items: list[Item]) -> None:
    arrows = {(item.target, item.label) for item in items if isinstance(item, RelationshipRecord) and item.label}

    assert {("file:/home/ada/bakery/oven.py", "read"), ("file:/home/ada/bakery/oven.py", "changed")} <= arrows


def test_the_session_has_place_title_and_cost(items: list[Item]) -> None:
    first, end = sessions(items)[0], sessions(items)[-1]
    titles = [(session.title, session.title_authority) for session in sessions(items) if session.title]

    assert (first.project, first.metadata["git_branch"], first.metadata["git_remote"]) == (
        "/home/ada/bakery",
        "main",
        "ada/bakery",
    )
    assert titles[-1] == ("The oven's hour", TITLE_GENERATED)
    assert (end.metadata["cost"]["totalPremiumRequests"], end.metadata["usage"]["totalApiDurationMs"]) == (1, 50)


def test_an_answer_follows_through_events_that_say_nothing(items: list[Item]) -> None:
    assert saying(items, "It stands in the code.").parent_key == saying(items, "Ovens are hot.").key


def test_an_unknown_event_is_kept(items: list[Item]) -> None:
    kept = [record for session in sessions(items) for record in session.metadata.get("unknown_records", [])]

    assert [record["type"] for record in kept] == ["session.mode_changed"]


def test_the_workspace_names_the_session(tmp_path: Path) -> None:
    shutil.copy(EVENTS, tmp_path)
    (tmp_path / "workspace.yaml").write_text("id: 1\nsummary: Bake earlier\nsummary_count: 0\n", encoding="utf-8")

    found = list(copilot.read(Source(tmp_path / EVENTS.name)))

    assert "Bake earlier" in [session.title for session in sessions(found)]
    assert list(copilot.companions(tmp_path / EVENTS.name)) == [tmp_path / "workspace.yaml"]


def test_events_without_a_beginning_are_a_session(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("\n".join(EVENTS.read_text().splitlines()[4:]) + "\n")

    found = list(copilot.read(Source(tmp_path / "events.jsonl")))

    assert len(messages(found)) > 10
    assert not [item for item in found if isinstance(item, Problem)]
