"""A message that is saved while it is being written."""

import signal
import subprocess
import sys
import time

import pytest

from memory import Memory
from memory.errors import Conflict, InvalidInput


def test_what_is_streamed_is_one_complete_message_and_found(memory, session):
    with memory.messages.stream(session.id, role="assistant", model="m") as reply:
        for token in ("the ", "kettle ", "whistles"):
            reply.write(token)

    saved = memory.messages.get(reply.id)
    assert (saved.content, saved.status, saved.seq, saved.model) == ("the kettle whistles", "complete", 1, "m")
    assert saved.started_at <= saved.ended_at
    for mode in ("keyword", "semantic"):
        assert [hit.id for hit in memory.search("kettle whistles", mode=mode).hits] == [saved.id]


def test_what_was_written_is_on_disk_soon_and_seen_elsewhere(memory, session, tmp_path):
    with memory.messages.stream(session.id, role="assistant") as reply, Memory.open(tmp_path / "store") as other:
        reply.write("first ")
        reply.write("second ")
        deadline = time.monotonic() + 10
        while other.messages.get(reply.id).content != "first second " and time.monotonic() < deadline:
            time.sleep(0.01)
        seen = other.messages.get(reply.id)
        assert (seen.content, seen.status) == ("first second ", "streaming")
        reply.write("third")


def test_an_exception_marks_the_message_and_keeps_it(memory, session):
    def broken():
        with memory.messages.stream(session.id, role="assistant") as reply:
            reply.write("so far ")
            raise RuntimeError("model went away")

    with pytest.raises(RuntimeError):
        broken()
    saved = memory.messages.list(session.id).items[0]
    assert (saved.content, saved.status, saved.error) == ("so far ", "error", "RuntimeError: model went away")
    assert [hit.id for hit in memory.search("is:error").hits] == [saved.id]


def test_parts_lie_inside_a_stream(memory, session):
    with memory.messages.stream(session.id, role="assistant") as reply:
        reply.write("let me look")
        reply.add_part({"type": "tool_call", "name": "Bash", "input": {"command": "ss -ltn"}})

    saved = memory.messages.get(reply.id)
    assert saved.content == "let me look"
    assert saved.parts == [{"type": "tool_call", "name": "Bash", "input": {"command": "ss -ltn"}}]


def test_a_closed_stream_takes_no_more_and_a_complete_message_is_not_opened_again(memory, session):
    with memory.messages.stream(session.id, role="assistant") as reply:
        reply.write("done")
    with pytest.raises(InvalidInput, match="closed"):
        reply.write("more")
    with pytest.raises(Conflict):
        memory.messages.stream(session.id, role="assistant", id=reply.id)


@pytest.mark.parametrize("size", [1, 5, 40])
def test_a_secret_that_comes_in_pieces_is_never_on_disk(memory, session, tmp_path, size):
    secret = "sk-" + "ant-api03-" + "Ab3Cd9" * 10
    text = f"the key is {secret} and that is it"
    with memory.messages.stream(session.id, role="assistant") as reply:
        for start in range(0, len(text), size):
            reply.write(text[start : start + size])
            with reply._wake:
                reply._flush()
            assert secret[:24] not in reply.message.content
    assert reply.message.content.startswith("the key is [redacted:anthropic:")
    assert reply.message.content.endswith(" and that is it")
    for file in (tmp_path / "store").rglob("*"):
        if file.is_file():
            assert secret[:24].encode() not in file.read_bytes(), file


STREAM = """
import sys
from memory import Memory
m = Memory.open(sys.argv[1])
s = m.sessions.create(id="s", title="stream")
reply = m.messages.stream("s", role="assistant", id="reply")
i = 0
while True:
    reply.write(f"word{i} ")
    with reply._wake:
        reply._flush()
    print(i, flush=True)
    i += 1
"""


@pytest.mark.slow
def test_a_killed_stream_is_there_and_can_be_gone_on_with(tmp_path):
    with subprocess.Popen([sys.executable, "-c", STREAM, str(tmp_path / "store")], stdout=subprocess.PIPE) as child:
        assert child.stdout.readline()
        time.sleep(0.3)
        child.send_signal(signal.SIGKILL)
        last = [int(line) for line in child.stdout if line.endswith(b"\n")][-1]
    with Memory.open(tmp_path / "store") as memory:
        partial = memory.messages.get("reply")
        assert partial.status == "streaming"
        assert f"word{last} " in partial.content
        with memory.messages.stream("s", role="assistant", id="reply") as reply:
            reply.write("and the end")
        whole = memory.messages.get("reply")
        assert (whole.content, whole.status) == (partial.content + "and the end", "complete")


def test_two_streams_of_one_message_lose_nothing_of_each_other(memory, session, tmp_path):
    with Memory.open(tmp_path / "store") as other:
        one = memory.messages.stream(session.id, role="assistant", id="shared")
        two = other.messages.stream(session.id, role="assistant", id="shared")
        one.write("a ", flush=True)
        two.write("b ", flush=True)
        one.add_part({"type": "tool_call", "name": "Bash"})
        two.write("c ", flush=True)
        assert one.finish().content == "a b c "
        with pytest.raises(Conflict):
            two.write("d ", flush=True)
        two.release()
    saved = memory.messages.get("shared")
    assert (saved.content, saved.status, saved.parts) == ("a b c ", "complete", [{"type": "tool_call", "name": "Bash"}])


def test_what_was_changed_in_the_middle_of_a_stream_stays(memory, session):
    stream = memory.messages.stream(session.id, role="assistant", id="changed")
    stream.write("wrong ", flush=True)
    memory.messages.update("changed", content="right ")
    stream.write("so far", flush=True)
    assert stream.finish().content == "right so far"
