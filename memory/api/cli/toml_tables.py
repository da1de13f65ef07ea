"""Change one table of a TOML text and leave every other character as it is."""

import json
import re
import tomllib
from collections.abc import Sequence
from typing import Any

_HEADER = re.compile(r"\s*\[")


def changed(text: str, path: Sequence[str], value: dict[str, Any] | None) -> str:
    """Set a table of two names, such as `mcp_servers.x`, or take it out where the value is None.

    Raises:
        tomllib.TOMLDecodeError: The text is no TOML.
    """
    tomllib.loads(text)
    line = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    kept, place = _without(lines, path)
    if value is None:
        return "".join(kept)
    block = [each + line for each in _written(path, value)]
    if place is not None:
        return "".join([*kept[:place], *([line] if place else []), *block, *kept[place:]])
    before = "".join(kept)
    if before and not before.endswith("\n"):
        before += line
    return before + (line if before.strip() else "") + "".join(block)


def _without(lines: list[str], path: Sequence[str]) -> tuple[list[str], int | None]:
    """Take the lines of a table and of those in it out, and say where they began."""
    names = r"\s*\.\s*".join(f"(?:{re.escape(name)}|\"{re.escape(name)}\"|'{re.escape(name)}')" for name in path)
    own = re.compile(rf"\s*\[\s*{names}\s*[.\]]")
    kept: list[str] = []
    place: int | None = None
    at = 0
    while at < len(lines):
        if not own.match(lines[at]):
            kept.append(lines[at])
            at += 1
            continue
        while kept and not kept[-1].strip():
            kept.pop()
        place = len(kept) if place is None else place
        end = at + 1
        while end < len(lines) and not _HEADER.match(lines[end]):
            end += 1
        # a comment above the next table is that one's
        while end > at + 1 and end < len(lines) and (not lines[end - 1].strip() or lines[end - 1].lstrip()[0] == "#"):
            end -= 1
        at = end
    return kept, place


def _written(path: Sequence[str], value: dict[str, Any]) -> list[str]:
    name = ".".join(_key(each) for each in path)
    plain = {key: each for key, each in value.items() if not isinstance(each, dict)}
    lines = [f"[{name}]", *(f"{_key(key)} = {_dumped(each)}" for key, each in plain.items())]
    for key, each in value.items():
        if isinstance(each, dict):
            lines += ["", *_written([*path, key], each)]
    return lines


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _dumped(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_dumped, value))}]"
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
