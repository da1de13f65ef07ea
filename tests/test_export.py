"""Exports: everything comes back as it was; a file appears whole or not at all."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from datetime import datetime
from pathlib import Path

import pytest
from exchanged import exported, fill, loaded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory import Memory
from memory.errors import Conflict, InvalidInput, MemoryFault, UnknownFormat


def test_loaded_and_exported_again_it_is_the_same_file(memory, tmp_path):
    fill(memory)
    text = exported(memory)
    counts = json.loads(text.splitlines()[-1])["counts"]
    assert {"blob", "tombstone", "message_version", "reaction", "setting", "tag", "relationship"} <= counts.keys()
    with Memory.open(loaded(tmp_path, text)) as other:
        assert exported(other) == text
        assert other.search('"nothing else uses it"', mode="keyword").hits
        assert not other.search('"never mind"', mode="keyword").hits
        assert other.stats().index.lag == 0


def test_two_exports_of_one_store_are_the_same(memory):
    fill(memory)
    assert exported(memory) == exported(memory)


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40) | st.sampled_from(
    ["", "\u2028", "a\x00b", "\ufeff\u202e", "the same words stand here and there", "😀" * 20]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TIMES = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29))
MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system", "tool"]),
        "content": TEXTS,
        "created_at": TIMES,
        "metadata": st.dictionaries(TEXTS, JSON, max_size=2),
        "tool_result": JSON,
        "parts": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["text", "reasoning", "tool_call"])},
                optional={"text": TEXTS, "input": JSON, "span_of_content": JSON},
            ),
            max_size=3,
        ),
    }
)
VERBS = st.lists(
    st.tuples(
        st.sampled_from(["fork", "delete", "remove", "edit", "restore", "react", "attach", "learn", "relate", "drop"]),
        st.integers(0, 30),
        JSON,
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(MESSAGE, max_size=4), min_size=1, max_size=3), VERBS)
def test_any_store_comes_back_as_it_was(tmp_path_factory, conversations, verbs):
    folder = tmp_path_factory.mktemp("any")
    with Memory.open(folder / "store") as memory:
        for at, messages in enumerate(conversations):
            session = memory.sessions.create(title=f"session {at}", project=f"project {at % 2}")
            memory.messages.append_many(session.id, messages)
        for verb, at, value in verbs:
            act(memory, verb, at, value)
        text = exported(memory)
    with Memory.open(loaded(folder, text)) as other:
        assert exported(other) == text
        assert other.store.database.rows("pragma foreign_key_check") == []


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def act(memory, verb, at, value):
    """Do something to the record that a number points at."""
    messages = memory.messages.list(limit=200).items
    message = messages[at % len(messages)] if messages else None
    said = json.dumps(value)[:200]
    if verb == "learn":
        memory.learnings.add("fact", said, related_files=[said])
    elif verb == "relate":
        memory.graph.relate(f"a {at}", f"b {said}", type="code_code")
    elif message is None:
        return
    elif verb == "fork":
        memory.messages.append(memory.sessions.fork(message.session_id, at=message.id).id, role="user", content=said)
    elif verb == "delete":
        memory.messages.delete(message.id)
    elif verb == "remove":
        memory.messages.delete(message.id, hard=True)
    elif verb == "edit":
        memory.messages.update(message.id, content=said, metadata={"v": value})
    elif verb == "react":
        memory.reactions.create(message_id=message.id, type="annotation", value=value)
    elif verb == "attach":
        memory.attachments.create(message_id=message.id, name="file", data=said.encode())
    elif verb == "drop":
        memory.sessions.delete(message.session_id)
    elif verb == "restore":
        memory.messages.delete(message.id)
        memory.messages.restore(message.id)


@pytest.mark.slow
def test_real_histories_come_back_as_they_were(real_data, tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        for name in ("aider", "chatgpt", "claude-ai", "codex", "gemini-cli", "pi"):
            memory.import_(real_data / "transcripts" / name, keep_source="all")
        text = exported(memory)
        assert json.loads(text.splitlines()[-1])["counts"]["message"] > 500
    with Memory.open(loaded(tmp_path, text)) as other:
        assert exported(other) == text
        again = other.import_(real_data / "transcripts" / "codex")
        assert again.totals["added"] == 0


def test_a_part_brings_what_it_refers_to_and_can_be_loaded(memory, tmp_path):
    ids = fill(memory)
    text = exported(memory, session=ids["fork"])
    with Memory.open(loaded(tmp_path, text)) as other:
        assert [each.content for each in other.messages.list(ids["fork"]).items] == [
            "which port shall we take?",
            "9000 then",
        ]
        assert other.projects.get(ids["project"]).parent_id
        assert other.sessions.get(ids["session"]).message_count == 1
        assert other.messages.get(ids["answer"]) is None
        assert other.tags.list().items == []


def test_a_part_leaves_out_what_is_deleted_unless_asked(memory):
    ids = fill(memory)
    assert ids["deleted"] not in exported(memory, kind="session")
    assert ids["deleted"] in exported(memory, kind="session", deleted=True)
    assert ids["deleted"] in exported(memory)
    assert ids["deleted"] not in exported(memory, deleted=False)


def test_without_what_is_deleted_it_can_be_loaded_too(memory, tmp_path):
    ids = fill(memory)
    memory.messages.update(ids["answer"], parent_id=ids["asked"])
    memory.messages.delete(ids["asked"])
    with Memory.open(loaded(tmp_path, exported(memory, deleted=False))) as other:
        # the other one is there, still deleted, since this one refers to it
        assert other.messages.get(ids["answer"]).parent_id == ids["asked"]
        assert other.messages.get(ids["asked"]) is None
        assert other.sessions.get(ids["deleted"]) is None
        with pytest.raises(MemoryFault):
            other.sessions.restore(ids["deleted"])
        other.load(tmp_path / "given.jsonl")


def test_an_export_shows_one_moment(memory, session):
    memory.messages.append_many(session.id, [{"role": "user", "content": f"number {at}"} for at in range(300)])
    pieces = memory.exported()
    begun = [next(pieces) for _ in range(3)]
    with Memory.open(memory.store.directory) as other:
        other.messages.append(session.id, role="user", content="too late")
        other.learnings.add("fact", "too late as well")
    text = "".join([*begun, *pieces])
    assert "too late" not in text
    assert json.loads(text.splitlines()[-1])["counts"]["message"] == 300


def test_what_was_written_is_told(memory, tmp_path):
    fill(memory)
    answer = memory.export(tmp_path / "out.jsonl")
    data = (tmp_path / "out.jsonl").read_bytes()
    assert (answer.size_bytes, answer.format, answer.path) == (len(data), "harkback", str(tmp_path / "out.jsonl"))
    assert answer.sha256 == hashlib.sha256(data).hexdigest()
    assert answer.counts["message"] == 7
    assert oct((tmp_path / "out.jsonl").stat().st_mode)[-3:] == "600"
    buffer = io.BytesIO()
    assert memory.export(buffer).path is None
    assert buffer.getvalue() == data


def test_a_file_that_is_there_is_kept_without_force(memory, tmp_path):
    target = tmp_path / "out.md"
    target.write_text("mine")
    with pytest.raises(Conflict, match="--force"):
        memory.export(target, format="markdown")
    assert target.read_text() == "mine"
    memory.export(target, format="markdown", force=True)
    assert target.read_text() != "mine"


def test_the_store_and_what_is_no_file_are_no_targets(memory, tmp_path):
    (tmp_path / "link").symlink_to(memory.store.directory)
    os.mkfifo(tmp_path / "pipe")
    for target in (memory.store.directory / "out", tmp_path / "link" / "out", tmp_path, tmp_path / "pipe"):
        with pytest.raises(InvalidInput):
            memory.export(target, force=True)
    assert (tmp_path / "pipe").is_fifo()
    with pytest.raises(MemoryFault, match="cannot be written"):
        memory.export(tmp_path / "nowhere" / "out")


FULL = """
import resource, signal, sys
from memory import Memory
m = Memory.open(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    m.export(sys.argv[2], force=True)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
def test_a_full_disk_leaves_the_target_as_it_was(memory, session, tmp_path):
    memory.messages.append_many(session.id, [{"role": "user", "content": f"{at} " * 200} for at in range(300)])
    memory.store.database.empty_log()
    target = tmp_path / "place" / "out.jsonl"
    target.parent.mkdir()
    target.write_text("mine")
    command = [sys.executable, "-c", FULL, str(memory.store.directory), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.startswith("MemoryFault"), done.stderr
    assert target.read_text() == "mine"
    assert names_in(target.parent) == ["out.jsonl"]


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_behind(memory, session, tmp_path):
    memory.messages.append_many(session.id, [{"role": "user", "content": f"{at} " * 300} for at in range(8_000)])
    place = tmp_path / "place"
    place.mkdir()
    bin_ = Path(sys.executable).with_name("hark")
    command = [str(bin_), "--store", str(memory.store.directory), "export", "--out", str(place / "out.jsonl")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while not names_in(place) and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, names_in(place)) == (1, []), said
    assert "Traceback" not in said


@pytest.mark.slow
def test_memory_stays_flat(memory, session):
    def peak(**arguments):
        tracemalloc.start()
        memory.export(Nowhere(), **arguments)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    def more(count):
        memory.messages.append_many(session.id, [{"role": "user", "content": f"{at} " * 200} for at in range(count)])
        memory.reindex()

    more(1_000)
    formats = ("harkback", "markdown", "openai", "chatlogs", "json")
    before = {name: peak(format=name) for name in formats}
    more(4_000)
    for name in formats:
        assert peak(format=name) < before[name] * 1.3 + 1_000_000, name


class Nowhere(io.RawIOBase):
    def write(self, data):
        return len(data)


def test_what_is_asked_wrong_is_said(memory):
    with pytest.raises(InvalidInput, match="there are: chatlogs, harkback"):
        exported(memory, format="word")
    with pytest.raises(InvalidInput, match="sizes"):
        exported(memory, sizes=3)


def test_import_says_that_an_export_is_loaded(memory, tmp_path):
    memory.export(tmp_path / "out.jsonl")
    with pytest.raises(UnknownFormat, match="hark load"):
        memory.import_(tmp_path / "out.jsonl")


def hark(*words, store):
    bin_ = Path(sys.executable).with_name("hark")
    return subprocess.run(
        [str(bin_), "--store", str(store), *map(str, words)], capture_output=True, check=False, timeout=60
    )


@pytest.mark.slow
def test_the_command_writes_byte_for_byte(memory, tmp_path):
    fill(memory)
    memory.export(tmp_path / "out.jsonl")
    store = memory.store.directory
    assert hark("export", store=store).stdout == (tmp_path / "out.jsonl").read_bytes()
    told = json.loads(hark("export", "--format", "markdown", "--json", store=store).stdout)
    assert told["text"].startswith("# Pick a port")
    again = hark("export", "--out", tmp_path / "out.jsonl", store=store)
    assert (again.returncode, again.stdout, len(again.stderr.splitlines())) == (1, b"", 1)
    assert hark("export", "--out", store / "x", store=store).returncode == 2
