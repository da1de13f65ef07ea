"""pydantic-ai's conversation store: beside their own in memory on the same steps, and around their agent."""

import asyncio
import dataclasses
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Memory

pytest.importorskip("pydantic_ai", reason="needs `make frameworks`")
from pydantic_ai import (
    Agent,
    BinaryContent,
    DeferredToolRequests,
    ImageUrl,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
)
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import (
    ConversationConflict,
    ConversationEntry,
    ConversationRecord,
    InMemoryConversationStore,
)
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import (
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.test import TestModel

from memory.adapters.pydantic_ai import HarkbackConversationStore

MESSAGES = [
    ModelRequest(parts=[SystemPromptPart("Be short."), UserPromptPart("which port do we use?")], instructions="kindly"),
    ModelResponse(
        parts=[ThinkingPart("look", signature="abc"), ToolCallPart("read_notes", {"topic": "ports"}, "c1")],
        model_name="some-model",
    ),
    ModelRequest(
        parts=[ToolReturnPart("read_notes", {"port": 8470}, "c1"), ToolReturnPart("x", "again", outcome="retried")]
    ),
    ModelResponse(parts=[TextPart("We take 8470.")], provider_details={"n": 10**20}),
    ModelRequest(
        parts=[
            UserPromptPart(
                ["see", ImageUrl("https://example.org/a.png"), BinaryContent(b"\x00\xff", media_type="image/png")]
            )
        ]
    ),
    ModelRequest(parts=[]),
]


@pytest.fixture
def store(memory):
    return HarkbackConversationStore(memory)


def saved(store, conversation_id="one", messages=MESSAGES, **options):
    conversation = Conversation(conversation_id=conversation_id, messages=list(messages))
    asyncio.run(store.save(conversation, **options))
    return conversation


def test_an_agent_goes_on_where_it_left(memory, store):
    agent = Agent(TestModel(custom_output_text="We take 8470."), instructions="Be short.")

    @agent.tool_plain
    def read_notes() -> str:
        return "8470 is free"

    async def run():
        for prompt in ("which port do we use?", "and once more?"):
            conversation = await store.load("one") or Conversation(conversation_id="one")
            await store.save(await agent.run(prompt, conversation=conversation))
        return await store.load("one")

    loaded = asyncio.run(run())

    assert loaded.usage.requests == 4 - 1
    [session] = memory.sessions.list().items
    assert session.title == "which port do we use?"
    said = memory.messages.list(session.id).items
    assert [(each.role, each.tool_name) for each in said if each.role == "tool"] == [("tool", "read_notes")]
    assert memory.search("who said 8470", role="assistant").hits


def test_every_message_comes_back_as_it_was(store):
    saved(store)
    # a file that is an image is told to be one when it is read from JSON
    wanted = ModelMessagesTypeAdapter.validate_json(ModelMessagesTypeAdapter.dump_json(MESSAGES))

    assert asyncio.run(store.load("one")).messages == wanted
    assert asyncio.run(store.load("one", limit=2)).messages == wanted[-2:]
    long = [MESSAGES[0]] * 30
    saved(store, "two", long)
    assert asyncio.run(store.load("two", limit=25)).messages == long[:25]


ids = st.sampled_from(["one", "two", "three"])
step = st.one_of(
    st.tuples(st.just("say"), ids, st.integers(0, 5), st.sampled_from([None, "ada"])),
    st.tuples(st.just("rewrite"), ids, st.integers(0, 3), st.none()),
    st.tuples(st.just("stale"), ids, st.integers(0, 5), st.none()),
    st.tuples(st.just("branch"), ids, st.integers(0, 4), st.none()),
    st.tuples(st.just("back"), ids, st.integers(0, 4), st.none()),
    st.tuples(st.just("fork"), ids, st.integers(0, 4), ids),
    st.tuples(st.just("delete"), ids, st.none(), st.sampled_from([None, "ada"])),
)


async def done(store, steps):
    """What a store answers, with names for its own ids in the order in which they are met."""
    found = []
    for at, (verb, id, number, other) in enumerate(steps):
        try:
            found.append(await done_one(store, verb, id, number, other, at))
        except (UserError, LookupError) as error:
            found.append(type(error).__name__)
        for each in ("one", "two", "three"):
            loaded = await store.load(each)
            found.append(loaded and [message.parts[0].content for message in loaded.messages])
            record = await store.read_record(each)
            found.append(record and [record.scope, record.forked_from, len(record.branches), record.usage.requests])
            tips = [] if record is None else record.branches
            found.append([[said(entry) for entry in await store.read_history(tip)] for tip in tips])
        found.append([record.conversation_id for record in await store.list_conversations(limit=2)])
        found.append([record.conversation_id for record in await store.list_conversations(scope="ada")])
    return found


def said(entry):
    return entry.message.parts[0].content


async def done_one(store, verb, id, number, other, at):
    new = [ModelRequest(parts=[UserPromptPart(f"{at}.{each}")]) for each in range(number or 0)]
    if verb == "delete":
        return await store.delete(id, scope=other)
    if verb == "fork":
        kept = await store.fork(id, at=number, new_conversation_id=other)
        return [each.parts[0].content for each in kept.messages]
    conversation = await store.load(id) or Conversation(conversation_id=id)
    if verb == "back":
        record = await store.read_record(id)
        tip = record.branches[number % len(record.branches)] if record and record.branches else "none"
        return len((await store.branch(id, from_entry=tip, expected_revision=conversation.revision)).messages)
    if verb == "branch":
        return len((await store.branch(id, at=number, expected_revision=conversation.revision)).messages)
    if verb == "stale":
        conversation.revision = "another"
    if verb == "rewrite":
        conversation = dataclasses.replace(conversation, messages=conversation.messages[:number])
    conversation.messages = [*conversation.messages, *new]
    conversation.usage.requests += 1
    return [said(each) for each in await store.save(conversation, scope=other)]


@given(steps=st.lists(step, max_size=10))
@settings(max_examples=60, deadline=None)
def test_it_answers_as_their_own_store_does(steps, tmp_path_factory):
    with Memory.open(tmp_path_factory.mktemp("store")) as memory:
        ours = asyncio.run(done(HarkbackConversationStore(memory), steps))
        assert ours == asyncio.run(done(InMemoryConversationStore(), steps)), steps


def test_a_fork_shares_messages_and_outlives_what_it_was_forked_from(memory, store):
    saved(store, messages=MESSAGES[:4])
    asyncio.run(store.fork("one", at=2, new_conversation_id="two"))

    origin = next(each for each in memory.sessions.list().items if each.parent_id is None)
    [fork] = memory.sessions.list(parent_id=origin.id).items
    assert len(memory.sessions.get(fork.id, messages=True).messages) == 3
    asyncio.run(store.delete("one"))

    assert asyncio.run(store.load("two")).messages == MESSAGES[:2]
    assert [each.content for each in memory.messages.list().items][1:] == ["which port do we use?", ""]


def test_a_deleted_conversation_leaves_nothing(memory, store):
    saved(store, messages=[ModelRequest(parts=[UserPromptPart("the key is under the fern")])])
    asyncio.run(store.delete("one"))

    assert memory.search("fern", min_score=0).hits == []
    assert memory.messages.count() == 0


def prompts(*texts):
    return [ModelRequest(parts=[UserPromptPart(text)]) for text in texts]


def texts(conversation):
    return [each.parts[0].content for each in conversation.messages]


@pytest.mark.parametrize("gone", ["one", "two", "three", "four", "five"])
@pytest.mark.parametrize("limit", [None, 3])
def test_a_conversation_goes_on_without_what_a_person_forgets(gone, limit, memory, store):
    said = [f"number {each} of all" for each in ("one", "two", "three", "four", "five")]
    saved(store, messages=prompts(*said))

    memory.forget(query=f'"number {gone}"')

    left = [each for each in said if gone not in each]
    loaded = asyncio.run(store.load("one", limit=limit))
    assert texts(loaded) == (left if limit is None else left[-3:])
    loaded.messages += prompts("and more")
    asyncio.run(store.save(loaded))
    assert texts(asyncio.run(store.load("one"))) == [*left, "and more"]


def test_what_is_forgotten_on_another_branch_brings_none_back(memory, store):
    saved(store, messages=prompts("first of all", "second of all", "left behind"))
    revision = asyncio.run(store.load("one")).revision
    conversation = asyncio.run(store.branch("one", at=2, expected_revision=revision))
    conversation.messages += prompts("third of all")
    asyncio.run(store.save(conversation))

    memory.forget(query='"second of all"')

    assert texts(asyncio.run(store.load("one"))) == ["first of all", "third of all"]
    [tip] = asyncio.run(store.read_record("one")).branches
    assert [said(each) for each in asyncio.run(store.read_history(tip))] == ["first of all", "left behind"]


def test_a_conversation_stays_whose_names_a_forgotten_message_tells(memory, store):
    conversation = Conversation(conversation_id="conversation-of-ada")
    conversation.messages = prompts("in conversation-of-ada of customer-of-ada", "which port?")
    asyncio.run(store.save(conversation, scope="customer-of-ada"))

    memory.forget(query="customer-of-ada")

    assert texts(asyncio.run(store.load("conversation-of-ada", scope="customer-of-ada"))) == ["which port?"]
    [listed] = asyncio.run(store.list_conversations(scope="customer-of-ada"))
    assert listed.conversation_id == "conversation-of-ada"


def test_a_run_that_waits_for_an_approval_waits_on(memory, store):
    call = ToolCallPart("delete_notes", {"topic": "ports"}, "c1")
    waiting = DeferredToolRequests(approvals=[call])
    conversation = Conversation(conversation_id="one", messages=prompts("delete"), deferred_tool_requests=waiting)
    asyncio.run(store.save(conversation))

    loaded = asyncio.run(store.load("one"))

    assert loaded.deferred_tool_requests == waiting
    loaded.deferred_tool_requests = None
    asyncio.run(store.save(loaded))
    assert asyncio.run(store.load("one")).deferred_tool_requests is None


def test_a_tag_of_a_persons_stays(memory, store):
    saved(store)
    [session] = memory.sessions.list().items
    memory.sessions.update(session.id, tags=[*session.tags, "important"])
    loaded = asyncio.run(store.load("one"))

    asyncio.run(store.save(loaded, scope=None))

    assert "important" in memory.sessions.list().items[0].tags


def test_of_many_writers_one_wins(tmp_path):
    won, lost = [], []

    def write(number):
        with Memory.open(tmp_path / "store") as memory:
            store = HarkbackConversationStore(memory)
            entry = ConversationEntry(parent_id=None, message=MESSAGES[0])
            record = ConversationRecord(conversation_id="one", head_id=entry.id)
            try:
                asyncio.run(store.write_record(record, new_entries=[entry], expected_revision=None))
                won.append(entry.id)
            except ConversationConflict:
                lost.append(entry.id)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Memory.open(tmp_path / "store") as memory:
        store = HarkbackConversationStore(memory)
        assert (len(won), len(lost)) == (1, 5)
        assert asyncio.run(store.read_record("one")).head_id == won[0]
        with pytest.raises(LookupError):
            asyncio.run(store.read_entry(lost[0]))


def test_a_head_that_is_not_there_is_a_conflict(store):
    record = ConversationRecord(conversation_id="one", head_id="nowhere")
    with pytest.raises(ConversationConflict):
        asyncio.run(store.write_record(record, expected_revision=None))
    orphan = ConversationEntry(parent_id="nowhere", message=MESSAGES[0])
    with pytest.raises(ConversationConflict):
        asyncio.run(
            store.write_record(
                ConversationRecord(conversation_id="one", head_id=orphan.id),
                new_entries=[orphan],
                expected_revision=None,
            )
        )
    assert asyncio.run(store.load("one")) is None


def test_a_session_that_was_deleted_takes_nothing(memory, store):
    saved(store)
    memory.sessions.delete(memory.sessions.list().items[0].id)

    assert asyncio.run(store.load("one")) is None
    with pytest.raises(UserError, match="was deleted; restore it"):
        saved(store)
