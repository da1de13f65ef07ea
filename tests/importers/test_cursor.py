"""Cursor's three places: the editor's database, the agent's store, and transcripts."""

import hashlib
import json
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory import Memory
from memory.importers import cursor, importer_of
from memory.importers.reading.records import Item, Mark, MessageRecord, Problem, RelationshipRecord, SessionRecord
from memory.importers.reading.source import Sample, Source

TRANSCRIPTS = Path(__file__).parents[1] / "data" / "cursor" / "agent-transcripts"
CHAT, OLD = "0b3c7a52-6f0e-4a7d-8f0a-2f1f7f1c9a01", "0b3c7a52-6f0e-4a7d-8f0a-2f1f7f1c9a02"
BUBBLES: list[dict[str, Any]] = [
    {
        "bubbleId": "b1",
        "type": 1,
        "text": "Make the timer ring twice",
        "createdAt": "2026-02-03T10:00:00.000Z",
        "richText": "{}",
    },
    {
        "bubbleId": "b2",
        "type": 2,
        "text": "",
        "thinking": {"text": "Look at timer.py.", "signature": "s"},
        "toolFormerData": {
            "tool": 40,
            "name": "read_file",
            "toolCallId": "call_1",
            "rawArgs": '{"target_file": "timer.py"}',
            "result": '{"contents": "def ring(): ..."}',
            "status": "completed",
        },
        "createdAt": "2026-02-03T10:00:02.000Z",
        "tokenCount": {"inputTokens": 900, "outputTokens": 40},
    },
    {
        "bubbleId": "b3",
        "type": 2,
        "toolFormerData": {
            "name": "edit_file",
            "rawArgs": '{"target_file": "timer.py"}',
            "error": "no such line",
            "status": "error",
        },
    },
    {
        "bubbleId": "b4",
        "type": 2,
        "text": "It rings twice now.",
        "modelInfo": {"modelName": "sonnet"},
        "isAgentic": True,
    },
    {"bubbleId": "b5", "type": 2, "text": "An answer that was taken back."},
]


def editor(folder: Path, bubbles: list[dict[str, Any]] | None = None, updated: int = 1770112900000) -> Path:
    """Write the editor's database, its workspace's beside it, and secrets that must not be read."""
    path = folder / "User" / "globalStorage" / "state.vscdb"
    workspace = folder / "User" / "workspaceStorage" / "ws1"
    path.parent.mkdir(parents=True, exist_ok=True)
    workspace.mkdir(parents=True, exist_ok=True)
    bubbles = BUBBLES if bubbles is None else bubbles
    headers = [{"bubbleId": each.get("bubbleId"), "type": each.get("type")} for each in bubbles[:4]]
    chat = {
        "composerId": CHAT,
        "name": "Timer rings twice",
        "_v": 10,
        "fullConversationHeadersOnly": headers,
        "createdAt": 1770112800000,
        "lastUpdatedAt": updated,
        "modelConfig": {"modelName": "opus"},
        "workspaceIdentifier": {"id": "ws9", "uri": {"fsPath": "/home/ada/timer"}},
        "blobEncryptionKey": "never-read-this-key",
        "status": "completed",
        "createdOnBranch": "main",
    }
    old = {"composerId": OLD, "conversation": [{"type": 1, "text": "How warm is the oven?", "bubbleId": "o1"}]}
    old |= {"createdAt": 1740000000000, "lastUpdatedAt": 1740000001000}
    connection = apsw.Connection(str(path))
    connection.execute("create table if not exists ItemTable (key text unique, value blob)")
    connection.execute("create table if not exists cursorDiskKV (key text unique on conflict replace, value blob)")
    connection.execute("insert or replace into ItemTable values ('cursorAuth/accessToken', 'never-read-this-token')")
    rows = {f"composerData:{CHAT}": json.dumps(chat), f"composerData:{OLD}": json.dumps(old).encode()}
    rows |= {f"composerData:{CHAT[:-1]}9": "null", "composerData:broken": "{", "checkpointId:x": "{}"}
    rows |= {f"bubbleId:{CHAT}:{each.get('bubbleId')}": json.dumps(each) for each in bubbles}
    connection.executemany("insert into cursorDiskKV values (?, ?)", rows.items())
    connection.close()
    (workspace / "workspace.json").write_text(json.dumps({"folder": "file:///home/ada/old%20oven"}))
    beside = apsw.Connection(str(workspace / "state.vscdb"))
    beside.execute("create table if not exists ItemTable (key text unique, value blob)")
    listed = {"allComposers": [{"composerId": OLD}]}
    beside.execute("insert or replace into ItemTable values ('composer.composerData', ?)", (json.dumps(listed),))
    beside.close()
    return path


