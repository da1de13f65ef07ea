"""OpenCode's `storage/`: a JSON file for each session, message and part."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from memory.importers.opencode.conversation import Conversation
from memory.importers.reading.documents import mapping, names_in, object_in, read_document, words
from memory.importers.reading.records import Item, Problem
from memory.importers.reading.source import Sample, Source

_ID = "/\\.\x00"


def session_in(sample: Sample) -> str | None:
    """Find the id of the session that a file holds; None when it holds none."""
    names = names_in(sample)
    if not {("id",), ("version",), ("directory",), ("time",), ("time", "created")} <= names or ("messages",) in names:
        return None
    return words(mapping(object_in(sample.head)).get("id"))


def parts_of(path: Path) -> Iterable[Path]:
    """Give the files of the messages and parts of the session that a file holds."""
    session = session_in(Sample(path))
    if session is None:
        return
    storage = path.parent.parent.parent
    for message in _files(storage / "message", session):
        yield message
        found = _object(message)
        yield from _parts(storage, words(mapping(found).get("id")) or message.stem)


def read_storage(source: Source) -> Iterator[Item]:
    """Yield one session with its messages, oldest first."""

    def items(document: Any) -> Iterator[Item]:
        if words(mapping(document).get("id")) is None:
            yield Problem(None, "a session without an id")
            return
        yield from _session_items(source.path, mapping(document))

    return read_document(source, items)


def _session_items(path: Path, session: dict[str, Any]) -> Iterator[Item]:
    storage = path.parent.parent.parent
    found: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    for file in _files(storage / "message", session["id"]):
        message = _object(file)
        if message is None:
            yield _broken(storage, file)
            continue
        parts: list[dict[str, Any]] = []
        for each in _parts(storage, words(message.get("id")) or file.stem):
            part = _object(each)
            if part is None:
                yield _broken(storage, each)
            else:
                parts.append(part)
        found.append((message, parts))
    found.sort(key=lambda pair: (_number(mapping(pair[0].get("time")).get("created")), str(pair[0].get("id"))))
    yield from Conversation(session).items(found)


def _parts(storage: Path, message: str) -> Iterator[Path]:
    """Give the files of a message's parts; in the first versions they lay in one folder, and named their message."""
    yield from _files(storage / "part", message)
    folder = storage / "part"
    yield from _loose_parts(folder, folder.stat().st_mtime_ns).get(message, []) if folder.is_dir() else ()


@lru_cache(maxsize=4)
def _loose_parts(folder: Path, modified_ns: int) -> dict[str, list[Path]]:
    """Give the files that lie in a folder itself by the message they name; `modified_ns` keeps it from being outdated."""
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.glob("*.json")):
        message = mapping(_object(file)).get("messageID")
        if isinstance(message, str):
            found.setdefault(message, []).append(file)
    return found


def _files(folder: Path, name: str) -> list[Path]:
    """Give the JSON files of one record's folder; a name that is no plain id has none."""
    if not name or any(letter in _ID for letter in name):
        return []
    return sorted((folder / name).glob("*.json"))


def _object(path: Path) -> dict[str, Any] | None:
    try:
        return object_in(path.read_bytes())
    except OSError:
        return None


def _broken(storage: Path, path: Path) -> Problem:
    return Problem(None, f"{path.relative_to(storage).as_posix()}: not a whole JSON object, was left out")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
