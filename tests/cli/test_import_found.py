"""`hark import` without a path: what is found on this machine is listed, and asked about."""

import io
import json
import os
import shutil
from pathlib import Path

import pytest

from memory.api.cli.main import main

DATA = Path(__file__).parents[1] / "data"


class Typed(io.StringIO):
    """A terminal at which a person types."""

    def isatty(self):
        return True


@pytest.fixture
def hark(capsys, tmp_path, monkeypatch):
    """Run a command; `typed` is what the person at the terminal answers, None for no terminal."""

    def run(*arguments, typed=None):
        monkeypatch.setattr("sys.stdin", io.StringIO() if typed is None else Typed(typed))
        with pytest.raises(SystemExit) as stopped:
            main(["--store", str(tmp_path / "store"), *map(str, arguments)])
        said = capsys.readouterr()
        return stopped.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def home():
    """A home with histories of two agents."""
    home = Path(os.environ["HOME"])
    shutil.copytree(DATA / "claude-code", home / ".claude" / "projects")
    shutil.copytree(DATA / "codex", home / ".codex" / "sessions")
    return home


def test_what_is_found_is_listed_and_imported_when_agreed(hark, home, tmp_path):
    code, out, err = hark("import", typed="y\n")

    assert code == 0
    assert "claude-code" in err
    assert str(home / ".codex" / "sessions") in err
    assert "never imported" in err
    assert "in all" in err
    assert "added" in out
    assert len(json.loads(hark("sessions", "--json")[1])["items"]) > 1


def test_what_is_refused_is_not_imported_and_makes_no_store(hark, home, tmp_path):
    code, out, _ = hark("import", typed="n\n")

    assert (code, out.strip()) == (1, "")
    assert not (tmp_path / "store").exists()


def test_a_second_listing_says_that_nothing_is_new(hark, home):
    hark("import", "--yes")
    _, _, err = hark("import", typed="n\n")
    assert "0 new or grown" in err
    assert "Nothing of it is new" in err

    with next((home / ".codex" / "sessions").glob("*.jsonl")).open("a") as file:
        file.write("\n")

    assert "1 new or grown" in hark("import", typed="n\n")[2]


def test_a_format_narrows_what_is_found(hark, home):
    report = json.loads(hark("import", "--yes", "--format", "codex", "--json")[1])

    assert {Path(source["path"]).parent for source in report["sources"]} == {home / ".codex" / "sessions"}


def test_a_format_of_which_there_is_nothing_is_said(hark, home):
    code, _, err = hark("import", "--format", "droid", typed="y\n")

    assert (code, err.count("\n")) == (2, 1)
    assert "no histories of droid" in err


def test_a_machine_without_agents_is_said(hark):
    code, out, err = hark("import", "--yes")

    assert (code, err) == (0, "hark: no histories were found\n")
    assert "0 added" in out


def test_without_a_terminal_nothing_is_imported_unasked(hark, home, tmp_path):
    code, out, err = hark("import")

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--yes" in err
    assert not (tmp_path / "store").exists()
