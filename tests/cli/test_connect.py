"""`hark connect`: what it writes is read back in each agent's own form, and nothing else is touched."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from memory.api.cli import jsonc, toml_tables
from memory.api.cli.agents import AGENTS
from memory.api.cli.main import main

FILES = {
    "claude-code": ".claude.json",
    "codex": ".codex/config.toml",
    "cursor": ".cursor/mcp.json",
    "gemini": ".gemini/settings.json",
    "opencode": ".config/opencode/opencode.json",
    "vscode": ".config/Code/User/mcp.json",
}


@pytest.fixture
def hark(capsys):
    """Run the command, and give its exit code, answer and messages."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def server(agent, text):
    """Read what an agent would start, as its documentation says."""
    if agent == "codex":
        found = tomllib.loads(text)["mcp_servers"]["harkback"]
        return [found["command"], *found["args"]]
    document = jsonc.read(text).value
    if agent == "opencode":
        found = document["mcp"]["harkback"]
        assert found["type"] == "local"
        return found["command"]
    found = document["servers" if agent == "vscode" else "mcpServers"]["harkback"]
    assert found.get("type", "stdio") == "stdio"
    return [found["command"], *found["args"]]


BEFORE = {
    "claude-code": '{\n  "numStartups": 34,\n  "mcpServers": {\n    "other": {"command": "npx"}\n  },\n  "projects": {}\n}\n',
    "codex": '# mine\nmodel = "o5"\n\n[mcp_servers.other]\ncommand = "npx" # keep\n\n[profiles.fast]\nmodel = "o5-mini"\n',
    "cursor": '{"mcpServers": {"other": {"url": "http://localhost"}}}',
    "gemini": '{\n\t// my theme\n\t"theme": "dark",\n}\n',
    "opencode": '{\r\n  "$schema": "https://opencode.ai/config.json",\r\n  "mcp": {}\r\n}\r\n',
    "vscode": '{\n    /* servers */ "servers": {\n        "other": {"type": "http", "url": "x"}, // last\n    },\n    "inputs": []\n}',
}


@pytest.mark.parametrize("agent", FILES)
def test_a_fresh_home_gets_a_file_that_the_agent_reads(hark, agent):
    code, diff, _ = hark("connect", agent, "--yes", "--store", "some store")
    file = Path.home() / FILES[agent]
    assert code == 0
    assert '"mcp"' in diff
    command = server(agent, file.read_text())
    assert Path(command[0]).is_absolute()
    assert command[-3:] == ["--store", str(Path("some store").absolute()), "mcp"]


@pytest.mark.parametrize("agent", FILES)
def test_all_else_is_kept_a_copy_is_beside_it_and_taking_it_out_gives_the_file_back(hark, agent):
    file = Path.home() / FILES[agent]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(BEFORE[agent].encode())
    file.chmod(0o640)
    assert hark("connect", agent, "--yes")[0] == 0
    after = file.read_bytes().decode()
    kept = [line for line in BEFORE[agent].splitlines() if "}" not in line and "{" not in line]
    assert all(line.rstrip(",") in after for line in kept)
    assert server(agent, after)[-1] == "mcp"
    assert file.with_name(file.name + ".before-hark").read_bytes().decode() == BEFORE[agent]
    assert file.stat().st_mode & 0o777 == 0o640

    assert hark("connect", agent, "--yes")[2] == "hark: nothing to change, it is as it should be\n"
    assert file.read_bytes().decode() == after

    assert hark("connect", agent, "--remove", "--yes")[0] == 0
    left = file.read_bytes().decode()
    read = tomllib.loads if agent == "codex" else lambda text: jsonc.read(text).value
    document = read(left)
    for empty in ("mcpServers", "mcp"):
        # an object that was made for the server stays, empty
        if document.get(empty) == {} and empty not in read(BEFORE[agent]):
            del document[empty]
    assert document == read(BEFORE[agent])


@pytest.mark.parametrize("agent", FILES)
def test_nothing_is_written_unasked(hark, agent):
    code, diff, said = hark("connect", agent)
    assert code == 0
    assert diff.startswith("--- ")
    assert "nothing was written; --yes writes it" in said
    assert not (Path.home() / FILES[agent]).exists()


