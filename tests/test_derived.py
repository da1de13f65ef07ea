"""What imports draw from histories: arrows with evidence, learnings that were stated, and nothing that was recalled."""

import json
from pathlib import Path
from typing import Any

import pytest

from memory import Memory
from memory.errors import SettingsFault
from memory.importers.reading.records import MessageRecord
from memory.importing.derived import DERIVED, wanted
from memory.importing.evidence import arrows_of, failed_tests, has_passed
from memory.importing.stated import stated_in

SESSION = "1b7a5f3e-0000-4000-8000-000000000001"


class History:
    """A Claude Code session that is being written."""

    def __init__(self, path: Path, session: str = SESSION) -> None:
        self.path, self.session, self.count = path, session, 0

    def line(self, kind: str, content: Any, **more: Any) -> None:
        self.count += 1
        uuid = f"{self.session[:-6]}{self.count:06d}"
        message = {"role": kind, "content": content, "id": f"msg_{uuid}"} | more
        record = {"type": kind, "uuid": uuid, "parentUuid": None, "isSidechain": False, "sessionId": self.session}
        record |= {"timestamp": f"2026-04-01T10:{self.count:02d}:00Z", "cwd": "/home/ada/kettle", "message": message}
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def run(self, command: str, output: str, is_error: bool = False) -> None:
        call = f"call_{self.session[-3:]}_{self.count}"
        self.line("assistant", [{"type": "tool_use", "id": call, "name": "Bash", "input": {"command": command}}])
        result = {"type": "tool_result", "tool_use_id": call, "content": output, "is_error": is_error}
        self.line("user", [result])


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.jsonl")


@pytest.fixture
def memory(tmp_path: Path):
    with Memory.open(tmp_path / "store") as memory:
        yield memory


def arrows(memory: Memory, type: str | None = None) -> list[tuple[str, str, str | None]]:
    found = memory.graph.list(limit=200).items
    return sorted((each.type, each.target, each.label) for each in found if type in (None, each.type))


def message(role: str, text: str, type: str | None = None) -> MessageRecord:
    kind = type or ("tool_result" if role == "tool" else "text")
    return MessageRecord("s", "m", role, [{"type": kind, "text": text}])


def targets(role: str, text: str) -> list[str]:
    return [arrow.target for arrow in arrows_of(message(role, text))]


