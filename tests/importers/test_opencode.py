"""OpenCode's database and its folder of JSON files give the same conversations."""

import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory import Memory
from memory.importers import opencode
from memory.importers.reading.records import Item, Mark, MessageRecord, Problem, RelationshipRecord, SessionRecord
from memory.importers.reading.source import Sample, Source

STORAGE = Path(__file__).parents[1] / "data" / "opencode" / "storage"
KETTLE = STORAGE / "session" / "prj_kitchen" / "ses_kettle01.json"
SCHEMA = """
create table project (id text primary key, worktree text not null, vcs text, time_created integer, time_updated integer);
create table session (id text primary key, project_id text not null, parent_id text, slug text, directory text not null,
  title text not null, version text not null, share_url text, revert text, time_created integer not null,
  time_updated integer not null, time_compacting integer, time_archived integer);
create table message (id text primary key, session_id text not null, time_created integer not null,
  time_updated integer not null, data text not null);
create table part (id text primary key, message_id text not null, session_id text not null,
  time_created integer not null, time_updated integer not null, data text not null);
"""


def objects(folder: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((STORAGE / folder).rglob("*.json"))]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """What the folder of files holds, as a database in a write-ahead log."""
    path = tmp_path / "opencode.db"
    connection = apsw.Connection(str(path))
    connection.execute("pragma journal_mode = wal").fetchall()
    connection.execute(SCHEMA)
    for each in objects("session"):
        time = each["time"]
        row = (each["id"], each["projectID"], each.get("parentID"), each.get("slug"), each["directory"], each["title"])
        connection.execute(
            "insert into session (id, project_id, parent_id, slug, directory, title, version, time_created, time_updated)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, each["version"], time["created"], time["updated"]),
        )
    for each in objects("message"):
        at = each["time"]["created"]
        data = {name: value for name, value in each.items() if name not in ("id", "sessionID")}
        connection.execute(
            "insert into message values (?, ?, ?, ?, ?)", (each["id"], each["sessionID"], at, at, json.dumps(data))
        )
    for each in objects("part"):
        data = {name: value for name, value in each.items() if name not in ("id", "sessionID", "messageID")}
        row = (each["id"], each["messageID"], each["sessionID"], 1767600000000, 1767600000000, json.dumps(data))
        connection.execute("insert into part values (?, ?, ?, ?, ?, ?)", row)
    connection.close()
    return path


def read(path: Path, state: dict[str, Any] | None = None) -> list[Item]:
    return list(opencode.read(Source(path, state=state or {})))


def messages(items: list[Item]) -> dict[str, MessageRecord]:
    return {str(item.key): item for item in items if isinstance(item, MessageRecord)}


def test_a_message_keeps_its_parts_in_order_and_results_stand_behind_it() -> None:
    found = messages(read(KETTLE))
    answer = found["ses_kettle01:msg_02"]

    kinds = ["reasoning", "tool_call", "tool_call", "tool_call", "patch", "text", "tool_call"]
    assert [part["type"] for part in answer.parts] == kinds
    assert (answer.model, answer.tokens_in, answer.tokens_out, answer.metadata["cost"]) == ("teapot-2", 812, 77, 0.0021)
    assert [step["type"] for step in answer.metadata["steps"]] == ["step-start", "step-finish"]
    assert answer.parent_key == "ses_kettle01:msg_01"
    results = [each for each in found.values() if each.role == "tool"]
    assert [(each.tool_name, each.tool_result["is_error"]) for each in results] == [
        ("read", False),
        ("bash", True),
        ("edit", True),
    ]
    assert results[2].parts[0]["text"] == "oldString not found"


def test_what_the_program_put_into_a_prompt_is_not_the_persons() -> None:
    found = messages(read(KETTLE))

    assert [part["type"] for part in found["ses_kettle01:msg_01"].parts] == ["text", "image"]
    assert found["ses_kettle01:msg_01"].attachments[0].name == "curve.png"
    put = found["ses_kettle01:msg_01#put"]
    assert (put.role, put.metadata["origin"]) == ("system", "injected")
    assert found["ses_kettle01:msg_03#put"].metadata["origin"] == "compaction"
    assert "ses_kettle01:msg_03" not in found


