"""What is special about Claude Code's files."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memory.importers import claude_code
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    TITLE_PERSON,
    TITLE_SUMMARY,
    Item,
    MessageRecord,
    Problem,
    RelationshipRecord,
    SessionRecord,
)
from memory.importers.reading.source import Source

FOLDER = Path(__file__).parent.parent / "data" / "claude-code" / "-home-ada-code-kiosk"
MAIN = "9230502a-beba-5342-af61-9c975ac7dc98"
FORK = "e0c33e84-a43f-581e-903f-fa3b653838cb"

Write = Callable[..., list[Item]]


def read(name: str) -> list[Item]:
    return list(claude_code.read(Source(FOLDER / name)))


def messages(items: list[Item], role: str | None = None, origin: str | None = None) -> list[MessageRecord]:
    found = [item for item in items if isinstance(item, MessageRecord)]
    return [item for item in found if role in (None, item.role) and origin in (None, item.metadata.get("origin"))]


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def arrows(items: list[Item], kind: str) -> list[RelationshipRecord]:
    return [item for item in items if isinstance(item, RelationshipRecord) and item.type == kind]


def texts(message: MessageRecord) -> list[str]:
    return [part["text"] for part in message.parts if part["type"] == "text"]


@pytest.fixture(scope="module")
def main() -> list[Item]:
    return read(f"{MAIN}.jsonl")


@pytest.fixture
def written(tmp_path: Path) -> Write:
    def write(*records: dict[str, Any]) -> list[Item]:
        path = tmp_path / "session.jsonl"
        envelope = {"sessionId": "s", "parentUuid": None, "isSidechain": False, "timestamp": "2026-01-01T00:00:00Z"}
        lines = [{**envelope, "uuid": f"u{at}", **record} for at, record in enumerate(records)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return list(claude_code.read(Source(path)))

    return write


def said(text: Any, **more: Any) -> dict[str, Any]:
    return {"type": "user", "message": {"role": "user", "content": text}, **more}


def answered(message_id: str | None, *blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "assistant", "message": {"id": message_id, "role": "assistant", "content": list(blocks)}, **more}


def test_lines_of_one_answer_are_one_message_though_a_result_stands_between(main: list[Item]) -> None:
    parts = [message.parts for message in messages(main, "assistant") if message.key == "msg_main_1"]

    assert [[part["type"] for part in listed] for listed in parts] == [
        ["reasoning", "text", "tool_call"],
        ["tool_call"],
    ]
    assert len({part["id"] for listed in parts for part in listed}) == 4


def test_the_rest_of_an_answer_does_not_answer_itself(main: list[Item]) -> None:
    first, rest = (message for message in messages(main, "assistant") if message.key == "msg_main_1")

    assert first.parent_key is not None
    assert (rest.parent_key, rest.created_at, rest.started_at) == (None, None, None)


def test_tokens_stand_once_on_a_message(main: list[Item]) -> None:
    first = next(message for message in messages(main, "assistant") if message.key == "msg_main_1")

    assert (first.tokens_in, first.tokens_out) == (12 + 400 + 8000, 210)


def test_a_result_names_its_tool_and_whether_it_failed(main: list[Item]) -> None:
    results = {message.tool_result["call_id"]: message for message in messages(main, "tool") if message.tool_result}

    assert [results[call].tool_name for call in ("toolu_read", "toolu_test")] == ["Read", "Bash"]
    assert results["toolu_test"].tool_result == {"call_id": "toolu_test", "is_error": True}


def test_a_result_answers_the_call_through_a_progress_line(main: list[Item]) -> None:
    result = next(message for message in messages(main, "tool") if message.tool_name == "Read")

    assert result.parent_key == "msg_main_1"


def test_of_a_copied_result_only_what_is_new_is_kept(main: list[Item]) -> None:
    edit = next(message for message in messages(main, "tool") if message.tool_name == "Edit")

    assert edit.tool_result is not None
    assert "structuredPatch" in edit.tool_result
    assert "originalFile" not in edit.tool_result


def test_what_the_person_typed_is_found_and_nothing_else(main: list[Item]) -> None:
    assert ["\n".join(texts(message)) for message in messages(main, "user")] == [
        "Why does the receipt printer cut the last line?",
        "and check the paper width too",
        "the printer is an Epson",
        "Does it look like this?",
        "git status --short",
        "/review only printer.py",
        "Please continue.\n",
    ]


def test_what_programs_put_in_is_kept_with_its_origin(main: list[Item]) -> None:
    assert [len(messages(main, "system", origin)) for origin in ("hook", "compaction", "synthetic")] == [1, 2, 2]
    assert any("todo list is empty" in texts(message)[0] for message in messages(main, "system", "injected"))


def test_a_prompt_in_the_queue_and_in_an_attachment_is_one_message(main: list[Item]) -> None:
    given = [message for message in messages(main, "user") if "attachment" in message.metadata]

    assert [message.metadata["attachment"] for message in given] == ["queued_command", "queue-operation"]


def test_a_queued_prompt_that_was_read_before_its_attachment_is_not_read_again(written: Write, tmp_path: Path) -> None:
    queue = {"type": "queue-operation", "sessionId": "s", "timestamp": "2026-01-01T00:00:01Z"}
    attached = {"type": "attachment", "attachment": {"type": "queued_command", "prompt": "wait"}}
    lines = [said("go"), {**queue, "operation": "enqueue", "content": "wait"}, {**queue, "operation": "remove"}]

    first = written(*lines)
    both = written(*lines, answered("m", {"type": "text", "text": "ok"}), attached)

    assert [texts(message) for message in messages(first, "user")] == [["go"], ["wait"]]
    assert [texts(message) for message in messages(both, "user")] == [["go"], ["wait"]]


def test_a_command_as_typed_keeps_its_wrapper(main: list[Item]) -> None:
    command = next(message for message in messages(main, "user") if texts(message) == ["/review only printer.py"])

    assert "<command-args>only printer.py</command-args>" in command.parts[0]["native"]["raw"]


def test_an_image_becomes_an_attachment(main: list[Item]) -> None:
    message = next(message for message in messages(main, "user") if message.attachments)

    assert message.parts[-1]["attachment"] == 0
    assert message.attachments[0].media_type == "image/png"
    assert message.attachments[0].data.startswith(b"\x89PNG")


def test_text_around_a_persons_words_is_a_message_beside_them(main: list[Item]) -> None:
    whole = next(message for message in messages(main, "user") if texts(message) == ["Please continue.\n"])
    around = next(message for message in messages(main, "system") if (message.key or "").startswith(f"{whole.key}#"))

    assert "".join(texts(whole) + texts(around)).startswith("Please continue.\n<system-reminder>")


def test_an_api_error_is_an_error_and_not_an_answer(main: list[Item]) -> None:
    failed = [message for message in messages(main) if message.status == "error"]

    assert [(message.role, message.error, message.model) for message in failed] == [
        ("system", "API Error: Overloaded", None)
    ]


def test_a_compaction_answers_the_message_before_it(main: list[Item]) -> None:
    boundary = next(message for message in messages(main) if message.metadata.get("subtype") == "compact_boundary")

    assert boundary.parent_key is not None
    assert [(arrow.source, arrow.target) for arrow in arrows(main, "logical_parent")] == [
        (f"message:{boundary.key}", f"message:{boundary.parent_key}")
    ]


def test_titles_have_their_authority(main: list[Item]) -> None:
    assert [(found.title, found.title_authority) for found in sessions(main) if found.title] == [
        ("Why does the receipt printer cut the last line?", TITLE_FIRST_PROMPT),
        ("Receipt printer cuts too early", TITLE_SUMMARY),
        ("Receipt printer cuts the last line", TITLE_GENERATED),
        ("printer-cut", TITLE_PERSON),
        ("printer-cut", TITLE_GENERATED),
    ]


def test_a_summary_of_another_session_is_no_title(main: list[Item]) -> None:
    first = sessions(main)[0]

    assert first.metadata["other_summaries"] == ["Wire up the card reader"]
    assert all(found.title != "Wire up the card reader" for found in sessions(main))


def test_a_summary_of_a_later_leaf_is_a_title(written: Write) -> None:
    summary = {"type": "summary", "summary": "Later", "leafUuid": "u1"}

    assert [found.title for found in sessions(written(summary, said("now")))] == [None, "Later", "now"]


def test_an_away_summary_is_the_sessions_summary(main: list[Item]) -> None:
    summaries = [found.summary for found in sessions(main) if found.summary]

    assert summaries == ["The printer now feeds three lines before it cuts."]


def test_files_read_and_changed_are_arrows_from_the_session(main: list[Item]) -> None:
    assert [(arrow.source, arrow.target, arrow.label) for arrow in arrows(main, "session_file")] == [
        (f"session:{MAIN}", "file:/home/ada/code/kiosk/printer.py", "read"),
        (f"session:{MAIN}", "file:/home/ada/code/kiosk/printer.py", "changed"),
    ]


def test_a_pull_request_is_an_arrow(main: list[Item]) -> None:
    assert [(arrow.target, arrow.label) for arrow in arrows(main, "session_pull_request")] == [
        ("url:https://example.org/kiosk/pull/12", "ada/kiosk#12")
    ]


def test_a_record_of_unknown_type_is_kept_with_its_session(main: list[Item]) -> None:
    kept = [found.metadata["unknown_records"] for found in sessions(main) if "unknown_records" in found.metadata]

    assert [record["shape"] for listed in kept for record in listed] == ["cube"]


def test_a_sub_agent_is_a_session_of_its_own(main: list[Item]) -> None:
    items = read(f"{MAIN}/subagents/agent-a1b2c3d.jsonl")
    session = sessions(items)[0]

    assert (session.key, session.parent_key, session.metadata["kind"]) == (f"{MAIN}/agent-a1b2c3d", MAIN, "subagent")
    assert [message.metadata["origin"] for message in messages(items, "system")] == ["subagent"]
    assert [arrow.target for arrow in arrows(main, "spawned")] == [f"session:{session.key}"]


def test_a_side_chain_inside_a_main_file_is_a_session_of_its_own(written: Write) -> None:
    items = written(said("main"), said("side", isSidechain=True, agentId="x"), said("main again"))

    assert [message.session_key for message in messages(items)] == ["s", "s/agent-x", "s"]


def test_a_forks_copied_lines_are_the_same_messages(main: list[Item]) -> None:
    fork = messages(read(f"{FORK}.jsonl"))
    known = {message.key for message in messages(main)}

    new = [message for message in fork if message.key not in known]
    assert [texts(message) for message in new] == [["Try a full cut instead."], ["A full cut has the same fault."]]
    assert {message.session_key for message in fork} == {FORK}


def test_two_sessions_in_one_file_are_two_sessions() -> None:
    items = read("two-sessions.jsonl")

    assert len({message.session_key for message in messages(items)}) == 2
    assert [message.created_at for message in messages(items, "user")] == [
        datetime(2026, 3, 1, 8, 1, tzinfo=UTC),
        datetime(2026, 2, 28, 23, 59, tzinfo=UTC),
        None,
    ]


def test_an_impossible_time_is_a_problem_once() -> None:
    assert [item for item in read("two-sessions.jsonl") if isinstance(item, Problem)] == [
        Problem(4, "a time out of range: '0001-01-01T00:00:00Z'")
    ]


def test_several_results_in_one_line_are_several_messages(written: Write) -> None:
    results = [{"type": "tool_result", "tool_use_id": call, "content": call} for call in ("a", "b")]

    found = messages(written(said([*results, {"type": "text", "text": "and this"}])))

    assert [(message.role, message.key) for message in found] == [
        ("tool", "s:u0"),
        ("tool", "s:u0#tool1"),
        ("user", "s:u0#user2"),
    ]


def test_a_thought_without_words_still_counts(written: Write) -> None:
    found = messages(written(answered("m", {"type": "thinking", "thinking": "", "signature": "c2ln"})))

    assert [part | {"id": ""} for part in found[0].parts] == [{"type": "reasoning", "id": "", "text": ""}]


def test_an_answer_without_an_id_is_named_by_its_line(written: Write) -> None:
    text = {"type": "text", "text": "hi"}

    assert [message.key for message in messages(written(answered(None, text), answered(None, text)))] == [
        "s:u0",
        "s:u1",
    ]


def test_a_side_chain_that_is_a_compaction_says_so(written: Write) -> None:
    items = written(said("Summarise.", isSidechain=True, agentId="acompact-1"))

    assert sessions(items)[0].metadata["kind"] == "compaction"


def test_a_progress_line_that_is_cut_off_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    head = '{"parentUuid":null,"isSidechain":false,"type":"progress","data":{"type":"bash'
    path.write_text(head + "\n" + json.dumps({**said("hi"), "sessionId": "s", "uuid": "u"}) + "\n")

    items = list(claude_code.read(Source(path)))

    assert [item.line for item in items if isinstance(item, Problem)] == [1]
    assert len(messages(items)) == 1


def test_unknown_records_without_end_are_bounded(written: Write) -> None:
    items = written(said("hi"), *({"type": "new-thing", "at": at} for at in range(60)))

    assert sum("unknown_records" in found.metadata for found in sessions(items)) == 50
    assert [item.line for item in items if isinstance(item, Problem)] == [52]


def test_a_sub_agents_sort_stands_beside_it(tmp_path: Path) -> None:
    lines = next((FOLDER / MAIN / "subagents").glob("agent-*.jsonl"))
    (tmp_path / lines.name).write_bytes(lines.read_bytes())
    beside = tmp_path / f"{lines.stem}.meta.json"
    beside.write_text('{"agentType": "explore", "spawnDepth": 1}')

    found = list(claude_code.read(Source(tmp_path / lines.name)))

    assert list(claude_code.companions(tmp_path / lines.name)) == [beside]
    assert [
        item.metadata["agent"] for item in found if isinstance(item, SessionRecord) and "agent" in item.metadata
    ] == [{"agentType": "explore", "spawnDepth": 1}]


def test_output_that_the_result_does_not_repeat_is_kept(written: Write) -> None:
    block = {"type": "tool_result", "tool_use_id": "call_1", "content": "ok, 3 lines"}
    line = {"type": "user", "sessionId": "s", "uuid": "u", "message": {"role": "user", "content": [block]}}

    [result] = messages(written({**line, "toolUseResult": {"stdout": "one\ntwo", "stderr": "3 lines\n"}}), "tool")

    assert result.tool_result == {"stdout": "one\ntwo", "call_id": "call_1", "is_error": False}
