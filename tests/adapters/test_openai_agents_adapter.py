"""The OpenAI Agents SDK's session, in their own runner with a model that answers from a list."""

import asyncio
import json
import multiprocessing
import threading

import pytest

from memory import Memory

agents = pytest.importorskip("agents", reason="needs `make frameworks`")
from agents import Agent, ModelResponse, RunConfig, Runner, SessionSettings, SQLiteSession, Usage, function_tool  # noqa: E402
from agents.exceptions import UserError  # noqa: E402
from agents.memory import Session  # noqa: E402
from agents.models.interface import Model  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from openai.types.responses import (  # noqa: E402
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

from memory.adapters.openai_agents import HarkbackSession  # noqa: E402

WITHOUT_NETWORK = RunConfig(tracing_disabled=True)
ITEMS = [
    {"role": "user", "content": "which port do we use?"},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "look into the notes"}]},
    {"type": "function_call", "call_id": "c1", "name": "read_notes", "arguments": '{"topic": "ports"}', "id": "fc_1"},
    {"type": "function_call_output", "call_id": "c1", "output": "8470 is free"},
    {"type": "mcp_approval_request", "id": "a", "name": "n", "arguments": "{}", "server_label": "s"},
    {
        "type": "message",
        "role": "assistant",
        "id": "msg_1",
        "status": "completed",
        "content": [{"type": "output_text", "text": "We take 8470.", "annotations": []}],
    },
]


class Answers(Model):
    """Answers what it was given, and notes what it was asked."""

    def __init__(self, *outputs):
        self.outputs = list(outputs)
        self.asked = []

    async def get_response(self, system_instructions, input, *_, **__):
        self.asked.append(input)
        return ModelResponse(output=self.outputs.pop(0), usage=Usage(), response_id=None)

    def stream_response(self, *_, **__):
        raise NotImplementedError


def spoke(text):
    content = [ResponseOutputText(type="output_text", text=text, annotations=[])]
    return [ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=content)]


@function_tool
def read_notes(topic: str) -> str:
    """Read the notes."""
    return f"of {topic}: 8470 is free"


@pytest.fixture
def session(memory):
    return HarkbackSession("user-7", memory)


def test_it_is_a_session(session):
    assert isinstance(session, Session)


def test_their_runner_remembers_over_two_runs(memory, session):
    called = ResponseFunctionToolCall(
        type="function_call", call_id="c1", name="read_notes", arguments='{"topic": "ports"}'
    )
    model = Answers([called], spoke("We take 8470."), spoke("As I said: 8470."))
    agent = Agent(name="Porter", instructions="Be short.", model=model, tools=[read_notes])

    asyncio.run(Runner.run(agent, "which port do we use?", session=session, run_config=WITHOUT_NETWORK))
    asyncio.run(Runner.run(agent, "and once more?", session=session, run_config=WITHOUT_NETWORK))

    assert [each.get("role") or each["type"] for each in model.asked[-1]] == [
        "user", "function_call", "function_call_output", "assistant", "user",
    ]  # fmt: skip
    kept = memory.sessions.list().items[0]
    assert [(each.role, each.tool_name) for each in memory.messages.list(kept.id).items] == [
        ("user", None),
        ("assistant", "read_notes"),
        ("tool", "read_notes"),
        ("assistant", None),
        ("user", None),
        ("assistant", None),
    ]
    assert memory.search("who said 8470", role="assistant").hits


def test_every_item_comes_back_as_it_was(session):
    asyncio.run(session.add_items(ITEMS))

    assert json.dumps(asyncio.run(session.get_items())) == json.dumps(ITEMS)


@pytest.mark.parametrize("arguments", ['{"a":' * 200 + "1" + "}" * 200, '{"n": 1' + "0" * 30 + "}", '{"s": "\\ud800"}'])
def test_a_call_with_odd_arguments_is_kept(arguments, memory, session):
    call = {"type": "function_call", "call_id": "c1", "name": "read_notes", "arguments": arguments}
    asyncio.run(session.add_items([call]))

    assert asyncio.run(session.get_items()) == [call]
    assert memory.messages.list().items[0].tool_name == "read_notes"


