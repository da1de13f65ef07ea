"""Open WebUI: exported chats (`[…]`, `{"chats": […]}`, or one), and its database `webui.db`.

A chat is a tree, `history.messages`, and `currentId` is the leaf that is shown; links that contradict each other are
mended as Open WebUI does it. The path to that leaf comes first, then the other branches. Chats of before 2024 have a list
`messages` instead. Messages can be edited in place, so that each is all of the message as it is now.

An answer's `output` items, else the `<details>` blocks of its text, hold thoughts, calls and results. A `"New Chat"` has
no title yet. In the database, folders are projects, and rows of `chat_message` are read that the chat itself lacks.

Left out on purpose: `chat.messages` where there is a history and `chat.tasks` (copies), copies that were shared
(`user_id` `shared-…`), `childrenIds` (the parents say it). Files' bytes are in other places of the program.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from memory.importers.open_webui.chat import chat_items
from memory.importers.reading.documents import mapping, names_in, objects, read_document, words
from memory.importers.reading.records import Item, Mark, Problem
from memory.importers.reading.source import Sample, Source
from memory.store.foreign import ForeignDatabase, open_foreign

FORMAT = "open-webui"
PLACES = ("$DATA_DIR/webui.db", "~/.open-webui/webui.db")
"""Where its files are on a machine."""

_COLUMNS = (
    "id user_id title chat created_at updated_at share_id archived pinned meta variables folder_id summary "
    "current_message_id".split()
)
_MESSAGE_COLUMNS = {
    "parent_id": "parentId",
    "role": "role",
    "content": "content",
    "output": "output",
    "model_id": "model",
    "files": "files",
    "sources": "sources",
    "error": "error",
    "usage": "usage",
    "created_at": "timestamp",
}
_DEEPEST_FOLDER = 20


def recognises(sample: Sample) -> bool:
    """Say whether the beginning holds chats with a history or messages, or the file is a database of such."""
    if sample.tables:
        return _is_database(sample.tables)
    names = names_in(sample)
    for under in ((), ("chat",), ("chats", "chat")):
        beside = {(*under, "models"), (*under, "history", "currentId"), ("user_id",), ("chats", "user_id")} & names
        if (*under, "history", "messages") in names and beside:
            return True
    return ("chat", "messages") in names and ("chat", "models") in names


def read(source: Source) -> Iterator[Item]:
    """Yield the chats of an export or a database; it is read whole, whatever `source.offset` is."""
    if Sample(source.path).tables:
        return _database(source)
    return read_document(source, lambda document: _chats(document, source.name), is_list=True)


def _is_database(tables: Mapping[str, frozenset[str]]) -> bool:
    return {"id", "user_id", "title", "chat", "created_at"} <= tables.get("chat", frozenset())


def _chats(document: Any, path: str) -> Iterator[Item]:
    given = mapping(document).get("chats", document)
    for at, each in enumerate(given if isinstance(given, list) else [given]):
        record = _as_record(mapping(each))
        if record is None:
            yield Problem(None, f"chat {at + 1} has no history and no messages")
        else:
            yield from chat_items(record, f"{path}:{at}", None)


def _as_record(given: dict[str, Any]) -> dict[str, Any] | None:
    """Give a chat the shape that it has with what stands around it."""
    if isinstance(given.get("chat"), dict):
        return given
    if isinstance(given.get("history"), dict) or isinstance(given.get("messages"), list):
        return {"id": given.get("id"), "title": given.get("title"), "chat": given}
    return None


def _database(source: Source) -> Iterator[Item]:
    size = source.path.stat().st_size
    if source.offset == size:
        yield Mark(size, 0, {"whole": True})
        return
    with open_foreign(source.path) as foreign:
        tables = foreign.tables()
        columns = [name for name in _COLUMNS if name in tables.get("chat", frozenset())]
        folders = _folders(foreign, tables)
        for row in foreign.rows(f"select {', '.join(columns)} from chat order by created_at, id"):
            record = dict(zip(columns, row, strict=True))
            for name in ("chat", "meta", "variables"):
                record[name] = _decoded(record.get(name))
            key = words(record.get("id")) or "?"
            if str(record.get("user_id")).startswith("shared-"):
                continue
            if not isinstance(record["chat"], dict):
                yield Problem(None, f"chat {key[:60]!r} is not whole JSON, was left out")
                continue
            _add_rows(foreign, tables, record)
            yield from chat_items(record, key, folders.get(str(record.get("folder_id"))))
    yield Mark(size, 0, {"whole": True})


def _decoded(value: object) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _folders(foreign: ForeignDatabase, tables: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """Give each folder's path, made of names, by its id."""
    if not {"id", "name", "parent_id"} <= tables.get("folder", frozenset()):
        return {}
    known = {str(row[0]): (str(row[1]), row[2]) for row in foreign.rows("select id, name, parent_id from folder")}
    found: dict[str, str] = {}
    for folder in known:
        names: list[str] = []
        at: object = folder
        while isinstance(at, str) and at in known and len(names) < _DEEPEST_FOLDER:
            names.insert(0, known[at][0])
            at = known[at][1]
        found[folder] = "/".join(names)
    return found


def _add_rows(foreign: ForeignDatabase, tables: Mapping[str, frozenset[str]], record: dict[str, Any]) -> None:
    """Add the messages of a chat that have a row of their own and are not in it."""
    there = tables.get("chat_message", frozenset())
    if not {"id", "chat_id", "role"} <= there:
        return
    history = record["chat"].setdefault("history", {})
    messages = mapping(history).get("messages")
    if not isinstance(messages, dict):
        messages = {str(each.get("id")): each for each in objects(record["chat"].get("messages"))}
    columns = [name for name in _MESSAGE_COLUMNS if name in there]
    sql = f"select id, {', '.join(columns)} from chat_message where chat_id = ? order by created_at, id"
    prefix = f"{record.get('id')}-"
    for row in foreign.rows(sql, (record.get("id"),)):
        message_id = str(row[0]).removeprefix(prefix)
        values = {_MESSAGE_COLUMNS[name]: _column(value) for name, value in zip(columns, row[1:], strict=True)}
        if message_id not in messages:
            messages[message_id] = {
                "id": message_id,
                **{name: each for name, each in values.items() if each is not None},
            }
    if messages:
        record["chat"]["history"] = {**mapping(history), "messages": messages}


def _column(value: object) -> object:
    """Decode a value of a JSON column; one that is not JSON stays as it is."""
    if isinstance(value, str) and value[:1] in ('"', "[", "{"):
        decoded = _decoded(value)
        return value if decoded is None else decoded
    return value
