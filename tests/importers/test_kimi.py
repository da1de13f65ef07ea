"""What is special about Kimi's wires and contexts."""

import json
import shutil
from pathlib import Path

import pytest

from memory.importers import kimi
from memory.importers.reading.records import (
    TITLE_PERSON,
    Item,
    Mark,
    MessageRecord,
    RelationshipRecord,
    SessionRecord,
)
from memory.importers.reading.source import Source

DATA = Path(__file__).parent.parent / "data" / "kimi"
SESSION = "session_5e000000-0000-4000-8000-0000000000aa"
STEP = "5e000000-0000-4000-8000-00000000000"
STATE = {
    "createdAt": "2026-08-01T16:00:00.100Z",
    "title": "The mill",
    "isCustomTitle": True,
    "agents": {"main": {"type": "main", "parentAgentId": None}, "agent-0": {"type": "sub", "parentAgentId": "main"}},
    "workDir": "/home/ada/mill",
    "lastPrompt": "Stop.",
}


@pytest.fixture(scope="module")
def code() -> list[Item]:
    return list(kimi.read(Source(DATA / "code.jsonl")))


@pytest.fixture(scope="module")
def older() -> list[Item]:
    return list(kimi.read(Source(DATA / "older.jsonl")))


def messages(items: list[Item]) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord)]


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def texts(items: list[Item], role: str) -> list[str]:
    return [part["text"] for each in messages(items) if each.role == role for part in each.parts if "text" in part]


def arrows(items: list[Item]) -> list[tuple[str, str | None]]:
    return [(item.target, item.label) for item in items if isinstance(item, RelationshipRecord)]


def test_a_prompt_is_kept_once(code: list[Item]) -> None:
    assert texts(code, "user") == ["How fast is the mill?", "Stop.", "How fast is the mill?"]


def test_a_step_is_one_message(code: list[Item]) -> None:
    [step] = [each for each in messages(code) if each.key == f"{STEP}1"]

    assert [part["type"] for part in step.parts] == ["reasoning", "tool_call", "tool_call"]
    assert (step.tokens_in, step.tokens_out, step.model, step.tool_name) == (14, 5, "kimi-k2", "Read")
    assert step.parts[1]["native"]["approval"] == {"decision": "approved", "scope": "session"}


def test_a_step_that_was_cancelled_is_no_message(code: list[Item]) -> None:
    assert [each.key for each in messages(code) if each.role == "assistant"] == [f"{STEP}{n}" for n in (1, 2, 3)]


def test_results_follow_their_step(code: list[Item]) -> None:
    read, failed, _ = (each for each in messages(code) if each.role == "tool")
    order = [each.key for each in messages(code)]

    assert order.index(f"{STEP}1") < order.index(read.key)
    assert (read.tool_name, read.parts[0]["text"], read.parts[0]["output"]["note"]) == (
        "Read",
        "SPEED = 7",
        "<system>1 line</system>",
    )
    assert failed.tool_result == {"call_id": "Bash_1", "is_error": True}


def test_what_a_program_gave_has_its_origin(code: list[Item]) -> None:
    origins = [each.metadata["origin"] for each in messages(code) if each.role == "system"]

    assert origins == ["injected", "hook", "hook", "compaction"]
    assert "The mill does seven." in texts(code, "system")


def test_what_was_used_outside_of_turns_is_kept(code: list[Item]) -> None:
    found = [each.metadata for each in sessions(code) if "usage_outside_turns" in each.metadata]

    assert [each["usage_outside_turns"][0]["usage"] for each in found] == [{"inputOther": 9, "output": 9}]


def test_records_of_unknown_type_are_kept(code: list[Item], older: list[Item]) -> None:
    kept = [record for each in sessions(code + older) for record in each.metadata.get("unknown_records", [])]

    assert [record.get("type") for record in kept] == ["goal.create", "context.append_loop_event", None]


def test_an_undoing_is_noted(code: list[Item]) -> None:
    assert [each.metadata["rewinds"][0]["count"] for each in sessions(code) if "rewinds" in each.metadata] == [1]


