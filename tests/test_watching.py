"""Histories are followed as they grow: live, from where they stopped, and by several watchers at once."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from memory import Memory
from memory.errors import SourceFault, StoreFault
from memory.importing import ImportReport

DATA = Path(__file__).parent / "data"
PATIENCE_SECONDS = 30

pytestmark = pytest.mark.slow


def line(number, text=None, session="5b0c2f8e-7f0e-4f27-9c5d-0d2c8f1a1111"):
    """One line of Claude Code: a prompt."""
    return (
        json.dumps(
            {
                "type": "user",
                "sessionId": session,
                "uuid": f"{session[:-12]}{number:012d}",
                "parentUuid": None,
                "isSidechain": False,
                "cwd": "/home/ada/kiosk",
                "timestamp": f"2026-02-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
                "message": {"role": "user", "content": text or f"prompt number {number}"},
            }
        )
        + "\n"
    )


def append(path, *lines):
    with path.open("a") as file:
        file.writelines(lines)


def until(holds):
    """Wait for a condition; give whether it came true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def history(tmp_path):
    """A Claude Code file of three prompts."""
    path = tmp_path / "projects" / "history.jsonl"
    path.parent.mkdir()
    append(path, line(0), line(1), line(2))
    return path


@contextmanager
def watched(memory, *paths, **arguments):
    """Watch in a thread; gives the reports as they come, once the first one is there."""
    stop, reports, faults = threading.Event(), [], []

    def follow():
        try:
            for report in memory.watch_sources(paths, stop=stop, **arguments):
                reports.append(report)
        except BaseException as error:  # noqa: BLE001 - told to the test
            faults.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        assert until(lambda: reports or faults), "no first report"
        yield reports
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    assert faults == []


def contents(memory):
    return [each.content for each in memory.messages.list(limit=200).items]


def test_what_is_there_is_imported_and_then_what_comes(memory, history):
    with watched(memory, history.parent) as reports:
        assert reports[0].totals["added"] == 3
        append(history, line(3, "and now green"))
        assert until(lambda: len(reports) == 2)

    assert (reports[1].totals["added"], reports[1].sources[0].path) == (1, str(history))
    assert memory.search("green").hits[0].seq == 4


def test_a_burst_is_taken_together(memory, history):
    with watched(memory, history.parent) as reports:
        for number in range(3, 103):
            append(history, line(number))
        assert until(lambda: memory.messages.count() == 103)

    assert len(reports) < 50


def test_a_line_that_is_written_in_halves_is_read_when_it_is_whole(memory, history):
    whole = line(3, "late news")
    with watched(memory, history.parent) as reports:
        append(history, whole[:80])
        append(history.with_name("other.jsonl"), line(9, "meanwhile", session=whole[29:65].replace("1111", "2222")))
        assert until(lambda: "meanwhile" in contents(memory))
        append(history, whole[80:])
        assert until(lambda: "late news" in contents(memory))

    assert sum(report.totals["problems"] for report in reports) == 0


def test_a_broken_line_is_told_once_and_watching_goes_on(memory, history):
    with watched(memory, history.parent) as reports:
        append(history, "{broken\n", line(3))
        assert until(lambda: memory.messages.count() == 4)
        append(history, line(4))
        assert until(lambda: memory.messages.count() == 5)

    told = [problem["line"] for report in reports for source in report.sources for problem in source.problems]
    assert told == [4]


def test_new_directories_are_followed(memory, history):
    with watched(memory, history.parent):
        deep = history.parent / "another" / "session" / "subagents"
        deep.mkdir(parents=True)
        append(deep / "agent.jsonl", line(50, "from the deep"))
        assert until(lambda: "from the deep" in contents(memory))
        append(deep / "agent.jsonl", line(51, "from the deep again"))
        assert until(lambda: "from the deep again" in contents(memory))