def test_a_commit_is_what_git_printed(memory: Memory, history: History) -> None:
    history.line("user", "Commit it")
    history.run("git commit -am x", "[main 1a2b3c4] Clamp the integral term\n 1 file changed, 2 insertions(+)")
    history.run("git commit -am y", "[fix/a-b (root-commit) abcdef0123] First\n Author: Ada <a@b.c>\n 3 files changed")
    history.run("git commit", "nothing to commit, working tree clean", is_error=True)
    history.run("git log", "commit 1a2b3c4d\n    [main 1a2b3c4] looks like one")
    memory.import_(history.path)

    assert arrows(memory, "session_commit") == [
        ("session_commit", "commit:1a2b3c4", "Clamp the integral term"),
        ("session_commit", "commit:abcdef0123", "First"),
    ]
    assert memory.import_(history.path).totals["added"] == 0
    assert len(arrows(memory, "session_commit")) == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://github.com/ada/kettle/pull/12\n", ["url:https://github.com/ada/kettle/pull/12"]),
        (
            "Creating draft pull request for fix into main in ada/kettle\n\nhttps://github.com/ada/kettle/pull/7",
            ["url:https://github.com/ada/kettle/pull/7"],
        ),
        (
            "https://gitlab.example.com/a/b/c/-/merge_requests/3",
            ["url:https://gitlab.example.com/a/b/c/-/merge_requests/3"],
        ),
        ("see https://github.com/ada/kettle/pull/12 for more", []),
        ("remote: Create a pull request by visiting https://github.com/ada/kettle/pull/new/fix", []),
    ],
)
def test_a_pull_request_is_one_that_was_made(text: str, found: list[str]) -> None:
    assert targets("tool", text) == found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("FAILED tests/test_pid.py::test_clamp - assert 4 == 0\n1 failed", ["tests/test_pid.py::test_clamp"]),
        ("tests/test_pid.py::test_clamp FAILED [ 50%]", ["tests/test_pid.py::test_clamp"]),
        ("--- FAIL: TestClamp (0.00s)\n    --- FAIL: TestClamp/low (0.00s)", ["TestClamp", "TestClamp/low"]),
        ("test pid::clamp ... FAILED\n", ["pid::clamp"]),
        (" FAIL  src/pid.test.ts > clamp\n", ["src/pid.test.ts"]),
        ("FAIL: test_clamp (pid.TestPid)\n", ["test_clamp"]),
        ("all FAILED miserably", []),
        ("1 passed", []),
    ],
)
def test_failed_tests_are_named_as_their_runner_names_them(text: str, names: list[str]) -> None:
    assert failed_tests(text) == names


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("===== 12 passed, 1 skipped in 0.4s =====", True),
        ("12 passed in 0.4s", True),
        ("===== 1 failed, 11 passed in 0.4s =====", False),
        ("===== 11 passed, 1 error in 0.4s =====", False),
        ("test result: ok. 4 passed; 0 failed", True),
        ("test result: ok. 0 passed; 0 failed", False),
        ("ok  \tgithub.com/ada/kettle/pid\t0.013s", True),
        ("Tests:       4 passed, 4 total", True),
        ("Tests:       1 failed, 3 passed, 4 total", False),
        ("Ran 4 tests in 0.001s\n\nOK", True),
        ("it looked ok to me", False),
    ],
)
def test_a_run_has_passed_when_its_runner_says_so(text: str, passed: bool) -> None:
    assert has_passed(text) is passed


def test_a_test_that_failed_and_then_passed_is_fixed(memory: Memory, history: History) -> None:
    history.line("user", "Make the tests pass")
    history.run("pytest -q tests/test_pid.py", "FAILED tests/test_pid.py::test_clamp - assert\n1 failed in 0.1s", True)
    history.run("pytest -q tests/test_log.py", "FAILED tests/test_log.py::test_day - assert\n1 failed in 0.1s", True)
    memory.import_(history.path)
    assert [(target, label) for _, target, label in arrows(memory, "session_test")] == [
        ("test:tests/test_log.py::test_day", "failed"),
        ("test:tests/test_pid.py::test_clamp", "failed"),
    ]

    history.run("pytest -q tests/test_pid.py", "2 passed in 0.1s")
    memory.import_(history.path)

    fixed = [target for _, target, label in arrows(memory, "session_test") if label == "fixed"]
    assert fixed == ["test:tests/test_pid.py::test_clamp"]


def test_an_import_in_halves_draws_what_one_at_once_draws(memory: Memory, history: History, tmp_path: Path) -> None:
    history.line("user", "Make the tests pass. From now on run the tests before you commit.")
    history.run("pytest -q", "FAILED tests/test_pid.py::test_clamp - assert\n1 failed in 0.1s", True)
    memory.import_(history.path)
    history.run("git commit -am fix", "[main 1a2b3c4] Fix\n 1 file changed")
    memory.import_(history.path)
    history.run("pytest -q", "2 passed in 0.1s")
    memory.import_(history.path)

    with Memory.open(tmp_path / "at-once") as other:
        other.import_(history.path)
        assert {each.id for each in other.graph.list().items} == {each.id for each in memory.graph.list().items}
        assert {each.id for each in other.learnings.list().items} == {each.id for each in memory.learnings.list().items}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See https://docs.python.org/3/library/re.html.", ["url:https://docs.python.org/3/library/re.html"]),
        (
            "[it](https://en.wikipedia.org/wiki/PID_(controller))",
            ["url:https://en.wikipedia.org/wiki/PID_(controller)"],
        ),
        ("http://localhost:8000/x http://127.0.0.1/y https://example.com/z https://a.test/", []),
        (" ".join(f"https://a.org/{at}" for at in range(21)), []),
    ],
)
def test_links_that_somebody_wrote_out_are_cited(text: str, found: list[str]) -> None:
    assert targets("assistant", text) == found


