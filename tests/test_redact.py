"""`hark redact`: secrets that were written before, or while redaction was off, leave no byte behind."""

import hashlib
import json
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import zstandard

from memory import Memory
from memory.api.cli.main import main
from memory.care import redacting
from memory.store.kept_sources import pack
from memory.store.marks import ImportMark
from memory.store.store import open_store

KEY = "gh" + "p_" + "q7W3e9R2t5Y8u1I4o6P0a3S5d7F9g2H4j6K8"
OTHER = "sk" + "_live_" + "Zx9Cv8Bn7Mq6Wl5Ek4Rj3Th2"
PASSWORD = "Kettle" + "4711!harbor"
BLOCK = (
    "-----BEGIN " + "PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 20 + "-----END " + "PRIVATE KEY-----"
)
PLANTED = (KEY, OTHER, PASSWORD, "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC")


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    """A store that holds secrets everywhere, two workspaces, deleted and edited records among them."""
    place = tmp_path / "store"
    for workspace in ("default", "other"):
        with Memory.open(place, redact=False, workspace=workspace) as memory:
            fill(memory)
    return place


def fill(memory: Memory) -> None:
    project = memory.projects.create(name=f"p-{KEY}", system_prompt=f"use {KEY}")
    session = memory.sessions.create(
        title=f"with {KEY}", summary=f"token {OTHER}", system_prompt=BLOCK, keywords=[KEY], metadata={"password": PASSWORD},
        project=project.id,
    )  # fmt: skip
    call = {"type": "tool_call", "name": "Bash", "input": {"command": f"export GITHUB_TOKEN={KEY}"}}
    memory.messages.append_many(
        session.id,
        [
            {"role": "user", "content": f"the key is {KEY}, thanks"},
            {
                "role": "assistant",
                "content": f"I use {OTHER} now",
                "parts": [{"type": "text", "text": f"I use {OTHER} now"}, call],
            },
            {
                "role": "tool",
                "content": BLOCK,
                "tool_name": "Bash",
                "tool_result": {"call_id": "1", "out": f"password: {PASSWORD}"},
            },
            {"role": "assistant", "content": "plain", "error": f"denied for {KEY}", "metadata": {"env": [OTHER]}},
            *({"role": "user", "content": f"nothing to hide in message {n}"} for n in range(80)),
        ],
    )
    edited = memory.messages.append(session.id, role="user", content=f"first {KEY}")
    memory.messages.update(edited.id, content="second")
    gone = memory.messages.append(session.id, role="user", content=f"deleted {KEY}")
    memory.messages.delete(gone.id)
    memory.learnings.add("fact", f"the key is {KEY}", related_files=[f"{KEY}.txt"], metadata={"k": OTHER})
    memory.graph.relate(f"file:{KEY}", "session:x", type="t", label=f"uses {OTHER}")
    memory.attachments.create(
        data=f"TOKEN={KEY}\n".encode() * 50, name="notes.txt", media_type="text/plain", message_id=edited.id
    )
    memory.settings.put("deploy", {"password": PASSWORD})
    with memory.store.transaction():
        lines = [json.dumps({"text": f"{KEY} and {n}"}) for n in range(50)]
        memory.store.kept_sources.put("/h.jsonl", [pack(0, "\n".join(lines).encode())], is_anew=True)
        memory.store.kept_sources.put("/h.md", [pack(0, f"# Notes\n{BLOCK}\n".encode())], is_anew=True)
        memory.store.marks.put(
            ImportMark("/h.jsonl", "x", 1, 1, 1, 1, state={"last": KEY}, problems=[{"line": 1, "what": f"bad {KEY}"}])
        )
    memory.catch_up()


def leaks(place: Path) -> list[str]:
    """Look for the planted secrets in every file, and in what is packed inside the store's file."""
    found = []
    for file in place.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            found += [
                f"{file.name}: {each[:6]}"
                for each in PLANTED
                for form in ("utf-8", "utf-16-le")
                if each.encode(form) in data
            ]
            # tantivy's terms are small letters
            found += [f"{file.name}: {each[:6]} in small" for each in PLANTED if each.lower().encode() in data.lower()]
    store = open_store(place, create=False)
    packed = [zlib.decompress(row[0]) for row in store.database.rows("select data from blob where encoding = 'zlib'")]
    packed += [
        zstandard.ZstdDecompressor().decompress(row[0]) for row in store.database.rows("select data from kept_source")
    ]
    store.close()
    return found + [f"packed: {each[:6]}" for each in PLANTED for data in packed if each.encode() in data]


