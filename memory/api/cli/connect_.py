"""`hark connect`: write this memory into an agent's own configuration, after showing the change."""

import difflib
import json
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from memory.api.cli.agents import AGENTS, Agent
from memory.errors import InvalidInput, MemoryFault

NAME = "harkback"
"""What the server is called in a configuration."""
BACKUP = ".before-hark"
"""How the copy's name ends that is kept beside a changed file."""


@dataclass(frozen=True)
class Change:
    """A change of a file that is yet to be written."""

    file: Path
    before: bytes | None
    """None where there is no file."""
    after: str

    @property
    def diff(self) -> str:
        """Say what would change, as lines of a diff."""
        old = "" if self.before is None else self.before.decode()
        lines = difflib.unified_diff(
            old.splitlines(), self.after.splitlines(), str(self.file), str(self.file), n=2, lineterm=""
        )
        return "\n".join(lines)

    def write(self) -> None:
        """Write it, and keep a copy of what was there beside it.

        Raises:
            MemoryFault: The file was changed meanwhile, or cannot be written; it is as it was.
        """
        # a file that is a link stays one
        file = Path(os.path.realpath(self.file))
        if (file.read_bytes() if file.is_file() else None) != self.before:
            raise MemoryFault(f"{self.file}: was changed meanwhile; run the same command again")
        file.parent.mkdir(parents=True, exist_ok=True)
        mode = file.stat().st_mode & 0o777 if self.before is not None else 0o600
        if self.before is not None:
            _write(file.with_name(file.name + BACKUP), self.before, mode)
        _write(file, self.after.encode(), mode)


def connect_command() -> click.Command:
    """Make the command."""
    params: list[click.Parameter] = [
        click.Argument(["agent"], required=False, type=click.Choice([each.name for each in AGENTS])),
        click.Option(["--remove"], is_flag=True, help="Take it out again."),
        click.Option(
            ["--yes"], is_flag=True, help="Write it; without it a terminal is asked, and nothing else written."
        ),
        click.Option(["--name"], default=NAME, show_default=True, help="What the server is called there."),
        click.Option(
            ["--file"], metavar="FILE", help="Another file of that agent's form, such as a project's .mcp.json."
        ),
        click.Option(["--plugin"], metavar="DIR", help="Write the plugin with its hooks there, in place of this."),
        click.Option(["--prompts"], is_flag=True, help="With --plugin: offer memory at every prompt, too."),
        click.Option(["--store"], metavar="DIR", help="The store; else HARK_STORE, else your data directory."),
        click.Option(["--json", "as_json"], is_flag=True, help="Answer with one JSON document."),
    ]
    return click.Command("connect", params=params, callback=_callback, help="Connect an agent to this memory.")


def _callback(
    agent: str | None,
    remove: bool,
    yes: bool,
    name: str,
    file: str | None,
    plugin: str | None,
    prompts: bool,
    store: str | None,
    as_json: bool,
) -> int:
    context = click.get_current_context()
    store = store or (context.parent.params if context.parent else {}).get("store")
    if agent is None:
        if remove or file or plugin:
            raise click.UsageError("name an agent", context)
        return _listed(name, as_json)
    chosen = next(each for each in AGENTS if each.name == agent)
    if plugin is not None:
        return _plugin(chosen, Path(plugin).expanduser().absolute(), store, remove, prompts, as_json)
    place = Path(file).expanduser().absolute() if file else chosen.file()
    change = _change(chosen, place, name, None if remove else command_of(store))
    return _applied(change, yes, as_json)


def command_of(store: str | None) -> list[str]:
    """Give the command that starts the server, with full paths: an agent may be started with another PATH."""
    where = [] if store is None else ["--store", str(Path(store).expanduser().absolute())]
    return [*hark(), *where, "mcp"]


def hark() -> list[str]:
    """Give the command of this program."""
    name = "hark.exe" if os.name == "nt" else "hark"
    beside = Path(sys.executable).with_name(name)
    if beside.is_file():
        return [str(beside)]
    found = shutil.which("hark")
    return [found] if found else [sys.executable, "-m", "memory.api.cli"]


def _change(agent: Agent, file: Path, name: str, command: list[str] | None) -> Change | None:
    before = file.read_bytes() if file.exists() else None
    try:
        text = "" if before is None else before.decode()
    except UnicodeDecodeError as error:
        raise MemoryFault(f"{file}: is not UTF-8; it is left as it is") from error
    after = agent.with_server(file, text, name, command)
    return None if after == text else Change(file, before, after)


def _applied(change: Change | None, yes: bool, as_json: bool) -> int:
    written = False
    if change is not None:
        if not as_json:
            click.echo(change.diff)
        if not yes and not as_json and sys.stdin.isatty():
            yes = click.confirm("write it?", err=True)
        if yes:
            change.write()
            written = True
    if as_json:
        told = {"file": str(change.file), "diff": change.diff} if change else {"file": None, "diff": ""}
        click.echo(json.dumps({**told, "changed": change is not None, "written": written}, ensure_ascii=False))
    elif change is None:
        click.echo("hark: nothing to change, it is as it should be", err=True)
    elif written:
        click.echo(f"hark: written to {change.file}; the agent reads it when it starts", err=True)
    else:
        click.echo("hark: nothing was written; --yes writes it", err=True)
    return 0


def _listed(name: str, as_json: bool) -> int:
    """Say of each agent whether it is connected."""
    found = []
    for agent in AGENTS:
        file = agent.file()
        try:
            is_connected = _change(agent, file, name, None) is not None
            state = "connected" if is_connected else "not connected" if file.is_file() else "no configuration"
        except (MemoryFault, OSError):
            state = "configuration cannot be read"
        found.append({"agent": agent.name, "state": state, "file": str(file)})
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        from memory.api.cli.tables import Writer

        Writer(sys.stdout).write((each["agent"], each["state"], each["file"]) for each in found)
    return 0


def _plugin(agent: Agent, folder: Path, store: str | None, remove: bool, prompts: bool, as_json: bool) -> int:
    if agent.name not in ("claude-code", "codex"):
        raise InvalidInput(f"{agent.title} has no plugins of this form; leave --plugin out")
    from memory.api.cli.plugin import remove_plugin, write_plugin
    from memory.settings import read_settings

    if remove:
        remove_plugin(folder)
    else:
        directory = Path(read_settings(store=store).store).expanduser().absolute()
        write_plugin(folder, hark(), directory, prompts=prompts)
    if as_json:
        click.echo(json.dumps({"plugin": str(folder), "written": not remove}))
    elif not remove:
        program = "claude" if agent.name == "claude-code" else "codex"
        add = "install" if agent.name == "claude-code" else "add"
        click.echo(f"{program} plugin marketplace add {shlex.quote(str(folder))}")
        click.echo(f"{program} plugin {add} {NAME}@{NAME}")
        click.echo("hark: written; the two commands above install it", err=True)
    return 0


def _write(file: Path, data: bytes, mode: int) -> None:
    """Write a file so that it is there whole or not at all."""
    beside = file.with_name(f".{file.name}.{os.getpid()}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        beside.replace(file)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
