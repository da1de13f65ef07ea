"""The command line: answers on stdout, one line of error on stderr, exit codes 0, 1, 2."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexers.embedders.static import MODEL_FOLDER, fingerprint
from memory import Memory
from memory.api.cli.main import main
from memory.operations import OPERATIONS

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def hark(capsys, tmp_path):
    """Run a command on a store in tmp_path: exit code, stdout, stderr."""

    def run(*arguments, store=tmp_path / "store"):
        given = ["--store", str(store), *arguments] if store else list(arguments)
        with pytest.raises(SystemExit) as stopped:
            main([str(each) for each in given])
        said = capsys.readouterr()
        return stopped.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def filled(hark):
    """A store with the sample histories of the tests."""
    code, _, _ = hark("import", DATA / "claude-code", DATA / "codex")
    assert code == 0
    return hark


def first_session(hark):
    return json.loads(hark("sessions", "--json", "--limit", "1")[1])["items"][0]


def test_import_and_search_answer_in_json_as_promised(hark):
    code, out, _ = hark("import", DATA / "claude-code", "--json")
    report = json.loads(out)
    assert code == 0
    assert set(report) >= {"sources", "totals", "seconds"}
    assert set(report["totals"]) == {"sources", "sessions", "messages", "added", "unchanged", "problems"}
    assert set(report["sources"][0]) >= {"path", "format", "sessions", "messages", "added", "unchanged", "problems"}

    code, out, _ = hark("search", "kiosk", "--json", "--limit", "2")
    result = json.loads(out)
    assert code == 0
    assert set(result) == {"query", "mode", "took_ms", "index_lag", "abstained", "legs", "hits"}
    assert {"name", "took_ms", "found"} <= set(result["legs"][0])
    wanted = "kind id session_id session_title project seq role sender created_at score snippet source why".split()
    assert set(wanted) <= set(result["hits"][0])
    assert result["hits"][0]["created_at"].endswith("Z")
    assert 0 < result["hits"][0]["score"] <= 1


def test_no_hits_is_done(filled):
    code, out, err = filled("search", "zeppelin revenue Patagonia")

    assert (code, out) == (0, "")
    assert "nothing relevant" in err


def test_words_need_no_quotes_and_a_dash_comes_behind_two(filled):
    assert json.loads(filled("search", "the", "kiosk", "--json")[1])["query"] == "the kiosk"
    assert json.loads(filled("search", "--json", "--", "-rf")[1])["query"] == "-rf"


def test_another_embedder_takes_over_by_reindex(filled, tmp_path):
    shutil.copytree(MODEL_FOLDER, tmp_path / "model")
    tokens = np.load(tmp_path / "model/tokens.npy")
    np.save(tmp_path / "model/tokens.npy", np.ascontiguousarray(tokens[:, ::-1]))
    (tmp_path / "model/model.json").write_text(f'{{"model": "turned:{fingerprint(tmp_path / "model")}"}}')

    out = filled("config", "embedder", f"static:{tmp_path / 'model'}")[1]
    assert "hark reindex" in out
    assert "until then static answers" in " ".join(out.split())
    assert "coming" in filled("stats")[1]
    assert "are being made; static answers" in " ".join(filled("status")[1].split())

    assert filled("reindex")[0] == 0
    vectors = json.loads(filled("stats", "--json")[1])["vectors"]
    assert (vectors["embedder"], vectors["coming"]) == (f"static:{tmp_path / 'model'}", None)
    assert [each["model"].partition(":")[0] for each in vectors["models"]] == ["turned"]


def test_every_command_has_help_json_and_store(hark):
    for each in OPERATIONS:
        code, out, _ = hark(each.name, "--help", store=None)
        assert code == 0
        assert "--json" in out
        assert "--store" in out


def test_every_reading_command_answers_with_one_json_document(filled):
    session = first_session(filled)["id"]
    message = json.loads(filled("show", session, "--json")[1])["messages"][0]["id"]
    for arguments in (
        ["status"], ["projects"], ["config"], ["stats"], ["sessions"], ["show", session], ["around", message], ["blame", "kiosk.py"],
        ["fix", "error"], ["how", "Bash"], ["files", "kiosk"], ["resume"], ["learnings"], ["graph", f"session:{session}"],
        ["recall", "kiosk"],
    ):  # fmt: skip
        code, out, err = filled(*arguments, "--json")
        assert (code, err) == (0, ""), arguments
        assert json.loads(out) is not None
        assert filled(*arguments)[0] == 0


def test_what_was_learned_and_related_is_listed(hark):
    code, out, _ = hark(
        "learn", "decision", "the", "port", "is", "8470", "--project", "web", "--file", "settings.py", "--json"
    )
    learning = json.loads(out)
    assert (code, learning["content"], learning["project"]) == (0, "the port is 8470", "web")

    hark("learn", "decision", "the port is 9000", "--supersedes", learning["id"])
    assert [each["content"] for each in json.loads(hark("learnings", "--json")[1])["items"]] == ["the port is 9000"]
    assert len(json.loads(hark("learnings", "--superseded", "--json")[1])["items"]) == 2

    assert hark("relate", "a.py", "b.py", "--type", "code_code", "--label", "calls")[0] == 0
    graph = json.loads(hark("graph", "b.py", "--json")[1])
    assert graph["refs"] == {"file:b.py": 0, "file:a.py": 1}


def test_an_id_may_be_given_by_its_beginning(filled):
    session = first_session(filled)

    assert json.loads(filled("show", session["id"][:24], "--json")[1])["id"] == session["id"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["search", "--colour", "x"], 2, "--colour"),
        (["search"], 2, "QUERY"),
        (["serch", "x"], 2, "serch"),
        (["search", "x", "--limit", "ten"], 2, "ten"),
        (["search", "x", "--limit", "0"], 2, "limit"),
        (["search", "x", "--mode", "magic"], 2, "magic"),
        (["search", "x", "--after", "someday"], 2, "someday"),
        (["show", "nothing"], 1, "nothing"),
        (["around", "nothing"], 1, "nothing"),
        (["import", "nowhere"], 1, "nowhere"),
        (["graph", "x", "--depth", "99"], 2, "depth"),
        (["import"], 2, "path"),
        (["import", "x", "--format", "magic"], 2, "magic"),
        (["config", "embedder", "magic"], 1, "magic"),
        (["relate", "a", "b"], 2, "type"),
    ],
)
def test_a_wrong_question_is_one_line_that_says_which(filled, arguments, code, says, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    got, out, err = filled(*arguments)

    assert (got, out) == (code, "")
    assert err.count("\n") == 1
    assert err.startswith("hark: ")
    assert says in err


def test_a_store_that_is_not_there_is_not_made_by_reading(hark, tmp_path):
    for command in (["search", "x"], ["sessions"], ["stats"], ["recall", "x"], ["status"]):
        code, _, err = hark(*command, store=tmp_path / "none")
        assert (code, err.count("\n")) == (1, 1)
        assert "no store there" in err
    assert not (tmp_path / "none").exists()


def test_an_import_of_nothing_makes_no_store(hark, tmp_path):
    for arguments in (["import"], ["import", tmp_path / "nowhere"]):
        assert hark(*arguments, store=tmp_path / "none")[0] in (1, 2)
    assert not (tmp_path / "none").exists()


def test_a_store_that_cannot_be_one_is_said(hark, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "store.db").write_bytes(b"this is no database, not at all" * 50)
    for store in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "foreign"):
        code, _, err = hark("learn", "fact", "x", store=store)
        assert (code, err.count("\n")) == (1, 1), store
        assert str(store) in err
    assert (tmp_path / "foreign" / "store.db").read_bytes().startswith(b"this is no database")


def test_a_newer_store_is_refused_and_left_as_it_is(filled, tmp_path):
    file = tmp_path / "store" / "store.db"
    with Memory.open(tmp_path / "store") as memory:
        memory.store.database.rows("pragma user_version = 999")
        memory.store.database.rows("pragma wal_checkpoint(truncate)")
    before = file.read_bytes()

    code, _, err = filled("search", "kiosk")

    assert (code, err.count("\n")) == (1, 1)
    assert "newer" in err
    assert file.read_bytes() == before


def test_an_empty_database_beside_a_marker_is_a_loss_not_a_new_store(filled, tmp_path):
    for name in ("store.db-wal", "store.db-shm"):
        (tmp_path / "store" / name).unlink(missing_ok=True)
    (tmp_path / "store" / "store.db").write_bytes(b"")

    code, _, err = filled("learn", "fact", "x")

    assert code == 1
    assert "restore" in err


def test_a_file_of_no_known_format_is_an_error_when_named_and_skipped_in_a_directory(hark, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "odd.bin").write_bytes(b"\x00\x01")

    code, _, err = hark("import", tmp_path / "in" / "odd.bin")
    assert (code, err.count("\n")) == (1, 1)
    code, out, _ = hark("import", tmp_path / "in", "--json")
    assert code == 0
    assert json.loads(out)["skipped"][0]["path"].endswith("odd.bin")


def test_what_is_shown_cannot_control_the_terminal(hark, tmp_path):
    with Memory.open(tmp_path / "store") as memory:
        session = memory.sessions.create(title="evil \x1b]0;title\x07 \u202etxt")
        memory.messages.append(session.id, role="user", content="kettle \x1b[31mred\x1b[0m \u202e reversed\r\n\x9b2J")

    for command in (["search", "kettle"], ["sessions"], ["show", session.id], ["recall", "kettle"]):
        out = hark(*command)[1]
        assert out.strip()
        assert not set(out) & set("\x1b\x07\r\x9b\u202e")


def test_the_demo_fills_a_store_and_finds_things(hark):
    code, out, err = hark("demo")

    assert (code, err) == (0, "")
    assert "8470" in out
    assert "Try next" in out
    assert json.loads(hark("demo", "--json")[1])["messages"] > 100
    learned = json.loads(hark("learnings", "--json")[1])["items"]
    assert len(learned) == 3
    assert all(json.loads(hark("around", each["source_messages"][0], "--json")[1]) for each in learned)


@pytest.mark.slow
class TestProcess:
    """The same as a real process."""

    def run(self, tmp_path, *arguments, **more):
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **more.pop("env", {})}
        command = [str(Path(sys.executable).with_name("hark")), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, env=env, timeout=60, check=False, **more)

    def test_a_reader_that_stops_is_no_error(self, tmp_path):
        self.run(tmp_path, "--store", tmp_path / "s", "demo")
        hark = Path(sys.executable).with_name("hark")
        command = f"{hark} --store {tmp_path / 's'} search port --json --limit 200 | head -c 10"
        done = subprocess.run(command, shell=True, capture_output=True, check=False)
        assert (done.stdout, done.stderr) == (b'{"query":"', b"")

    def test_without_a_home_or_with_odd_bytes_there_is_no_traceback(self, tmp_path):
        for env in ({"HOME": "/proc/nonexistent"}, {"HOME": "", "LC_ALL": "C"}, {"HARK_STORE": "/proc/nope"}):
            done = self.run(tmp_path, "learn", "fact", b"\xff\xfe odd".decode("utf-8", "surrogateescape"), env=env)
            assert b"Traceback" not in done.stderr
            assert done.returncode in (0, 1)

    def test_the_environment_names_the_store_and_a_bad_setting_is_said(self, tmp_path):
        assert self.run(tmp_path, "learn", "fact", "tea", env={"HARK_STORE": str(tmp_path / "e")}).returncode == 0
        assert (tmp_path / "e" / "store.db").stat().st_mode & 0o077 == 0
        done = self.run(tmp_path, "stats", env={"HARK_WAIT_SECONDS": "soon"})
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
        assert b"wait_seconds" in done.stderr

    def test_import_and_search_open_no_network_connection(self, tmp_path):
        code = (
            "import sys\n"
            "def refuse(event, args):\n"
            "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto', 'socket.gethostbyname'):\n"
            "        raise SystemExit(f'network: {event} {args}')\n"
            "sys.addaudithook(refuse)\n"
            "from memory import Memory\n"
            "with Memory.open(sys.argv[1]) as m:\n"
            "    print(m.import_(sys.argv[2]).totals['added'], len(m.search('kiosk').hits))\n"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "s"), str(DATA)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.stderr == ""
        added, hits = done.stdout.split()
        assert int(added) > 50
        assert int(hits) > 0
