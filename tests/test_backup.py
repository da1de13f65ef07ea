"""Backups: whole while others write, small the second time, never lost to a kill; restored stores are stores of their own."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memory import Memory
from memory.api.cli.main import main
from memory.errors import BackupFault, DamagedBackup, DamagedStore, InvalidInput, StoreFault
from memory.exchange import backup_folder
from memory.exchange.backup import check_backups, list_backups
from memory.store.backups import noted_backups


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def fill(memory: Memory, count: int = 300) -> None:
    memory.sessions.create(id="s", title="Pick a port", project="web/api")
    said = [{"role": "user", "content": f"kettle {at} {random.randbytes(300).hex()}"} for at in range(count)]
    memory.messages.append_many("s", said)


def contents(memory: Memory) -> list[str]:
    return [
        row[0]
        for row in memory.store.database.rows("select unpacked(content) from message order by session_number, seq")
    ]


def block_of(place: Path, id: str, at: int) -> Path:
    name = json.loads((place / "manifests" / f"{id}.json").read_text())["blocks"][at]
    return place / "blocks" / name[:2] / f"{name}.zst"


def test_what_is_restored_is_what_was_there(memory, place, tmp_path):
    fill(memory)
    done = memory.backup(place)
    memory.messages.append("s", role="user", content="said after the backup")

    restored = Memory.restore(place, tmp_path / "second")

    with Memory.open(tmp_path / "second", create=False) as second:
        assert contents(second) == contents(memory)[:-1]
        assert done.backup.counts["message"] == 300
        assert second.store.uuid == restored.uuid != memory.store.uuid
        assert json.loads((tmp_path / "second/store.json").read_text())["uuid"] == restored.uuid
        assert json.loads(second.store.state("restored_from"))["store"] == memory.store.uuid
        stats = second.stats()
        assert (stats.index.documents, stats.index.lag, stats.index.fault) == (301, 0, None)
        assert second.search("kettle 7", mode="keyword").hits
        assert second.search("kettle 7", mode="semantic", min_score=0).hits


def test_both_stores_are_used_on_after_a_restore(memory, place, tmp_path):
    fill(memory, 5)
    memory.backup(place)
    Memory.restore(place, tmp_path / "second")

    with Memory.open(tmp_path / "second") as second:
        for store, word in ((memory, "harbour"), (second, "lighthouse")):
            store.messages.append("s", role="user", content=f"the {word} is open")
            store.catch_up()
        assert [len(each.search("lighthouse", mode="keyword").hits) for each in (memory, second)] == [0, 1]
        assert [len(each.search("harbour", mode="keyword").hits) for each in (memory, second)] == [1, 0]
        second.backup(place)
    assert len({each.store for each in list_backups(place).backups}) == 2


def test_a_second_backup_writes_only_what_is_new(memory, place):
    fill(memory, 2_000)
    first = memory.backup(place)
    memory.messages.append("s", role="user", content="one more")
    second = memory.backup(place)

    assert first.new_blocks > 20
    assert second.new_blocks < first.new_blocks / 2
    assert second.new_bytes < first.new_bytes / 4
    assert check_backups(place).ok


def test_files_are_for_their_owner_alone(memory, place, tmp_path):
    fill(memory, 5)
    memory.backup(place)
    Memory.restore(place, tmp_path / "second")

    for path in [
        place,
        *place.rglob("*"),
        tmp_path / "second",
        tmp_path / "second/store.db",
        tmp_path / "second/store.json",
    ]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_no_plain_word_and_no_scratch_file_is_left_beside_the_blocks(memory, place):
    fill(memory, 5)
    memory.backup(place)

    assert sorted(each.name for each in place.iterdir()) == ["backup.lock", "backups.json", "blocks", "manifests"]


def test_the_store_notes_its_backups_and_forgets_those_that_are_pruned(memory, place):
    fill(memory, 5)
    first = memory.backup(place).backup
    for at in range(3):
        memory.messages.append("s", role="user", content=f"more {at}")
        last = memory.backup(place, keep=2)
    noted = noted_backups(memory.store)

    assert [each.id for each in noted] == [each.id for each in list_backups(place).backups]
    assert len(noted) == 2
    assert noted[-1].model_dump() == {
        "id": last.backup.id,
        "path": str(place.resolve()),
        "at": int(last.backup.at.timestamp() * 1_000_000),
        "last_seq": memory.store.changes.last_seq(),
    }
    assert first.last_seq < noted[0].last_seq


def test_pruning_takes_away_what_no_backup_needs_and_nothing_else(memory, place):
    fill(memory, 500)
    memory.backup(place)
    size = list_backups(place).size_bytes
    memory.sessions.delete("s", hard=True)
    memory.store.database.vacuum()

    done = memory.backup(place, keep=1)

    assert len(done.pruned) == 1
    assert done.freed_bytes > size / 2
    named = set(json.loads((place / "manifests" / f"{done.backup.id}.json").read_text())["blocks"])
    assert {path.stem for path in place.glob("blocks/*/*")} == named
    assert check_backups(place).ok


def test_a_clock_that_went_back_does_not_prune_the_newest(memory, place, tmp_path, monkeypatch):
    fill(memory, 3)
    memory.backup(place)
    memory.messages.append("s", role="user", content="after the clock went back")
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000_000_000_000)
    second = memory.backup(place, keep=1).backup

    assert [each.id for each in list_backups(place).backups] == [second.id]
    assert Memory.restore(place, tmp_path / "second").backup.counts["message"] == 4


def test_a_backup_says_that_the_store_lost_changes_and_keeps_what_has_them(memory, place, tmp_path):
    fill(memory, 3)
    memory.store.database.rows("pragma wal_checkpoint(truncate)")
    memory.close()
    shutil.copyfile(tmp_path / "store/store.db", tmp_path / "older.db")
    with Memory.open(tmp_path / "store") as later:
        later.messages.append("s", role="user", content="will be lost")
        fuller = later.backup(place).backup.id
    shutil.copyfile(tmp_path / "older.db", tmp_path / "store/store.db")

    with Memory.open(tmp_path / "store") as older:
        for _ in range(2):
            done = older.backup(place, keep=1)
            assert done.ahead == [fuller]
        assert done.pruned
    assert [each.id for each in list_backups(place).backups] == [fuller, done.backup.id]


def test_pruning_leaves_another_stores_backups(memory, place, tmp_path):
    fill(memory, 5)
    memory.backup(place)
    with Memory.open(tmp_path / "other") as other:
        fill(other, 5)
        assert other.backup(place, keep=1).pruned == []
    assert len(list_backups(place).backups) == 2


@pytest.mark.parametrize("keep", [0, -1, True])
def test_keeping_none_is_refused(memory, place, keep):
    with pytest.raises(InvalidInput, match="keep"):
        memory.backup(place, keep=keep)
    assert not place.exists()


def test_a_folder_in_the_store_or_around_it_or_of_other_things_is_refused(memory, tmp_path):
    fill(memory, 1)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/diary.md").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "store")

    for target, words in (
        (tmp_path / "store/backups", "inside the store"),
        (tmp_path / "link/backups", "inside the store"),
        (tmp_path, "holds the store"),
        (tmp_path / "notes", "holds other things"),
        (tmp_path / "file", "not a directory"),
    ):
        with pytest.raises(BackupFault, match=words):
            memory.backup(target)
    assert [each.name for each in (tmp_path / "notes").iterdir()] == ["diary.md"]


WRITES = """
import sys, time
from memory import Memory
with Memory.open(sys.argv[1]) as m:
    at = 0
    while True:
        m.messages.append_many("s", [{"role": "user", "content": f"pair {at} {side} " + "x" * 2000} for side in "ab"])
        print(at, flush=True)
        at += 1
