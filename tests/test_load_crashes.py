"""A load that is killed again and again ends in the store that one run makes."""

import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from exchanged import exported, fill

from memory import Memory

KILLS = 50
KILLED = """
import os, signal, sys, threading
from memory import Memory
from memory.exchange import checking
checking.BATCH_LINES = 40
store, source, delay = sys.argv[1:]
m = Memory.open(store)
m.search("wake up")
if float(delay) >= 0:
    threading.Timer(float(delay), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
loaded = m.load(source)
if float(delay) >= 0:
    os.kill(os.getpid(), signal.SIGKILL)
m.close()
print(loaded.went_on)
"""


def source(folder: Path) -> tuple[str, dict[str, Any]]:
    """Make an export with forks, parents that stand behind their children, deleted records, sources and much text."""
    with Memory.open(folder / "source") as memory:
        fill(memory)
        memory.import_(Path(__file__).parent / "data" / "codex", keep_source="all")
        for at in range(12):
            session = memory.sessions.create(title=f"session {at}", project=f"project {at % 3}")
            said = [{"role": "user", "content": f"prompt {at} {each} is about tea " * 5} for each in range(150)]
            messages = memory.messages.append_many(session.id, said)
            memory.messages.update(messages[0].id, parent_id=messages[-1].id)
            fork = memory.sessions.fork(session.id, at=messages[70].id)
            memory.messages.append(fork.id, role="assistant", content=f"another way {at}")
            memory.messages.delete(messages[90].id)
        return exported(memory), held(memory)


def held(memory: Memory) -> dict[str, Any]:
    """Give what is made anew behind a load."""
    rows = memory.store.database.rows
    return {
        "pieces": rows(
            "select c.kind, m.id, c.passage, c.start_at, c.end_at, c.has_vector from chunk c"
            " left join message m on c.kind = 'message' and m.number = c.record_number order by 1, 2, 3, 4"
        ),
        "vectors": sum(page.vectors.shape[0] for page in memory.vectors("message")),
    }


@pytest.mark.slow
def test_fifty_kills_during_a_load_end_in_the_store_that_one_run_makes(tmp_path: Path) -> None:
    text, expected = source(tmp_path)
    (tmp_path / "given.jsonl").write_bytes(text.encode())
    random = Random(7)

    def run(delay: float) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", KILLED, str(tmp_path / "killed"), str(tmp_path / "given.jsonl"), str(delay)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    reached = []
    for at in range(KILLS):
        assert run(random.uniform(0.0, 0.1 + at * 0.02)).returncode == -9
        with Memory.open(tmp_path / "killed") as memory:
            reached.append(memory.messages.count())
    done = run(-1)
    assert done.returncode == 0, done.stderr

    with Memory.open(tmp_path / "killed") as killed:
        assert exported(killed) == text
        assert held(killed) == expected
        assert killed.search('"prompt 11 149"', mode="keyword").hits
        index = killed.stats().index
        assert (index.lag, index.fault) == (0, None)
        assert killed.store.database.row("pragma integrity_check") == ("ok",)
        assert killed.store.database.rows("pragma foreign_key_check") == []
        assert killed.store.database.rows("select key from state where key like 'load%'") == []
    # some were killed in the middle, or this would test nothing
    assert len(set(reached)) > 1
    assert reached == sorted(reached)


@pytest.mark.slow
def test_three_processes_that_load_one_file_at_once_load_it_once(tmp_path: Path) -> None:
    text, expected = source(tmp_path)
    (tmp_path / "given.jsonl").write_bytes(text.encode())
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed"), str(tmp_path / "given.jsonl"), "-1"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    with Memory.open(tmp_path / "killed") as memory:
        assert exported(memory) == text
        assert held(memory) == expected
