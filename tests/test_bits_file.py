"""The sign bits of vectors are read from a file at the next start; the file may be gone, old, damaged or of another log."""

from pathlib import Path

import numpy as np
import pytest

from indexers.vectors.bits import Bits
from indexers.vectors.bits_file import read_bits, read_head, write_bits
from memory import Memory, nearest

BIRDS = ("heron", "gannet", "cormorant", "kittiwake", "dunlin", "avocet", "plover", "whimbrel")


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(nearest, "FILE_FROM", 20)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store whose bits are in a file."""
    with Memory.open(tmp_path / "s") as memory:
        session = memory.sessions.create(id="birds")
        for n in range(10):
            said = [{"id": f"{bird}{n}", "role": "user", "content": f"a {bird} stands at sluice {n}"} for bird in BIRDS]
            memory.messages.append_many(session.id, said)
        near(memory, "a heron")
    assert file_of(tmp_path / "s").exists()
    return tmp_path / "s"


def file_of(place: Path) -> Path:
    return place / "vectors_1.bits"


def near(memory: Memory, text: str) -> list[str]:
    return [hit.id for hit in memory.search(text, mode="semantic", limit=100, min_score=0, fold=False).hits]


def fresh(place: Path, text: str) -> list[str]:
    """Answer as a start without the file does."""
    file_of(place).unlink(missing_ok=True)
    with Memory.open(place) as memory:
        return near(memory, text)


def reads(monkeypatch) -> list[Path]:
    """Note which files are used."""
    from indexers.vectors.sqlite_vec import SqliteVecIndex

    used: list[Path] = []
    real = SqliteVecIndex.read
    monkeypatch.setattr(SqliteVecIndex, "read", lambda self, path: real(self, path) and (used.append(path) or True))
    return used


def test_a_start_with_the_file_answers_as_one_without(place, monkeypatch):
    used = reads(monkeypatch)
    with Memory.open(place) as memory:
        answered = near(memory, "a gannet at the sluice")
    assert used == [file_of(place)]
    assert answered == fresh(place, "a gannet at the sluice")
    assert file_of(place).stat().st_mode & 0o077 == 0


def test_what_was_written_since_is_taken_up(place, monkeypatch):
    with Memory.open(place) as memory:
        memory.messages.update("heron3", content="a teapot is on the shelf")
        memory.messages.delete("gannet4")
        memory.messages.append("birds", id="new", role="user", content="a heron lands")
    used = reads(monkeypatch)
    with Memory.open(place) as memory:
        answered = near(memory, "a heron lands")
        assert near(memory, "teapot on the shelf")[0] == "heron3"
    assert used
    assert answered[0] == "new"
    assert "gannet4" not in answered
    assert answered == fresh(place, "a heron lands")


def test_much_that_is_new_has_the_file_written_anew(place, monkeypatch):
    monkeypatch.setattr(nearest, "RELOAD_ABOVE", 5)
    before = read_head(file_of(place))
    with Memory.open(place) as memory:
        memory.messages.append_many("birds", [{"role": "user", "content": f"a wren in bush {n}"} for n in range(30)])
    with Memory.open(place) as memory:
        near(memory, "a wren")
    assert read_head(file_of(place))["seq"] > before["seq"]


@pytest.mark.parametrize("damage", [b"", b"HARKBITS1\n", b"nonsense" * 100, None])
def test_a_damaged_file_is_no_loss(place, damage, monkeypatch):
    whole = bytearray(file_of(place).read_bytes())
    if damage is None:
        whole[-5] ^= 1
    file_of(place).write_bytes(whole if damage is None else damage)
    used = reads(monkeypatch)
    with Memory.open(place) as memory:
        answered = near(memory, "a heron")
    assert used == []
    assert answered == fresh(place, "a heron")


def test_a_file_of_another_log_is_not_used(place, monkeypatch):
    with Memory.open(place) as memory:
        memory.store.database.rows("update change set token = token + 1")
    used = reads(monkeypatch)
    with Memory.open(place) as memory:
        near(memory, "a heron")
    assert used == []


def test_forgetting_takes_the_file_away(place):
    with Memory.open(place) as memory:
        memory.forget("message:heron3")
        assert not file_of(place).exists()
        assert "heron3" not in near(memory, "a heron stands at sluice 3")


def test_rows_that_are_dropped_are_not_written(tmp_path):
    bits = Bits(64, {"record": np.dtype("<i8")})
    bits.append(np.arange(1, 5), np.arange(32, dtype=np.uint8).reshape(4, 8), {"record": np.arange(4)})
    bits.drop(np.array([2, 4]))
    write_bits(tmp_path / "b", bits, {"of": "this"})

    found = read_bits(tmp_path / "b", 64, {"record": np.dtype("<i8")})

    assert found.keys.tolist() == [1, 3]
    assert found.column("record").tolist() == [0, 2]
    assert read_head(tmp_path / "b") == {"of": "this"}
    assert read_bits(tmp_path / "b", 128, {"record": np.dtype("<i8")}) is None
    assert read_bits(tmp_path / "b", 64, {"other": np.dtype("<i8")}) is None
    found.append(np.array([9]), np.zeros((1, 8), np.uint8), {"record": np.array([7])})
    assert found.keys.tolist() == [1, 3, 9]
