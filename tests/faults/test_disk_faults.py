"""A disk that is full, or may not be written, or hands out no more files: said, nothing lost, and it goes on afterwards."""

import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexers.errors import IndexerError
from memory import Memory
from memory.errors import MemoryFault, StoreFault, StoreFull
from memory.exchange.backup import check_backups
from memory.streaming import MessageStream


class SmallDisk:
    """A file system of a few megabytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rest: Path = path / "rest"

    def fill(self) -> None:
        """Leave no room."""
        with self._rest.open("ab", buffering=0) as file:
            for size in (65_536, 4_096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def make_room(self) -> None:
        self._rest.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    try:
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(memory: Memory, count: int = 60) -> None:
    memory.sessions.create(id="s", title="Pick a port")
    memory.messages.append_many("s", [{"role": "user", "content": f"kettle number {at}"} for at in range(count)])


def is_whole(memory: Memory) -> bool:
    rows = memory.store.database.rows
    return (rows("pragma integrity_check"), rows("pragma foreign_key_check")) == ([("ok",)], [])


def history(path: Path, count: int) -> Path:
    lines = []
    for at in range(count):
        said = {"role": "user", "content": f"prompt {at} " + random.randbytes(2_000).hex()}
        record = {"type": "user", "sessionId": "5b0c2f8e-7f0e-4f27-9c5d-000000000001", "isSidechain": False}
        record |= {"uuid": f"6b0c2f8e-7f0e-4f27-9c5d-{at:012d}", "parentUuid": None, "cwd": "/home/ada/kiosk"}
        lines.append(json.dumps(record | {"timestamp": "2026-02-01T10:00:00.000Z", "message": said}) + "\n")
    path.write_text("".join(lines))
    return path


def test_an_index_that_cannot_be_written_for_want_of_room_is_level_again_when_there_is_some(disk):
    with Memory.open(disk.path / "store") as memory:
        fill(memory)
        memory.catch_up()
        fill_more = [{"role": "user", "content": f"teapot number {at}"} for at in range(50)]
        memory.messages.append_many("s", fill_more)
        disk.fill()
        with pytest.raises(IndexerError, match=r"No space left|full|want of room"):
            memory.catch_up()
        assert memory.search("kettle number 7", mode="keyword").hits
        assert memory.search("teapot number 7", mode="keyword").hits

        disk.make_room()
        assert memory.catch_up()
        stats = memory.stats().index
        assert (stats.documents, stats.lag, stats.fault) == (111, 0, None)


def test_an_import_onto_a_full_disk_goes_on_where_it_stopped(disk, tmp_path):
    source = history(tmp_path / "history.jsonl", 4_000)
    with Memory.open(disk.path / "store") as memory:
        with pytest.raises(StoreFull):
            memory.import_(source)
        before = memory.messages.count()
        assert before < 4_000
        assert is_whole(memory)

    subprocess.run(["mount", "-o", "remount,size=200m", str(disk.path)], check=True)
    with Memory.open(disk.path / "store") as memory:
        memory.import_(source)
        assert memory.messages.count() == 4_000
        assert memory.import_(source).totals["added"] == 0
        assert memory.search('"prompt 3999"', mode="keyword").hits
        assert is_whole(memory)


def write_all(stream: MessageStream, text: str) -> None:
    for start in range(0, len(text), 1_000):
        stream.write(text[start : start + 1_000])
    stream.finish()


def test_a_stream_onto_a_full_disk_keeps_what_it_was_given(disk):
    with Memory.open(disk.path / "store") as memory:
        fill(memory, 1)
        stream = memory.messages.stream("s", role="assistant")
        stream.write("before ")
        disk.fill()
        text = random.randbytes(200_000).hex()
        with pytest.raises(StoreFull):
            write_all(stream, text)
        kept = memory.messages.get(stream.id).content

        disk.make_room()
        stream.write(" after")
        done = stream.finish()
        assert done.content.startswith(kept)
        assert done.content.startswith("before ")
        assert done.content.endswith(" after")
        assert text.startswith(done.content[7:-6])
        assert is_whole(memory)


def test_a_reindex_onto_a_full_disk_leaves_the_store_to_be_searched(disk):
    with Memory.open(disk.path / "store") as memory:
        fill(memory)
        memory.catch_up()
        disk.fill()
        with pytest.raises((IndexerError, StoreFull)):
            memory.reindex()
        assert memory.search("kettle number 7", mode="keyword").hits
        disk.make_room()
        memory.reindex()
        assert memory.stats().index.documents == 61


def test_a_backup_onto_a_full_disk_leaves_the_backups_that_are_there(disk, tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        fill(memory)
        memory.backup(disk.path / "backups")
        memory.messages.append("s", role="user", content=random.randbytes(300_000).hex())
        disk.fill()
        with pytest.raises((MemoryFault, OSError), match=r"full|No space left"):
            memory.backup(disk.path / "backups")
        assert len(check_backups(disk.path / "backups").backups) == 1
        assert not (disk.path / "backups/scratch").exists()

        disk.make_room()
        memory.backup(disk.path / "backups")
        assert len(check_backups(disk.path / "backups").backups) == 2


def as_another(code: str, *arguments: object, home: Path = Path("/nonexistent")) -> subprocess.CompletedProcess[str]:
    """Run Python as a user who owns none of the files, when this one could write them all."""
    drop = "import os\nif os.geteuid() == 0:\n    os.setgid(65534)\n    os.setuid(65534)\n"
    told = "\nfrom memory.errors import MemoryFault\nfrom memory import Memory\nimport sys\n"
    # what is imported is imported first: the other user may not read this one's folders
    command = [sys.executable, "-c", f"import apsw, tantivy, numpy{told}import indexers.embedders.static\n{drop}{code}"]
    given = {"PATH": os.environ["PATH"], "HOME": str(home)}
    return subprocess.run([*command, *map(str, arguments)], env=given, capture_output=True, text=True, check=False)


OPEN = """
import os
try:
    Memory.open(sys.argv[1])