def test_a_source_that_is_deleted_ends_nothing(memory, history):
    with watched(memory, history.parent) as reports:
        history.unlink()
        append(history.with_name("other.jsonl"), line(60, "life goes on"))
        assert until(lambda: "life goes on" in contents(memory))

    assert memory.messages.count() == 4
    assert [report.skipped for report in reports] == [[], []]


def test_a_watched_directory_may_be_deleted_and_made_again(memory, history, monkeypatch):
    monkeypatch.setattr("memory.watching.LOOK_SECONDS", 0.1)
    with watched(memory, history.parent):
        shutil.rmtree(history.parent)
        history.parent.mkdir()
        append(history, line(70, "anew"))
        assert until(lambda: "anew" in contents(memory))


def test_of_a_named_file_nothing_beside_it_is_read(memory, history):
    with watched(memory, history) as reports:
        append(history.with_name("other.jsonl"), line(80))
        append(history, line(3, "in the file"))
        assert until(lambda: "in the file" in contents(memory))

    assert {source.path for report in reports for source in report.sources} == {str(history)}


def test_the_log_of_a_database_stands_for_the_database(memory, tmp_path):
    database = tmp_path / "hermes" / "state.db"
    database.parent.mkdir()
    shutil.copy(DATA / "hermes" / "state.db", database)
    other = sqlite3.connect(database)
    other.execute("pragma journal_mode = wal")
    with watched(memory, database.parent):
        columns = [row[1] for row in other.execute("pragma table_info(messages)") if row[1] != "id"]
        names = ", ".join("'written into the log'" if name == "content" else name for name in columns)
        other.execute(
            f"insert into messages ({', '.join(columns)}) select {names} from messages where role = 'user' limit 1"
        )
        other.commit()
        assert (tmp_path / "hermes" / "state.db-wal").stat().st_size > 0
        assert until(lambda: "written into the log" in contents(memory))
    other.close()


def test_what_belongs_to_a_history_has_that_read_again(memory, tmp_path):
    folder = tmp_path / "sessions" / "one"
    shutil.copytree(DATA / "grok", folder)
    with watched(memory, tmp_path / "sessions"):
        (folder / "summary.json").write_text(json.dumps({"generated_title": "The red kettle", "info": {}}))
        assert until(lambda: "The red kettle" in [each.title for each in memory.sessions.list().items])


def test_a_place_that_comes_into_being_is_found(memory, history, monkeypatch):
    monkeypatch.setattr("memory.watching.LOOK_SECONDS", 0.1)
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    place = Path(os.environ["HOME"]) / ".claude" / "projects"
    with watched(memory) as reports:
        assert reports[0].totals["sources"] == 0
        shutil.copytree(history.parent, place)
        assert until(lambda: memory.messages.count() == 3)
        append(place / history.name, line(3, "and now green"))
        assert until(lambda: "and now green" in contents(memory))


def test_where_the_file_system_gives_no_notices_files_are_looked_at(memory, history, monkeypatch):
    monkeypatch.setattr("memory.watching.POLL_SECONDS", 0.1)
    with watched(memory, history.parent, poll=True):
        append(history, line(3, "seen nevertheless"))
        assert until(lambda: "seen nevertheless" in contents(memory))


def test_where_no_more_notices_are_to_be_had_files_are_looked_at(memory, history, monkeypatch):
    def refuse(*_, **__):
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr("memory.watching.POLL_SECONDS", 0.1)
    monkeypatch.setattr("watchfiles.watch", refuse)
    with watched(memory, history.parent):
        append(history, line(3, "seen nevertheless"))
        assert until(lambda: "seen nevertheless" in contents(memory))


def test_a_store_among_what_is_watched_is_no_history(memory, history):
    with watched(memory, memory.store.directory.parent) as reports:
        append(history, line(3))
        assert until(lambda: memory.messages.count() == 4)
        append(history, line(4))
        assert until(lambda: memory.messages.count() == 5)

    assert len(reports) == 3
    assert [report.skipped for report in reports[1:]] == [[], []]


