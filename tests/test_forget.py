"""`forget`: what is forgotten is in no file of the store, and no import brings it back."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory import Memory
from memory.api.cli.main import main
from memory.errors import InvalidInput, UnknownRecord

SECRET = "The harbour master keeps the violet lantern under the third stair"
OTHER = "Seven grey herons were counted at the north sluice on Tuesday"
SESSION = "9230502a-beba-5342-af61-9c975ac7dc00"


def history(folder: Path, said: list[str], session: str = SESSION, name: str = "s.jsonl") -> Path:
    """Write a history of one session; what is said alternates between a person and an assistant."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {
            "type": "user" if at % 2 == 0 else "assistant",
            "sessionId": session,
            "isSidechain": False,
            "uuid": f"{session[:8]}-7f0e-4f27-9c5d-{at:012d}",
            "parentUuid": None,
            "cwd": "/home/ada/kiosk",
            "timestamp": f"2026-02-01T10:00:{at:02d}.000Z",
            "message": {"role": "user" if at % 2 == 0 else "assistant", "content": text},
        }
        for at, text in enumerate(said)
    ]
    path = folder / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def holding(store: Path, text: str) -> list[str]:
    """Name the files of a closed store that hold a text."""
    return [path.name for path in store.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_a_forgotten_message_is_in_no_file(place, tmp_path):
    source = history(tmp_path / "in", [SECRET, "noted", "and the kettle?", "on the shelf"])
    with Memory.open(place) as memory:
        memory.import_(source, keep_source="all")
        found = memory.messages.list(SESSION).items[0]
        receipt = memory.forget(f"message:{found.id}")

        assert receipt.counts["message"] == 1
        assert receipt.residue is not None
        assert receipt.residue.samples > 0
        assert receipt.residue.found == {}
        assert memory.search("violet lantern").hits == []
        assert [each.content for each in memory.messages.list(SESSION).items][1:] == ["and the kettle?", "on the shelf"]
    assert holding(place, SECRET) == []
    assert holding(place, "violet") == []


def test_the_title_that_repeats_it_goes_too(place, tmp_path):
    source = history(tmp_path / "in", [SECRET, "noted"])
    with Memory.open(place) as memory:
        memory.import_(source)
        assert memory.sessions.get(SESSION).title == SECRET

        receipt = memory.forget(query='"violet lantern"')

        assert memory.sessions.get(SESSION).title is None
        assert receipt.changed == {"title": [SESSION]}


def test_importing_the_source_again_brings_nothing_back(place, tmp_path):
    source = history(tmp_path / "in", [SECRET, "noted", "next", "yes"])
    with Memory.open(place) as memory:
        memory.import_(source, keep_source="all")
        memory.forget(query="violet")
        again = memory.import_(source, keep_source="none")
        history(tmp_path / "in", [SECRET, "noted", "next", "yes", "what came later"])
        memory.import_(source, keep_source="none")

        said = [each.content for each in memory.messages.list(SESSION).items]
        assert again.totals["added"] == 0
        assert said == ["noted", "next", "yes", "what came later"]
        assert memory.sessions.get(SESSION).title is None
    assert holding(place, SECRET) == []


def test_no_file_that_holds_it_is_kept_again(place, tmp_path):
    source = history(tmp_path / "in", [SECRET, "noted"])
    with Memory.open(place) as memory:
        memory.import_(source, keep_source="all")
        memory.forget(query="violet")
        copy = history(tmp_path / "copies", [SECRET, "noted", "more"])
        memory.import_([source, copy], keep_source="all")

        assert memory.store.kept_sources.all() == []


def test_a_forgotten_session_goes_with_all_that_belongs_to_it(place, tmp_path):
    source = history(tmp_path / "in", [SECRET, "I decided: we use port 8470 because nothing else does", "next"])
    with Memory.open(place) as memory:
        memory.import_(source, keep_source="all")
        first = memory.messages.list(SESSION).items[0]
        memory.attachments.create(
            data=f"log: {OTHER}\n".encode(), name="log.txt", media_type="x/y", message_id=first.id
        )
        memory.learnings.add("fact", f"noted that {OTHER}", source_messages=[first.id])
        memory.graph.relate(f"session:{SESSION}", "file:a.py", type="touched", label=OTHER)
        memory.messages.update(first.id, content="edited")

        receipt = memory.forget(session=SESSION)

        assert receipt.counts == {"session": 1, "message": 3, "attachment": 1, "learning": 1, "message_version": 1,
                                  "relationship": 1}  # fmt: skip
        assert memory.stats().counts["messages"] == memory.stats().counts["learnings"] == 0
        assert memory.import_(source).totals["added"] == 0
        assert memory.sessions.list().items == []
    for text in (SECRET, OTHER, "port 8470"):
        assert holding(place, text) == []


def test_a_project_goes_with_those_below_it(memory):
    parent = memory.projects.create(name="web")
    child = memory.projects.create(name="web/api", parent_id=parent.id)
    inside = memory.sessions.create(title="in it", project=child.id)
    memory.messages.append(inside.id, role="user", content=SECRET)
    outside = memory.sessions.create(title="beside it", project="shop")
    memory.messages.append(outside.id, role="user", content=OTHER)

    receipt = memory.forget(project="web")

    assert receipt.counts == {"project": 2, "session": 1, "message": 1}
    assert [each.id for each in memory.sessions.list().items] == [outside.id]


def test_what_a_participant_said_goes_from_all_sessions(memory):
    for title in ("one", "two"):
        session = memory.sessions.create(title=title, participants=["ada", "bob"])
        memory.messages.append(session.id, role="user", sender_id="ada", content=f"{SECRET} {title}")
        memory.messages.append(session.id, role="user", sender_id="bob", content=f"{OTHER} {title}")

    receipt = memory.forget(participant="ada")

    assert receipt.counts == {"message": 2}
    assert {each.sender_id for each in memory.messages.list().items} == {"bob"}
    assert all(each.participants == ["bob"] for each in memory.sessions.list().items)


def test_a_date_takes_only_sessions_that_lie_before_it(memory):
    old, both = memory.sessions.create(id="old", created_at=at(1)), memory.sessions.create(id="both", created_at=at(1))
    memory.messages.append(old.id, role="user", content="long ago", created_at=at(2))
    memory.messages.append(both.id, role="user", content="long ago, too", created_at=at(2))
    memory.messages.append(both.id, role="user", content="lately", created_at=at(20))

    receipt = memory.forget(before="2026-03-10")

    assert receipt.counts == {"session": 1, "message": 2}
    assert [each.content for each in memory.messages.list("both").items] == ["lately"]


def at(day: int) -> datetime:
    return datetime(2026, 3, day, 12, tzinfo=UTC)


def test_a_fork_keeps_what_is_its_own(memory):
    origin = memory.sessions.create(title="origin")
    shared = memory.messages.append(origin.id, role="user", content=SECRET)
    fork = memory.sessions.fork(origin.id, at=shared.id, title="fork")
    memory.messages.append(fork.id, role="user", content="its own way")

    memory.forget(session=origin.id)

    assert [each.content for each in memory.messages.list(fork.id).items] == ["its own way"]
    assert memory.sessions.get(fork.id).parent_id is None


def test_others_who_said_the_same_are_named(memory, session):
    first = memory.messages.append(session.id, role="user", content=SECRET)
    second = memory.messages.append(session.id, role="assistant", content=f"you said: {SECRET}")

    receipt = memory.forget(first.id)

    assert receipt.also_in == {"message": [second.id]}
    assert receipt.residue is not None
    assert receipt.residue.found == {}


def test_a_softly_deleted_message_can_be_forgotten(place):
    with Memory.open(place) as memory:
        session = memory.sessions.create()
        said = memory.messages.append(session.id, role="user", content=SECRET)
        memory.messages.delete(said.id)
        assert memory.forget(said.id).counts == {"message": 1}
    assert holding(place, SECRET) == []


def test_another_workspace_keeps_its_records(place):
    with Memory.open(place, workspace="theirs") as theirs:
        theirs.messages.append(theirs.sessions.create().id, role="user", content=OTHER)
    with Memory.open(place) as memory:
        memory.messages.append(memory.sessions.create().id, role="user", content=OTHER)
        receipt = memory.forget(query="herons")
        assert receipt.counts == {"message": 1}
        assert receipt.also_in == {}
    with Memory.open(place, workspace="theirs") as theirs:
        assert len(theirs.search("grey herons").hits) == 1


def test_a_memory_that_is_open_elsewhere_finds_it_no_more(place):
    with Memory.open(place) as one, Memory.open(place) as other:
        said = one.messages.append(one.sessions.create().id, role="user", content=SECRET)
        assert other.search("violet lantern").hits
        one.forget(said.id)
        assert other.search("violet lantern").hits == []
        assert other.search("violet lantern", mode="semantic", min_score=0).hits == []


def test_backups_that_still_hold_it_are_named(place, tmp_path):
    with Memory.open(place) as memory:
        said = memory.messages.append(memory.sessions.create().id, role="user", content=SECRET)
        memory.backup(tmp_path / "backups")
        receipt = memory.forget(said.id)
        assert [Path(each.path).name for each in receipt.backups] == ["backups"]


def test_a_dry_run_changes_nothing(memory, session):
    said = memory.messages.append(session.id, role="user", content=SECRET)
    before = memory.changes()

    receipt = memory.forget(said.id, dry_run=True)

    assert receipt.ids == {"message": [said.id]}
    assert receipt.residue is None
    assert memory.changes() == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing says what to forget"),
        ({"query": ""}, "query is empty"),
        ({"session": []}, "session is empty"),
        ({"query": "?"}, "no word"),
        ({"query": "is:error tea"}, "is:error"),
        ({"tool": "Bash"}, "cannot be selected by 'tool'"),
        ({"kind": "thread"}, "there is no kind 'thread'"),
        ({"before": "whenever"}, "whenever"),
    ],
)
def test_what_is_not_clear_is_refused(memory, session, given, said):
    memory.messages.append(session.id, role="user", content=SECRET)
    with pytest.raises(InvalidInput, match=said):
        memory.forget(**given)
    assert memory.messages.count() == 1


