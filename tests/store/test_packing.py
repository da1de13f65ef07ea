"""Long texts are stored compressed, and nobody who reads them notices."""

import pytest
from older_stores import back_to

from memory import Memory
from memory.errors import NewerStore
from memory.store.packing import PACKED_FROM, packed, unpacked
from memory.store.store import SCHEMA_VERSION

LONG = "the heron stands at the sluice, line by line\n" * 200


@pytest.mark.parametrize(
    "text", ["", "short", "ä" * (PACKED_FROM - 1), LONG, "\0" * PACKED_FROM, "鷺が水門に立つ" * 1000]
)
def test_what_is_packed_comes_back_to_the_letter(text):
    assert unpacked(packed(text)) == text


def test_only_what_shrinks_is_packed():
    import secrets

    noise = secrets.token_urlsafe(PACKED_FROM)
    assert packed(noise) == noise
    assert len(packed(LONG)) < len(LONG) // 10
    assert packed(None) is None


def stored(memory: Memory, id: str) -> str:
    row = memory.store.database.row("select typeof(content) from message where id = ?", (id,))
    return str(row[0])


def test_a_long_message_is_stored_packed_and_read_and_found_whole(memory, session):
    long = memory.messages.append(session.id, role="user", content=LONG + "the last word is gannet")
    short = memory.messages.append(session.id, role="user", content="short")

    assert (stored(memory, long.id), stored(memory, short.id)) == ("blob", "text")
    assert memory.messages.get(long.id).content.endswith("gannet")
    assert [hit.id for hit in memory.search("gannet", mode="keyword").hits] == [long.id]


def test_an_edit_and_a_stream_pack_and_unpack(memory, session):
    said = memory.messages.append(session.id, role="user", content="short")
    memory.messages.update(said.id, content=LONG)
    assert stored(memory, said.id) == "blob"
    memory.messages.update(said.id, content="short again")
    assert stored(memory, said.id) == "text"
    assert [version.content for version in memory.messages.versions(said.id)] == ["short", LONG]
    with memory.messages.stream(session.id, role="assistant") as reply:
        for line in LONG.splitlines(keepends=True):
            reply.write(line)
    assert stored(memory, reply.id) == "blob"
    assert memory.messages.get(reply.id).content == LONG


def test_what_calls_a_tool_is_found_in_long_parts(memory, session):
    call = {"type": "tool_call", "name": "Frobnicate", "input": {"text": LONG}}
    said = memory.messages.append(session.id, role="assistant", content="", parts=[call])
    assert memory.store.narrowing.callers("Frobnicate", 5) == [memory.store.records.number("message", said.id)]


def test_a_store_from_before_is_read_and_written(tmp_path):
    with Memory.open(tmp_path / "s") as memory:
        session = memory.sessions.create()
        said = memory.messages.append(session.id, role="user", content=LONG)
        back_to(memory, 3)
    with Memory.open(tmp_path / "s") as memory:
        assert memory.messages.get(said.id).content == LONG
        assert memory.store.database.row("pragma user_version")[0] == SCHEMA_VERSION


def test_a_program_whose_store_a_newer_one_has_taken_over_writes_no_more(tmp_path):
    with Memory.open(tmp_path / "s") as memory, Memory.open(tmp_path / "s") as newer:
        session = memory.sessions.create()
        newer.store.database.rows(f"pragma user_version = {SCHEMA_VERSION + 1}")
        with pytest.raises(NewerStore, match="start this program anew"):
            memory.messages.append(session.id, role="user", content="late")
        newer.store.database.rows(f"pragma user_version = {SCHEMA_VERSION}")
