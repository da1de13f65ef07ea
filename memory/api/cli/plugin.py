"""Write the agents' plugin to a folder, with the commands and the store of this machine."""

import json
import shutil
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from memory.errors import MemoryFault

NAME = "harkback"
_ABOUT = "Memory of earlier sessions."
_MARKETPLACES: dict[str, dict[str, Any]] = {
    ".claude-plugin/marketplace.json": {
        "name": NAME,
        "owner": {"name": "Harkback"},
        "plugins": [{"name": NAME, "source": f"./{NAME}", "description": _ABOUT}],
    },
    ".agents/plugins/marketplace.json": {
        "name": NAME,
        "interface": {"displayName": "Harkback"},
        "plugins": [
            {
                "name": NAME,
                "source": {"source": "local", "path": f"./{NAME}"},
                "policy": {"installation": "AVAILABLE", "authentication": "ON_INSTALL"},
                "category": "Productivity",
            }
        ],
    },
}
"""What makes a folder a place from which Claude Code and Codex install."""


def write_plugin(folder: Path, hark: list[str], store: Path, *, prompts: bool = False) -> Path:
    """Write the plugin into a folder, over an earlier copy of it.

    Args:
        folder: Where to; the plugin itself is `harkback` in it.
        hark: The command of this program.
        store: The store that it saves to.
        prompts: Whether memory is offered at every prompt, too.

    Raises:
        MemoryFault: There is something else.
    """
    plugin = folder / NAME
    _check(plugin)
    if plugin.exists():
        shutil.rmtree(plugin)
    with as_file(files("memory.api").joinpath("plugin")) as source:
        shutil.copytree(source, plugin, ignore=shutil.ignore_patterns("__pycache__", "hooks.log"))
    _write(plugin / "hark.json", {"hark": hark, "store": str(store), "prompts": prompts})
    command = [*hark, "--store", str(store), "mcp"]
    _write(plugin / ".mcp.json", {"mcpServers": {NAME: {"command": command[0], "args": command[1:]}}})
    for name in ("hooks.json", "codex-hooks.json"):
        _write(plugin / "hooks" / name, _hooks(plugin / "hooks" / name, prompts))
    for name, told in _MARKETPLACES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        _write(folder / name, told)
    return plugin


def remove_plugin(folder: Path) -> None:
    """Take the plugin away again; nothing where it is not there.

    Raises:
        MemoryFault: There is something else.
    """
    plugin = folder / NAME
    _check(plugin)
    if plugin.exists():
        shutil.rmtree(plugin)
    for name, told in _MARKETPLACES.items():
        file = folder / name
        if file.is_file() and json.loads(file.read_text(encoding="utf-8")) == told:
            file.unlink()


def _check(plugin: Path) -> None:
    if plugin.exists() and not (plugin / "hark.json").is_file():
        raise MemoryFault(f"{plugin}: is there already and is no copy of this plugin; name another folder")


def _hooks(file: Path, prompts: bool) -> dict[str, Any]:
    """Start hooks with this Python, since an agent may not find another; add the one for prompts where it is wanted."""
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if prompts:
        told["hooks"]["UserPromptSubmit"] = [{"hooks": told["hooks"]["Stop"][0]["hooks"]}]
    text = json.dumps(told).replace("python3 ", json.dumps(f'"{sys.executable}" ')[1:-1])
    changed: dict[str, Any] = json.loads(text)
    return changed


def _write(file: Path, told: dict[str, Any]) -> None:
    file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