def test_a_link_that_a_program_printed_is_not_cited() -> None:
    assert targets("tool", "https://docs.python.org/3/library/re.html") == []
    put_there = message("system", "https://docs.python.org/3/library/re.html")
    assert list(arrows_of(put_there)) == []


def test_sessions_that_come_from_others_have_arrows(memory: Memory, tmp_path: Path) -> None:
    folder = Path(__file__).parent / "data" / "claude-code"
    memory.import_(folder)
    found = [each for each in memory.graph.list(limit=200).items if each.type in ("spawned", "forked", "continued")]

    assert found
    for each in found:
        assert memory.sessions.get(each.target.removeprefix("session:")).parent_id == each.source.removeprefix(
            "session:"
        )
    assert len({(each.type, each.source, each.target) for each in found}) == len(found)


@pytest.mark.parametrize(
    ("text", "category", "sentence"),
    [
        ("We decided to keep numpy below 2 until the models are retrained.", "decision", None),
        (
            "OK. We've agreed on trunk based development. Thanks!",
            "decision",
            "We've agreed on trunk based development.",
        ),
        ("Decision: the heater is driven by PWM at 2 Hz", "decision", None),
        ("- let's go with SQLite for the store", "decision", "let's go with SQLite for the store"),
        ("From now on, write the tests first.", "preference", None),
        ("please always use uv to install things", "preference", None),
        ("Never commit directly to main in this repo.", "preference", None),
        ("I prefer short functions over long ones", "preference", None),
        ("Remember that the staging database is read only!", "fact", None),
        ("keep in mind: the sensor reads two degrees low", "fact", None),
        ("Gotcha: the simulator ignores the ambient temperature", "gotcha", None),
        ("Watch out, the API rounds to full degrees", "gotcha", None),
    ],
)
def test_what_is_stated_is_a_learning_and_no_more_than_was_said(text: str, category: str, sentence: str | None) -> None:
    [stated] = stated_in(message("user", text))

    assert (stated.category, stated.content) == (category, sentence or text)
    assert stated.content in text


@pytest.mark.parametrize(
    "text",
    [
        "Did we decide to keep numpy below 2?",
        "If we decided to keep numpy, what would break?",
        "let's go with option 1.",
        "never mind that last thing please",
        "I always forget how this works",
        "> from now on write the tests first",
        "```\nfrom now on write the tests first\n```",
        "The manual says that we decided to ship it",
        "always",
        "Gotcha!",
        "From now on " + "x" * 500,
        "Do this.\n" + "word " * 900 + "\nFrom now on write the tests first.",
    ],
)
def test_what_is_not_stated_is_none(text: str) -> None:
    assert list(stated_in(message("user", text))) == []


def test_a_models_words_are_learnings_only_where_it_marks_them() -> None:
    assert list(stated_in(message("assistant", "From now on I will write the tests first."))) == []
    assert list(stated_in(message("assistant", "We decided to keep numpy below 2 for now."))) == []
    [stated] = stated_in(message("assistant", "**Gotcha:** the simulator ignores the ambient temperature"))
    assert (stated.category, stated.trust) == ("gotcha", 0.2)


