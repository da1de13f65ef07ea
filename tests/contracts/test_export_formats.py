"""What every format of exports promises; one is tested by having a file in `memory/exchange/formats/`."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from exchanged import exported, fill

from memory import Memory
from memory.exchange.formats import formats
from memory.importers import importers
from memory.importers.reading.source import Sample

every_format = pytest.mark.parametrize("name", formats())
IMPORTED = {"openai": "openai-chat", "litechat": "litechat", "chatlogs": "chatlogs"}
every_imported = pytest.mark.parametrize("name", IMPORTED)


def converse(memory):
    """Save a conversation with all that the formats of others have a place for."""
    day = datetime(2026, 11, 3, 10, tzinfo=UTC)
    session = memory.sessions.create(title="Pick a port", project="web/api", created_at=day)
    call = {"type": "tool_call", "call_id": "c1", "name": "Bash", "input": {"command": "ss -ltn | grep ':8'"}}
    other = {"type": "tool_call", "call_id": "c2", "name": "Read", "input": {"path": "ports.txt"}}
    given = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "which port?\n\n```sh\necho hi\n```"},
        {"role": "assistant", "parts": [{"type": "text", "text": "I look at both"}, call, other]},
        {"role": "tool", "content": "8000 ````\n````", "tool_name": "Bash", "tool_result": result("c1")},
        {"role": "tool", "content": "8080", "tool_name": "Read", "tool_result": result("c2", is_error=True)},
        {"role": "assistant", "content": "8470 — 使えます 😀"},
        {"role": "user", "content": "thanks"},
        {"role": "user", "content": "and https?"},
        {"role": "assistant", "parts": [{**call, "call_id": "c3"}]},
        {"role": "tool", "content": "nothing", "tool_name": "Bash", "tool_result": result("c3")},
        {"role": "tool", "content": "", "tool_name": "Bash", "tool_result": result("c4")},
    ]
    made = [each | {"created_at": day.replace(minute=at)} for at, each in enumerate(given)]
    memory.messages.append_many(session.id, made)
    second = memory.sessions.create(title="Tea", created_at=day)
    memory.messages.append(second.id, role="user", content="green or black?", created_at=day)
    return session.id


def result(call_id, *, is_error=False):
    return {"call_id": call_id, "is_error": is_error}


def said(memory, session):
    return [(each.role, each.content) for each in memory.messages.list(session, limit=200).items]


def calls(memory, session):
    found = []
    for each in memory.messages.list(session, limit=200).items:
        found += [(p["call_id"], p["name"], p["input"]) for p in each.parts if p["type"] == "tool_call"]
        if each.role == "tool":
            found.append((each.tool_result["call_id"], each.tool_name))
    return found


@every_format
def test_it_writes_valid_text_and_counts(memory, tmp_path, name):
    fill(memory)
    answer = memory.export(tmp_path / "out", format=name)
    text = (tmp_path / "out").read_text()
    assert answer.format == name
    assert answer.size_bytes == len(text.encode())
    assert answer.counts["message"] >= 6
    assert "8470, nothing else uses it" in text
    assert text.endswith("\n")


@every_format
def test_an_empty_store_has_an_export(memory, name):
    text = exported(memory, format=name)
    assert "null" not in text.lower() or name == "json"


@every_format
def test_a_part_holds_only_that(memory, name):
    ids = fill(memory)
    memory.messages.append(memory.sessions.create(title="Tea").id, role="user", content="green or black?")
    text = exported(memory, format=name, session=ids["session"])
    assert "8470, nothing else uses it" in text
    assert "green or black" not in text
    assert "never mind" not in text


@every_format
def test_only_one_importer_takes_it(memory, tmp_path, name):
    converse(memory)
    memory.export(tmp_path / "out", format=name)
    claimed = [each for each, importer in importers().items() if importer.recognises(Sample(tmp_path / "out"))]
    # a JSON document of sessions with messages is what chat logs are, too
    assert claimed == {"json": ["chatlogs"], "markdown": ["markdown"], "harkback": []}.get(name, [IMPORTED.get(name)])


@every_imported
def test_imported_again_it_is_the_same_conversation(memory, tmp_path, name):
    session = converse(memory)
    memory.export(tmp_path / "out", format=name)
    with Memory.open(tmp_path / "other") as other:
        report = other.import_(tmp_path / "out")
        assert report.totals["problems"] == 0
        assert report.sources[0].format == IMPORTED[name]
        found = other.sessions.get(session)
        assert (found.title, said(other, session)) == ("Pick a port", said(memory, session))
        assert sorted(map(repr, calls(other, session))) == sorted(map(repr, calls(memory, session)))
        if name != "openai":
            assert found.project == "web/api"
            times = {(each.role, each.content): each.created_at for each in memory.messages.list(session).items}
            for each in other.messages.list(session).items:
                if each.role in ("user", "assistant"):
                    assert each.created_at == times[each.role, each.content]
        assert other.import_(tmp_path / "out").totals["added"] == 0


@every_imported
def test_what_a_real_history_says_comes_back(tmp_path, name):
    """All that was said in the sample histories, but for what the format has no place for."""
    with Memory.open(tmp_path / "store") as memory, Memory.open(tmp_path / "other") as other:
        memory.import_(Path(__file__).parents[1] / "data" / "pi")
        memory.import_(Path(__file__).parents[1] / "data" / "codex")
        memory.export(tmp_path / "out", format=name)
        assert other.import_(tmp_path / "out").totals["problems"] == 0
        for session in memory.sessions.list(limit=200).items:
            if any(text for _, text in said(memory, session.id)):
                mine = [each for each in said(memory, session.id) if each[1]]
                assert [each for each in said(other, session.id) if each[1]] == mine


def test_litechat_holds_no_key(memory):
    converse(memory)
    export = json.loads(exported(memory, format="litechat"))
    assert (export["version"], export["apiKeys"], export["providerConfigs"]) == (1, [], [])
    assert [each["name"] for each in export["projects"]] == ["web", "api"]
    assert export["interactions"][1]["prompt"]["content"].startswith("which port?")


def test_json_is_one_document(memory):
    ids = fill(memory)
    export = json.loads(exported(memory, format="json"))
    by_id = {session["id"]: session for session in export["sessions"]}
    assert [each["content"] for each in by_id[ids["fork"]]["messages"]] == ["which port shall we take?", "9000 then"]
    assert len(export["learnings"]) == 2
    assert export["relationships"][0]["label"] == "explains"


def test_markdown_fences_are_longer_than_any_in_the_text(memory):
    converse(memory)
    text = exported(memory, format="markdown")
    assert "`````\n8000 ````\n````\n`````" in text
    assert re.search(r"^# Pick a port\n\n- date: 2026-11-03\n- project: web/api\n", text)
    assert "## tool (Bash), 2026-11-03 10:03:00" in text


def test_openai_calls_have_arguments_as_text(memory):
    converse(memory)
    messages = json.loads(exported(memory, format="openai").splitlines()[0])["messages"]
    [call, _] = messages[2]["tool_calls"]
    assert (call["type"], json.loads(call["function"]["arguments"])) == ("function", {"command": "ss -ltn | grep ':8'"})
    assert messages[3]["tool_call_id"] == "c1"