@pytest.mark.parametrize(
    ("agent", "text", "says"),
    [
        ("claude-code", '{\n  "a": 1,\n  "b": }\n', "line 3"),
        ("claude-code", '{"a": 1, // no comments here\n}', "line 1"),
        ("gemini", '{\n  "a": 1\n  "b": 2\n}\n', "line 3"),
        ("codex", '[a]\nb = "open\n', "line 2"),
        ("cursor", '{"mcpServers": []}', "no object"),
        ("vscode", "[]", "no place for servers"),
        ("opencode", "{", "line 1"),
    ],
)
def test_a_broken_file_is_refused_with_its_line_and_left(hark, agent, text, says):
    file = Path.home() / FILES[agent]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    code, _, said = hark("connect", agent, "--yes")
    assert code == 1
    assert says in said
    assert file.read_text() == text
    assert not file.with_name(file.name + ".before-hark").exists()


def test_what_a_person_added_to_the_server_is_kept(hark):
    file = Path.home() / FILES["codex"]
    file.parent.mkdir(parents=True)
    file.write_text(
        '[mcp_servers.harkback]\ncommand = "old"\nstartup_timeout_sec = 20\n\n'
        '[mcp_servers.harkback.env]\nHARK_REDACT = "true"\n\n# of the next one\n[tui]\ntheme = "x"\n'
    )
    assert hark("connect", "codex", "--yes")[0] == 0
    found = tomllib.loads(file.read_text())["mcp_servers"]["harkback"]
    assert (found["startup_timeout_sec"], found["env"]) == (20, {"HARK_REDACT": "true"})
    assert found["args"] == ["mcp"]
    assert "\n\n# of the next one\n[tui]\n" in file.read_text()


def test_a_form_that_cannot_be_changed_in_place_is_left(hark):
    file = Path.home() / FILES["codex"]
    file.parent.mkdir(parents=True)
    text = 'mcp_servers = {other = {command = "x"}}\n'
    file.write_text(text)
    code, _, said = hark("connect", "codex", "--yes")
    assert code == 1
    assert "hark: " in said
    assert file.read_text() == text


def test_servers_of_opencode_2_stand_one_level_deeper(hark):
    file = Path.home() / FILES["opencode"]
    file.parent.mkdir(parents=True)
    file.write_text('{"mcp": {"servers": {"other": {"type": "local", "command": ["x"]}}}}')
    assert hark("connect", "opencode", "--yes")[0] == 0
    assert list(json.loads(file.read_text())["mcp"]["servers"]) == ["other", "harkback"]


def test_a_link_stays_a_link(hark, tmp_path):
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    (Path.home() / ".claude.json").symlink_to(real)
    assert hark("connect", "claude-code", "--yes")[0] == 0
    assert (Path.home() / ".claude.json").is_symlink()
    assert "harkback" in real.read_text()


def test_a_projects_file_can_be_named_and_agents_are_listed(hark, tmp_path):
    assert hark("connect", "claude-code", "--file", str(tmp_path / ".mcp.json"), "--yes")[0] == 0
    assert server("claude-code", (tmp_path / ".mcp.json").read_text())[-1] == "mcp"
    hark("connect", "cursor", "--yes")
    states = {each["agent"]: each["state"] for each in json.loads(hark("connect", "--json")[1])}
    assert states["cursor"] == "connected"
    assert set(states) == set(FILES) == {agent.name for agent in AGENTS}
    assert set(states.values()) == {"connected", "no configuration"}


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("{}", '{\n  "s": {\n    "x": 1\n  }\n}'),
        ('{"a": 1}', '{"a": 1,\n"s": {\n  "x": 1\n}\n}'),
        ('{\n  "a": 1, // last\n}', None),
        ('{\n  "s": {"x": 5, "y": "}"}\n}', '{\n  "s": {"x": 1, "y": "}"}\n}'),
        ('{"s": {/* none */}}', None),
    ],
)
def test_a_member_is_set_in_place(text, after):
    found = jsonc.changed(text, ["s", "x"], 1)
    assert after is None or found == after
    assert jsonc.read(found).value["s"]["x"] == 1
    assert all(comment not in text or comment in found for comment in ("// last", "/* none */"))


def test_a_table_is_taken_out_with_those_in_it():
    text = 'a = 1\n\n[m.x]\nb = 2\n\n[m.x.env]\nc = "3"\n\n[m.y]\nd = 4\n'
    assert toml_tables.changed(text, ["m", "x"], None) == "a = 1\n\n[m.y]\nd = 4\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of Unix")
@pytest.mark.parametrize(("answer", "is_written"), [(b"y\n", True), (b"n\n", False)])
def test_a_terminal_is_asked_after_the_change_is_shown(answer, is_written):
    import pty

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "memory.api.cli", "connect", "cursor"]
    with subprocess.Popen(command, stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.close(follower)
        os.write(leader, answer)
        shown, asked = process.communicate(timeout=20)
    os.close(leader)
    assert b'+    "harkback": {' in shown
    assert b"write it?" in asked
    assert (Path.home() / FILES["cursor"]).exists() is is_written
