"""Real kills, real limits: what was acknowledged is there, once, and is found."""

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from memory import Memory
from memory.errors import DamagedStore, MemoryFault, StoreForked, StoreFull

SAVE = """
import sys
from memory import Memory
m = Memory.open(sys.argv[1])
s = m.sessions.get("s") or m.sessions.create(id="s", title="kills")
i = int(sys.argv[2])
while True:
    m.messages.append("s", role="user", content=f"acknowledged {i}", id=f"m{i}")
    print(i, flush=True)
    i += 1
    if i % 40 == 0:
        m.catch_up()
"""


@pytest.mark.slow
def test_no_acknowledged_save_is_lost_or_doubled_by_kills(tmp_path):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    acknowledged = -1
    for _ in range(15):
        command = [sys.executable, "-c", SAVE, str(tmp_path / "store"), str(acknowledged + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            first = child.stdout.readline()
            assert first, "the next open failed"
            time.sleep(chance.random() * 0.3)
            child.send_signal(signal.SIGKILL)
            said = [int(first), *(int(line) for line in child.stdout if line.endswith(b"\n"))]
        acknowledged = said[-1]

    with Memory.open(tmp_path / "store") as memory:
        rows = memory.store.database.rows("select id, seq from message order by seq")
        assert [id for id, _ in rows][: acknowledged + 1] == [f"m{i}" for i in range(acknowledged + 1)]
        assert len(rows) - (acknowledged + 1) in (0, 1)
        assert [seq for _, seq in rows] == list(range(1, len(rows) + 1))
        assert memory.sessions.get("s").message_count == len(rows)
        memory.catch_up()
        assert memory.stats().index.model_dump() == {"documents": len(rows) + 1, "lag": 0, "fault": None}
        for i in chance.sample(range(acknowledged), 10):
            for mode in ("keyword", "semantic"):
                hits = memory.search(f'"acknowledged {i}"', mode=mode, min_score=0, limit=50).hits
                assert f"m{i}" in [hit.id for hit in hits]
        assert memory.store.database.row("pragma integrity_check") == ("ok",)
        assert memory.store.database.rows("pragma foreign_key_check") == []


@pytest.mark.slow
def test_eight_processes_write_and_search_without_an_error(tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        memory.sessions.create(id="s", title="crowd")
    code = """
import sys
from memory import Memory
with Memory.open(sys.argv[1]) as m:
    for i in range(25):
        m.messages.append("s", role="user", content=f"process {sys.argv[2]} number {i}")
        if i % 10 == 0:
            assert m.search(f'"process {sys.argv[2]} number {i}"', mode="keyword").hits
"""
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "store"), str(i)], stderr=subprocess.PIPE)
        for i in range(8)
    ]
    assert [(child.communicate(timeout=120)[1], child.returncode) for child in children] == [(b"", 0)] * 8
    with Memory.open(tmp_path / "store") as memory:
        assert memory.messages.count() == 200
        assert len({each[0] for each in memory.store.database.rows("select seq from message")}) == 200


FULL = """
import resource, sys, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from memory import Memory
from memory.errors import MemoryFault
m = Memory.open(sys.argv[1])
s = m.sessions.create(id="s", title="full")
m.messages.append("s", role="user", content="before the limit")
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
saved = 0
try:
    while saved < 100_000:
        m.messages.append("s", role="user", content="x" * 20_000)
        saved += 1
except MemoryFault as error:
    print(saved, type(error).__name__)
assert m.search("before the limit", mode="keyword").hits
assert m.messages.count() == saved + 1
"""


@pytest.mark.slow
def test_a_file_that_cannot_grow_is_said_and_nothing_is_half_written(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "store")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    saved, fault = done.stdout.split()
    assert fault in ("StoreFull", "StoreFault")
    with Memory.open(tmp_path / "store") as memory:
        assert memory.messages.count() == int(saved) + 1
        memory.messages.append("s", role="user", content="and it goes on")
        assert memory.store.database.row("pragma integrity_check") == ("ok",)


def fill(memory):
    for _ in range(3000):
        memory.messages.append("s", role="user", content=random.randbytes(8000).hex())


def _full_disk(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    return place


@pytest.mark.slow
def test_a_full_disk_is_said_and_saving_goes_on_when_there_is_room(tmp_path):
    place = _full_disk(tmp_path)
    try:
        with Memory.open(place / "store") as memory:
            memory.sessions.create(id="s", title="full")
            memory.messages.append("s", role="user", content="before it was full")
            with pytest.raises(StoreFull):
                fill(memory)
            count = memory.messages.count()
            assert memory.search("before it was full", mode="keyword", min_score=0).hits
            subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
            memory.messages.append("s", role="user", content="room again")
            assert memory.messages.count() == count + 1
            assert memory.store.database.row("pragma integrity_check") == ("ok",)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_child_of_a_fork_is_told_to_open_anew(tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        memory.sessions.create(title="x")
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                memory.sessions.list()
            except StoreForked:
                os.write(write, b"told")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert os.read(read, 10) == b"told"
        os.close(read)
        os.close(write)


def test_a_damaged_database_is_refused_and_left_as_it_is(tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        session = memory.sessions.create(title="x")
        memory.messages.append_many(session.id, [{"role": "user", "content": "tea " * 300} for _ in range(200)])
        memory.store.database.rows("pragma wal_checkpoint(truncate)")
    file = tmp_path / "store" / "store.db"
    damaged = bytearray(file.read_bytes())
    damaged[0:16] = b"not a database!!"
    file.write_bytes(damaged)

    with pytest.raises(DamagedStore):
        Memory.open(tmp_path / "store")
    assert file.read_bytes() == damaged


def test_running_out_of_file_handles_is_one_error(tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        memory.sessions.create(title="x")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises((MemoryFault, OSError)):
            Memory.open(tmp_path / "store")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for handle in taken:
            os.close(handle)
    with Memory.open(tmp_path / "store") as memory:
        assert memory.sessions.list().items
