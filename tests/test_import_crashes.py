"""An import that is killed again and again, or comes in pieces, ends in the store that one run makes."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import pytest

from memory import Memory

DATA = Path(__file__).parent / "data"
KILLS = 50
KILLED = """
import os, signal, sys, threading
import memory.indexing
from memory import Memory
from memory.importing import writer
memory.indexing.FROM_BYTES = 1_000_000
writer.BATCH_MESSAGES = 200
store, source, delay = sys.argv[1:]
m = Memory.open(store)
m.search("wake up")
if float(delay) >= 0:
    threading.Timer(float(delay), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
m.import_(source, keep_source="all")
if float(delay) >= 0:
    os.kill(os.getpid(), signal.SIGKILL)
m.close()
"""


def sources(folder: Path) -> Path:
    """Make a folder with lines, a growing session in two files, documents, a database, an archive and an unknown file."""
    said: list[dict[str, Any]] = []
    for at in range(3000):
        record = {"type": "user", "sessionId": f"5b0c2f8e-7f0e-4f27-9c5d-{at // 1000:012d}", "isSidechain": False}
        record |= {"uuid": f"6b0c2f8e-7f0e-4f27-9c5d-{at:012d}", "parentUuid": None, "cwd": "/home/ada/kiosk"}
        text = f"From now on prompt {at} is about tea, see https://docs.python.org/3/{at % 7}"
        record |= {"timestamp": "2026-02-01T10:00:00.000Z", "message": {"role": "user", "content": text}}
        said.append(record)
    claude = folder / "claude"
    claude.mkdir(parents=True)
    (claude / "long.jsonl").write_text("".join(json.dumps(each) + "\n" for each in said))
    (claude / "resumed.jsonl").write_text("".join(json.dumps(each) + "\n" for each in said[2500:]))
    for name in ("opencode", "codex", "chatgpt", "pi", "langgraph"):
        for path in (DATA / name).rglob("*"):
            if path.is_file():
                target = folder / name / path.relative_to(DATA / name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        for path in (DATA / "claude-ai").rglob("*.json"):
            archive.write(path, path.name)
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0\x00")
    return folder


def held(memory: Memory) -> dict[str, Any]:
    """Give all that an import writes, in an order of its own."""
    rows = memory.store.database.rows
    return {
        "messages": rows(
            "select m.id, s.id, m.seq, m.turn, m.role, unpacked(m.content), unpacked(m.parts), unpacked(m.tool_result) from message m"
            " join session s on s.number = m.session_number order by m.id"
        ),
        "sessions": rows("select id, title, summary, message_count, last_message_at from session order by id"),
        "arrows": rows("select id, type, source, target, label from relationship order by id"),
        "learnings": rows("select id, category, content, source_messages from learning order by id"),
        "attachments": rows("select id, name, sha256 from attachment order by id"),
        "projects": rows("select name from project order by name"),
        "marks": [(each.path, each.format, each.offset_bytes, each.messages) for each in memory.store.marks.all()],
        "kept": [(each.path, b"".join(memory.kept_source(each.path))) for each in memory.store.kept_sources.all()],
        "pieces": rows("select count(*) from chunk"),
    }


@pytest.mark.slow
def test_fifty_kills_during_an_import_end_in_the_store_that_one_run_makes(tmp_path: Path) -> None:
    source = sources(tmp_path / "histories")
    random = Random(5)

    def run(delay: float) -> int:
        command = [sys.executable, "-c", KILLED, str(tmp_path / "killed"), str(source), str(delay)]
        return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode

    ends = [run(random.uniform(0.0, 0.12 + at * 0.03)) for at in range(KILLS)]
    assert set(ends) == {-9}
    assert run(-1) == 0

    with Memory.open(tmp_path / "killed") as killed, Memory.open(tmp_path / "whole") as whole:
        report = whole.import_(source, keep_source="all")
        assert report.totals["problems"] == 0
        expected = held(whole)
        for name, found in held(killed).items():
            assert found == expected[name], name
        assert len(expected["messages"]) > 3000
        for memory in (killed, whole):
            assert memory.search('"prompt 2999"', mode="keyword").hits
            index = memory.stats().index
            assert (index.lag, index.fault) == (0, None)
            assert memory.store.database.row("pragma integrity_check") == ("ok",)
            assert memory.store.database.rows("pragma foreign_key_check") == []
        assert killed.stats().index.documents == whole.stats().index.documents


REAL = Path(os.environ.get("HARK_DATA", "/nowhere")) / "transcripts"


def said(memory: Memory) -> dict[str, set[tuple[Any, ...]]]:
    """Give what real histories say, but for what differs from store to store: hashes of secrets, times of importing."""
    rows = memory.store.database.rows
    messages = rows(
        "select m.id, s.id, m.seq, m.role, unpacked(m.content) from message m join session s on s.number = m.session_number"
    )
    plain = set()
    for *place, content in messages:
        # a message of Aider's that grows is of several parts, with a blank line between them
        plain.add((*place, " ".join(re.sub(r":[0-9a-f]{6}\]", "]", content).split())))
    arrows = set(rows("select id, type, target, label from relationship"))
    return {"messages": plain, "sessions": set(rows("select id, title, message_count from session")), "arrows": arrows}


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="HARK_DATA names no folder of real transcripts")
def test_real_histories_in_two_halves_are_those_at_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(REAL, data, ignore=shutil.ignore_patterns("schemas", "sharegpt", "system_telemetry*"))
    whole = {path: path.read_bytes() for path in [*data.rglob("*.jsonl"), *data.rglob("*.md")]}
    with Memory.open(tmp_path / "at-once") as memory:
        memory.import_(data)
        assert memory.import_(data).totals["added"] == 0
        expected = said(memory)

    for path, content in whole.items():
        half = len(content) // 2
        path.write_bytes(content[: content.index(b"\n", half) + 1 if path.suffix == ".md" else half])
    with Memory.open(tmp_path / "halves") as memory:
        memory.import_(data)
        for path, content in whole.items():
            path.write_bytes(content)
        memory.import_(data)
        found = said(memory)

    assert len(expected["messages"]) > 5000
    for name, rows in expected.items():
        assert rows == found[name], name
