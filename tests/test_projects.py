"""Which body of work a directory is: worktrees, sub-directories, renames, clones and other machines are one project."""

import json
import subprocess
from pathlib import Path

import pytest

from memory import Memory
from memory.collections.git import remote_name
from memory.errors import InvalidInput, UnknownRecord


def git(*arguments: str, cwd: Path) -> None:
    settings = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *settings, *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "kettle"
    (path / "src" / "heater").mkdir(parents=True)
    git("init", cwd=path)
    git("commit", "--allow-empty", "-m", "first", cwd=path)
    git("remote", "add", "upstream", "https://example.org/upstream/kettle", cwd=path)
    git("remote", "add", "origin", "git@github.com:ada/kettle.git", cwd=path)
    return path


@pytest.fixture
def memory(tmp_path: Path):
    with Memory.open(tmp_path / "store") as memory:
        yield memory


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("git@github.com:ada/kettle.git", "github.com/ada/kettle"),
        ("https://GitHub.com/ada/kettle/", "github.com/ada/kettle"),
        ("https://ada:secret@github.com/ada/kettle.git", "github.com/ada/kettle"),
        ("ssh://git@github.com:22/ada/kettle.git", "github.com/ada/kettle"),
        ("git://host.example/kettle", "host.example/kettle"),
        ("/srv/git/kettle.git", None),
        ("../kettle", None),
        ("C:/git/kettle", None),
        ("https://[broken", None),
        ("", None),
    ],
)
def test_a_remote_has_one_name(address: str, name: str | None) -> None:
    assert remote_name(address) == name


def test_a_sub_directory_a_worktree_and_a_clone_are_one_project(
    memory: Memory, repository: Path, tmp_path: Path
) -> None:
    git("worktree", "add", str(tmp_path / "elsewhere"), cwd=repository)
    clone = tmp_path / "other" / "my-kettle"
    clone.mkdir(parents=True)
    git("init", cwd=clone)
    git("remote", "add", "origin", "https://github.com/ada/kettle", cwd=clone)

    found = {
        memory.projects.ensure(str(path)).id
        for path in (repository, repository / "src" / "heater", tmp_path / "elsewhere", clone)
    }

    assert len(found) == 1
    [project] = memory.projects.list().items
    assert project.name == "kettle"
    assert "github.com/ada/kettle" in project.aliases
    assert memory.projects.find(str(clone)).id == project.id


def test_a_history_from_another_machine_is_of_the_same_project_by_its_remote(
    memory: Memory, repository: Path, tmp_path: Path
) -> None:
    here = memory.projects.ensure(str(repository))
    header = {
        "id": "0199aaaa-0000-7000-8000-000000000001",
        "timestamp": "2026-03-01T10:00:00Z",
        "cwd": "/Users/ada/code/kettle-renamed",
        "originator": "codex_cli_rs",
        "cli_version": "0.140.0",
        "git": {"repository_url": "ssh://git@github.com/ada/kettle.git", "branch": "main", "commit_hash": "abc"},
    }
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Does it boil?"}]}
    lines = [("session_meta", header), ("response_item", said)]
    path = tmp_path / "rollout.jsonl"
    path.write_text(
        "".join(
            json.dumps({"timestamp": "2026-03-01T10:00:00Z", "type": kind, "payload": payload}) + "\n"
            for kind, payload in lines
        )
    )

    memory.import_(path)

    [session] = memory.sessions.list().items
    assert session.project_id == here.id
    assert [hit.session_id for hit in memory.search("boil", project="/Users/ada/code/kettle-renamed").hits] == [
        session.id
    ]


def test_a_remote_that_is_learnt_later_is_kept_once(memory: Memory) -> None:
    first = memory.projects.ensure("/home/ada/a")
    again = memory.projects.ensure("/home/ada/a", "https://github.com/ada/a.git")
    other = memory.projects.ensure("/home/ada/b", "git@github.com:ada/a")

    assert first.id == again.id == other.id
    assert memory.projects.find("github.com/ada/a").aliases == ["github.com/ada/a", "/home/ada/b"]


def test_merging_moves_what_lies_in_a_project(memory: Memory) -> None:
    laptop, desktop = (memory.projects.ensure(f"/{place}/jam") for place in ("laptop", "desktop"))
    memory.projects.ensure("/desktop/jam/jars")
    session = memory.sessions.create(title="Setting point", project=desktop.id)
    memory.messages.append(session.id, role="user", content="At which temperature does quince jelly set?")

    merged = memory.projects.merge(laptop.id, desktop.id)

    assert {"/desktop/jam", desktop.name} <= {*merged.aliases}
    assert memory.sessions.get(session.id).project_id == laptop.id
    assert [hit.session_id for hit in memory.search("quince jelly", project="/laptop/jam").hits] == [session.id]
    assert memory.projects.find("/desktop/jam").id == laptop.id
    assert memory.projects.find("/desktop/jam/jars").parent_id == laptop.id


def test_what_cannot_be_merged_says_so(memory: Memory) -> None:
    above = memory.projects.ensure("web")
    below = memory.projects.ensure("web/api")
    with pytest.raises(InvalidInput, match="one below the other"):
        memory.projects.merge(above.id, below.id)
    with pytest.raises(InvalidInput, match="one project already"):
        memory.projects.merge(above.id, "web")
    with pytest.raises(UnknownRecord, match="no project 'nowhere'"):
        memory.projects.merge(above.id, "nowhere")


def test_a_broken_git_config_is_no_fault(memory: Memory, repository: Path) -> None:
    (repository / ".git" / "config").write_bytes(b"[remote \xff\n=]\n[[[")

    assert memory.projects.ensure(str(repository)).path == str(repository)


@pytest.mark.parametrize("place", [".worktrees/2", ".claude/worktrees/fix-pump/src"])
def test_a_worktree_on_another_machine_is_known_by_its_place(place: str, memory: Memory) -> None:
    worktree = memory.projects.ensure(f"/Users/ada/kettle/{place}")

    assert memory.projects.ensure("/Users/ada/kettle").id == worktree.id
    assert (worktree.name, worktree.path) == ("kettle", "/Users/ada/kettle")