"""


@pytest.mark.slow
def test_a_backup_while_others_write_is_one_moment_ends_and_holds_up_nobody(memory, place, tmp_path):
    fill(memory, 3_000)
    memory.catch_up()
    command = [sys.executable, "-c", WRITES, str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        writer.stdout.readline()
        started = time.monotonic()
        done = [memory.backup(place) for _ in range(3)]
        took = time.monotonic() - started
        time.sleep(0.2)
        writer.kill()
        written = len(writer.stdout.readlines())

    assert took < 60
    assert written > 20
    for at, each in enumerate(done):
        Memory.restore(place, tmp_path / f"restored-{at}", at=each.backup.id, check="full")
        with Memory.open(tmp_path / f"restored-{at}") as restored:
            pairs = [text.split()[1] for text in contents(restored) if text.startswith("pair")]
            assert len(pairs) == 2 * len(set(pairs))
            assert restored.store.changes.last_seq() == each.backup.last_seq
    assert done[0].backup.last_seq < done[-1].backup.last_seq


BACKS_UP = """
import os, signal, sys, threading
from memory import Memory
m = Memory.open(sys.argv[1])
m.messages.append("s", role="user", content="another " + os.urandom(3000).hex())
print("begins", flush=True)
threading.Timer(float(sys.argv[3]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
while True:
    m.backup(sys.argv[2], keep=2)
    m.messages.append("s", role="user", content="another " + os.urandom(3000).hex())
"""


@pytest.mark.slow
def test_a_kill_at_any_instant_leaves_earlier_backups_whole(tmp_path, place):
    with Memory.open(tmp_path / "store") as memory:
        fill(memory, 1_000)
        memory.backup(place)
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(25):
        command = [sys.executable, "-c", BACKS_UP, str(tmp_path / "store"), str(place), str(chance.uniform(0, 0.4))]
        assert subprocess.run(command, capture_output=True, check=False).returncode == -signal.SIGKILL
        checked = check_backups(place)
        assert checked.ok, checked.problems
        assert len(checked.backups) >= 1

    with Memory.open(tmp_path / "store") as memory:
        done = memory.backup(place, keep=1)
        Memory.restore(place, tmp_path / "last")
        with Memory.open(tmp_path / "last") as last:
            assert contents(last) == contents(memory)
    assert sorted(each.name for each in place.iterdir()) == ["backup.lock", "backups.json", "blocks", "manifests"]
    named = set(json.loads((place / "manifests" / f"{done.backup.id}.json").read_text())["blocks"])
    assert {path.stem for path in place.glob("blocks/*/*")} == named


def test_a_damaged_block_is_named_and_written_anew_by_the_next_backup(memory, place, tmp_path):
    fill(memory)
    id = memory.backup(place).backup.id
    block = block_of(place, id, 3)
    block.write_bytes(block.read_bytes()[:-20] + bytes(20))

    with pytest.raises(DamagedBackup, match=block.stem):
        Memory.restore(place, tmp_path / "second")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["backups", "store"]

    checked = check_backups(place)
    assert not checked.ok
    assert [(each.what, each.name, each.backups) for each in checked.problems] == [("block", block.stem, [id])]
    assert checked.backups == []

    memory.backup(place)
    assert len(check_backups(place).backups) == 2
    Memory.restore(place, tmp_path / "second", at=id)


def test_a_missing_block_and_a_damaged_manifest_are_named(memory, place, tmp_path):
    fill(memory, 5)
    first = memory.backup(place).backup.id
    memory.messages.append("s", role="user", content="more")
    second = memory.backup(place).backup.id
    manifest = place / "manifests" / f"{second}.json"
    manifest.write_text(manifest.read_text().replace('"last_seq":', '"last_seq":1'))

    checked = check_backups(place)
    assert [(each.what, each.name) for each in checked.problems] == [("manifest", second)]
    assert checked.backups == [first]
    with pytest.raises(DamagedBackup, match="not as it was written"):
        Memory.restore(place, tmp_path / "second", at=second)
    Memory.restore(place, tmp_path / "second")

    block_of(place, first, 0).unlink()
    with pytest.raises(DamagedBackup, match="missing"):
        Memory.restore(place, tmp_path / "third", at=first)


def test_no_block_is_taken_away_while_a_manifest_cannot_be_read(memory, place):
    fill(memory, 50)
    first = memory.backup(place).backup.id
    manifest = place / "manifests" / f"{first}.json"
    kept = manifest.read_bytes()
    manifest.write_bytes(b"{")
    memory.sessions.delete("s", hard=True)
    memory.store.database.vacuum()
    memory.backup(place, keep=1)

    manifest.write_bytes(kept)
    assert check_backups(place).ok


def test_a_block_that_was_only_half_written_is_never_relied_on(memory, place, monkeypatch):
    fill(memory, 50)

    def fails(path):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(backup_folder, "_sync", fails)
        with pytest.raises(OSError, match="Input/output"):
            memory.backup(place)
    assert not list(place.glob("blocks/*/*"))
    assert not list(place.glob("manifests/*"))

    memory.backup(place)
    assert check_backups(place).ok


def test_an_unsound_store_is_not_backed_up_and_the_backups_before_stay(memory, place, tmp_path):
    fill(memory)
    memory.backup(place)
    memory.store.database.rows("pragma wal_checkpoint(truncate)")
    memory.close()
    file = tmp_path / "store/store.db"
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2 // 4096 * 4096)
        opened.write(b"\xff" * 4096 * 8)

    with Memory.open(tmp_path / "store") as damaged, pytest.raises(DamagedStore, match="no backup was made"):
        damaged.backup(place)
    assert len(check_backups(place).backups) == 1


def test_a_backup_is_found_by_id_and_time(memory, place, tmp_path):
    fill(memory, 1)
    first = memory.backup(place).backup
    time.sleep(0.01)
    between = list_backups(place).backups[0].at.isoformat()
    memory.messages.append("s", role="user", content="later")
    memory.backup(place)

    for name, at, count in (("a", first.id, 1), ("b", between, 1), ("c", None, 2), ("d", "today", 2)):
        restored = Memory.restore(place, tmp_path / name, at=at)
        assert restored.backup.counts["message"] == count
    with pytest.raises(BackupFault, match="no backup of 2001"):
        Memory.restore(place, tmp_path / "e", at="2001-01-01")
    with pytest.raises(InvalidInput, match="no date"):
        Memory.restore(place, tmp_path / "e", at="soon")
    one = place / "manifests" / f"{first.id}.json"
    assert Memory.restore(one, tmp_path / "f").backup.id == first.id


def test_what_is_there_is_moved_aside_only_when_it_is_said(memory, place, tmp_path):
    fill(memory, 3)
    memory.backup(place)
    with Memory.open(tmp_path / "other") as other:
        other.sessions.create(id="mine", title="mine")

    with pytest.raises(BackupFault, match="--force"):
        Memory.restore(place, tmp_path / "other")
    with Memory.open(tmp_path / "other") as other, pytest.raises(StoreFault, match="has this store open"):
        Memory.restore(place, tmp_path / "other", force=True)
    restored = Memory.restore(place, tmp_path / "other", force=True)

    with Memory.open(tmp_path / "other") as other, Memory.open(restored.moved_aside) as aside:
        assert other.messages.count() == 3
        assert aside.sessions.get("mine").title == "mine"
    assert Path(restored.moved_aside).name.startswith("other-before-")


OPENS = """
import sys
from memory import Memory
with Memory.open(sys.argv[1]) as m:
    m.messages.count()
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_store_that_another_process_has_open_is_not_replaced(memory, place, tmp_path):
    fill(memory, 3)
    memory.backup(place)
    memory.close()
    command = [sys.executable, "-c", OPENS, str(tmp_path / "store")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        with pytest.raises(StoreFault, match="close it"):
            Memory.restore(place, tmp_path / "store", force=True)
        child.stdin.close()
    assert Memory.restore(place, tmp_path / "store", force=True).moved_aside


def test_a_lost_or_broken_store_is_replaced(memory, place, tmp_path):
    fill(memory, 3)
    memory.backup(place)
    memory.close()
    (tmp_path / "store/store.db").write_bytes(b"not a database!!" * 1000)
    with pytest.raises(DamagedStore):
        Memory.open(tmp_path / "store")

    Memory.restore(place, tmp_path / "store", force=True)
    with Memory.open(tmp_path / "store") as restored:
        assert restored.messages.count() == 3
    shutil.rmtree(tmp_path / "store")
    Memory.restore(place, tmp_path / "store")


RESTORES = """
import os, signal, sys, threading
from memory import Memory
threading.Timer(float(sys.argv[3]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
while True:
    Memory.restore(sys.argv[1], sys.argv[2], force=True)
"""


@pytest.mark.slow
def test_a_kill_while_restoring_leaves_no_half_store_and_the_next_run_sweeps(memory, place, tmp_path):
    fill(memory, 1_500)
    memory.backup(place)
    (tmp_path / "into").mkdir()
    chance = random.Random(4)
    for _ in range(10):
        command = [
            sys.executable,
            "-c",
            RESTORES,
            str(place),
            str(tmp_path / "into/second"),
            str(chance.uniform(0.2, 0.9)),
        ]
        assert subprocess.run(command, capture_output=True, check=False).returncode == -signal.SIGKILL
        if (tmp_path / "into/second").exists():
            with Memory.open(tmp_path / "into/second", create=False) as second:
                assert second.messages.count() == 1_500

    Memory.restore(place, tmp_path / "into/second", force=True)
    assert not list((tmp_path / "into").glob("*restoring*"))
    assert not list((tmp_path / "into").glob("*/restore.lock"))


def test_two_backups_at_once_into_one_folder_are_not_mixed(memory, place):
    fill(memory, 3)
    memory.backup(place)
    with backup_folder.BackupFolder(place).changing():
        with pytest.raises(BackupFault, match="another backup"):
            memory.backup(place)
        with pytest.raises(BackupFault, match="try again"):
            check_backups(place)
    assert memory.backup(place).new_blocks < 5


def test_a_backup_of_a_newer_program_is_refused(memory, place, tmp_path):
    fill(memory, 1)
    memory.store.database.rows("pragma user_version = 99")
    memory.backup(place)

    with pytest.raises(BackupFault, match="newer Harkback"):
        Memory.restore(place, tmp_path / "second")
    (place / "backups.json").write_text('{"harkback_backups": 2}')
    with pytest.raises(BackupFault, match="newer Harkback"):
        list_backups(place)


def hark(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_the_command_line_backs_up_lists_checks_and_restores_without_the_store(memory, capsys, tmp_path):
    fill(memory, 20)
    memory.close()
    store, beside = tmp_path / "store", tmp_path / "store-backups"

    code, out, _ = hark(capsys, "--store", store, "backup")
    assert code == 0
    assert "in " + str(beside) in out
    assert hark(capsys, "--store", store, "backup", "--keep", "0")[0] == 2

    shutil.rmtree(store)
    code, out, _ = hark(capsys, "--store", store, "backup", "--list", "--json")
    id = json.loads(out)["backups"][0]["id"]
    assert hark(capsys, "--store", store, "backup", "--check")[0] == 0
    code, out, err = hark(capsys, "--store", store, "restore", beside)
    assert (code, err) == (0, "")
    assert "20 messages" in out
    assert hark(capsys, "--store", store, "restore", beside)[0] == 1

    block_of(beside, id, 0).unlink()
    code, out, err = hark(capsys, "backup", beside, "--check")
    assert code == 1
    assert "is missing" in err
    assert "hark backup" in err


def test_the_setting_names_the_folder(tmp_path):
    with Memory.open(tmp_path / "store", backup=str(tmp_path / "elsewhere")) as memory:
        fill(memory, 1)
        assert memory.backup().path == str(tmp_path / "elsewhere")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["elsewhere", "store"]