def test_files_are_found(code: list[Item], older: list[Item]) -> None:
    assert arrows(code) == [("file:/home/ada/mill/mill.py", "read"), ("file:/home/ada/mill/out.txt", "changed")]
    assert arrows(older) == [("file:/home/ada/mill/flour.txt", "changed")]


def laid_out(folder: Path) -> Path:
    """Lay a session out as Kimi Code does; give the folder of its agents."""
    agents = folder / "wd_mill" / SESSION / "agents"
    for agent, name in (("main", "code.jsonl"), ("agent-0", "explorer.jsonl")):
        (agents / agent).mkdir(parents=True)
        shutil.copy(DATA / name, agents / agent / "wire.jsonl")
    (agents.parent / "state.json").write_text(json.dumps(STATE), encoding="utf-8")
    return agents


def test_the_state_names_the_session(tmp_path: Path) -> None:
    wire = laid_out(tmp_path) / "main" / "wire.jsonl"

    first = sessions(list(kimi.read(Source(wire))))[0]

    assert (first.key, first.title, first.title_authority) == (SESSION, "The mill", TITLE_PERSON)
    assert (first.project, first.metadata["state"]) == ("/home/ada/mill", {"lastPrompt": "Stop."})
    assert wire.parents[2] / "state.json" in kimi.companions(wire)


def test_another_agent_is_a_sub_agents_session(tmp_path: Path) -> None:
    found = list(kimi.read(Source(laid_out(tmp_path) / "agent-0" / "wire.jsonl")))
    prompt = messages(found)[0]

    assert (sessions(found)[0].key, sessions(found)[0].parent_key) == (f"{SESSION}/agent-0", SESSION)
    assert (prompt.role, prompt.metadata["origin"], prompt.parts[0]["text"]) == (
        "system",
        "subagent",
        "Count the stones.",
    )


def test_a_state_of_another_time_is_another_sessions(tmp_path: Path) -> None:
    shutil.copy(DATA / "explorer.jsonl", tmp_path)
    (tmp_path / "state.json").write_text(json.dumps(STATE), encoding="utf-8")

    found = sessions(list(kimi.read(Source(tmp_path / "explorer.jsonl"))))

    assert found[0].key.startswith("unnamed-")
    assert "The mill" not in [each.title for each in found]
    assert "subagent" in [each.metadata.get("kind") for each in found]


def test_an_older_step_is_one_message(older: list[Item]) -> None:
    step = next(each for each in messages(older) if each.role == "assistant")

    assert [part["type"] for part in step.parts] == ["reasoning", "text", "tool_call"]
    assert (step.tokens_in, step.tokens_out) == (9, 3)
    assert step.parts[2]["input"] == {"path": "/home/ada/mill/flour.txt"}


def test_what_was_written_to_reject_a_call_is_the_persons(older: list[Item]) -> None:
    assert texts(older, "user") == ["Grind.", "Not so fine.", "Thanks."]


def test_an_older_sub_agent_is_a_session_of_its_own(older: list[Item]) -> None:
    own = [each for each in messages(older) if each.session_key.endswith("/tool_2")]

    assert [each.role for each in own] == ["assistant", "assistant", "tool"]
    assert "Elsewhere." not in texts(older, "assistant")


def test_a_context_is_read_where_there_is_no_wire(tmp_path: Path) -> None:
    shutil.copy(DATA / "checkpoints.jsonl", tmp_path / "context.jsonl")
    alone = list(kimi.read(Source(tmp_path / "context.jsonl")))
    shutil.copy(DATA / "older.jsonl", tmp_path / "wire.jsonl")
    beside = list(kimi.read(Source(tmp_path / "context.jsonl")))

    assert texts(alone, "user") == ["Grind."]
    assert [each.tool_name for each in messages(alone) if each.role == "tool"] == ["ReadFile"]
    assert [type(item) for item in beside] == [Mark]