def test_what_is_not_there_is_said(memory):
    with pytest.raises(UnknownRecord, match="nothing has the id 'message:x'"):
        memory.forget("message:x")
    with pytest.raises(UnknownRecord, match="no session 'x'"):
        memory.forget(session="x")


def test_the_command_only_tells_unless_it_is_agreed_to(place, capsys):
    with Memory.open(place) as memory:
        said = memory.messages.append(memory.sessions.create().id, role="user", content=SECRET)
    told = run(capsys, "--store", str(place), "forget", said.id)
    still = len(holding(place, SECRET))
    done = run(capsys, "--store", str(place), "forget", said.id, "--yes")

    assert "with --yes they are forgotten" in told
    assert still > 0
    assert "none is there" in done
    assert SECRET not in done
    assert holding(place, SECRET) == []


def run(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 0
    return capsys.readouterr().out


KILLED = """
import os, signal, sys, threading
from memory import Memory
from memory.care import forgetting
forgetting.PORTION = 5
with Memory.open(sys.argv[1]) as m:
    threading.Timer(float(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
    m.forget(query="lantern")
"""


def test_a_killed_run_is_finished_by_the_next(place):
    with Memory.open(place) as memory:
        session = memory.sessions.create()
        memory.messages.append_many(
            session.id, [{"role": "user", "content": f"{SECRET}, line {n}"} for n in range(400)]
        )
    killed = 0
    for delay in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3):
        run_of = subprocess.run(
            [sys.executable, "-c", KILLED, str(place), str(delay)], capture_output=True, check=False
        )
        killed += run_of.returncode == -signal.SIGKILL
    with Memory.open(place) as memory:
        receipt = memory.forget(query="lantern")
        assert memory.search("violet lantern").hits == []
        assert receipt.residue is None or receipt.residue.found == {}
        assert memory.messages.count() == 0
    assert killed
    assert holding(place, "violet lantern") == []