def hashes(place: Path) -> dict[str, str]:
    files = (file for file in place.rglob("*") if file.is_file() and not file.name.endswith(("-shm", "-wal")))
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_no_byte_is_left_in_any_file(leaky: Path) -> None:
    assert leaks(leaky)
    with Memory.open(leaky) as memory:
        receipt = memory.redact()
        assert receipt.purged is not None
        assert receipt.purged.log_emptied
        assert leaks(leaky) == []
        found = memory.search("the key is thanks", min_score=0).hits[0]
        assert memory.messages.get(found.id).content.startswith("the key is [redacted:github:")

    assert leaks(leaky) == []


def test_the_receipt_says_what_and_where_and_never_the_secret(leaky: Path) -> None:
    with Memory.open(leaky) as memory:
        planned = memory.redact(dry_run=True)
        receipt = memory.redact()
        again = memory.redact()

    assert planned.model_dump(exclude={"dry_run", "rows", "vectors", "purged"}) == receipt.model_dump(
        exclude={"dry_run", "rows", "vectors", "purged"}
    )
    assert {"github", "stripe", "private_key", "secret"} <= set(receipt.found)
    assert {
        "message.content",
        "message.parts",
        "session.system_prompt",
        "attachment.content",
        "source",
        "import mark",
    } <= set(receipt.where)
    assert len(receipt.sessions) == 2
    assert receipt.rows >= sum(len(ids) for ids in receipt.changed.values()) > 20
    assert not any(secret in receipt.model_dump_json() for secret in PLANTED)
    assert (again.found, again.rows, again.purged) == ({}, 0, None)


def test_a_dry_run_changes_no_file(leaky: Path) -> None:
    Memory.open(leaky).close()
    before = hashes(leaky)
    with Memory.open(leaky) as memory:
        assert memory.redact(dry_run=True).rows == 0

    assert hashes(leaky) == before


def test_what_is_not_secret_stays_to_the_letter(leaky: Path) -> None:
    with Memory.open(leaky) as memory:
        before = {m.id: m for m in memory.messages.list(limit=200).items}
        memory.redact()
        after = {m.id: m for m in memory.messages.list(limit=200).items}

    plain = [id for id, message in before.items() if "nothing to hide" in message.content]
    assert len(plain) == 80
    assert all(after[id] == before[id] for id in plain)
    assert [len(after[id].parts) for id in after] == [len(before[id].parts) for id in before]


KILLED = """
import os, signal, sys
from memory import Memory
from memory.store.texts import Texts
count = 0
plain = Texts.write
def write(self, *given):
    global count
    count += 1
    if count > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    plain(self, *given)
Texts.write = write
if sys.argv[2] == "99":
    from memory.store.sqlite import SqliteDatabase
    SqliteDatabase.vacuum = lambda self: os.kill(os.getpid(), signal.SIGKILL)
Memory.open(sys.argv[1]).redact()
"""


@pytest.mark.slow
@pytest.mark.parametrize("writes", ["0", "3", "9", "99"])
def test_a_run_that_was_killed_is_finished_by_the_next(leaky: Path, writes: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(leaky), writes], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL

    with Memory.open(leaky) as memory:
        assert memory.redact().purged is not None

    assert leaks(leaky) == []


READER = """
import sys, time
from memory import Memory
memory = Memory.open(sys.argv[1])
print("open", flush=True)
until = time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:
    hits = memory.search("nothing to hide in message", min_score=0).hits
    assert hits, "a search found nothing"
memory.close()
"""


@pytest.mark.slow
def test_it_works_while_other_processes_read(leaky: Path) -> None:
    command = [sys.executable, "-c", READER, str(leaky), "4"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as one,
        subprocess.Popen(command, stdout=subprocess.PIPE) as two,
        Memory.open(leaky) as memory,
    ):
        for reader in (one, two):
            assert reader.stdout is not None
            assert reader.stdout.readline() == b"open\n"
        assert memory.redact().purged
        assert [one.wait(60), two.wait(60)] == [0, 0]

    assert leaks(leaky) == []


def test_a_record_that_was_written_meanwhile_keeps_what_was_written(
    leaky: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory.open(leaky) as memory:
        message = next(m for m in memory.messages.list(limit=200).items if KEY in m.content)
        plain = redacting.StoredRedaction._write

        def write(self, kind, numbers):
            if kind == "message":
                memory.messages.update(message.id, content="written meanwhile")
            plain(self, kind, numbers)

        monkeypatch.setattr(redacting.StoredRedaction, "_write", write)
        memory.redact()
        assert memory.messages.get(message.id).content == "written meanwhile"


def test_the_command_shows_counts_and_sessions(leaky: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def hark(*arguments: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main(["--store", str(leaky), *arguments])
        assert stopped.value.code == 0
        return capsys.readouterr().out

    assert "nothing was written" in hark("redact", "--dry-run")
    assert json.loads(hark("redact", "--json"))["found"]["github"] > 10
    assert "no secret found" in hark("redact")
