"""Agents that can be connected: where each keeps its configuration, and what a server looks like there."""

import json
import sys
import tomllib
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.api.cli import jsonc, toml_tables
from memory.errors import MemoryFault
from memory.settings import expanded

Command = Sequence[str]
_VSCODE = {
    "darwin": ("~/Library/Application Support/Code/User/mcp.json",),
    "win32": ("$APPDATA/Code/User/mcp.json",),
}


@dataclass(frozen=True)
class Agent:
    """One agent."""

    name: str
    title: str
    places: tuple[str, ...]
    """Where its configuration may be: the first that is there, else the first. Those of a variable that is set go before."""
    entry: Callable[[Command], dict[str, Any]]
    path: tuple[str, ...] = ("mcpServers",)
    has_comments: bool = False

    def file(self) -> Path:
        """Give its configuration file, which need not exist."""
        named = [each for place in self.places if place[0] == "$" and (each := expanded(place)) is not None]
        possible = named or [Path(each).expanduser() for each in self.places if each[0] == "~"]
        if not possible:
            raise MemoryFault(f"{self.title} has no known place for its configuration here; name one with --file")
        return next((each for each in possible if each.is_file()), possible[0])

    def is_toml(self, file: Path) -> bool:
        """Say whether a file of it is TOML."""
        return file.suffix == ".toml"

    def with_server(self, file: Path, text: str, name: str, command: Command | None) -> str:
        """Give the text of its configuration with a server, or without it where no command is given.

        What else is said of the server is kept; a text that says so already is given back as it is.

        Raises:
            MemoryFault: The text cannot be read, or not changed without changing more.
        """
        before = self._read(file, text)
        path = (*self._path(before), name)
        there = _at(before, path)
        if command is None and there is None:
            return text
        wanted = None if command is None else {**(there if isinstance(there, dict) else {}), **self.entry(command)}
        if wanted == there:
            return text
        text = text if text.strip("\ufeff \t\r\n") or self.is_toml(file) else "{}\n"
        change = toml_tables.changed if self.is_toml(file) else jsonc.changed
        after = change(text, path, wanted)
        if self._read(file, after) != _changed(before, path, wanted):
            raise MemoryFault(f"{file}: {'.'.join(path)} cannot be changed there by itself; change it by hand")
        return after

    def _path(self, before: dict[str, Any]) -> tuple[str, ...]:
        # OpenCode 2 has its servers one level deeper, and reads those of OpenCode 1, too
        if self.path == ("mcp",) and "servers" in (before.get("mcp") or {}) and "type" not in before["mcp"]["servers"]:
            return ("mcp", "servers")
        return self.path

    def _read(self, file: Path, text: str) -> dict[str, Any]:
        if not text.strip("\ufeff \t\r\n"):
            return {}
        try:
            if self.is_toml(file):
                return tomllib.loads(text)
            if not self.has_comments:
                json.loads(text.removeprefix("\ufeff"))
            found = jsonc.read(text).value
        except (ValueError, RecursionError) as error:
            raise MemoryFault(f"{file}: cannot be read ({error}); it is left as it is, mend it first") from error
        if not isinstance(found, dict) or not isinstance(found.get(self.path[0], {}), dict):
            raise MemoryFault(f"{file}: has no place for servers ({self.path[0]!r} is no object); mend it first")
        return found


def _at(document: dict[str, Any], path: Sequence[str]) -> Any:
    found: Any = document
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _changed(document: dict[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    changed = inner = deepcopy(document)
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    if value is None:
        inner.pop(path[-1], None)
    else:
        inner[path[-1]] = value
    return _pruned(changed, document, path)


def _pruned(changed: dict[str, Any], before: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    # a table of TOML that has no other tables is gone with its last one
    first = path[0]
    return changed if changed.get(first) or first not in before or first != "mcp_servers" else _less(changed, first)


def _less(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


def _typed(command: Command) -> dict[str, Any]:
    return {"type": "stdio", "command": command[0], "args": list(command[1:])}


def _plain(command: Command) -> dict[str, Any]:
    return {"command": command[0], "args": list(command[1:])}


def _local(command: Command) -> dict[str, Any]:
    return {"type": "local", "command": list(command)}


AGENTS = (
    Agent("claude-code", "Claude Code", ("$CLAUDE_CONFIG_DIR/.claude.json", "~/.claude.json"), _typed),
    Agent("codex", "Codex", ("$CODEX_HOME/config.toml", "~/.codex/config.toml"), _plain, ("mcp_servers",)),
    Agent("cursor", "Cursor", ("~/.cursor/mcp.json",), _typed),
    Agent("gemini", "Gemini CLI", ("~/.gemini/settings.json",), _plain, has_comments=True),
    Agent(
        "opencode",
        "OpenCode",
        (
            "$XDG_CONFIG_HOME/opencode/opencode.json",
            "$XDG_CONFIG_HOME/opencode/opencode.jsonc",
            "~/.config/opencode/opencode.json",
            "~/.config/opencode/opencode.jsonc",
        ),
        _local,
        ("mcp",),
        has_comments=True,
    ),
    Agent(
        "vscode",
        "VS Code",
        _VSCODE.get(sys.platform, ("$XDG_CONFIG_HOME/Code/User/mcp.json", "~/.config/Code/User/mcp.json")),
        _typed,
        ("servers",),
        has_comments=True,
    ),
)
"""In the order in which they are listed."""