def store(folder: Path) -> Path:
    """Write an agent's store whose last root names four of five messages."""
    path = folder / "chats" / "e4e9" / "7f1d" / "store.db"
    path.parent.mkdir(parents=True)
    said: list[dict[str, Any]] = [
        {"role": "system", "content": "You bake bread."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "<user_info>x</user_info>\n<user_query>\nWeigh the flour\n</user_query>"}
            ],
        },
        {
            "role": "assistant",
            "id": "1",
            "content": [
                {"type": "reasoning", "text": "Use the scale."},
                {"type": "text", "text": "Weighing."},
                {"type": "tool-call", "toolCallId": "t1", "toolName": "Shell", "args": {"command": "scale"}},
            ],
        },
        {
            "role": "tool",
            "content": [{"type": "tool-result", "toolCallId": "t1", "toolName": "Shell", "result": "500 g"}],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "An answer that was taken back."}]},
    ]
    connection = apsw.Connection(str(path))
    connection.execute(
        "create table blobs (id text primary key, data blob); create table meta (key text primary key, value text)"
    )
    root = b""
    for at, message in enumerate(said):
        data = json.dumps(message).encode()
        digest = hashlib.sha256(data).digest()
        connection.execute("insert into blobs values (?, ?)", (digest.hex(), data))
        root += b"\x0a\x20" + digest if at < 4 else b""
    root += b"\x4a" + bytes([len(b"file:///home/ada/bread")]) + b"file:///home/ada/bread"
    connection.execute("insert into blobs values ('ff', ?)", (root,))
    meta = {"agentId": "c0ffee00-0000-4000-8000-00000000000a", "name": "New Agent", "createdAt": 1770112800000}
    meta |= {"latestRootBlobId": "ff", "lastUsedModel": "opus", "mode": "default"}
    connection.execute("insert into meta values ('0', ?)", (json.dumps(meta).encode().hex(),))
    connection.close()
    return path


def read(path: Path, state: dict[str, Any] | None = None) -> list[Item]:
    return list(cursor.read(Source(path, state=state or {})))


def messages(items: list[Item]) -> list[MessageRecord]:
    return [item for item in items if isinstance(item, MessageRecord)]


def sessions(items: list[Item]) -> dict[str, SessionRecord]:
    return {item.key: item for item in items if isinstance(item, SessionRecord) if item.metadata}


def text_of(message: MessageRecord) -> str:
    return "\n".join(str(part.get("text", "")) for part in message.parts)


def test_the_editors_conversations_with_their_projects(tmp_path: Path) -> None:
    path = editor(tmp_path)
    assert importer_of(Sample(path)) is cursor

    found = sessions(read(path))

    assert found[CHAT].title == "Timer rings twice"
    assert (found[CHAT].project, found[OLD].project) == ("/home/ada/timer", "/home/ada/old oven")
    assert (found[CHAT].model, found[CHAT].metadata["git_branch"]) == ("opus", "main")


