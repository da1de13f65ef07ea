"""Damaged, deleted and foreign files: what can be made anew is, what cannot is said, and nothing is made worse."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memory import Memory
from memory.errors import DamagedStore

COUNT = 300


def fill(path: Path) -> Path:
    with Memory.open(path) as memory:
        memory.sessions.create(id="s", title="Pick a port")
        said = [{"role": "user", "content": f"kettle number {at}", "id": f"m{at}"} for at in range(COUNT)]
        memory.messages.append_many("s", said)
        memory.catch_up()
        memory.store.database.rows("pragma wal_checkpoint(truncate)")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return fill(tmp_path / "store")


def index_files(store: Path, ending: str) -> list[Path]:
    return sorted((store / "keyword").glob(f"*/*{ending}"))


def read_all(memory: Memory) -> None:
    for row in memory.store.database.rows("select name from sqlite_schema where type = 'table'"):
        memory.store.database.rows(f'select * from "{row[0]}"')


def is_found(memory: Memory) -> bool:
    """Say whether words find every message that they should, and no other."""
    found = {at: [hit.id for hit in memory.search(f'"number {at}"', mode="keyword").hits] for at in (0, 7, 299)}
    return all(f"m{at}" in ids for at, ids in found.items())


def is_level(memory: Memory) -> bool:
    memory.catch_up()
    index = memory.stats().index
    return (index.documents, index.lag, index.fault) == (COUNT + 1, 0, None)


@pytest.mark.parametrize(
    "ending", [".term", ".idx", ".pos", ".store", ".fast", ".fieldnorm", "meta.json", ".managed.json"]
)
@pytest.mark.parametrize("fault", ["deleted", "empty", "cut"])
def test_an_index_file_that_is_gone_or_cut_is_made_anew(store, ending, fault):
    for path in index_files(store, ending):
        if fault == "deleted":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[: 0 if fault == "empty" else path.stat().st_size // 2])

    with Memory.open(store) as memory:
        assert is_found(memory)
        assert is_level(memory)
        assert is_found(memory)


def test_noise_in_index_files_never_shows_a_wrong_hit_and_a_reindex_mends_it(store):
    chance = random.Random(11)
    for path in index_files(store, ""):
        if path.suffix in (".term", ".idx", ".pos", ".store", ".fast", ".fieldnorm"):
            data = bytearray(path.read_bytes())
            for _ in range(3):
                data[chance.randrange(len(data))] ^= 0xFF
            path.write_bytes(data)

    # what tantivy makes of it may end a process, so another one is asked
    code = "import sys\nfrom memory import Memory\nm = Memory.open(sys.argv[1])\nr = m.search('kettle', limit=50)\nm.reindex()\nm.close()"
    subprocess.run([sys.executable, "-c", code, str(store)], capture_output=True, check=False)

    with Memory.open(store) as memory:
        memory.reindex()
        assert is_found(memory)
        assert is_level(memory)


def test_an_index_of_another_store_is_not_believed(store, tmp_path):
    with Memory.open(tmp_path / "other") as other:
        other.sessions.create(id="s", title="Other")
        other.messages.append_many("s", [{"role": "user", "content": f"foreign {at}"} for at in range(COUNT)])
        other.catch_up()
    shutil.rmtree(store / "keyword")
    shutil.copytree(tmp_path / "other/keyword", store / "keyword")

    with Memory.open(store) as memory:
        assert is_level(memory)
        assert is_found(memory)
        assert memory.search("foreign", mode="keyword").hits == []


def test_an_index_of_another_layout_is_made_anew(store, monkeypatch):
    from memory import catch_up

    with monkeypatch.context() as patch:
        patch.setattr(catch_up, "LAYOUT", catch_up.LAYOUT - 1)
        with Memory.open(store) as memory:
            assert is_level(memory)
    with Memory.open(store) as memory:
        assert is_level(memory)
        assert is_found(memory)


def test_a_folder_of_the_index_that_vanishes_while_it_is_open_is_made_anew(store):
    with Memory.open(store) as memory:
        assert is_found(memory)
        shutil.rmtree(store / "keyword")
        assert is_found(memory)
        memory.messages.append("s", role="user", content="kettle number 1000", id="m1000")
        assert memory.search('"number 1000"', mode="keyword").hits[0].id == "m1000"
        memory.catch_up()
        assert memory.stats().index.documents == COUNT + 2


def test_an_index_that_came_to_nothing_is_not_taken_for_an_empty_store(store):
    shutil.rmtree(store / "keyword")
    with Memory.open(store) as memory:
        # changes that the log no longer has cannot be followed
        with memory.store.transaction():
            memory.store.database.rows(f"delete from change where seq < {memory.store.changes.last_seq()}")
        assert is_level(memory)
        assert is_found(memory)


def test_a_store_cut_short_is_said_and_not_written(store):
    file = store / "store.db"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    before = file.read_bytes()

    with pytest.raises(DamagedStore) as refused, Memory.open(store) as memory:
        read_all(memory)
    assert "\n" not in str(refused.value)
    assert file.read_bytes()[:100] == before[:100]
    assert file.stat().st_size <= len(before)


@pytest.mark.parametrize("value", [b"\x00", b"\xff"])
def test_pages_of_zeros_or_ones_are_said_and_never_an_empty_answer(store, value):
    file = store / "store.db"
    data = bytearray(file.read_bytes())
    half = len(data) // 8192 * 4096
    data[half : half + 16 * 4096] = value * 16 * 4096
    file.write_bytes(data)

    said, found = set(), 0
    with Memory.open(store) as memory:
        for at in range(COUNT):
            try:
                found += memory.messages.get(f"m{at}") is not None
            except DamagedStore as error:
                said.add(str(error).partition(":")[0])
        with pytest.raises(DamagedStore):
            read_all(memory)
    assert said <= {str(store)}
    assert found + len(said) > 0


def test_an_emptied_or_lost_database_is_a_loss_and_no_new_store(store):
    file = store / "store.db"
    content = file.read_bytes()
    file.write_bytes(b"")
    with pytest.raises(DamagedStore, match="empty"):
        Memory.open(store)
    file.unlink()
    with pytest.raises(DamagedStore, match="gone"):
        Memory.open(store)
    assert not file.exists()
    file.write_bytes(content)
    with Memory.open(store) as memory:
        assert is_level(memory)


KILLED = """
import os, sys
from memory import Memory
m = Memory.open(sys.argv[1])
m.messages.append_many("s", [{"role": "user", "content": f"kettle number {at}", "id": f"m{at}"} for at in range(1000, 1050)])
m.catch_up()
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("fault", ["deleted", "cut"])
def test_a_write_ahead_log_that_is_lost_leaves_a_sound_store_and_the_index_goes_back_with_it(store, fault):
    subprocess.run([sys.executable, "-c", KILLED, str(store)], check=False)
    log = store / "store.db-wal"
    assert log.stat().st_size > 100_000
    if fault == "deleted":
        log.unlink()
        (store / "store.db-shm").unlink(missing_ok=True)
    else:
        log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])

    with Memory.open(store) as memory:
        count = memory.messages.count()
        assert count in (COUNT, COUNT + 50)
        assert memory.store.database.rows("pragma integrity_check") == [("ok",)]
        hits = memory.search('"number 1007"', mode="keyword").hits
        assert [hit.id for hit in hits if hit.id == "m1007"] == ["m1007"] * (count > COUNT)
        memory.messages.append("s", role="user", content="kettle number 2000", id="m2000")
        memory.catch_up()
        index = memory.stats().index
        assert (index.documents, index.lag, index.fault) == (count + 2, 0, None)
        assert "m2000" in [hit.id for hit in memory.search('"number 2000"', mode="keyword").hits]
        told = [each for each in memory.doctor(quick=True).problems if "went backwards" in each.what]
        assert len(told) == (count == COUNT)
