"""A set of text files as Claude's memory tool shows them; the wording is that of its reference implementation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

DEPTH = 2
"""Levels of a directory that are shown. Source: the tool's reference implementation."""


@dataclass(frozen=True)
class File:
    """One file."""

    id: str
    path: str
    text: str


def is_directory(path: str, files: Mapping[str, File]) -> bool:
    """Say whether files lie below a path."""
    return any(each.startswith(f"{path}/") for each in files)


def shown_directory(path: str, told: str, files: Mapping[str, File]) -> str:
    """Show what a directory holds, under the path that was asked for."""
    lines = [f"{_size(_bytes_below(path, files))}\t{told}"]
    lines += [f"{size}\t{told}/{name}" for size, name in _listed(path, files, "", 1)]
    said = f"Here're the files and directories up to {DEPTH} levels deep in {told}, excluding hidden items:"
    return "\n".join([said, *lines])


def _bytes_below(path: str, files: Mapping[str, File]) -> int:
    return sum(len(file.text.encode()) for each, file in files.items() if each.startswith(f"{path}/") or each == path)


def _listed(path: str, files: Mapping[str, File], above: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield size and name of what lies in a directory, by name, each directory with what it holds behind it."""
    names = {each.removeprefix(f"{path}/").partition("/")[0] for each in files if each.startswith(f"{path}/")}
    for name in sorted(name for name in names if not name.startswith(".")):
        inner = f"{path}/{name}"
        size, is_file = _size(_bytes_below(inner, files)), inner in files
        yield size, f"{above}{name}" if is_file else f"{above}{name}/"
        if not is_file and depth < DEPTH:
            yield from _listed(inner, files, f"{above}{name}/", depth + 1)


def _size(size_bytes: int) -> str:
    units, size = iter("BKMG"), float(size_bytes)
    unit = next(units)
    while size >= 1024 and unit != "G":
        size, unit = size / 1024, next(units)
    return f"{int(size)}{unit}" if size == int(size) else f"{size:.1f}{unit}"


def numbered_line(number: int, text: str) -> str:
    """Show one line."""
    return f"{number:>6}\t{text}"


def numbered(path: str, text: str, view_range: list[int] | None) -> str:
    """Show the lines of a file, or those from the first to the last of a range; -1 stands for the end."""
    lines = text.split("\n")
    start, end = 0, len(lines)
    if view_range and len(view_range) == 2:
        start = max(1, view_range[0]) - 1
        end = len(lines) if view_range[1] == -1 else view_range[1]
    shown = [numbered_line(start + at, line) for at, line in enumerate(lines[start:end], 1)]
    return f"Here's the content of {path} with line numbers:\n" + "\n".join(shown)


def ambiguous(wanted: str, text: str) -> str:
    """Say in which lines a text stands that should stand once."""
    places, at = [], text.find(wanted)
    while at >= 0:
        places.append(str(text.count("\n", 0, at) + 1))
        at = text.find(wanted, at + 1)
    return (
        f"No replacement was performed. Multiple occurrences of old_str `{wanted}` in lines: {', '.join(places)}. "
        "Please ensure it is unique"
    )