def test_a_short_title_that_repeats_it_goes_too(place):
    with Memory.open(place) as memory:
        session = memory.sessions.create(title="zebra word")
        said = memory.messages.append(session.id, role="user", content="zebra word")
        memory.messages.append(session.id, role="assistant", content="noted")

        receipt = memory.forget(f"message:{said.id}")

        assert receipt.changed == {"title": [session.id]}
    assert holding(place, "zebra word") == []


def test_a_title_that_says_what_is_asked_for_goes_however_short(memory):
    session = memory.sessions.create(title="zebras")

    memory.forget(query="zebras")

    assert memory.sessions.get(session.id).title is None


def test_what_a_query_excludes_stays(memory, session):
    memory.messages.append(session.id, role="user", content="about kettles")
    kept = memory.messages.append(session.id, role="user", content="about herons")

    memory.forget(query="role:user -herons")

    assert [each.id for each in memory.messages.list(session.id).items] == [kept.id]


KILLED_BEHIND_THE_ROWS = """
import os, signal, sys
from memory import Memory
from memory.care.probing import Probes
Probes.still_said = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with Memory.open(sys.argv[1]) as m:
    m.forget(sys.argv[2])
"""


def test_a_run_killed_behind_the_rows_left_nothing_in_the_session(place):
    with Memory.open(place) as memory:
        session = memory.sessions.create(title=SECRET)
        said = memory.messages.append(session.id, role="user", content=SECRET)
        memory.messages.append(session.id, role="assistant", content="noted")
    command = [sys.executable, "-c", KILLED_BEHIND_THE_ROWS, str(place), f"message:{said.id}"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -signal.SIGKILL

    with Memory.open(place) as memory:
        memory.forget(f"message:{said.id}")

        assert memory.sessions.get(session.id).message_count == 1
    assert holding(place, "violet lantern") == []


def test_what_is_forgotten_already_is_no_fault(memory, session):
    said = memory.messages.append(session.id, role="user", content=SECRET)
    memory.forget(said.id)

    assert memory.forget(f"message:{said.id}", session=session.id).counts == {}


def test_a_query_that_only_leaves_out_is_refused(memory, session):
    memory.messages.append(session.id, role="user", content="the port is 8470")
    for query in ("-port", "-port -tea"):
        with pytest.raises(InvalidInput, match="only leaves out"):
            memory.forget(query=query, dry_run=True)


def test_a_damaged_message_can_be_forgotten(place):
    with Memory.open(place) as memory:
        session = memory.sessions.create()
        said = memory.messages.append(session.id, role="user", content=SECRET)
        memory.store.database.rows("update message set content = x'28b52ffd00' where id = ?", (said.id,))
        assert memory.forget(f"message:{said.id}").counts["message"] == 1
        assert memory.messages.count() == 0


def test_the_name_of_a_tool_goes_with_the_last_that_used_it(place):
    with Memory.open(place) as memory:
        session = memory.sessions.create()
        said = memory.messages.append(
            session.id, role="tool", tool_name="tool_of_quagga", content="it printed something"
        )
        memory.messages.append(session.id, role="tool", tool_name="Bash", content="it printed something else")
        memory.forget(said.id)
        assert memory.search("tool:bash").hits
    assert holding(place, "tool_of_quagga") == []


def test_an_arrow_of_a_moment_that_another_message_shares_stays(memory):
    session = memory.sessions.create()
    moment = at(3)
    first, second = (
        memory.messages.append(session.id, role="user", content=text, created_at=moment) for text in ("one", "two")
    )
    memory.graph.relate(f"session:{session.id}", "file:a.py", type="touched", session_id=session.id, created_at=moment)
    assert "relationship" not in memory.forget(first.id).counts
    assert memory.forget(second.id).counts["relationship"] == 1


def test_what_repeats_it_in_metadata_with_quotes_goes_and_the_rest_stays(memory):
    text = 'she said "the violet lantern\nstands there" twice'
    session = memory.sessions.create(metadata={"note": {"last": text}, "program": "kiosk of the harbour"})
    said = memory.messages.append(session.id, role="user", content=text, metadata={"program": "kiosk of the harbour"})
    memory.forget(said.id)
    kept = memory.sessions.get(session.id).metadata
    assert "note" not in kept
    assert kept["program"] == "kiosk of the harbour"
