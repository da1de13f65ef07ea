"""Loading: a file that is wrong in any way changes nothing; what is here already is dealt with as asked."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from exchanged import exported, fill

from memory import Memory
from memory.errors import Conflict, InvalidInput, MemoryFault, SourceFault, UnknownFormat


@pytest.fixture
def other(tmp_path):
    """A second store, empty."""
    with Memory.open(tmp_path / "other") as opened:
        yield opened


def written(tmp_path, text):
    path = tmp_path / "given.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def signed(*lines):
    """Make an export of records, with right hashes, counts and checksum."""
    given = ['{"harkback_export":1,"schema":1,"selected":{}}\n']
    counts = {}
    for kind, record in lines:
        inner = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        given.append(
            json.dumps({"kind": kind, "record": record, "hash": hashlib.sha256(inner.encode()).hexdigest()}) + "\n"
        )
        counts[kind] = counts.get(kind, 0) + 1
    sha256 = hashlib.sha256("".join(given).encode()).hexdigest()
    return "".join(given) + json.dumps({"counts": counts, "sha256": sha256}) + "\n"


AT = {"created_at": "2026-11-03T10:00:00Z", "updated_at": "2026-11-03T10:00:00Z"}
SESSION = ("session", {"id": "s", **AT, "title": "Tea", "state": "active", "message_count": 1})
MESSAGE = ("message", {"id": "m", **AT, "session_id": "s", "seq": 1, "turn": 1, "role": "user", "content": "hello"})


def is_untouched(memory):
    rows = memory.store.database.rows
    tables = ("session", "message", "project", "tombstone", "import_mark", "change", "blob")
    return all(rows(f"select count(*) from {table}") == [(0,)] for table in tables)


def test_what_is_loaded_is_found_and_is_the_callers(other, tmp_path):
    loaded = other.load(written(tmp_path, signed(SESSION, MESSAGE)))
    assert (loaded.added, loaded.differ, loaded.went_on) == ({"session": 1, "message": 1}, 0, False)
    assert other.search('"hello"', mode="keyword").hits[0].id == "m"
    assert [change.verb for change in other.changes()] == ["create", "create"]


def test_a_second_load_changes_nothing(memory, other, tmp_path):
    fill(memory)
    path = written(tmp_path, exported(memory))
    other.load(path)
    before = other.changes()
    again = other.load(path)
    assert (again.added, again.differ) == ({}, 0)
    assert again.unchanged["message"] == 7
    assert other.changes() == before


WRONG = {
    "cut in a line": (lambda text: text[:-10], "line 4"),
    "cut between lines": (lambda text: "".join(text.splitlines(True)[:-1]), "line 3"),
    "a line gone": (lambda text: "".join(text.splitlines(True)[:2] + text.splitlines(True)[3:]), "line 3"),
    "a letter changed": (lambda text: text.replace("hello", "hallo"), "line 3: the message is not what"),
    "more behind it": (lambda text: text + "{}\n", "line 5"),
    "no JSON": (lambda text: text.replace('{"kind": "message"', '{"kind": message'), "line 3: not valid JSON"),
    "not UTF-8": (lambda text: text.encode().replace(b"hello", b"h\xffllo"), "line 3"),
    "another checksum": (lambda text: text[:-8] + "00000" + text[-3:], "line 4"),
    "newer": (lambda text: text.replace('"harkback_export":1', '"harkback_export":2'), "newer"),
    "newer schema": (lambda text: text.replace('"schema":1', '"schema":999'), "newer"),
    "deeply nested": (lambda text: text.replace('"hello"', "[" * 100_000), "line 3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_damaged_file_changes_nothing(other, tmp_path, name):
    damage, said = WRONG[name]
    path = written(tmp_path, damage(signed(SESSION, MESSAGE)))
    with pytest.raises(SourceFault, match=said) as fault:
        other.load(path)
    assert is_untouched(other)
    assert len(str(fault.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([SESSION, ("message", MESSAGE[1] | {"role": "boss"})], "line 3: message, field role"),
        ([SESSION, ("message", MESSAGE[1] | {"words": 1})], "line 3: .*no field 'words'"),
        ([SESSION, ("message", MESSAGE[1] | {"seq": 2**70})], "line 3"),
        ([SESSION, ("message", MESSAGE[1] | {"created_at": "0000-01-01T00:00:00Z"})], "line 3"),
        ([SESSION, ("message", MESSAGE[1] | {"session_id": "nobody"})], "line 3: .*session 'nobody'"),
        ([MESSAGE, SESSION], "line 2: .*before what it belongs to"),
        ([SESSION, SESSION], "line 3"),
        ([("project", {"id": "1", **AT, "name": "x"}), ("project", {"id": "2", **AT, "name": "x"})], "line 3"),
        ([("brew", {"id": "x"})], "line 2: this version knows no kind 'brew'"),
        ([("blob", {"sha256": "0" * 64, "media_type": "a", "data": "aaaa"})], "line 2: blob"),
        ([("kept_source", {"path": "p", "start_at": 0, "size_bytes": 9, "data": "aaaa"})], "line 2: kept_source"),
        ([("tombstone", {"kind": "brew", "id": "x", "at": AT["created_at"]})], "line 2: tombstone"),
        ([("learning", {"id": "l", **AT, "category": "fact", "content": "x", "trust": 2})], "line 2: learning"),
    ],
)
def test_a_record_that_cannot_be_is_named_and_nothing_is_written(other, tmp_path, lines, said):
    with pytest.raises(SourceFault, match=said):
        other.load(written(tmp_path, signed(*lines)))
    assert is_untouched(other)


def test_random_damage_is_never_loaded_nor_a_fault_of_ours(memory, other, tmp_path):
    fill(memory)
    text, random = exported(memory).encode(), Random(3)
    for _ in range(60):
        damaged = bytearray(text)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(damaged))
            damaged[at : at + random.randint(0, 30)] = random.randbytes(random.randint(0, 20))
        if bytes(damaged) != text:
            with pytest.raises((SourceFault, Conflict)):
                other.load(written(tmp_path, bytes(damaged)))
    assert is_untouched(other)


def test_another_format_is_for_import(other, tmp_path):
    for content in (b"", b"# Notes\n", b"\x00\xff" * 100, b'{"messages":[]}\n', b"[1]\n"):
        with pytest.raises(UnknownFormat, match="hark import"):
            other.load(written(tmp_path, content))
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(MemoryFault):
            other.load(place)


CHANGED = ("message", MESSAGE[1] | {"content": "hello there", "updated_at": "2026-11-04T10:00:00Z"})


def test_what_differs_is_reported_and_refused(other, tmp_path):
    other.load(written(tmp_path, signed(SESSION, MESSAGE)))
    path = written(tmp_path, signed(SESSION, CHANGED))
    with pytest.raises(Conflict, match="1 records are here already and differ: message m;"):
        other.load(path)
    told = other.load(path, dry_run=True)
    assert (told.differ, told.differing[0].id, told.unchanged) == (1, "m", {"session": 1})
    assert other.messages.get("m").content == "hello"


@pytest.mark.parametrize(
    ("how", "first", "second", "left"),
    [
        ("skip", MESSAGE, CHANGED, "hello"),
        ("replace", MESSAGE, CHANGED, "hello there"),
        ("replace", CHANGED, MESSAGE, "hello"),
        ("newest", MESSAGE, CHANGED, "hello there"),
        ("newest", CHANGED, MESSAGE, "hello there"),
    ],
)
def test_what_differs_is_dealt_with_as_asked(other, tmp_path, how, first, second, left):
    other.load(written(tmp_path, signed(SESSION, first)))
    loaded = other.load(written(tmp_path, signed(SESSION, second)), on_duplicate=how)
    assert other.messages.get("m").content == left
    assert [hit.id for hit in other.search(f'"{left}"', mode="keyword").hits] == ["m"]
    assert len(loaded.replaced) + len(loaded.kept) == 1
    assert other.messages.get("m").updated_at.day == (4 if "there" in left else 3)


def test_there_is_no_other_way_to_deal_with_it(other, tmp_path):
    with pytest.raises(InvalidInput, match="report, skip, replace, newest"):
        other.load(written(tmp_path, signed(SESSION)), on_duplicate="merge")


def test_an_older_export_adds_nothing_to_a_session_that_went_on(memory, tmp_path):
    ids = fill(memory)
    path = written(tmp_path, exported(memory))
    memory.messages.append(ids["session"], role="user", content="and https?")
    loaded = memory.load(path)
    assert (loaded.added, loaded.differ) == ({}, 0)
    assert memory.sessions.get(ids["session"]).message_count == 5


def test_a_project_of_the_same_name_is_the_same_project(memory, other, tmp_path):
    ids = fill(memory)
    mine = other.projects.create(name="web/api")
    path = written(tmp_path, exported(memory))
    with pytest.raises(Conflict, match=f"project {ids['project']}"):
        other.load(path)
    other.load(path, on_duplicate="skip")
    assert other.sessions.get(ids["session"]).project_id == mine.id
    assert other.load(path, on_duplicate="skip").added == {}


def test_what_is_forgotten_here_stays_so(memory, other, tmp_path):
    ids = fill(memory)
    path = written(tmp_path, exported(memory))
    other.load(path)
    other.sessions.delete(ids["session"], hard=True)
    loaded = other.load(path, on_duplicate="skip")
    assert other.sessions.get(ids["session"]) is None
    assert loaded.forgotten["session"] == 1
    assert not other.search('"nothing else uses it"', mode="keyword").hits
    assert other.store.database.rows("pragma foreign_key_check") == []


def test_what_the_file_forgot_is_not_removed_here(other, tmp_path):
    other.load(written(tmp_path, signed(SESSION, MESSAGE)))
    grave = ("tombstone", {"kind": "message", "id": "m", "at": AT["created_at"]})
    loaded = other.load(written(tmp_path, signed(grave)), on_duplicate="replace")
    assert (loaded.kept, other.messages.get("m").content) == ({"tombstone": 1}, "hello")


def test_what_the_source_forgot_is_not_imported_here(memory, other, tmp_path):
    memory.import_(Path(__file__).parent / "data" / "codex")
    session = memory.sessions.list().items[0]
    memory.sessions.delete(session.id, hard=True)
    other.load(written(tmp_path, exported(memory)))
    assert other.import_(Path(__file__).parent / "data" / "codex").totals["added"] == 0
    assert other.sessions.get(session.id) is None


def test_secrets_are_taken_out_as_in_any_write(tmp_path):
    key = "sk-proj-" + "a1B2c3D4e5F6g7H8" * 3
    with Memory.open(tmp_path / "open", redact=False) as memory:
        session = memory.sessions.create(title="Keys")
        said = memory.messages.append(session.id, role="user", content=f"my key is {key}")
        memory.attachments.create(message_id=said.id, name="env", media_type="text/plain", data=key.encode())
        path = written(tmp_path, exported(memory))
    with Memory.open(tmp_path / "other") as other:
        other.load(path)
        assert key not in exported(other)
        assert other.load(path).added == {}
        assert key.encode() not in other.attachments.data(other.attachments.list().items[0].id)


def test_a_dry_run_writes_nothing(memory, other, tmp_path):
    fill(memory)
    loaded = other.load(written(tmp_path, exported(memory)), dry_run=True)
    assert loaded.added["message"] == 7
    assert is_untouched(other)


def test_progress_is_told(memory, other, tmp_path):
    fill(memory)
    path, told = written(tmp_path, exported(memory)), []
    other.load(path, on_progress=lambda what, done, of: told.append((what, done, of)))
    assert {what for what, _, _ in told} == {"checking", "loading"}
    assert all(0 < done <= of == path.stat().st_size for _, done, of in told)


@pytest.mark.slow
def test_the_command_says_it_in_one_line(memory, tmp_path):
    fill(memory)
    path = written(tmp_path, exported(memory))
    hark = [str(Path(sys.executable).with_name("hark")), "--store", str(tmp_path / "new")]

    def run(*words):
        return subprocess.run([*hark, *map(str, words)], capture_output=True, text=True, check=False, timeout=60)

    told = run("load", path, "--json")
    assert json.loads(told.stdout)["added"]["message"] == 7
    assert run("export").stdout == path.read_text()
    path.write_text(path.read_text().replace("8470", "8471"))
    wrong = run("load", path)
    assert (wrong.returncode, wrong.stdout, len(wrong.stderr.splitlines())) == (1, "", 1)
    other = run("load", Path(__file__))
    assert (other.returncode, "hark import" in other.stderr) == (1, True)


@pytest.mark.parametrize("how", ["replace", "newest"])
def test_what_a_session_lost_here_does_not_come_back_with_it(memory, other, tmp_path, how):
    session = other.sessions.create(title="the violet lantern hangs here", summary="of lamps")
    said = other.messages.append(session.id, role="user", content="the violet lantern hangs here")
    memory.load(written(tmp_path, exported(other)))
    memory.forget(f"message:{said.id}")
    other.sessions.update(session.id, summary="of lanterns")

    memory.load(written(tmp_path, exported(other)), on_duplicate=how)

    here = memory.sessions.get(session.id)
    assert (here.title, here.summary) == (None, "of lanterns")
    assert memory.doctor().ok
