"""Programs that are told to end, that see another clock, that are of another version, or that come in crowds."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memory import Memory
from memory.exchange.backup import check_backups

ROOT = Path(__file__).parents[2]


def fill(memory: Memory, count: int = 100) -> None:
    memory.sessions.create(id="s", title="Pick a port")
    memory.messages.append_many("s", [{"role": "user", "content": f"kettle number {at}"} for at in range(count)])


def history(path: Path, count: int) -> Path:
    lines = []
    for at in range(count):
        record = {"type": "user", "sessionId": "5b0c2f8e-7f0e-4f27-9c5d-000000000001", "isSidechain": False}
        record |= {"uuid": f"6b0c2f8e-7f0e-4f27-9c5d-{at:012d}", "parentUuid": None, "cwd": "/home/ada/kiosk"}
        said = {"role": "user", "content": f"prompt {at} is about tea"}
        lines.append(json.dumps(record | {"timestamp": "2026-02-01T10:00:00.000Z", "message": said}) + "\n")
    path.write_text("".join(lines))
    return path


def is_sound(memory: Memory) -> bool:
    """Say whether the file is whole and the index holds what the store holds."""
    rows = memory.store.database.rows
    memory.catch_up()
    index = memory.stats().index
    chunks = memory.store.chunks.count()
    level = (index.documents, index.lag, index.fault) == (chunks, 0, None)
    return level and (rows("pragma integrity_check"), rows("pragma foreign_key_check")) == ([("ok",)], [])


SAVES = """
import sys
from memory import Memory
m = Memory.open(sys.argv[1])
i = int(sys.argv[2])
while True:
    m.messages.append("s", role="user", content=f"acknowledged {i}", id=f"a{i}")
    print(i, flush=True)
    i += 1
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_program_that_is_told_to_end_while_it_saves_loses_nothing(tmp_path, number):
    with Memory.open(tmp_path / "store") as memory:
        memory.sessions.create(id="s", title="ends")
    said: list[int] = []
    for _ in range(4):
        command = [sys.executable, "-c", SAVES, str(tmp_path / "store"), str(len(said))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            said.append(int(child.stdout.readline()))
            time.sleep(random.random() * 0.3)
            child.send_signal(number)
            said += [int(line) for line in child.stdout]
            child.wait(20)
        with Memory.open(tmp_path / "store") as memory:
            # one more may have been saved than was said
            said = list(range(memory.messages.count()))
            assert memory.messages.get(f"a{said[-1]}")
            assert is_sound(memory)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("what", ["import", "reindex", "backup"])
def test_a_command_that_is_told_to_end_leaves_all_as_it_was_or_goes_on(tmp_path, what, number):
    source = history(tmp_path / "history.jsonl", 6_000)
    store = tmp_path / "store"
    hark = [str(Path(sys.executable).with_name("hark")), "--store", str(store)]
    if what != "import":
        subprocess.run([*hark, "import", str(source)], check=True, capture_output=True)
    given = [str(source)] if what == "import" else []
    for delay in (0.6, 1.1):
        with subprocess.Popen(
            [*hark, what, *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as child:
            time.sleep(delay)
            child.send_signal(number)
            _, err = child.communicate(timeout=30)
        assert child.returncode in ((-number, 0) if number == signal.SIGTERM else (1, 0, -number)), err
        assert "Traceback" not in err or child.returncode == -number
        if child.returncode == 1:
            assert re.fullmatch(r"\n?hark: stopped; [^\n]+\n", err)

    assert subprocess.run([*hark, what, *given], capture_output=True, check=False).returncode == 0
    with Memory.open(store) as memory:
        assert memory.messages.count() == 6_000
        assert is_sound(memory)
    if what == "backup":
        assert check_backups(tmp_path / "store-backups").ok
        assert not (tmp_path / "store-backups/scratch").exists()


CLOCK = """
import sys, time, datetime as original
from memory import Memory
import memory.importing.writer

shift = 0
real_ns, real_time, real = time.time_ns, time.time, original.datetime
time.time_ns = lambda: real_ns() + shift * 10**9
time.time = lambda: real_time() + shift

class Meta(type):
    def __instancecheck__(cls, value):
        return isinstance(value, real)

class Shifted(real, metaclass=Meta):
    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + original.timedelta(seconds=shift)

def patch():
    for name, module in list(sys.modules.items()):
        if name.startswith("memory") and getattr(module, "datetime", None) is real:
            module.datetime = Shifted

m = Memory.open(sys.argv[1])
patch()
m.sessions.create(id="s", title="clock")
for at, shift in enumerate((0, -86_400 * 365 * 10, 86_400 * 365 * 10, -3600, 0)):
    m.messages.append("s", role="user", content=f"kettle number {at}", id=f"m{at}")
    m.messages.update(f"m{at}", content=f"kettle number {at} again")
    m.catch_up()
    with m.messages.stream("s", role="assistant", id=f"r{at}") as stream:
        stream.write("reply ")
        shift -= 100
        stream.write("after the clock went back")
assert [each.id for each in m.messages.list("s").items] == [f"{side}{at}" for at in range(5) for side in "mr"]
years = {each.created_at.year for each in m.messages.list("s").items}
assert len(years) == 3, years
seqs = [each.seq for each in m.changes()]
assert seqs == sorted(set(seqs))
for at in range(5):
    assert m.search(f'"number {at} again"', mode="keyword").hits[0].id == f"m{at}"
m.catch_up()
assert m.index_lag() == 0
m.close()
"""


def test_a_clock_that_jumps_moves_no_message_and_loses_no_change(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CLOCK, str(tmp_path / "store")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with Memory.open(tmp_path / "store") as memory:
        assert is_sound(memory)


def another_version(folder: Path, module: str, name: str, by: int) -> Path:
    """Copy the program with a number of it raised or lowered."""
    shutil.copytree(ROOT / "memory", folder / "memory", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "indexers").symlink_to(ROOT / "indexers")
    file = folder / module
    text = file.read_text()
    found = re.search(rf"^{name} = (\d+)$", text, re.MULTILINE)
    assert found
    file.write_text(text.replace(found[0], f"{name} = {int(found[1]) + by}"))
    return folder


def run_as(folder: Path, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    check = f"import memory\nassert memory.__file__.startswith({str(folder)!r})\n"
    command = [sys.executable, "-c", check + code, *map(str, arguments)]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)


APPENDS = """
import sys
from memory import Memory
from memory.errors import NewerStore
try:
    with Memory.open(sys.argv[1]) as m:
        m.messages.append("s", role="user", content="kettle of another version")
        m.catch_up()
        print(len(m.search("another version", mode="keyword", fold=False).hits), m.stats().index.fault)
except NewerStore as error:
    print("NewerStore", error)
"""


@pytest.mark.slow
def test_a_store_of_a_newer_program_is_refused_and_untouched(tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        fill(memory, 3)
    newer = another_version(tmp_path / "newer", "memory/store/store.py", "SCHEMA_VERSION", 1)
    assert run_as(newer, APPENDS, tmp_path / "store").stdout == "1 None\n"
    before = (tmp_path / "store/store.db").read_bytes()

    this = run_as(ROOT, APPENDS, tmp_path / "store")
    assert this.stdout.startswith("NewerStore")
    assert "pip install --upgrade" in this.stdout
    assert (tmp_path / "store/store.db").read_bytes() == before
    assert run_as(newer, APPENDS, tmp_path / "store").stdout == "2 None\n"


@pytest.mark.slow
def test_two_versions_that_make_documents_differently_take_turns_and_both_find_all(tmp_path):
    older = another_version(tmp_path / "older", "memory/catch_up.py", "LAYOUT", -1)
    with Memory.open(tmp_path / "store") as memory:
        fill(memory, 50)
        memory.catch_up()
        for turn in (1, 2, 3):
            done = run_as(older, APPENDS, tmp_path / "store")
            # whether it could make the index anew, or this process was at it just then, it found all
            found, fault = done.stdout.rstrip().split(" ", 1)
            assert (int(found), done.stderr) == (turn, "")
            assert fault == "None" or fault.endswith("the index was made by another version; it is rebuilt")
            assert len(memory.search("another version", mode="keyword", fold=False).hits) == turn
            memory.catch_up()
            assert memory.stats().index.documents == 51 + turn
        assert is_sound(memory)


def test_every_verb_of_a_child_of_a_fork_says_to_open_anew(tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        fill(memory)
        memory.search("kettle")
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            said = []
            for verb in (
                lambda: memory.messages.append("s", role="user", content="no"),
                lambda: memory.search("kettle"),
                lambda: memory.messages.list("s"),
                memory.catch_up,
                memory.stats,
                lambda: memory.backup(tmp_path / "backups"),
            ):
                try:
                    verb()
                    said.append("done")
                except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
                    said.append(type(error).__name__)
            os.write(write, " ".join(said).encode())
            os._exit(0)
        os.waitpid(child, 0)
        said = os.read(read, 1000).decode()
        os.close(read)
        os.close(write)
        memory.messages.append("s", role="user", content="kettle after the fork")
        assert set(said.split()) == {"StoreForked"}, said
        assert memory.messages.count() == 101
        assert is_sound(memory)


CROWD = """
import sys, time
from memory import Memory
store, role, me, seconds, source = sys.argv[1:]
until, count = time.monotonic() + float(seconds), 0
with Memory.open(store) as m:
    while time.monotonic() < until:
        if role == "write":
            made = m.messages.append("s", role="user", content=f"crowd {me} number {count}")
            if count % 20 == 0:
                assert made.id in [hit.id for hit in m.search(f'"crowd {me} number {count}"', mode="keyword", fold=False).hits]
        elif role == "search":
            result = m.search(f"crowd number {count % 50}", mode="hybrid")
            for hit in result.hits:
                assert m.messages.get(hit.id) or m.sessions.get(hit.id) or m.learnings.get(hit.id)
            for leg in result.legs:
                assert not getattr(leg, "fault", None), leg
        else:
            m.import_(f"{source}/{count % 4}.jsonl")
        count += 1
print(count)
"""


@pytest.mark.slow
def test_a_crowd_that_writes_searches_and_imports_meets_no_error(tmp_path):
    for at in range(4):
        history(tmp_path / f"{at}.jsonl", 300)
    with Memory.open(tmp_path / "store") as memory:
        memory.sessions.create(id="s", title="crowd")
    roles = ["write"] * 4 + ["search"] * 3 + ["import"]
    children = []
    for me, role in enumerate(roles):
        given = [tmp_path / "store", role, me, 12, tmp_path]
        command = [sys.executable, "-c", CROWD, *map(str, given)]
        children.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    ended = [child.communicate(timeout=120) for child in children]

    assert [(err, child.returncode) for (_, err), child in zip(ended, children, strict=True)] == [("", 0)] * 8
    written = sum(int(out) for (out, _), role in zip(ended, roles, strict=True) if role == "write")
    with Memory.open(tmp_path / "store") as memory:
        rows = memory.store.database.rows("select seq from message m where content like 'crowd%'")
        assert sorted(row[0] for row in rows) == list(range(1, written + 1))
        assert memory.messages.count() == written + 300
        assert is_sound(memory)


def test_many_threads_write_search_and_close_without_an_error(tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        fill(memory, 10)

        def work(me: int) -> None:
            for at in range(15):
                memory.messages.append("s", role="user", content=f"thread {me} number {at}")
                assert memory.search(f'"thread {me} number {at}"', mode="keyword").hits

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(6)))
        assert memory.messages.count() == 100
        assert is_sound(memory)