def test_bubbles_are_messages_calls_and_results(tmp_path: Path) -> None:
    found = [each for each in messages(read(editor(tmp_path))) if each.session_key == CHAT]

    roles = ["user", "assistant", "tool", "assistant", "tool", "assistant", "assistant"]
    assert [each.role for each in found] == roles
    assert [part["type"] for part in found[1].parts] == ["reasoning", "tool_call"]
    assert found[1].parts[1]["input"] == {"target_file": "timer.py"}
    assert (found[1].tokens_in, found[1].tokens_out) == (900, 40)
    assert (found[2].parts[0]["text"], found[2].tool_result["is_error"]) == ("def ring(): ...", False)
    assert (found[4].parts[0]["text"], found[4].tool_result["is_error"]) == ("no such line", True)
    assert found[5].metadata["native"] == {"isAgentic": True}
    assert found[6].metadata["branch"] == "not shown"
    assert found[5].model == "sonnet"


def test_files_read_and_changed_are_arrows(tmp_path: Path) -> None:
    arrows = [item for item in read(editor(tmp_path)) if isinstance(item, RelationshipRecord)]

    assert [(arrow.target, arrow.label) for arrow in arrows] == [
        ("file:/home/ada/timer/timer.py", "read"),
        ("file:/home/ada/timer/timer.py", "changed"),
    ]


def test_no_secret_of_the_editor_is_read(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "store") as memory:
        memory.import_(editor(tmp_path / "cursor").parent.parent)
        assert memory.search("timer").hits

    for path in (tmp_path / "store").rglob("*"):
        assert not path.is_file() or b"never-read" not in path.read_bytes()


def test_a_broken_row_is_a_problem_and_an_empty_one_is_none(tmp_path: Path) -> None:
    problems = [item.what for item in read(editor(tmp_path)) if isinstance(item, Problem)]

    assert problems == ["composerData:broken: no JSON object, was left out"]


def test_only_conversations_that_changed_are_read_again(tmp_path: Path) -> None:
    path = editor(tmp_path)
    last = read(path)[-1]
    assert isinstance(last, Mark)

    again = read(path, last.state)

    assert sessions(again).keys() == {CHAT}


def test_a_folder_of_the_editor_gives_one_source_and_what_grew(tmp_path: Path) -> None:
    path = editor(tmp_path / "cursor")
    with Memory.open(tmp_path / "store") as memory:
        first = memory.import_(tmp_path / "cursor")
        assert [(each.format, each.path) for each in first.sources] == [("cursor", str(path))]
        assert (first.skipped, first.totals["sessions"], first.totals["added"]) == ([], 2, 8)
        assert memory.import_(tmp_path / "cursor").totals["added"] == 0

        grown = [*BUBBLES[:3], BUBBLES[3] | {"text": "It rings twice now. I also wrote a test."}]
        editor(tmp_path / "cursor", grown, 1770113900000)
        assert memory.import_(tmp_path / "cursor").totals["added"] == 0
        assert memory.search("wrote a test", mode="keyword").hits[0].session_id == CHAT


def test_the_first_versions_chats_are_read_from_the_workspace(tmp_path: Path) -> None:
    folder = tmp_path / "workspaceStorage" / "ws7"
    folder.mkdir(parents=True)
    (folder / "workspace.json").write_text(json.dumps({"folder": "file:///c%3A/jars/jam"}))
    connection = apsw.Connection(str(folder / "state.vscdb"))
    connection.execute("create table ItemTable (key text unique, value blob)")
    bubbles = [
        {"type": "user", "id": "u", "text": "Does it set?"},
        {"type": "ai", "id": "a", "rawText": "With pectin."},
    ]
    tabs = {"tabs": [{"tabId": "tab-1", "chatTitle": "Jam", "lastSendTime": 1700000000000, "bubbles": bubbles}]}
    value = json.dumps(tabs)
    connection.execute("insert into ItemTable values ('workbench.panel.aichat.view.aichat.chatdata', ?)", (value,))
    connection.close()
    path = folder / "state.vscdb"

    assert cursor.recognises(Sample(path))
    found = read(path)

    assert [(each.role, text_of(each)) for each in messages(found)] == [
        ("user", "Does it set?"),
        ("assistant", "With pectin."),
    ]
    assert sessions(found)["tab-1"].project == "c:/jars/jam"