except MemoryFault as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_store_that_may_not_be_written_is_one_line_and_untouched(tmp_path, mode):
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o755)
    with Memory.open(tmp_path / "store") as memory:
        fill(memory, 3)
    store = tmp_path / "store"
    store.chmod(mode)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in store.iterdir())

    done = as_another(OPEN, store)

    store.chmod(0o755)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert "StoreFault" in done.stdout
    assert str(store) in done.stdout
    assert sorted((path.name, path.stat().st_mtime_ns) for path in store.iterdir()) == before


def test_a_disk_that_may_only_be_read_is_said_and_the_store_is_as_it_was(disk):
    with Memory.open(disk.path / "store") as memory:
        fill(memory)
    subprocess.run(["mount", "-o", "remount,ro", str(disk.path)], check=True)
    with pytest.raises(StoreFault, match="cannot be written"):
        Memory.open(disk.path / "store")

    subprocess.run(["mount", "-o", "remount,rw", str(disk.path)], check=True)
    with Memory.open(disk.path / "store") as memory:
        assert memory.messages.count() == 60
        assert is_whole(memory)


def test_settings_that_may_not_be_read_are_one_line(tmp_path):
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o755)
    (tmp_path / "home/.config").mkdir(parents=True, mode=0o700)
    (tmp_path / "home/.config").chmod(0o000)

    done = as_another(OPEN, tmp_path / "store", home=tmp_path / "home")

    (tmp_path / "home/.config").chmod(0o700)
    assert (done.returncode, done.stderr) == (0, "")
    assert "SettingsFault" in done.stdout
    assert "settings.toml" in done.stdout


HANDLES = """
import os, resource, sys, contextlib
from memory import Memory
m = Memory.open(sys.argv[1])
m.sessions.create(id="s", title="x")
m.messages.append("s", role="user", content="kettle one")
m.catch_up()
m.search("kettle")
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
taken = []
with contextlib.suppress(OSError):
    while True:
        taken.append(os.open(os.devnull, os.O_RDONLY))
said = []
for what in (
    lambda: m.messages.append("s", role="user", content="kettle two"),
    lambda: m.search("kettle", mode="keyword"),
    lambda: m.catch_up(),
    lambda: m.backup(sys.argv[1] + "-backups"),
):
    try:
        what()
        said.append("done")
    except Exception as error:
        said.append(type(error).__name__)
for each in taken:
    os.close(each)
print(" ".join(said))
count = m.messages.count()
m.messages.append("s", role="user", content="kettle three")
m.catch_up()
assert len(m.search("kettle", mode="keyword", fold=False).hits) == count + 1, count
m.backup(sys.argv[1] + "-backups")
m.close()
"""


def test_no_more_files_fail_one_thing_at_a_time_and_break_nothing(tmp_path):
    command = [sys.executable, "-c", HANDLES, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    known = {"done", "StoreFault", "IndexerError", "OSError", "BackupFault"}
    assert set(done.stdout.split()) <= known
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
    assert (tmp_path / "store-backups").exists()
    with Memory.open(tmp_path / "store") as memory:
        assert memory.stats().index.lag == 0
        assert is_whole(memory)
