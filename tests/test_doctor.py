"""`doctor` finds what is wrong with a store, mends what can be mended, and salvages the rest."""

import json
import shutil
import sqlite3
from pathlib import Path

import apsw
import pytest

from memory import Memory
from memory.api.cli.main import main
from memory.care.access import Audit
from memory.care.examining import CHECKS
from memory.errors import DamagedStore, NoStore, StoreFault
from memory.searchable import group_of
from memory.store.store import FILE

SAID = [f"the {n}th heron stands at sluice number {n}" for n in range(300)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with a little of everything, its indexes level."""
    place = tmp_path / "store"
    with Memory.open(place) as memory:
        session = memory.sessions.create(id="birds", title="Counting herons", project="shore")
        memory.messages.append_many(
            session.id, [{"id": f"m{n}", "role": "user", "content": s} for n, s in enumerate(SAID)]
        )
        memory.learnings.add("fact", "herons like sluices", session_id=session.id)
        memory.graph.relate("file:a.py", "session:birds", type="about")
        memory.attachments.create(data=b"picture" * 100, name="a.txt", media_type="text/plain", message_id="m1")
        memory.messages.update("m2", content="it was a gannet")
        memory.catch_up()
    return place


def change(place: Path, *statements: str) -> None:
    """Write into the file of a closed store behind the program's back."""
    with sqlite3.connect(place / FILE) as connection:
        connection.execute("pragma foreign_keys = off")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_healthy_store_has_no_problems(place):
    with Memory.open(place) as memory:
        report = memory.doctor()
    assert report.ok
    assert report.problems == []
    assert [check.name for check in report.checks] == [name for name, _ in CHECKS]


DAMAGES = {
    "counts": (["update session set message_count = 7"], "count their messages wrongly"),
    "reference": (["update learning set session_number = 99"], "refers to a session that is not there"),
    "left over": (["delete from message where number = 5"], "still in the indexes"),
    "no pieces": (["delete from piece_tokens where number in (select number from chunk where record_number = 9)",
                   "delete from chunk where record_number = 9 and kind = 'message'"], "cannot be found"),
    "flipped": (["update message set content = replace(content, 'heron', 'raven') where number = 7"], "not those of its text"),
    "log": (["insert into state values ('went_backwards', '{\"index\": 9, \"store\": 4, \"at\": \"2026-01-01\"}')"],
            "went backwards"),
    "purge": (["insert into state values ('purge_pending', '1')"], "broken off before the files were cleaned"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_mended(place, damage):
    statements, said = DAMAGES[damage]
    change(place, *statements)
    with Memory.open(place) as memory:
        found = memory.doctor(deep=True)
        mended = memory.doctor(repair=True, deep=True)
        again = memory.doctor(deep=True)

    assert not found.ok
    assert any(said in problem.what for problem in found.problems), found.problems
    assert all(problem.to_do for problem in found.problems)
    assert mended.ok, mended.problems
    assert again.problems == []


def test_what_was_flipped_is_found_by_what_it_says_now(place):
    change(place, "update message set content = replace(content, 'heron', 'raven') where number = 7")
    with Memory.open(place) as memory:
        memory.doctor(repair=True, deep=True)
        assert [hit.id for hit in memory.search("raven", mode="keyword").hits] == ["m6"]


def test_a_vector_that_is_not_finite_is_made_anew(place):
    with Memory.open(place) as memory:
        table = memory.store.chunks.vector_tables()[0]
        with memory.store.transaction():
            nan = b"\x00\x00\xc0\x7f" * table.dim
            memory.store.database.rows(f"delete from {table.name} where rowid = 5")
            memory.store.database.rows(
                f"insert into {table.name} (rowid, f, b) values (5, ?, vec_bit(?))", (nan, bytes(table.dim // 8))
            )
        found = memory.doctor(deep=True)
        mended = memory.doctor(repair=True, deep=True)
    assert [problem.check for problem in found.problems] == ["vectors"]
    assert mended.ok


@pytest.mark.parametrize("ending", ["term", "idx", "pos", "fast", "fieldnorm", "store"])
def test_a_flipped_bit_in_the_index_is_found_and_the_index_made_anew(place, ending):
    path = next((place / "keyword").glob(f"*/*.{ending}"))
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with Memory.open(place) as memory:
        found = memory.doctor()
        assert [problem.check for problem in found.problems] == ["the keyword index"]
        assert memory.doctor(repair=True).ok
        assert next(hit.id for hit in memory.search("heron 17", mode="keyword").hits) == "m17"


def test_an_index_that_lacks_something_is_found(place):
    with Memory.open(place) as memory:
        engine = memory._keyword.engine()
        with engine.writing() as writer:
            writer.remove([group_of("message", 9)])
            writer.commit(engine.mark)
        report = memory.doctor()
        assert "lacks" in report.problems[0].what
        assert memory.doctor(repair=True).ok


def test_damaged_bytes_of_an_attachment_are_told(place):
    change(place, "update blob set data = zeroblob(20)")
    with Memory.open(place) as memory:
        report = memory.doctor(repair=True)
    assert not report.ok
    assert "bytes of an attachment are damaged" in report.problems[0].what


def test_what_was_forgotten_and_is_there_is_told(place):
    change(place, "insert into tombstone values (1, 'message', 'm3', 0)")
    with Memory.open(place) as memory:
        assert "message m3 was forgotten and is there" in memory.doctor().problems[0].what


def test_a_log_that_lost_what_the_index_has_seen_is_told(place, tmp_path):
    older = tmp_path / "older.db"
    shutil.copyfile(place / FILE, older)
    with Memory.open(place) as memory:
        memory.messages.append("birds", role="user", content="seen by the index alone")
        memory.catch_up()
    shutil.copyfile(older, place / FILE)
    with Memory.open(place) as memory:
        assert memory.search("heron").hits
        report = memory.doctor()
        assert "went backwards" in report.problems[0].what
        assert memory.doctor(repair=True).ok
        assert memory.doctor().problems == []


def test_rights_that_let_others_read_are_mended(place):
    (place / FILE).chmod(0o644)
    with Memory.open(place) as memory:
        assert "can be read by other people" in memory.doctor().problems[0].what
        assert memory.doctor(repair=True).ok
    assert (place / FILE).stat().st_mode & 0o077 == 0


def hark(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_the_command_says_how_it_stands_by_its_exit_code(place, capsys):
    assert hark(capsys, "--store", str(place), "doctor")[0] == 0
    change(place, "update session set message_count = 7")
    code, out, _err = hark(capsys, "--store", str(place), "doctor", "--json")
    assert code == 1
    assert json.loads(out)["problems"][0]["check"] == "counts"
    assert hark(capsys, "--store", str(place), "doctor", "--repair")[0] == 0


def zeroed(place: Path, *pages: int) -> bytes:
    """Overwrite pages of a closed store's file, and give what the file holds then."""
    data = bytearray((place / FILE).read_bytes())
    for page in pages:
        data[page * 4096 : (page + 1) * 4096] = bytes(4096)
    (place / FILE).write_bytes(data)
    return bytes(data)


def pages_of(place: Path, table: str) -> list[int]:
    with sqlite3.connect(place / FILE):
        pass
    connection = apsw.Connection(str(place / FILE), flags=apsw.SQLITE_OPEN_READONLY)
    found = [
        row[0] - 1
        for row in connection.execute("select pageno from dbstat where name = ? and pagetype = 'leaf'", (table,))
    ]
    connection.close()
    return found


def test_a_damaged_store_is_salvaged_into_a_new_one(place, tmp_path, capsys):
    leaves = pages_of(place, "message")
    before = zeroed(place, leaves[1], leaves[3])
    code, out, _ = hark(capsys, "--store", str(place), "doctor", "--json")
    assert code == 1
    assert "damaged" in out

    salvaged = Memory.salvage(place, tmp_path / "new")

    message = next(table for table in salvaged.tables if table.name == "message")
    assert message.lost > 0
    assert message.read + message.lost == 300
    assert (place / FILE).read_bytes() == before
    with Memory.open(tmp_path / "new") as memory:
        assert memory.messages.count() == message.read
        assert memory.sessions.get("birds").message_count == message.read
        assert next(hit.id for hit in memory.search("heron 299", mode="keyword").hits) == "m299"
        assert memory.search("a grey bird at the lock", mode="semantic", min_score=0).hits
        assert memory.doctor(deep=True).problems == []


def test_messages_of_a_lost_session_get_another(place, tmp_path):
    zeroed(place, *pages_of(place, "session"))
    Memory.salvage(place, tmp_path / "new")
    with Memory.open(tmp_path / "new") as memory:
        (session,) = memory.sessions.list().items
        assert (session.title, session.message_count) == ("Recovered session", 300)
        assert memory.doctor().ok


def test_the_log_of_a_damaged_store_is_read_too(place, tmp_path):
    with Memory.open(place) as memory:
        memory.messages.append("birds", id="late", role="user", content="only in the log")
        copy = tmp_path / "copy"
        shutil.copytree(place, copy)
    Memory.salvage(copy, tmp_path / "new")
    with Memory.open(tmp_path / "new") as memory:
        assert memory.messages.get("late") is not None


def test_a_store_without_its_first_page_is_refused_and_leaves_nothing(place, tmp_path, capsys):
    zeroed(place, 0)
    code, _out, err = hark(capsys, "--store", str(place), "doctor", "--salvage-to", str(tmp_path / "new"))
    assert code == 1
    assert "restore a backup" in err
    assert not (tmp_path / "new").exists()


def test_salvage_needs_a_place_of_its_own(place, tmp_path):
    with pytest.raises(StoreFault, match="there is something"):
        Memory.salvage(place, place)
    with pytest.raises(NoStore):
        Memory.salvage(tmp_path / "nothing", tmp_path / "new")


def test_nothing_is_salvaged_into_the_damaged_store(place):
    before = sorted(place.rglob("*"))
    with pytest.raises(StoreFault, match="elsewhere"):
        Memory.salvage(place, place / "new")
    assert sorted(place.rglob("*")) == before


UNREADABLE = {
    "compressed": "content = cast(x'28b52ffd' || zeroblob(40) as blob)",
    "text": "content = cast(x'c328' as text)",
    "json": "metadata = '{\"bro'",
}


@pytest.mark.parametrize("damage", UNREADABLE)
def test_a_record_that_cannot_be_read_is_told_and_the_rest_salvaged(place, tmp_path, damage):
    change(place, f"update message set {UNREADABLE[damage]} where number = 7")
    with Memory.open(place) as memory:
        with pytest.raises(DamagedStore):
            memory.messages.get("m6")
        report = memory.doctor(repair=True, deep=True)
        assert any("damaged" in problem.what and problem.to_do for problem in report.problems)
        assert not report.ok

    salvaged = Memory.salvage(place, tmp_path / "new")

    assert next(table.lost for table in salvaged.tables if table.name == "message") == 1
    with Memory.open(tmp_path / "new") as memory:
        assert memory.doctor(deep=True).problems == []


def test_a_message_without_its_session_is_told(place):
    change(place, "delete from session")
    with Memory.open(place) as memory:
        report = memory.doctor(repair=True, deep=True)
        assert any("refers to a session" in problem.what for problem in report.problems)
        assert memory.store.database.row("select count(*) from message") == (300,)


def test_a_stream_is_found_once_it_has_broken_off(place):
    with Memory.open(place) as memory:
        stream = memory.messages.stream("birds", role="assistant")
        stream.write("a cormorant dries its wings")
        stream.release()
        assert memory.doctor().ok
        memory.store.database.rows("update message set updated_at = 0 where id = ?", (stream.id,))
        assert "cannot be found" in memory.doctor().problems[0].what
        assert memory.doctor(repair=True).ok
        assert [hit.id for hit in memory.search("cormorant", mode="keyword").hits] == [stream.id]


def test_pieces_of_other_workspaces_are_looked_at_too(place):
    with Memory.open(place, workspace="theirs") as theirs:
        session = theirs.sessions.create()
        said = theirs.messages.append(session.id, role="user", content="a cormorant dries its wings")
        number = theirs.store.records.number("message", said.id)
    change(place, f"delete from piece_tokens where number in (select number from chunk where record_number = {number})",
           f"delete from chunk where record_number = {number} and kind = 'message'")  # fmt: skip
    with Memory.open(place) as memory:
        assert any("workspace theirs" in problem.what for problem in memory.doctor().problems)
        assert memory.doctor(repair=True).ok
        assert memory.doctor().ok
    with Memory.open(place, workspace="theirs") as theirs:
        assert [hit.id for hit in theirs.search("cormorant", mode="keyword").hits] == [said.id]


def test_more_problems_than_are_told_are_all_mended(place):
    change(place, "delete from piece_tokens", "delete from chunk where kind = 'message'")
    with Memory.open(place) as memory:
        memory.doctor(repair=True, deep=True)
        assert memory.doctor(deep=True).ok


def test_a_damaged_message_is_no_answer_and_others_are(place):
    change(place, "update message set content = x'28b52ffd00' where id = 'm7'")
    with Memory.open(place) as memory:
        answer = memory.search("heron stands at sluice number 7", limit=20, min_score=0)
        assert "m8" in [hit.id for hit in answer.hits]
        assert "m7" not in [hit.id for hit in answer.hits]
        assert "message number 8 is damaged" in (answer.legs[-1].fault or "")
        memory.reindex()
        assert memory.search("heron", mode="keyword").hits


def test_an_audit_log_that_was_changed_by_hand_is_told(place):
    with Memory.open(place) as memory:
        for n in range(3):
            Audit(memory.store).note("local", "GET /api/sessions", str(n), "done")
        assert memory.doctor().ok
        memory.store.database.rows("update audit set who = 'somebody else' where seq = 2")
        assert "row 2 does not prove" in memory.doctor().problems[0].what