def test_another_database_of_an_editor_is_not_cursors(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "state.vscdb"))
    connection.execute("create table ItemTable (key text unique, value blob)")
    connection.close()

    assert not cursor.recognises(Sample(tmp_path / "state.vscdb"))


def test_the_agents_store_is_read_in_the_roots_order(tmp_path: Path) -> None:
    path = store(tmp_path)
    assert importer_of(Sample(path)) is cursor
    items = read(path)
    found = messages(items)

    assert [(each.role, each.metadata.get("branch")) for each in found] == [
        ("system", None),
        ("user", None),
        ("system", None),
        ("assistant", None),
        ("tool", None),
        ("assistant", "not shown"),
    ]
    assert text_of(found[1]) == "Weigh the flour"
    assert (found[4].tool_name, found[4].parts[0]["text"]) == ("Shell", "500 g")
    session = sessions(items)["c0ffee00-0000-4000-8000-00000000000a"]
    assert (session.project, session.model, session.title) == ("/home/ada/bread", "opus", None)
    assert [item.title for item in items if isinstance(item, SessionRecord) and item.title] == ["Weigh the flour"]


def test_a_store_without_messages_is_an_empty_session(tmp_path: Path) -> None:
    path = store(tmp_path)
    with apsw.Connection(str(path)) as connection:
        connection.execute("delete from blobs")

    assert messages(read(path)) == []


def test_a_transcript_pairs_results_without_ids_with_calls_in_their_order() -> None:
    found = messages(read(TRANSCRIPTS / "5d0c1f0e-5b5e-4a58-9c39-3d3b6c0f9a11.jsonl"))

    assert [each.role for each in found] == [
        "user",
        "system",
        "assistant",
        "tool",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert text_of(found[0]) == "Why does the dough collapse?"
    calls = [part["call_id"] for each in found for part in each.parts if part["type"] == "tool_call"]
    results = [(each.tool_result["call_id"], each.tool_name) for each in found if each.role == "tool"]
    assert results == [(calls[0], "Read"), (calls[1], "write_file")]


def test_a_subagents_prompt_was_written_by_a_model(tmp_path: Path) -> None:
    path = tmp_path / "parent-1" / "subagents" / "child-1.jsonl"
    path.parent.mkdir(parents=True)
    asked = {"role": "user", "message": {"content": [{"type": "text", "text": "Count the loaves in the log"}]}}
    path.write_text(json.dumps(asked) + "\n")
    items = read(path)

    session = sessions(items)["child-1"]
    assert (session.metadata["kind"], session.parent_key) == ("subagent", "parent-1")
    assert messages(items)[0].metadata["origin"] == "subagent"


JUNK: list[Any] = [None, 0, -1.5, 1e300, True, "", "x", "\ud800", [], [None], ["x"], [{}], {}, {"type": 1}]


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False))
def test_no_value_in_the_editors_rows_is_trusted(tmp_path_factory: pytest.TempPathFactory, random: Random) -> None:
    folder = tmp_path_factory.mktemp("spoilt")
    path = editor(folder)
    connection = apsw.Connection(str(path))
    for key, value in list(connection.execute("select key, value from cursorDiskKV")):
        try:
            record = json.loads(value)
        except ValueError:
            continue
        where: Any = record
        while isinstance(where, dict | list) and where:
            name = random.choice(list(where) if isinstance(where, dict) else range(len(where)))
            if random.random() < 0.5 or not isinstance(where[name], dict | list):
                where[name] = random.choice(JUNK)
                break
            where = where[name]
        connection.execute("update cursorDiskKV set value = ? where key = ?", (json.dumps(record), key))
    connection.close()

    for item in read(path):
        if isinstance(item, MessageRecord):
            json.dumps([item.parts, item.metadata, item.tool_result])
            assert all(isinstance(part.get("text", ""), str) for part in item.parts)
            assert isinstance(item.tool_name, str | None)
