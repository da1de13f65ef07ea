"""What is special about LiteChat's exports."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from memory.importers import litechat
from memory.importers.reading.records import Item, MessageRecord, Problem, SessionRecord
from memory.importers.reading.source import Source

DATA = Path(__file__).parent.parent / "data" / "litechat"


def read(name: str) -> list[Item]:
    return list(litechat.read(Source(DATA / name)))


def read_json(path: Path, document: object) -> list[Item]:
    path.write_text(json.dumps(document))
    return list(litechat.read(Source(path)))


def messages(items: list[Item], session: str) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord) and item.session_key == session]


def session(items: list[Item], key: str) -> SessionRecord:
    return next(item for item in items if isinstance(item, SessionRecord) and item.key == key)


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return read("full.json")


def test_no_secret_reaches_a_record(items: list[Item]) -> None:
    written = json.dumps([asdict(item) for item in items], default=str)

    assert "in-clear" not in written
    assert session(items, "workspace").metadata["apiKeys"]["key-1"]["name"] == "Garden"


def test_what_is_no_conversation_is_in_the_workspace_by_id(items: list[Item]) -> None:
    workspace = session(items, "workspace")

    assert (workspace.title, workspace.metadata["kind"]) == ("LiteChat workspace", "workspace")
    assert workspace.metadata["rules"]["r1"]["content"] == "Give Latin names."
    assert workspace.metadata["providerConfigs"]["prov-1"]["apiKeyId"] == "key-1"
    assert workspace.metadata["mcpServers"]["mcp-1"]["headers"] == {"X-Pump": "[left out]"}
    assert workspace.metadata["settings"]["maxTokens"] == 400


def test_a_project_is_the_path_of_its_names(items: list[Item]) -> None:
    kale = session(items, "conv-1")

    assert (kale.title, kale.project, kale.system_prompt) == ("Kale", "Garden/Beds", "Speak of plants.")
    assert kale.metadata["syncRepoId"] == "repo-1"


def test_an_interaction_is_a_question_and_an_answer(items: list[Item]) -> None:
    asked, answered, result = messages(items, "conv-1")[:3]

    assert (asked.role, asked.parts[0]["text"], answered.parent_key) == ("user", "What grows here?", asked.key)
    assert [part["type"] for part in answered.parts] == ["reasoning", "tool_call", "text"]
    assert (answered.model, answered.tokens_in, answered.tokens_out) == ("garden-1", 30, 4)
    assert (result.role, result.tool_result) == ("tool", {"call_id": "call-1", "is_error": True})


def test_attached_files_are_attachments(items: list[Item]) -> None:
    asked = messages(items, "conv-1")[0]

    assert [(each.name, each.media_type) for each in asked.attachments] == [
        ("beds.txt", "text/plain"),
        ("bed.png", "image/png"),
    ]
    assert [part.get("text") for part in asked.parts] == ["What grows here?", "Bed 1: kale.", None, None]
    assert asked.parts[3]["native"]["path"] == "/plan.md"


def test_what_was_made_anew_answers_the_same_question(items: list[Item]) -> None:
    found = {message.key: message for message in messages(items, "conv-1")}
    shown, replaced = found["conv-1:i3"], found["conv-1:i2"]

    assert shown.parent_key == replaced.parent_key == "conv-1:i2:prompt"
    assert ("branch" in shown.metadata, replaced.metadata["branch"]) == (False, "not shown")
    assert (shown.metadata["rating"], replaced.metadata["rating"]) == (1, -1)
    assert "conv-1:i3:prompt" not in found


def test_equal_questions_that_follow_each_other_are_two(items: list[Item]) -> None:
    found = [
        message.key for message in messages(items, "conv-1") if message.parts and message.parts[0].get("text") == "yes"
    ]

    assert found == ["conv-1:i4:prompt", "conv-1:i5:prompt"]


def test_an_answer_that_failed_is_an_error(items: list[Item]) -> None:
    failed = next(message for message in messages(items, "conv-1") if message.key == "conv-1:i5")

    assert (failed.status, failed.error, failed.parts) == ("error", "no connection", [])


def test_what_nobody_typed_has_its_own_place(items: list[Item]) -> None:
    found = {message.key: message for message in messages(items, "conv-1")}
    kept = [item.metadata for item in items if isinstance(item, SessionRecord) and item.key == "conv-1"]

    assert (found["conv-1:i7"].role, found["conv-1:i7"].metadata["origin"]) == ("system", "compaction")
    assert (found["conv-1:i8"].tool_name, found["conv-1:i8"].parts[0]["text"]) == ("water", '{"ok": true}')
    assert [each["interactions"][0]["id"] for each in kept if "interactions" in each] == ["i6"]
    assert [each["unknown_records"][0]["id"] for each in kept if "unknown_records" in each] == ["i9"]


def test_versions_beside_what_is_shown_are_not_shown(items: list[Item]) -> None:
    assert [(message.key, message.metadata.get("branch")) for message in messages(items, "conv-2")] == [
        ("conv-2:w1:prompt", None),
        ("conv-2:w1", None),
        ("conv-2:w3:prompt", None),
        ("conv-2:w3", None),
        ("conv-2:w2", "not shown"),
    ]


def test_interactions_without_their_conversation_are_kept(items: list[Item]) -> None:
    assert [message.role for message in messages(items, "conv-9")] == ["user", "assistant"]


@pytest.mark.parametrize(("name", "key"), [("conversation.json", "conv-s"), ("all.json", "conv-a")])
def test_single_conversations_are_read(name: str, key: str) -> None:
    assert [message.role for message in messages(read(name), key)] == ["user", "assistant"]


def test_a_nested_export_gives_the_path_and_tells_of_odd_nodes() -> None:
    items = read("project.json")

    assert (session(items, "conv-p").project, session(items, "conv-p").system_prompt) == (
        "Garden/Pond",
        "Speak of plants.",
    )
    assert list(session(items, "workspace").metadata["projects"]) == ["p1", "p3"]
    assert [item.what for item in items if isinstance(item, Problem)] == [
        "a node that is neither a project nor a conversation, was left out"
    ]


def test_conversations_beside_a_project_are_read(tmp_path: Path) -> None:
    sample = json.loads((DATA / "conversation.json").read_text())
    kept, turn = sample["conversation"], sample["interactions"][0]
    node = {
        "project": {"id": "p1", "name": "Garden", "path": "/garden"},
        "conversations": [
            kept,
            {"conversation": {"id": "c2", "title": "Moss"}, "interactions": [{**turn, "id": "t2"}]},
        ],
        "interactions": [turn, {**turn, "id": "t3", "conversationId": "c3"}],
        "children": [
            {"project": {"id": "p2", "name": "Pond"}, "conversations": [{**kept, "id": "c4", "interactions": [turn]}]}
        ],
    }

    items = read_json(tmp_path / "project.json", node)

    assert [len(messages(items, key)) for key in (kept["id"], "c2", "c3", "c4")] == [2, 2, 2, 2]
    assert (session(items, "c2").project, session(items, "c4").project) == ("Garden", "Garden/Pond")
    assert not [item for item in items if isinstance(item, Problem)]


def test_what_is_not_understood_beside_a_project_is_told(tmp_path: Path) -> None:
    node = {
        "project": {"id": "p1", "name": "Garden", "path": "/garden"},
        "conversations": [{}, "conv-7"],
        "interactions": {"i1": {}},
        "children": [],
        "chats": [{"id": "c"}],
    }

    items = read_json(tmp_path / "project.json", node)

    assert [item.what for item in items if isinstance(item, Problem)] == [
        "a conversation of project 'Garden' without id and title, was left out",
        "1 of `conversations` of project 'Garden' are no objects, were left out",
        "1 of `interactions` of project 'Garden' are no objects, were left out",
        "`chats` of project 'Garden' is not known here, was left out",
    ]