def test_a_stopped_answer_has_its_error_and_what_was_said() -> None:
    stopped = messages(read(KETTLE))["ses_kettle01:msg_04"]

    assert (stopped.status, stopped.error) == ("error", "The answer was stopped.")
    assert stopped.parts[0]["text"] == "I was about to say that the test"


def test_files_read_and_changed_are_arrows() -> None:
    arrows = [item for item in read(KETTLE) if isinstance(item, RelationshipRecord)]

    assert {(arrow.target, arrow.label) for arrow in arrows} == {
        ("file:/home/ada/kettle/pid.py", "read"),
        ("file:/home/ada/kettle/pid.py", "changed"),
    }


def test_a_child_session_has_its_parent_and_a_title_of_what_was_asked() -> None:
    items = read(STORAGE / "session" / "prj_kitchen" / "ses_child01.json")
    sessions = [item for item in items if isinstance(item, SessionRecord)]

    assert sessions[0].parent_key == "ses_kettle01"
    assert sessions[0].metadata["kind"] == "subagent"
    assert [each.title for each in sessions if each.title] == ["List every place that reads the sensor"]


def test_the_database_gives_what_the_files_give(database: Path) -> None:
    assert opencode.recognises(Sample(database))
    of_files = messages(read(KETTLE) + read(STORAGE / "session" / "prj_kitchen" / "ses_child01.json"))
    of_database = messages(read(database))

    assert of_database.keys() == of_files.keys()
    for key, message in of_database.items():
        assert (message.role, message.parts, message.created_at) == (
            of_files[key].role,
            of_files[key].parts,
            of_files[key].created_at,
        )


def test_a_database_is_read_on_from_the_last_change(database: Path) -> None:
    with apsw.Connection(str(database)) as connection:
        connection.execute("update session set time_updated = 1767700000000 where id = 'ses_child01'")
    first = read(database)
    last = first[-1]
    assert isinstance(last, Mark)
    assert {item.key for item in first if isinstance(item, SessionRecord)} == {"ses_kettle01", "ses_child01"}

    again = read(database, last.state)

    assert {item.key for item in again if isinstance(item, SessionRecord)} == {"ses_child01"}


def test_import_of_a_database_in_use_sees_what_is_committed_and_changes_nothing(database: Path, tmp_path: Path) -> None:
    writer = apsw.Connection(str(database))
    writer.execute(
        "update part set data = json_set(data, '$.text', 'Still the answer, and more') where id = 'prt_loose'"
    )
    before = {path.name: path.read_bytes() for path in sorted(tmp_path.glob("opencode.db*")) if "shm" not in path.name}
    writer.execute("begin immediate")
    writer.execute("insert into message select 'open', session_id, 1, 1, data from message limit 1")

    with Memory.open(tmp_path / "store") as memory:
        report = memory.import_(database)
        assert report.totals["problems"] == 0
        assert memory.search("still the answer").hits[0].role == "assistant"
        writer.execute("rollback")
        after = {
            path.name: path.read_bytes() for path in sorted(tmp_path.glob("opencode.db*")) if "shm" not in path.name
        }
        assert after == before

        writer.execute(
            "update part set data = json_set(data, '$.text', 'Still the answer, and more: clamp it'), time_updated = 1767700000000"
            " where id = 'prt_loose'"
        )
        assert memory.import_(database).totals["added"] == 0
        hit = memory.search("clamp it", mode="keyword").hits[0]
        assert memory.messages.get(hit.id).content == "Still the answer, and more: clamp it"
        assert memory.messages.versions(hit.id) == []

        writer.execute(
            "update part set data = json_set(data, '$.text', 'Taken back'), time_updated = 1767700001000 where id = 'prt_loose'"
        )
        memory.import_(database)
        assert memory.messages.get(hit.id).content == "Taken back"
        assert [each.content for each in memory.messages.versions(hit.id)] == ["Still the answer, and more: clamp it"]
    writer.close()


