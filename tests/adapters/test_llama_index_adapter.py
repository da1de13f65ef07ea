"""LlamaIndex's memory block, inside their own memory and chat engine."""

import asyncio
import json

import pytest

from memory.adapters.items import ITEM

pytest.importorskip("llama_index.core", reason="needs `make frameworks`")
from llama_index.core.base.llms.types import (
    ChatMessage,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import MockLLM
from llama_index.core.memory import Memory as TheirMemory
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from memory.adapters.llama_index import HarkbackMemoryBlock

MESSAGES = [
    ChatMessage("which port do we use?", role="user"),
    ChatMessage(
        role="assistant",
        blocks=[
            ThinkingBlock(content="look into the notes"),
            ToolCallBlock(tool_call_id="c1", tool_name="read_notes", tool_kwargs={"topic": "ports"}),
        ],
    ),
    ChatMessage("8470 is free", role="tool", additional_kwargs={"tool_call_id": "c1"}),
    ChatMessage(role="assistant", blocks=[TextBlock(text="We take 8470."), ImageBlock(image=b"aGVsbG8=")]),
]


@pytest.fixture
def block(memory):
    return HarkbackMemoryBlock(memory=memory)


@pytest.fixture
def theirs(block, tmp_path):
    """A short-term memory of some sixty words; a word is a token."""
    # without a pool no connection is left open for the garbage collector to complain of
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'chat.db'}", poolclass=NullPool)
    limits = {"token_limit": 60, "chat_history_token_ratio": 0.5, "token_flush_size": 10}
    return TheirMemory.from_defaults(
        "user-7", memory_blocks=[block], tokenizer_fn=str.split, async_engine=engine, **limits
    )


def test_what_leaves_the_short_term_memory_is_recalled(memory, theirs):
    async def run():
        await theirs.aput(ChatMessage("the spare key of the cellar is under the fern", role="user"))
        for at in range(20):
            await theirs.aput(ChatMessage(f"we speak of the weather, of clouds and rain, time {at}", role="user"))
        await theirs.aput(ChatMessage("where is the spare key of the cellar?", role="user"))
        return await theirs.aget()

    told = asyncio.run(run())

    assert told[0].role == MessageRole.SYSTEM
    assert "under the fern" in told[0].content
    assert "<remembered>" in told[0].content
    assert memory.search("cellar key").hits[0].role == "user"


def test_their_chat_engine_runs_with_it(memory, theirs):
    engine = SimpleChatEngine.from_defaults(llm=MockLLM(), memory=theirs)

    for at in range(12):
        engine.chat(f"the key of the cellar is under the fern, time {at}")

    [session] = memory.sessions.list().items
    assert session.source.external_id == "user-7"
    assert {each.role for each in memory.messages.list(session.id).items} == {"user", "assistant"}


def test_every_message_is_kept_as_it_was(memory, block):
    asyncio.run(block.aput(MESSAGES[:2], session_id="user-7"))
    asyncio.run(block.aput(MESSAGES[2:], session_id="user-7"))

    [session] = memory.sessions.list().items
    kept = memory.messages.list(session.id).items
    assert [json.dumps(each.metadata[ITEM]["value"]) for each in kept] == [
        json.dumps(each.model_dump(mode="json")) for each in MESSAGES
    ]
    assert [(each.role, each.tool_name) for each in kept] == [
        ("user", None),
        ("assistant", "read_notes"),
        ("tool", "read_notes"),
        ("assistant", None),
    ]
    assert kept[3].attachments[0].size_bytes == 5


def test_a_conversation_sees_others_only_when_it_is_told_to(memory, block):
    asyncio.run(block.aput([ChatMessage("the key is under the fern", role="user")], session_id="ada"))
    asked = [ChatMessage("where is the key?", role="user")]

    assert asyncio.run(block.aget(asked, session_id="bob")) == ""
    assert "fern" in asyncio.run(block.aget(asked, session_id="ada"))
    widely = HarkbackMemoryBlock(memory=memory, recalls="all")
    assert "fern" in asyncio.run(widely.aget(asked, session_id="bob"))


def test_nothing_is_recalled_where_nothing_was_asked(block):
    assert asyncio.run(block.aget([])) == ""
    assert asyncio.run(block.aget([ChatMessage("hello", role="assistant")])) == ""


def test_what_is_too_long_loses_its_last_lines(block):
    assert asyncio.run(block.atruncate("the first line\nthe second line", 1)) == "the first line"
    assert asyncio.run(block.atruncate("short", 100)) is None


def test_what_cannot_be_kept_is_refused(memory, block):
    with pytest.raises(ValueError, match="serialize"):
        asyncio.run(block.aput([ChatMessage("x", additional_kwargs={"odd": object()})]))
    wrong = HarkbackMemoryBlock(memory=memory, search_arguments={"colour": "red"})
    with pytest.raises(ValueError, match="search has no argument colour"):
        asyncio.run(wrong.aget([ChatMessage("hello", role="user")]))
    assert memory.sessions.list().items == []