def test_a_learning_has_its_source_and_little_trust_and_stays_deleted(memory: Memory, history: History) -> None:
    history.line("user", "Look at pid.py. We decided to clamp the integral term at forty. token ghp_" + "a1B2" * 9)
    memory.import_(history.path)

    [learning] = memory.learnings.list().items
    assert (learning.category, learning.content) == ("decision", "We decided to clamp the integral term at forty.")
    assert (learning.trust, learning.project) == (0.4, "kettle")
    assert memory.messages.get(learning.source_messages[0]).role == "user"
    assert memory.search("clamp the integral", kind="learning").hits[0].id == learning.id

    memory.learnings.delete(learning.id, hard=True)
    history.line("user", "go on")
    memory.import_(history.path)
    memory.import_(history.path)
    assert memory.learnings.list().items == []


def test_each_kind_can_be_switched_off(history: History, tmp_path: Path) -> None:
    history.line("user", "From now on run the tests first. See https://docs.python.org/3/")
    history.run("git commit -am x", "[main 1a2b3c4] Clamp\n 1 file changed")
    with Memory.open(tmp_path / "a", derived="none") as memory:
        memory.import_(history.path)
        assert (arrows(memory), memory.learnings.list().items) == ([], [])
    with Memory.open(tmp_path / "b", derived="-links,-preferences") as memory:
        memory.import_(history.path)
        assert ([each[0] for each in arrows(memory)], memory.learnings.list().items) == (["session_commit"], [])
    with Memory.open(tmp_path / "c", derived="links") as memory:
        memory.import_(history.path)
        assert [each[0] for each in arrows(memory)] == ["session_url"]


def test_the_setting_names_what_there_is() -> None:
    assert wanted("all") == wanted("") == set(DERIVED)
    assert wanted("commits, tests") == {"commits", "tests"}
    with pytest.raises(SettingsFault, match="derived names feelings; there are: files"):
        wanted("commits,feelings")


def test_what_was_recalled_is_recognised_and_not_stored_as_new(memory: Memory, history: History) -> None:
    session = memory.sessions.create(title="Pumps", project="/home/ada/kettle")
    first = memory.messages.append(session.id, role="user", content="The marmalade pump clogs at ninety degrees.")
    recalled = memory.recall("marmalade pump")
    assert recalled.text
    history.line("user", f"Context:\n{recalled.text}\nWhat next?")
    history.run("hark recall 'marmalade pump'", recalled.text)
    history.run("curl …/api/recall", json.dumps({"text": recalled.text, "nested": json.dumps({"text": recalled.text})}))
    memory.import_(history.path)

    assert [hit.id for hit in memory.search("clogs at ninety", mode="keyword").hits] == [first.id]
    imported = memory.sessions.get(SESSION, messages=True).messages
    assert imported[0].content == f"Context:\n[recalled: message:{first.id}]\nWhat next?"
    assert imported[0].metadata["recalled"] == [f"message:{first.id}"]
    assert imported[2].content == f"[recalled: message:{first.id}]"
    assert "marmalade" not in json.dumps([each.model_dump(mode="json") for each in imported[2:]]).replace(
        "'marmalade pump'", ""
    )
    assert arrows(memory, "session_recalled") == [("session_recalled", f"message:{first.id}", None)]
    assert memory.import_(history.path).totals["added"] == 0


def test_a_mark_that_somebody_only_wrote_is_left_as_it_is(memory: Memory, history: History) -> None:
    text = "It prints <recalled id=0a0b0c0d> and then the text"
    history.line("user", text)
    memory.import_(history.path)

    assert memory.sessions.get(SESSION, messages=True).messages[0].content == text


def test_an_edit_that_failed_changed_nothing(memory: Memory, history: History) -> None:
    history.line("user", "Fix it")
    for at, (path, is_error) in enumerate((("src/a.py", True), ("src/b.py", False))):
        use = {"type": "tool_use", "id": f"edit{at}", "name": "Edit", "input": {"file_path": path}}
        history.line("assistant", [use])
        history.line(
            "user", [{"type": "tool_result", "tool_use_id": f"edit{at}", "content": "x", "is_error": is_error}]
        )
    memory.import_(history.path)

    assert arrows(memory, "session_file") == [("session_file", "file:/home/ada/kettle/src/b.py", "changed")]