def test_a_closed_database_in_a_write_ahead_log_gets_no_files_beside_it(database: Path, tmp_path: Path) -> None:
    read(database)

    assert [path.name for path in tmp_path.iterdir()] == ["opencode.db"]


@pytest.mark.slow
def test_a_locked_database_is_a_problem_that_says_so(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memory.store import foreign

    monkeypatch.setattr(foreign, "_WAIT_MS", 50)
    locker = apsw.Connection(str(database))
    locker.execute("pragma journal_mode = delete").fetchall()
    locker.execute("begin exclusive")
    with Memory.open(tmp_path / "store") as memory:
        report = memory.import_(database)
        assert "locked" in report.sources[0].problems[0]["what"]
        locker.execute("rollback")
        locker.close()

        assert memory.import_(database).totals["problems"] == 0


def test_a_damaged_database_is_a_problem(database: Path, tmp_path: Path) -> None:
    data = bytearray(database.read_bytes())
    data[4096:] = b"\x00" * (len(data) - 4096)
    broken = tmp_path / "broken.db"
    broken.write_bytes(data)
    with Memory.open(tmp_path / "store") as memory:
        report = memory.import_(broken, format="opencode")

    assert report.totals["problems"] >= 1
    assert report.totals["added"] == 0


def test_messages_and_parts_are_no_files_of_their_own_and_new_ones_are_read(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    shutil.copytree(STORAGE, storage)
    with Memory.open(tmp_path / "store") as memory:
        first = memory.import_(storage)
        assert ([each.format for each in first.sources], first.skipped) == (["opencode", "opencode"], [])
        assert memory.import_(storage).totals["added"] == 0

        new = {"id": "msg_05", "sessionID": "ses_kettle01", "role": "user", "time": {"created": 1767600030000}}
        (storage / "message" / "ses_kettle01" / "msg_05.json").write_text(json.dumps(new))
        (storage / "part" / "msg_05").mkdir()
        part = {"id": "prt_30", "messageID": "msg_05", "type": "text", "text": "Also write a regression test"}
        (storage / "part" / "msg_05" / "prt_30.json").write_text(json.dumps(part))
        (storage / "part" / "msg_02" / "prt_19.json").write_text("{broken")
        grown = memory.import_(storage)

        assert (grown.totals["added"], grown.totals["problems"]) == (1, 1)
        assert "part/msg_02/prt_19.json" in next(each for each in grown.sources if each.problems).problems[0]["what"]


JUNK: list[Any] = [None, 0, -1.5, True, "", "x", "\ud800", [], [None], ["x"], [{}], {}, {"type": 1}, "../../etc"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False))
def test_no_value_in_messages_and_parts_is_trusted(tmp_path_factory: pytest.TempPathFactory, random: Random) -> None:
    storage = tmp_path_factory.mktemp("spoilt") / "storage"
    shutil.copytree(STORAGE, storage)
    for _ in range(6):
        path = random.choice(sorted(storage.rglob("*.json")))
        record = json.loads(path.read_text())
        where: Any = record
        while isinstance(where, dict) and where:
            name = random.choice(list(where))
            if random.random() < 0.6 or not isinstance(where[name], dict):
                where[name] = random.choice(JUNK)
                break
            where = where[name]
        path.write_text(json.dumps(record))

    for path in storage.glob("session/*/*.json"):
        opencode.recognises(Sample(path))
        list(opencode.companions(path))
        for item in read(path):
            assert isinstance(item, MessageRecord | SessionRecord | RelationshipRecord | Problem | Mark)
            if isinstance(item, MessageRecord):
                json.dumps([item.parts, item.metadata, item.tool_result])
                assert isinstance(item.tool_name, str | None)
                assert isinstance(item.model, str | None)
