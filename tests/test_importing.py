"""Importing histories into a store: once, whole, and on from where it was."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memory import Memory
from memory.errors import SourceFault, UnknownFormat

DATA = Path(__file__).parent / "data"


def lines(*texts, session="5b0c2f8e-7f0e-4f27-9c5d-0d2c8f1a1111", start=0):
    """Claude Code lines of one session, one prompt a text."""
    for i, text in enumerate(texts, start):
        yield json.dumps(
            {
                "type": "user",
                "sessionId": session,
                "uuid": f"5b0c2f8e-7f0e-4f27-9c5d-{i:012d}",
                "parentUuid": None,
                "isSidechain": False,
                "cwd": "/home/ada/kiosk",
                "timestamp": f"2026-02-01T10:{i // 60:02d}:{i % 60:02d}.000Z",
                "message": {"role": "user", "content": text},
            }
        )


@pytest.fixture
def history(tmp_path):
    """A Claude Code file of three prompts."""
    path = tmp_path / "projects" / "history.jsonl"
    path.parent.mkdir()
    path.write_text("\n".join(lines("why is the kettle red", "paint it blue", "thanks")) + "\n")
    return path


def said(memory):
    return [(each.session_id, each.seq, each.role, each.content) for each in memory.messages.list(limit=200).items]


def test_what_was_imported_is_found_with_its_source(memory, history):
    report = memory.import_(history)

    assert (report.totals["added"], report.totals["sessions"], report.totals["problems"]) == (3, 1, 0)
    hit = memory.search("red kettle").hits[0]
    assert (hit.role, hit.seq, hit.project) == ("user", 1, "kiosk")
    assert hit.source == {"format": "claude-code", "path": str(history.resolve())}


def test_a_second_import_adds_nothing(memory, history):
    memory.import_(history)
    once = memory.changes()

    report = memory.import_(history)

    assert memory.changes() == once
    assert (report.totals["added"], report.totals["unchanged"], report.totals["sessions"]) == (0, 3, 1)


def test_a_file_that_has_grown_is_read_from_where_it_stopped(memory, history):
    memory.import_(history)
    with history.open("a") as file:
        file.write("\n".join(lines("and now green", "no, blue", start=3)) + "\n")

    report = memory.import_(history)

    assert report.totals["added"] == 2
    assert [each[1] for each in said(memory)] == [1, 2, 3, 4, 5]
    assert memory.store.marks.get(str(history.resolve())).offset_bytes == history.stat().st_size


@pytest.mark.parametrize("sample", sorted(DATA.rglob("*.jsonl")), ids=lambda path: path.name)
def test_a_file_that_grows_line_by_line_is_counted_as_if_it_were_read_at_once(memory, sample, tmp_path):
    path = tmp_path / "growing.jsonl"
    form = sample.relative_to(DATA).parts[0]
    for line in sample.read_bytes().splitlines(keepends=True):
        with path.open("ab") as file:
            file.write(line)
        [grown] = memory.import_(path, format=form).sources
    with Memory.open(tmp_path / "at-once") as at_once:
        [whole] = at_once.import_(path, format=form).sources

    assert (grown.messages, grown.sessions) == (whole.messages, whole.sessions)
    assert memory.store.marks.get(str(path)).messages == whole.messages


def test_a_copy_elsewhere_and_a_touched_file_add_nothing(memory, history, tmp_path):
    memory.import_(history)
    shutil.copy(history, tmp_path / "copy.jsonl")
    os.utime(history)

    report = memory.import_([history, tmp_path / "copy.jsonl"])

    assert (report.totals["added"], report.totals["unchanged"], report.totals["sessions"]) == (0, 6, 1)


def test_a_rewritten_file_is_noticed(memory, history):
    memory.import_(history)
    history.write_text("\n".join(lines("why is the kettle red", "paint it PINK instead", "thanks", "one more")) + "\n")

    memory.import_(history)

    assert "one more" in [each[3] for each in said(memory)]
    assert len(said(memory)) == 4


def test_a_rewritten_start_is_noticed_in_a_file_that_grew(memory, history):
    texts = [f"prompt number {i} about kettles and ports" for i in range(400)]
    history.write_text("\n".join(lines(*texts)) + "\n")
    memory.import_(history)
    other = [line.replace("5d-0000", "5d-9999").replace("prompt number", "PROMPT NUMBER") for line in lines(*texts[:3])]
    history.write_text("\n".join([*other, *lines(*texts[3:], start=3), *lines("one more", start=400)]) + "\n")

    memory.import_(history)

    assert memory.messages.count() == 404


def test_a_file_with_a_half_written_last_line_has_a_mark(memory, history):
    whole = history.stat().st_size
    with history.open("a") as file:
        file.write("".join(lines("late news", start=3))[:100])

    memory.import_(history)
    again = memory.import_(history)

    [mark] = memory.store.marks.all()
    assert (mark.offset_bytes, mark.messages, again.totals["messages"]) == (whole, 3, 3)


def test_a_half_written_last_line_is_left_for_the_next_import(memory, history):
    whole = "\n".join(lines("late news", start=3))
    with history.open("a") as file:
        file.write(whole[:100])

    first = memory.import_(history)
    with history.open("a") as file:
        file.write(whole[100:] + "\n")
    second = memory.import_(history)

    assert (first.totals["added"], first.totals["problems"]) == (3, 0)
    assert (second.totals["added"], second.totals["problems"]) == (1, 0)


def test_broken_lines_are_reported_with_their_numbers_and_the_rest_is_read(memory, history):
    good = list(lines("one", "two", "three"))
    broken = ["{not json", good[1][:80], "\x00\x00" + good[1], '{"type": "user", "x": NaN}', "[1, 2]", "\xff\xfe"]
    history.write_text("\n".join([good[0], *broken, good[2]]) + "\n", encoding="latin-1")

    report = memory.import_(history)

    assert [each[3] for each in said(memory)] == ["one", "two", "three"]
    assert [problem["line"] for problem in report.sources[0].problems] == [2, 3, 5, 6, 7]


def test_a_line_of_fifty_megabytes_is_read_or_named(memory, history):
    with history.open("a") as file:
        file.write("\n".join(lines("x" * 50_000_000, "behind it", start=3)) + "\n")

    report = memory.import_(history)

    assert report.totals["added"] == 5
    assert memory.search("behind it", mode="keyword").hits[0].seq == 5


def test_what_is_no_history_is_skipped_and_listed(memory, history):
    folder = history.parent
    (folder / "empty.jsonl").write_text("")
    (folder / "picture.png").write_bytes(bytes(range(256)) * 20)
    (folder / "code.py").write_text("# not a note\nimport os\n")
    (folder / "other.json").write_text('{"a": [1, 2]}')
    (folder / "deep.jsonl").write_text("[" * 100_000)

    report = memory.import_(folder)

    assert [source.format for source in report.sources] == ["claude-code"]
    assert {Path(each["path"]).name for each in report.skipped} == {
        "empty.jsonl", "picture.png", "code.py", "other.json", "deep.jsonl",
    }  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b'{"a": 1}\n', b"\xff\xfe\xfa"])
def test_a_file_that_is_named_and_not_known_is_an_error(memory, tmp_path, content):
    (tmp_path / "odd.bin").write_bytes(content)

    with pytest.raises(UnknownFormat, match=r"odd\.bin"):
        memory.import_(tmp_path / "odd.bin")


def test_a_missing_path_is_an_error(memory, tmp_path):
    with pytest.raises(SourceFault, match="no such file"):
        memory.import_(tmp_path / "nowhere")


def test_what_is_neither_file_nor_directory_is_an_error(memory, tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(SourceFault, match="no regular file"):
        memory.import_(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["odd-\ud800.jsonl", "~nobody-of-that-name/a.jsonl"])
def test_a_path_that_no_store_can_hold_is_an_error(memory, name):
    with pytest.raises(SourceFault, match=r"odd|nobody"):
        memory.import_(name)


def test_a_file_whose_name_is_not_utf8_is_skipped_and_listed(memory, history):
    shutil.copy(history, os.fsencode(history.parent) + b"/odd-\xff.jsonl")

    report = memory.import_(history.parent)

    assert report.totals["added"] == 3
    assert "UTF-8" in report.skipped[0]["reason"]
    assert report.model_dump_json()


def test_a_directory_that_cannot_be_read_is_listed(memory, history, monkeypatch):
    (history.parent / "closed").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)

    report = memory.import_(history.parent)

    assert report.totals["added"] == 3
    closed = {"path": str(history.parent / "closed"), "reason": "cannot be read (Permission denied)"}
    assert report.skipped == [closed]


def test_when_the_source_is_gone_nothing_is(memory, history):
    memory.import_(history)
    history.unlink()

    assert len(said(memory)) == 3
    assert memory.search("kettle").hits


def test_what_was_deleted_for_good_does_not_come_back(memory, history):
    memory.import_(history)
    gone = memory.search("paint it blue").hits[0].id
    memory.messages.delete(gone, hard=True)
    os.utime(history)

    memory.import_(history)

    assert [each[3] for each in said(memory)] == ["why is the kettle red", "thanks"]


def test_a_project_that_is_named_later_wins_and_is_searched_by(memory, history):
    memory.import_(history)
    memory.import_(history, project="teahouse")

    assert [session.project for session in memory.sessions.list().items] == ["teahouse"]
    for mode in ("keyword", "semantic"):
        assert memory.search("kettle", project="teahouse", mode=mode).hits[0].project == "teahouse"
        assert memory.search("kettle", project="kiosk", mode=mode).hits == []


def test_what_comes_to_a_deleted_session_comes_back_with_it(memory, history):
    memory.import_(history)
    [session] = memory.sessions.list().items
    memory.sessions.delete(session.id)
    with history.open("a") as file:
        file.write("\n".join(lines("and now green", start=3)) + "\n")

    memory.import_(history)

    assert said(memory) == []
    assert memory.search("green").hits == []
    memory.sessions.restore(session.id)
    assert [each[1] for each in said(memory)] == [1, 2, 3, 4]
    assert memory.search("green").hits[0].seq == 4
    assert memory.sessions.get(session.id).message_count == 4


def test_the_same_message_in_two_sessions_is_a_fork(memory, tmp_path):
    original = "\n".join(lines("shared one", "shared two", "only in the first"))
    fork = original.replace("5b0c2f8e-7f0e-4f27-9c5d-0d2c8f1a1111", "5b0c2f8e-7f0e-4f27-9c5d-0d2c8f1a2222")
    fork = fork.replace("000000000002", "000000000099").replace("only in the first", "only in the second")
    (tmp_path / "a.jsonl").write_text(original + "\n")
    (tmp_path / "b.jsonl").write_text(fork + "\n")

    memory.import_(tmp_path)

    second = memory.messages.list("5b0c2f8e-7f0e-4f27-9c5d-0d2c8f1a2222").items
    assert [each.content for each in second] == ["shared one", "shared two", "only in the second"]
    assert len(said(memory)) == 4


def test_the_samples_of_every_format_are_imported_with_forks_and_sub_agents(memory):
    report = memory.import_(DATA)
    again = memory.import_(DATA)

    assert {source.format for source in report.sources} >= {"claude-code", "codex", "openai-chat", "markdown"}
    assert again.totals["added"] == 0
    assert again.totals["messages"] == report.totals["messages"]
    parents = [session for session in memory.sessions.list(limit=200).items if session.parent_id]
    assert parents
    assert all(memory.sessions.get(session.parent_id) for session in parents)


def test_a_child_that_comes_before_its_parent_is_linked_when_that_comes(tmp_path):
    codex = sorted((DATA / "codex").glob("*.jsonl"))
    with Memory.open(tmp_path / "forward") as forward, Memory.open(tmp_path / "backward") as backward:
        forward.import_(codex)
        backward.import_(codex[::-1])

        def links(memory):
            return sorted((each.id, each.parent_id or "") for each in memory.sessions.list(limit=200).items)

        assert links(forward) == links(backward)
        assert any(parent for _, parent in links(forward))


IMPORT = "import sys; from memory import Memory; m = Memory.open(sys.argv[1]); m.import_(sys.argv[2]); m.close()"


@pytest.mark.slow
def test_three_processes_import_and_write_at_once(tmp_path):
    history = tmp_path / "long.jsonl"
    history.write_text("\n".join(lines(*(f"prompt number {i}" for i in range(1500)))) + "\n")
    with Memory.open(tmp_path / "store") as memory:
        other = memory.sessions.create(title="meanwhile")
        command = [sys.executable, "-c", IMPORT, str(tmp_path / "store"), str(history)]
        children = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
        count = 0
        while any(child.poll() is None for child in children) and count < 2000:
            memory.messages.append(other.id, role="user", content=f"saved meanwhile {count}")
            count += 1
        assert [(child.communicate(timeout=120)[1], child.returncode) for child in children] == [(b"", 0)] * 3
        assert memory.messages.count() == 1500 + count
        memory.catch_up()
        assert memory.search(f'"saved meanwhile {count - 1}"', mode="keyword").hits
        assert memory.search('"prompt number 1499"', mode="keyword").hits


@pytest.mark.slow
def test_real_histories_agree_with_an_independent_count(real_data, tmp_path):
    folders = [real_data / "transcripts" / "claude-code", real_data / "transcripts" / "codex"]
    counted = [
        json.loads(
            subprocess.run(
                [sys.executable, "benchmarks/count_transcripts.py", str(folder), "--json"],
                check=True, capture_output=True, cwd=Path(__file__).parents[1],
            ).stdout
        )
        for folder in folders
    ]  # fmt: skip
    with Memory.open(tmp_path / "store") as memory:
        report = memory.import_(folders)
        again = memory.import_(folders)

        assert report.totals["added"] == sum(each[-1]["messages"] for each in counted)
        assert report.totals["sessions"] == sum(each[-1]["sessions"] for each in counted)
        assert (again.totals["added"], again.totals["sessions"]) == (0, report.totals["sessions"])
        roles = dict(memory.store.database.rows("select role, count(*) from message group by role"))
        for role in ("user", "assistant", "system", "tool"):
            assert roles[role] == sum(each[-1][role] for each in counted)


def test_a_parent_may_stand_behind_its_child_and_an_id_may_be_no_text(memory, tmp_path):
    nodes = {}
    for name, parent, text in (("leaf", "root\ud800", "the answer"), ("root\ud800", "leaf", "the question")):
        message = {"id": name, "author": {"role": "user"}, "content": {"content_type": "text", "parts": [text]}}
        nodes[name] = {"id": name, "parent": parent, "children": [], "message": message}
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([{"conversation_id": "c\udfff", "mapping": nodes, "current_node": "leaf"}]))

    assert memory.import_(path).totals["added"] == 2
    assert memory.import_(path).totals["added"] == 0
    [session] = memory.sessions.list().items
    assert len(memory.sessions.get(session.id, messages=True).messages) == 2


def test_what_is_read_again_and_has_not_changed_is_not_written_again(tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        shutil.copytree(DATA, tmp_path / "data")
        memory.import_(tmp_path / "data")
        last = memory.store.changes.last_seq()
        for path in (tmp_path / "data").rglob("*"):
            # marks no longer know the files, so that all is read from the start
            path.is_file() and os.utime(path, (1, 1))
        memory.store.database.rows("update import_mark set read_hash = x'00', state = null")

        again = memory.import_(tmp_path / "data")

        assert again.totals["added"] == 0
        touched = {kind for kind, _ in memory.store.changes.touched(last, memory.store.changes.last_seq())}
        assert touched <= {"session"}
        assert memory.message_versions.count() == 0


def test_an_answer_that_was_edited_elsewhere_is_written_anew_and_keeps_what_it_said(memory, tmp_path):
    def session(text):
        message = {"id": "m1", "timestamp": "2026-01-10T09:00:00Z", "type": "gemini", "content": text}
        head = {
            "sessionId": "kiosk-1",
            "projectHash": "p",
            "startTime": "2026-01-10T09:00:00Z",
            "lastUpdated": "2026-01-10T09:00:00Z",
        }
        return json.dumps(head | {"messages": [message]})

    path = tmp_path / "session-1.json"
    for text in ("The kettle", "The kettle is red.", "The kettle is blue."):
        path.write_text(session(text))
        memory.import_(path)

    [message] = memory.messages.list().items
    assert message.content == "The kettle is blue."
    assert [each.content for each in memory.messages.versions(message.id)] == ["The kettle is red."]
    assert memory.search("kettle is blue", mode="keyword").hits
    assert not memory.search('"kettle is red"', mode="keyword").hits


def test_a_session_and_its_fork_in_one_file_share_their_beginning(memory, tmp_path):
    origin, fork = "5b0c2f8e-7f0e-4f27-9c5d-000000000001", "5b0c2f8e-7f0e-4f27-9c5d-000000000002"
    lines = []
    for session, said in ((origin, [1, 2, 3]), (fork, [1, 2, 4])):
        for n in said:
            line = {
                "type": "user",
                "sessionId": session,
                "isSidechain": False,
                "parentUuid": None,
                "cwd": "/home/ada/kiosk",
            }
            line |= {"uuid": f"6b0c2f8e-7f0e-4f27-9c5d-{n:012d}", "timestamp": f"2026-02-01T10:00:0{n}.000Z"}
            lines.append(line | {"message": {"role": "user", "content": f"prompt number {n}"}})
    (tmp_path / "both.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    memory.import_(tmp_path / "both.jsonl")

    for session, said in ((origin, [1, 2, 3]), (fork, [1, 2, 4])):
        assert [each.content for each in memory.messages.list(session).items] == [f"prompt number {n}" for n in said]
    assert memory.import_(tmp_path / "both.jsonl").totals["added"] == 0
