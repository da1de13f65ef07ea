"""The Claude Agent SDK's session store: its own conformance suite, and what the suite does not ask."""

import asyncio
import json
import threading
from itertools import count
from pathlib import Path

import pytest

from memory import Memory
from memory.errors import InvalidInput

claude_agent_sdk = pytest.importorskip("claude_agent_sdk", reason="needs `make frameworks`")
from claude_agent_sdk.testing import run_session_store_conformance  # noqa: E402

from memory.adapters.claude_agent_sdk import HarkbackSessionStore  # noqa: E402

SAMPLES = Path(__file__).parents[2] / "memory/samples/claude-code"
KEY = {"project_key": "-home-ada-api", "session_id": "2f1d3c0e-6a8e-4a5f-9d5e-0c8d3b0f7a11"}


def said(text, uuid, at="2026-11-03T09:00:00.000Z"):
    message = {"role": "user", "content": text}
    return {"type": "user", "uuid": uuid, "timestamp": at, "cwd": "/home/ada/api", "message": message}


@pytest.fixture
def store(memory):
    return HarkbackSessionStore(memory)


def test_it_passes_the_conformance_suite(tmp_path):
    numbers, opened = count(), []

    def fresh():
        opened.append(Memory.open(tmp_path / str(next(numbers))))
        return HarkbackSessionStore(opened[-1])

    asyncio.run(run_session_store_conformance(fresh))

    assert len(opened) == 15
    for memory in opened:
        memory.close()


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*/*.jsonl")), ids=lambda path: path.stem[:13])
def test_a_real_transcript_comes_back_and_is_found(path, memory, store):
    lines = path.read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]

    for start in range(0, len(entries), 3):
        asyncio.run(store.append(KEY, entries[start : start + 3]))

    loaded = asyncio.run(store.load(KEY))
    assert [json.dumps(each) for each in loaded] == [json.dumps(each) for each in entries]
    [session] = memory.sessions.list().items
    words = [each.content for each in memory.sessions.get(session.id, messages=True).messages if each.role == "user"]
    assert words
    assert all(memory.search(text, min_score=0).hits for text in words)


def test_a_tool_and_its_result_are_known_by_name(memory, store):
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "pytest -q"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "3 failed", "is_error": True}
    asyncio.run(store.append(KEY, [{"type": "assistant", "uuid": "a", "message": {"id": "m", "content": [call]}}]))
    asyncio.run(store.append(KEY, [{"type": "user", "uuid": "b", "message": {"content": [result]}}]))

    [session] = memory.sessions.list().items
    called, answered = memory.messages.list(session.id).items
    assert (called.role, called.tool_call["input"]) == ("assistant", {"command": "pytest -q"})
    assert (answered.role, answered.tool_name, answered.tool_result["is_error"]) == ("tool", "Bash", True)


def test_an_entry_that_comes_twice_is_kept_once(store):
    entry = said("pin numpy", "u1")
    asyncio.run(store.append(KEY, [entry, entry]))
    asyncio.run(store.append(KEY, [entry, {"type": "mode", "mode": "plan"}, {"type": "mode", "mode": "plan"}]))

    assert asyncio.run(store.load(KEY)) == [entry, {"type": "mode", "mode": "plan"}, {"type": "mode", "mode": "plan"}]


def test_many_threads_append_each_entry_once(tmp_path):
    def append(number):
        with Memory.open(tmp_path / "store") as memory:
            store = HarkbackSessionStore(memory)
            for at in range(10):
                asyncio.run(store.append(KEY, [said("of all", f"shared-{at}"), said("own", f"{number}-{at}")]))

    with Memory.open(tmp_path / "store") as memory:
        threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store = HarkbackSessionStore(memory)
        loaded = asyncio.run(store.load(KEY))
        [summary] = asyncio.run(store.list_session_summaries(KEY["project_key"]))

    assert sorted(each["uuid"] for each in loaded) == sorted(
        [f"shared-{at}" for at in range(10)] + [f"{number}-{at}" for number in range(4) for at in range(10)]
    )
    assert summary["data"]


def test_the_loop_goes_on_while_the_store_is_locked(memory, store):
    held, done = threading.Event(), threading.Event()

    def hold():
        with memory.store.transaction():
            held.set()
            done.wait(10)

    async def run():
        appending = asyncio.create_task(store.append(KEY, [said("hello", "u1")]))
        await asyncio.sleep(0.1)
        assert not appending.done()
        done.set()
        await appending

    holding = threading.Thread(target=hold)
    holding.start()
    held.wait(10)
    asyncio.run(run())
    holding.join()

    assert len(asyncio.run(store.load(KEY))) == 1


def test_titles_and_projects_are_the_transcripts_own(memory, store):
    asyncio.run(store.append(KEY, [said("why does CI fail?", "u1")]))
    assert memory.sessions.list(project="/home/ada/api").items[0].title == "why does CI fail?"

    asyncio.run(store.append(KEY, [{"type": "custom-title", "customTitle": "Pin numpy"}]))
    asyncio.run(store.append(KEY, [{"type": "ai-title", "aiTitle": "About numpy"}]))

    assert memory.sessions.list().items[0].title == "Pin numpy"


def test_a_sub_agent_lies_below_its_session(memory, store):
    asyncio.run(store.append(KEY, [said("look into it", "u1")]))
    asyncio.run(store.append({**KEY, "subpath": "subagents/agent-1"}, [said("find the cause", "u2")]))

    main = next(each for each in memory.sessions.list().items if each.parent_id is None)
    [below] = memory.sessions.list(parent_id=main.id).items
    assert below.metadata["kind"] == "subagent"


def test_what_is_deleted_is_not_found(memory, store):
    asyncio.run(store.append(KEY, [said("the cellar key is under the fern", "u1")]))
    asyncio.run(store.append({**KEY, "subpath": "subagents/agent-1"}, [said("the fern again", "u2")]))

    asyncio.run(store.delete(KEY))

    assert memory.search("fern", min_score=0).hits == []
    asyncio.run(store.append(KEY, [said("anew", "u1")]))
    assert asyncio.run(store.load(KEY)) == [said("anew", "u1")]


def test_what_is_forgotten_is_told_of_no_more_and_the_rest_stays_listed(memory, store):
    long = f"the cellar key is under the fern; see {KEY['session_id']} in {KEY['project_key']}"
    asyncio.run(store.append(KEY, [said(long, "u1"), said("which port?", "u2")]))
    asyncio.run(store.append({**KEY, "subpath": "subagents/agent-1"}, [said(long, "u3"), said("a port", "u4")]))

    memory.forget(query="fern")

    assert [each["session_id"] for each in asyncio.run(store.list_sessions(KEY["project_key"]))] == [KEY["session_id"]]
    assert asyncio.run(store.list_subkeys(KEY)) == ["subagents/agent-1"]
    assert "fern" not in str(asyncio.run(store.list_session_summaries(KEY["project_key"])))
    asyncio.run(store.append(KEY, [said("and now?", "u5")]))
    [summary] = asyncio.run(store.list_session_summaries(KEY["project_key"]))
    assert summary["data"]["first_prompt"] == "which port?"


def test_a_summary_does_not_tell_of_a_message_that_was_deleted(memory, store):
    asyncio.run(store.append(KEY, [said("under the fern", "u1"), said("which port?", "u2")]))
    memory.messages.delete(memory.messages.list().items[0].id)

    assert asyncio.run(store.list_session_summaries(KEY["project_key"])) == []
    listed = asyncio.run(store.list_sessions(KEY["project_key"]))
    assert [each["session_id"] for each in listed] == [KEY["session_id"]]


@pytest.mark.parametrize(
    "odd", [{"n": 10**30}, {"s": "\ud800"}, {"x": float("inf")}, json.loads('{"a":' * 120 + "1" + "}" * 120)]
)
def test_odd_values_come_back(odd, store):
    entry = {"type": "user", "uuid": "u", "message": {"content": "look"}, "odd": odd}
    asyncio.run(store.append(KEY, [entry]))

    assert asyncio.run(store.load(KEY)) == [entry]


@pytest.mark.parametrize("key", [{}, {**KEY, "subpath": ""}, {**KEY, "session_id": 7}, {**KEY, "session_id": "\ud800"}])
def test_a_wrong_key_is_refused_in_one_line(key, store):
    with pytest.raises(InvalidInput, match=r"of a session key is .*; give a text that is not empty"):
        asyncio.run(store.append(key, [said("hello", "u1")]))


def test_a_secret_is_not_kept(memory, store):
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    asyncio.run(store.append(KEY, [said(f"use {secret} for it", "u1")]))

    assert secret not in json.dumps(asyncio.run(store.load(KEY)))
    assert "[redacted:" in json.dumps(asyncio.run(store.load(KEY)))


def test_the_sdk_reads_and_forks_from_it(memory, store):
    sdk = claude_agent_sdk
    uuids = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"]
    answer = {"id": "m1", "role": "assistant", "model": "some-model", "content": [{"type": "text", "text": "pin it"}]}
    entries = [
        said("why does CI fail?", uuids[0]) | {"sessionId": KEY["session_id"], "parentUuid": None},
        {
            "type": "assistant",
            "uuid": uuids[1],
            "parentUuid": uuids[0],
            "sessionId": KEY["session_id"],
            "message": answer,
        }
        | {"timestamp": "2026-11-03T09:00:05.000Z"},
    ]
    directory = "/home/ada/api"
    key = {**KEY, "project_key": sdk.project_key_for_directory(directory)}
    asyncio.run(store.append(key, entries))

    messages = asyncio.run(sdk.get_session_messages_from_store(store, KEY["session_id"], directory=directory))
    listed = asyncio.run(sdk.list_sessions_from_store(store, directory=directory))

    assert [each.uuid for each in messages] == uuids
    assert [each.session_id for each in listed] == [KEY["session_id"]]
    forked = asyncio.run(sdk.fork_session_via_store(store, KEY["session_id"], directory=directory))
    assert len(asyncio.run(store.load({**key, "session_id": forked.session_id}))) >= len(entries)