def test_the_last_items_are_read_in_order(session):
    many = [{"role": "user", "content": f"number {at}"} for at in range(450)]
    asyncio.run(session.add_items(many))

    assert asyncio.run(session.get_items(3)) == many[-3:]
    assert asyncio.run(session.get_items(300)) == many[-300:]
    session.session_settings = SessionSettings(limit=2)
    assert asyncio.run(session.get_items()) == many[-2:]


step = st.one_of(
    st.tuples(st.just("add"), st.lists(st.sampled_from(ITEMS), max_size=3)),
    st.tuples(st.just("pop"), st.none()),
    st.tuples(st.just("get"), st.sampled_from([None, 0, 1, 2, 7])),
    st.tuples(st.just("clear"), st.none()),
)


@given(steps=st.lists(step, max_size=12))
@settings(max_examples=25, deadline=None)
def test_it_does_what_their_own_session_does(steps, tmp_path_factory):
    async def done(session):
        verbs = {"add": session.add_items, "get": session.get_items}
        found = []
        for verb, given_ in steps:
            if verb in verbs:
                found.append(await verbs[verb](given_))
            else:
                found.append(await (session.pop_item() if verb == "pop" else session.clear_session()))
        return [*found, await session.get_items()]

    theirs = SQLiteSession("user-7")
    with Memory.open(tmp_path_factory.mktemp("store")) as memory:
        assert asyncio.run(done(HarkbackSession("user-7", memory))) == asyncio.run(done(theirs))
    theirs.close()


def test_an_item_is_popped_by_one_alone(tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        session = HarkbackSession("user-7", memory)
        asyncio.run(session.add_items([{"role": "user", "content": f"number {at}"} for at in range(20)]))
        popped = []
        threads = [
            threading.Thread(target=lambda: popped.extend(asyncio.run(session.pop_item()) for _ in range(5)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(each["content"] for each in popped) == sorted(f"number {at}" for at in range(20))


def add_many(directory, number):
    with Memory.open(directory) as memory:
        session = HarkbackSession("user-7", memory)
        for at in range(10):
            pair = [{"role": "user", "content": f"{number}: {at} {half}"} for half in ("first", "second")]
            asyncio.run(session.add_items(pair))


@pytest.mark.slow
def test_processes_add_to_one_conversation(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    running = [spawn.Process(target=add_many, args=(tmp_path / "store", number)) for number in range(3)]
    for process in running:
        process.start()
    for process in running:
        process.join()

    with Memory.open(tmp_path / "store") as memory:
        said = [each["content"] for each in asyncio.run(HarkbackSession("user-7", memory).get_items())]
    assert len(set(said)) == 60
    assert all(said[at].replace("first", "second") == said[at + 1] for at in range(0, 60, 2))


def test_what_is_popped_or_cleared_is_not_found(memory, session):
    asyncio.run(session.add_items([{"role": "user", "content": "the key is under the fern"}]))
    asyncio.run(session.pop_item())
    assert memory.search("fern", min_score=0).hits == []

    asyncio.run(session.add_items([{"role": "user", "content": "the key is under the moss"}]))
    asyncio.run(session.clear_session())
    assert memory.search("moss", min_score=0).hits == []
    assert memory.sessions.list().items == []


@pytest.mark.parametrize("item", ["hello", {}, None, {"role": "user", "content": object()}])
def test_what_is_no_item_is_refused_and_nothing_is_kept(item, session):
    with pytest.raises(UserError, match=r"an item is a dict|the item has no JSON form"):
        asyncio.run(session.add_items([ITEMS[0], item]))

    assert asyncio.run(session.get_items()) == []


def test_a_session_needs_a_name(memory):
    with pytest.raises(UserError, match="session_id is ''; give a text that is not empty"):
        HarkbackSession("", memory)


def test_a_session_that_was_deleted_takes_nothing(memory, session):
    asyncio.run(session.add_items(ITEMS))
    memory.sessions.delete(memory.sessions.list().items[0].id)

    assert asyncio.run(session.get_items()) == []
    with pytest.raises(UserError, match="was deleted; restore it, or take another session"):
        asyncio.run(session.add_items(ITEMS))
