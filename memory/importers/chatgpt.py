"""ChatGPT: `conversations.json` of an export, or one conversation of it.

A conversation is a tree, `mapping`, and `current_node` is the leaf that is shown. The path to it comes first, in its
order; then the other branches, whose messages have `branch` in their metadata. Each message has its parent's key. Where
`current_node` names no node, the newest leaf is the one that is shown.

What nobody typed (system messages, hidden ones, the memory in `user_editable_context`) has role `system`. A message to
a recipient such as `python` is a tool call, and its answer's `call_id` is its key. Pictures and files stand beside the
document, under names that begin with their id: where they are there, they are attached; else their address is kept.
"""

import mimetypes
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from memory.importers.reading.documents import (
    mapping,
    names_in,
    native_key,
    objects,
    read_document,
    time_in,
    without,
    words,
)
from memory.importers.reading.records import (
    TITLE_GENERATED,
    AttachmentRecord,
    Item,
    MessageRecord,
    Part,
    Problem,
    Role,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source

FORMAT = "chatgpt"

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_SESSION = frozenset(["id", "conversation_id", "title", "create_time", "mapping", "default_model_slug"])
_MESSAGE = frozenset(["id", "author", "content", "create_time"])
_TEXTS = ("text", "result", "content", "user_profile", "user_instructions")
_FILE_ID = re.compile(r"file[-_][A-Za-z0-9]{8,}")
_OTHERS = (
    "chat.html", "user.json", "message_feedback.json", "shared_conversations.json", "model_comparisons.json",
    "group_chats.json", "shopping.json", "sora.json", "export_manifest.json", "user_settings.json",
)  # fmt: skip
_PLAIN = frozenset(["text", "multimodal_text", "thoughts", "reasoning_recap", "execution_output"])


def recognises(sample: Sample) -> bool:
    """Say whether the beginning holds a `mapping` of nodes with messages and children."""
    names = names_in(sample)
    nodes = {path[2] for path in names if len(path) == 3 and path[0] == "mapping"}
    return ("mapping",) in names and {"message", "children"} <= nodes


def companions(path: Path) -> Iterable[Path]:
    """Give the other files of an export: those that conversations point at, and what describes them."""
    folder = path.parent
    yield from (beside for name in _OTHERS if (beside := folder / name).is_file())
    yield from _files_beside(folder).values()


def read(source: Source) -> Iterator[Item]:
    """Yield the conversations of a document; it is read whole, whatever `source.offset` is."""
    files = _files_beside(source.path.parent)
    return read_document(source, lambda document: _conversations(document, files), is_list=True)


def _files_beside(folder: Path) -> dict[str, Path]:
    """Find the files of an export by the ids that their names begin with."""
    found: dict[str, Path] = {}
    for pattern in ("file[-_]*", "*/file[-_]*", "*/*/file[-_]*"):
        for path in folder.glob(pattern):
            if (match := _FILE_ID.match(path.name)) and path.is_file():
                found.setdefault(_plain_id(match[0]), path)
    return found


def _plain_id(pointer: str) -> str:
    return pointer.replace("_", "-").lower()


def _conversations(document: Any, files: dict[str, Path]) -> Iterator[Item]:
    listed = document if isinstance(document, list) else [document]
    for at, given in enumerate(listed):
        key = words(mapping(given).get("conversation_id")) or words(mapping(given).get("id"))
        if key is None or not isinstance(given.get("mapping"), dict):
            yield Problem(None, f"conversation {at + 1} has no id or no `mapping`")
            continue
        yield from _Conversation(key, given, files).items()


class _Conversation:
    """Goes through one conversation's tree."""

    def __init__(self, key: str, given: dict[str, Any], files: dict[str, Path]) -> None:
        self._key = key
        self._given = given
        self._files = files
        self._nodes = {name: node for name, node in given["mapping"].items() if isinstance(node, dict)}
        self._problems: list[Problem] = []
        self._calls: set[str | None] = set()

    def items(self) -> Iterator[Item]:
        given = self._given
        session = SessionRecord(self._key, words(given.get("title")), TITLE_GENERATED, metadata={"kind": "main"})
        session.project = words(given.get("conversation_template_id"))
        session.model = words(given.get("default_model_slug"))
        session.created_at = time_in(given.get("create_time"), self._problems)
        session.metadata |= without(given, _SESSION)
        yield session
        active = self._active()
        shown = set(active)
        for name in [*active, *(other for other in self._nodes if other not in shown)]:
            message = self._message(name, self._nodes[name])
            if message is not None:
                if name not in shown:
                    message.metadata["branch"] = "not shown"
                yield message
        yield from self._problems

    def _active(self) -> list[str]:
        """Walk from the node that is shown to the root; give the path from the root on."""
        path: dict[str, None] = {}
        name = self._given.get("current_node")
        if not isinstance(name, str) or name not in self._nodes:
            name = self._newest_leaf()
        while isinstance(name, str) and name in self._nodes and name not in path:
            path[name] = None
            name = self._nodes[name].get("parent")
        return list(reversed(path))

    def _newest_leaf(self) -> str | None:
        """Find the node that is shown where the document does not say it: of those that are no parent the newest."""
        parents = {parent for node in self._nodes.values() if isinstance(parent := node.get("parent"), str)}
        leaves = [name for name in self._nodes if name not in parents] or list(self._nodes)
        times = {name: mapping(self._nodes[name].get("message")).get("create_time") for name in leaves}
        told = {name: at for name, at in times.items() if isinstance(at, int | float)}
        # of several that are equally new, and of those without a time, the last
        return max(reversed(told), key=told.__getitem__) if told else next(reversed(leaves), None)

    def _parent(self, node: dict[str, Any]) -> str | None:
        """Find the nearest node above whose message says something."""
        seen: set[str] = set()
        name = node.get("parent")
        while isinstance(name, str) and name in self._nodes and name not in seen:
            if _says_something(mapping(self._nodes[name].get("message"))):
                return native_key(self._key, name)
            seen.add(name)
            name = self._nodes[name].get("parent")
        return None

    def _message(self, name: str, node: dict[str, Any]) -> MessageRecord | None:
        given = mapping(node.get("message"))
        if not _says_something(given):
            return None
        author, content, extra = (mapping(given.get(part)) for part in ("author", "content", "metadata"))
        native_role = str(author.get("role"))
        message = MessageRecord(
            self._key, native_key(self._key, name), _ROLES.get(native_role, "system"), [], is_whole=True
        )
        message.parent_key = self._parent(node)
        message.created_at = time_in(given.get("create_time"), self._problems)
        message.metadata = {"native": without(given, _MESSAGE)} if without(given, _MESSAGE) else {}
        if words(given.get("id")) not in (None, name):
            message.metadata["native_id"] = given["id"]
        is_hidden = extra.get("is_visually_hidden_from_conversation") is True
        is_memory = content.get("content_type") == "user_editable_context"
        if message.role == "system" or is_memory or (is_hidden and message.role != "tool"):
            message.role = "system"
            message.metadata |= {"origin": "injected", "native_role": native_role}
        self._fill(message, given, content, words(author.get("name")))
        if content.get("content_type") == "system_error":
            message.status, message.error = "error", words(content.get("text")) or "error"
        if message.role == "assistant":
            message.model = words(extra.get("model_slug")) or words(self._given.get("default_model_slug"))
        message.parts += _files(extra.get("attachments"))
        self._attach(message)
        return message

    def _attach(self, message: MessageRecord) -> None:
        """Attach the files that parts point at, each once."""
        places: dict[str, int] = {}
        for part in message.parts if self._files else []:
            pointer = _FILE_ID.search(f"{part.get('url')} {mapping(part.get('native')).get('id')}")
            name = _plain_id(pointer[0]) if pointer else ""
            if name not in self._files:
                continue
            if name not in places:
                path = self._files[name]
                kind = words(part.get("media_type")) or mimetypes.guess_type(path.name)[0]
                places[name] = len(message.attachments)
                message.attachments.append(AttachmentRecord(path.name, kind or "application/octet-stream", path))
            part["attachment"] = places[name]

    def _fill(self, message: MessageRecord, given: dict[str, Any], content: dict[str, Any], name: str | None) -> None:
        """Give a message its parts, by what it is: an answer of a tool, a call of one, or words."""
        recipient = words(given.get("recipient"))
        parts = _parts(content)
        text = "\n".join(part["text"] for part in parts if part.get("text"))
        if message.role == "tool":
            call_id = message.parent_key if message.parent_key in self._calls else None
            message.tool_name = name
            message.tool_result = {"call_id": call_id, "is_error": content.get("content_type") == "system_error"}
            result: Part = {"type": "tool_result", "id": "result", "name": name, "text": text, "output": content}
            others = [part for part in parts if part["type"] not in ("text", "reasoning")]
            message.parts = [result | message.tool_result, *others]
        elif message.role == "assistant" and recipient not in (None, "all"):
            call = {"call_id": message.key, "name": recipient, "input": text}
            message.tool_name, message.tool_call = recipient, call
            message.parts = [{"type": "tool_call", "id": "call", **call, "native": content}]
            self._calls.add(message.key)
        else:
            message.sender_id = name
            message.parts = parts


def _says_something(given: dict[str, Any]) -> bool:
    """Say whether a message has content; exports have empty system messages near the root."""
    is_call = words(given.get("recipient")) not in (None, "all") or mapping(given.get("author")).get("role") == "tool"
    has_files = bool(objects(mapping(given.get("metadata")).get("attachments")))
    return bool(given) and (is_call or has_files or bool(_parts(mapping(given.get("content")))))


def _parts(content: dict[str, Any]) -> list[Part]:
    """Make the parts of a content of any type; of a type that has no place here the whole stays under `native`."""
    kind = content.get("content_type")
    found = [_part(part, str(at)) for at, part in enumerate(_listed(content.get("parts"))) if part != ""]
    for at, thought in enumerate(objects(content.get("thoughts"))):
        said = "\n".join(text for name in ("summary", "content") if (text := words(thought.get(name))))
        found.append({"type": "reasoning", "id": f"thought{at}", "text": said})
    texts = "\n\n".join(text for name in _TEXTS if (text := words(content.get(name))))
    if texts:
        found.append({"type": "reasoning" if kind == "reasoning_recap" else "text", "id": "text", "text": texts})
    if isinstance(content.get("screenshot"), dict):
        found.append(_part(content["screenshot"], "screenshot"))
    if kind not in _PLAIN and found:
        found[-1].setdefault("native", {name: value for name, value in content.items() if name not in _TEXTS})
    elif not found and set(content) - {"content_type", "parts", "thoughts", *_TEXTS}:
        found.append({"type": "file", "id": "content", "native": content})
    return found


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _part(given: object, part_id: str) -> Part:
    if not isinstance(given, dict):
        return {"type": "text", "id": part_id, "text": given if isinstance(given, str) else str(given)}
    if pointer := words(given.get("asset_pointer")):
        is_image = "audio" not in str(given.get("content_type")) and "video" not in str(given.get("content_type"))
        return {"type": "image" if is_image else "file", "id": part_id, "url": pointer, "native": given}
    if text := words(given.get("text")):
        return {"type": "text", "id": part_id, "text": text, "native": given}
    return {"type": "file", "id": part_id, "native": given}


def _files(attachments: object) -> list[Part]:
    """Make a part of each file that was sent along; its bytes are elsewhere in the export."""
    return [
        {"type": "file", "id": f"file{at}", "media_type": words(file.get("mime_type")), "native": file}
        for at, file in enumerate(objects(attachments))
    ]
