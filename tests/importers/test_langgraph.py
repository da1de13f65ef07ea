"""What is special about LangGraph's checkpoints."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgpack
import pytest

from memory.importers import langgraph
from memory.importers.langgraph.values import decoded
from memory.importers.reading.records import Item, MessageRecord, Problem, SessionRecord
from memory.importers.reading.source import Source

CHECKPOINTS = Path(__file__).parent.parent / "data" / "langgraph" / "checkpoints.sqlite"
TABLES = """
create table checkpoints (thread_id text, checkpoint_ns text, checkpoint_id text, parent_checkpoint_id text,
    type text, checkpoint blob, metadata blob);
create table writes (thread_id text, checkpoint_ns text, checkpoint_id text, task_id text, idx integer, channel text,
    type text, value blob);
"""


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(langgraph.read(Source(CHECKPOINTS)))


def sessions(items: list[Item]) -> list[SessionRecord]:
    return [item for item in items if isinstance(item, SessionRecord)]


def messages(items: list[Item], session: str = "beans") -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord) and item.session_key == session]


def packed(kind: str, content: str, id: str) -> msgpack.ExtType:
    fields = {"content": content, "type": kind, "id": id}
    name = f"{kind.title()}Message"
    return msgpack.ExtType(5, msgpack.packb(["langchain_core.messages", name, fields, "model_validate_json"]))


def database(path: Path, checkpoints: list[Any], writes: list[Any]) -> list[Item]:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES)
        for id, parent, values in checkpoints:
            data = msgpack.packb({"ts": "2026-01-01T00:00:00+00:00", "channel_values": values})
            connection.execute("insert into checkpoints values ('t', '', ?, ?, 'msgpack', ?, '{}')", (id, parent, data))
        for at, (id, kind, value) in enumerate(writes):
            data = value if isinstance(value, bytes) else msgpack.packb(value)
            connection.execute(
                "insert into writes values ('t', '', ?, 'task', ?, 'messages', ?, ?)", (id, at, kind, data)
            )
        connection.commit()
    return list(langgraph.read(Source(path)))


def test_the_latest_checkpoint_is_what_is_shown(items: list[Item]) -> None:
    shown = [message.key for message in messages(items) if "branch" not in message.metadata]

    assert shown == [f"beans:{id}" for id in ("sys", "h-1", "ai-1", "ai-2", "h-3", "ai-6h-3")]


def test_what_was_taken_back_and_other_branches_are_kept(items: list[Item]) -> None:
    others = {message.key: message for message in messages(items) if "branch" in message.metadata}

    assert list(others) == ["beans:tool-1", "beans:h-2", "beans:ai-6h-2"]
    assert others["beans:tool-1"].parent_key == "beans:ai-1"
    assert others["beans:h-2"].parent_key == "beans:ai-2"


def test_a_call_and_its_result_are_paired(items: list[Item]) -> None:
    found = {message.key: message for message in messages(items)}

    assert found["beans:ai-1"].tool_call == {"call_id": "call_1", "name": "scale", "input": {"bag": 1}}
    assert (found["beans:ai-1"].model, found["beans:ai-1"].tokens_in) == ("grocer-1", 7)
    assert found["beans:tool-1"].tool_result == {"call_id": "call_1", "is_error": False}


def test_a_thread_has_its_title_and_its_state(items: list[Item]) -> None:
    first = sessions(items)[0]

    assert [each.title for each in sessions(items) if each.key == "beans" and each.title] == [
        "How many gram are in the bag?"
    ]
    assert first.metadata["state"] == {
        "plan": ["weigh"],
        "seen": {"at": "2026-03-01T08:00:00", "id": "00000000000000000000000000000007", "tags": ["a"]},
    }
    assert messages(items)[0].created_at is not None


def test_a_subgraph_is_a_sub_agent(items: list[Item]) -> None:
    (agent,) = [session for session in sessions(items) if session.metadata.get("kind") == "subagent"]

    assert agent.parent_key == "beans"
    assert [message.parts[0]["text"] for message in messages(items, agent.key)] == [
        "Weigh bag 1.",
        "The clerk says 500.",
    ]


def test_each_message_stands_behind_the_one_it_answers(items: list[Item]) -> None:
    keys = [message.key for message in messages(items)]

    assert all(keys.index(each.parent_key) < at for at, each in enumerate(messages(items)) if each.parent_key)


def test_messages_of_a_channel_kept_as_changes_are_put_together(tmp_path: Path) -> None:
    items = database(
        tmp_path / "db",
        [("1", None, {"messages": [packed("human", "One?", "a")]}), ("2", "1", {}), ("3", "2", {})],
        [
            ("1", "msgpack", [packed("ai", "One.", "b"), packed("ai", "Uno.", "c")]),
            ("2", "msgpack", [packed("remove", "", "c")]),
            ("3", "msgpack", packed("ai", "Not yet applied.", "d")),
        ],
    )

    assert [(message.key, message.metadata.get("branch")) for message in messages(items, "t")] == [
        ("t:a", None),
        ("t:b", None),
        ("t:c", "not shown"),
        ("t:d", "not shown"),
    ]


def test_a_pickled_value_is_a_problem_and_is_not_read(tmp_path: Path) -> None:
    items = database(
        tmp_path / "db",
        [("1", None, {"messages": [packed("human", "One?", "a")]})],
        [("1", "pickle", b"cos\nsystem\n.")],
    )

    assert [item.what for item in items if isinstance(item, Problem)] == [
        "a write to 'messages' after checkpoint 1: it is written as 'pickle', which is not read"
    ]
    assert len(messages(items, "t")) == 1


def test_no_class_is_made_of_a_value() -> None:
    value = msgpack.ExtType(1, msgpack.packb(["os", "system", ["echo"]]))

    assert decoded("msgpack", msgpack.packb({"a": value})) == {"a": {"class": "os.system", "value": ["echo"]}}


def test_secrets_in_the_state_are_left_out(tmp_path: Path) -> None:
    items = database(
        tmp_path / "db", [("1", None, {"messages": [packed("human", "One?", "a")], "api_key": "k-1", "n": 2})], []
    )

    assert sessions(items)[0].metadata["state"] == {"api_key": "[left out]", "n": 2}


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\xc7\x05\x05abc", b"\x81\x80\x01", b"\xdd\xff\xff\xff\xff"])
def test_damaged_values_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        decoded("msgpack", data)
