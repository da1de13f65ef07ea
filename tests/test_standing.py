"""`hark status`: how imported files stand, what needs attention first, and what was never imported."""

import os
import shutil
import sqlite3
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory.importing.standing import SourceStatus, standings
from memory.operations import status_
from memory.operations.status_ import Arguments

DATA = Path(__file__).parent / "data"


@pytest.fixture
def histories(tmp_path):
    """A folder with a file that has lines, a document, and a database."""
    folder = tmp_path / "histories"
    folder.mkdir()
    shutil.copy(next((DATA / "codex").glob("rollout-2026*.jsonl")), folder / "lines.jsonl")
    shutil.copy(DATA / "chatgpt" / "conversations.json", folder / "document.json")
    shutil.copy(DATA / "hermes" / "state.db", folder / "state.db")
    return folder


def states(memory):
    return {Path(each.path).name: (each.state, each.lag_bytes) for each in standings(memory.store.marks.all())}


def test_what_was_just_imported_is_level(memory, histories):
    memory.import_(histories)

    assert states(memory) == {"lines.jsonl": ("level", 0), "document.json": ("level", 0), "state.db": ("level", 0)}


def test_a_file_that_grew_is_behind_by_what_came(memory, histories):
    memory.import_(histories)
    with (histories / "lines.jsonl").open("a") as file:
        file.write("x" * 99 + "\n")

    assert states(memory)["lines.jsonl"] == ("behind", 100)


def test_a_rewritten_document_is_behind_as_a_whole(memory, histories):
    memory.import_(histories)
    (histories / "document.json").write_text("[" + " " * 48 + "]")
    (histories / "lines.jsonl").write_text("{}\n")

    assert states(memory)["document.json"] == ("changed", 50)
    assert states(memory)["lines.jsonl"] == ("changed", 3)


def test_a_database_that_was_written_to_has_changed(memory, histories):
    memory.import_(histories)
    other = sqlite3.connect(histories / "state.db")
    other.execute("pragma journal_mode = wal")
    memory.import_(histories)
    assert states(memory)["state.db"] == ("level", 0)

    other.execute("create table more (id integer)")
    other.commit()
    log = histories / "state.db-wal"
    os.utime(log, (log.stat().st_atime, log.stat().st_mtime + 5))

    assert states(memory)["state.db"] == ("changed", None)
    other.close()


def test_a_file_that_is_gone_is_kept_here(memory, histories):
    memory.import_(histories)
    (histories / "lines.jsonl").unlink()

    assert states(memory)["lines.jsonl"] == ("gone", None)


def test_an_unfinished_line_is_no_lag_that_an_import_could_mend(memory, histories):
    with (histories / "lines.jsonl").open("a") as file:
        file.write('{"type":')
    memory.import_(histories)

    assert states(memory)["lines.jsonl"] == ("level", 8)


class TestArchives:
    """An archive stands for its members."""

    @pytest.fixture
    def archive(self, tmp_path, memory):
        path = tmp_path / "export.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(DATA / "chatgpt" / "conversations.json", "inner/conversations.json")
        memory.import_(path)
        return path

    def test_members_are_the_sources_and_level(self, memory, archive):
        [source] = standings(memory.store.marks.all())

        assert source.path == f"{archive}/inner/conversations.json"
        assert (source.format, source.state, source.lag_bytes) == ("chatgpt", "level", 0)

    def test_members_of_another_archive_of_that_name_have_changed(self, memory, archive):
        archive.write_bytes(archive.read_bytes() + b"more")

        assert [each.state for each in standings(memory.store.marks.all())] == ["changed"]

    def test_members_are_gone_with_their_archive(self, memory, archive):
        archive.unlink()

        assert [each.state for each in standings(memory.store.marks.all())] == ["gone"]


def source(number, state="level", problems=0, format="codex"):
    return SourceStatus(
        path=f"/histories/{number:05d}.jsonl",
        format=format,
        sessions=1,
        messages=10,
        imported_at=datetime(2026, 1, 1, tzinfo=UTC),
        lag_bytes=None if state == "gone" else 5 if state == "behind" else 0,
        problems=[{"line": 1, "what": "broken"}] * problems,
        state=state,
    )


def shown(memory, sources, **arguments):
    answer = status_.run(memory, Arguments())
    answer.sources = sources
    answer.formats = status_.by_format(sources)
    for each in sources:
        answer.totals.add(each)
    return list(status_.rows(answer, Arguments(**arguments)))


def test_what_needs_attention_comes_first(memory):
    rows = shown(
        memory, [source(1), source(2, "gone"), source(3, "behind"), source(4, problems=2), source(5, "changed")]
    )

    assert [row[-1][-7:-6] for row in rows] == ["4", "3", "5", "1", "2"]


def test_many_files_are_totalled_by_format(memory):
    many = [source(number, format="codex" if number % 3 else "pi") for number in range(30)]
    rows = shown(memory, [*many, source(99, "behind"), source(98, problems=1)])

    assert [row[1:4] for row in rows[:3]] == [
        ("codex", "22 files", "220 messages"),
        ("pi", "10 files", "100 messages"),
        ("in all", "32 files", "320 messages"),
    ]
    assert [row[-1][-7:-6] for row in rows[4:6]] == ["8", "9"]
    assert rows[-1] == "--all lists all 32 files"
    assert len(shown(memory, many, all=True)) == 30


def test_places_that_were_never_imported_are_shown(memory, monkeypatch):
    monkeypatch.delenv("CODEX_HOME", raising=False)
    place = Path(os.environ["HOME"]) / ".codex" / "sessions"
    shutil.copytree(DATA / "codex", place)
    assert ("codex", "about 5 files") in [
        row[:2] for row in status_.rows(status_.run(memory, Arguments()), Arguments())
    ]

    memory.import_(place)

    assert [each.imported_at is not None for each in status_.run(memory, Arguments()).places] == [True]
    assert "not imported yet:" not in list(status_.rows(status_.run(memory, Arguments()), Arguments()))