def test_what_cannot_be_written_now_is_written_later(memory, history, monkeypatch):
    monkeypatch.setattr("memory.watching.RETRY_SECONDS", 0.1)
    imported, refused = memory._imported, []

    def full_for_a_moment(paths, is_much, *rest, **arguments) -> ImportReport:
        if not is_much and not refused:
            refused.append(paths)
            raise StoreFault("the store: others have been writing for 10 s")
        return imported(paths, is_much, *rest, **arguments)

    monkeypatch.setattr(memory, "_imported", full_for_a_moment)
    with watched(memory, history.parent) as reports:
        append(history, line(3, "second try"))
        assert until(lambda: "second try" in contents(memory))

    assert "others have been writing" in reports[1].skipped[0]["reason"]


def test_a_path_that_is_not_there_is_an_error(memory, tmp_path):
    with pytest.raises(SourceFault, match="no such file"):
        next(memory.watch_sources([tmp_path / "nowhere"]))


class TestProcess:
    """`hark watch` as a real process."""

    @pytest.fixture
    def watch(self, tmp_path):
        """Start a watcher on a store in tmp_path, and wait for its first answer."""
        started = []

        def start(*arguments):
            command = [str(Path(sys.executable).with_name("hark")), "--store", str(tmp_path / "store"), "watch"]
            child = subprocess.Popen(
                [*command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            started.append(child)
            child.first = child.stdout.readline()
            return child

        yield start
        for child in started:
            child.kill()
            child.communicate()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_it_ends_in_peace_and_has_written_what_came(self, watch, history, tmp_path, number):
        child = watch(history.parent, "--json")
        append(history, line(3))
        second = json.loads(child.stdout.readline())
        child.send_signal(number)
        out, err = child.communicate(timeout=PATIENCE_SECONDS)

        assert (child.returncode, out, err) == (0, "", "")
        assert set(second) == set(ImportReport.model_fields)
        assert (json.loads(child.first)["totals"]["added"], second["totals"]["added"]) == (3, 1)

    def test_for_people_it_writes_a_line_an_import(self, watch, history):
        child = watch(history.parent)
        append(history, line(3))
        written = child.stdout.readline()
        append(history, "{broken\n", line(4))
        told = child.stderr.readline()

        assert "3 messages added" in child.first
        assert "1 message added" in written
        assert history.name in written
        assert told.startswith("hark: ")
        assert "line 5" in told

    def test_what_one_process_follows_another_finds(self, watch, history, tmp_path):
        watch(history.parent)
        append(history, line(3, "the samovar is leaking"))

        with Memory.open(tmp_path / "store") as reader:
            assert until(lambda: [hit.seq for hit in reader.search("samovar").hits] == [4])

    def test_two_watchers_add_nothing_twice(self, watch, history, tmp_path):
        children = [watch(history.parent), watch(history.parent)]
        other = history.with_name("other.jsonl")
        for number in range(3, 203):
            append(history, line(number))
            append(other, line(number, session="6b0c2f8e-7f0e-4f27-9c5d-0d2c8f1a2222"))
        with Memory.open(tmp_path / "store") as reader:
            assert until(lambda: reader.messages.count() == 403)
            for child in children:
                child.terminate()
                assert child.communicate(timeout=PATIENCE_SECONDS)[1] == ""
            again = reader.import_(history.parent)
            assert (again.totals["added"], reader.messages.count()) == (0, 403)
            assert sorted(each.message_count for each in reader.sessions.list().items) == [200, 203]

    def test_a_watcher_that_is_killed_loses_and_doubles_nothing(self, watch, history, tmp_path):
        count = 3
        for _ in range(4):
            child = watch(history.parent)
            for _ in range(30):
                append(history, line(count))
                count += 1
            child.stdout.readline()
            child.kill()
            child.wait()
        child = watch(history.parent)

        with Memory.open(tmp_path / "store") as reader:
            assert reader.messages.count() == count
            assert reader.search(f'"prompt number {count - 1}"', mode="keyword").hits
            assert [each.message_count for each in reader.sessions.list().items] == [count]
