"""Where agents' histories lie: which places count, how much is in them, and how much of that is new."""

import os
import shutil
from pathlib import Path

import pytest

from memory.importers import importers
from memory.importing import find_places, named_places, place_at
from memory.settings import expanded

DATA = Path(__file__).parent / "data"


@pytest.fixture
def home(monkeypatch):
    """An empty home; no variable of any agent is set."""
    for importer in importers().values():
        for name in getattr(importer, "PLACES", ()):
            if name.startswith("$"):
                monkeypatch.delenv(name[1:].partition("/")[0], raising=False)
    return Path(os.environ["HOME"])


@pytest.fixture
def claude(home):
    """Claude Code's place, with the tests' samples in it."""
    place = home / ".claude" / "projects"
    shutil.copytree(DATA / "claude-code", place)
    return place


def marks(memory):
    return memory.store.marks.outlines()


def test_a_home_without_agents_has_no_places(home):
    (home / ".codex" / "sessions").mkdir(parents=True)

    assert find_places() == []


def test_a_place_is_counted_by_files_and_bytes(claude):
    sizes = [path.stat().st_size for path in claude.rglob("*") if path.is_file()]

    [place] = find_places()

    assert (place.format, place.path, place.imported_at) == ("claude-code", str(claude), None)
    assert (place.files, place.size_bytes, place.new_files) == (len(sizes), sum(sizes), len(sizes))


def test_the_variable_that_moves_a_place_is_followed(home, monkeypatch, tmp_path):
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "moved"))
    shutil.copytree(DATA / "codex", tmp_path / "moved" / "archived_sessions")

    assert [place.path for place in find_places()] == [str(tmp_path / "moved" / "archived_sessions")]


@pytest.mark.parametrize("value", ["", "relative/path", ":memory:"])
def test_a_variable_that_names_no_absolute_path_names_no_place(home, monkeypatch, value):
    monkeypatch.setenv("CODEX_HOME", value)
    monkeypatch.setenv("OPENCODE_DB", value)

    assert expanded("$CODEX_HOME/sessions") is None
    assert expanded("$OPENCODE_DB") is None


def test_a_place_that_two_names_lead_to_counts_once(claude, home, monkeypatch):
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home / "by-link"))
    (home / "by-link").symlink_to(home / ".claude")

    assert len(find_places()) == 1


def test_a_place_inside_another_counts_in_the_outer_one(claude, monkeypatch):
    [inner] = [path for path in claude.iterdir() if path.is_dir()]
    monkeypatch.setenv("PI_CODING_AGENT_SESSION_DIR", str(inner))
    alone = sum(path.is_file() for path in claude.rglob("*"))

    [place] = find_places()

    assert (place.path, place.files) == (str(claude), alone)


def test_a_place_with_a_pattern_has_only_the_files_that_fit(home):
    data = home / ".local" / "share" / "opencode"
    data.mkdir(parents=True)
    for name in ("opencode.db", "opencode-beta.db", "opencode.db-wal", "auth.json"):
        (data / name).write_text(name)

    [place] = find_places(format="opencode")
    [named] = [each for each in named_places("opencode") if each.pattern]

    assert place.files == 2
    assert sorted(path.name for path in named.paths()) == ["opencode-beta.db", "opencode.db"]
    assert named.has(data / "opencode-next.db")
    assert not named.has(data / "auth.json")
    assert not named.has(data / "deeper" / "opencode.db")


@pytest.mark.parametrize("name", ["a[1].jsonl", "what*ever.jsonl", "plain.jsonl"])
def test_a_file_that_is_there_is_a_place_of_its_own(tmp_path, name):
    (tmp_path / name).write_text("{}")
    place = place_at(tmp_path / name)

    assert place.paths() == [tmp_path / name]
    assert place.has(tmp_path / name)
    assert not place.has(tmp_path / "a1.jsonl")


def test_what_was_imported_is_no_longer_new_and_what_grew_is(memory, claude):
    memory.import_(claude)
    assert find_places(marks(memory))[0].new_files == 0

    grown = next(claude.rglob("*.jsonl"))
    with grown.open("a") as file:
        file.write("\n")

    [place] = find_places(marks(memory))
    assert place.new_files == 1
    assert place.imported_at is not None


def test_what_no_format_reads_is_not_new_for_ever(memory, claude):
    (claude / "picture.png").write_bytes(b"\x89PNG")
    os.utime(claude / "picture.png", (1, 1))
    memory.import_(claude)

    assert find_places(marks(memory))[0].new_files == 0


def test_counting_opens_no_file(claude, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a file was opened")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr("builtins.open", refuse)

    assert find_places()


def test_every_named_place_begins_at_home_or_with_a_variable():
    for format, importer in importers().items():
        for name in getattr(importer, "PLACES", ()):
            assert name.startswith(("~/", "$")), (format, name)
            assert "\\" not in name
