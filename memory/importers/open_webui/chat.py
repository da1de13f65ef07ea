"""One chat of Open WebUI → its session and messages."""

from collections.abc import Iterator
from typing import Any

from memory.importers.open_webui.answer import parts_of_output, parts_of_text
from memory.importers.open_webui.tree import Tree
from memory.importers.reading.documents import mapping, native_key, objects, time_in, without, words
from memory.importers.reading.pictures import picture_at
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    Item,
    MessageRecord,
    Part,
    Problem,
    Role,
    SessionRecord,
)
from memory.importers.reading.spoken import first_line

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_SESSION = frozenset("id title chat created_at summary meta".split())
_CHAT = frozenset("id title history messages timestamp tasks summary".split())
_MESSAGE = frozenset("id parentId childrenIds role content timestamp model usage output files info done".split())
_UNTITLED = ("New Chat", "")


def chat_items(record: dict[str, Any], fallback: str, project: str | None) -> Iterator[Item]:
    """Yield a chat's session and messages.

    Args:
        record: The chat and what stands around it.
        fallback: The session's id, where neither the chat nor a message has one.
        project: The path of its folder.
    """
    problems: list[Problem] = []
    chat = record["chat"]
    messages, current = _messages(chat)
    tree = Tree(messages, record.get("current_message_id") or current)
    key = words(record.get("id")) or words(chat.get("id")) or _key_by_root(tree) or fallback
    session = _session(key, record, chat, problems)
    session.project = project
    yield session
    if session.title is None and (title := _first_prompt(tree)):
        yield SessionRecord(key, title, TITLE_FIRST_PROMPT)
    for id, each in messages.items():
        if id not in tree.messages:
            problems.append(Problem(None, f"message {id[:60]!r} of chat {key[:60]!r} has no role, was left out"))
            yield SessionRecord(key, metadata={"unknown_records": [each]})
    for id in tree.order():
        yield from _message(key, id, tree, problems)
    yield from problems


def _messages(chat: dict[str, Any]) -> tuple[dict[str, Any], object]:
    """Give the messages by id, and which is the current; a list of before there were trees is one path."""
    history = mapping(chat.get("history"))
    if isinstance(history.get("messages"), dict) and history["messages"]:
        return history["messages"], history.get("currentId")
    found: dict[str, Any] = {}
    last: str | None = None
    for at, each in enumerate(objects(chat.get("messages"))):
        id = words(each.get("id")) or str(at)
        parent = words(each.get("parentId")) or last
        found[id], last = {**each, "parentId": parent}, id
    return found, last


def _key_by_root(tree: Tree) -> str | None:
    first = next(iter(tree.path), "")
    return f"chat:{first}" if len(first) > 8 else None


def _session(key: str, record: dict[str, Any], chat: dict[str, Any], problems: list[Problem]) -> SessionRecord:
    session = SessionRecord(key, metadata={"kind": "main"})
    title = words(record.get("title")) or words(chat.get("title")) or ""
    if title not in _UNTITLED:
        session.title, session.title_authority = title, TITLE_GENERATED
    session.created_at = time_in(record.get("created_at") or chat.get("timestamp"), problems)
    session.summary = words(record.get("summary"))
    session.system_prompt = words(mapping(chat.get("params")).get("system"))
    models = chat.get("models")
    session.model = next((model for model in models if words(model)), None) if isinstance(models, list) else None
    meta = mapping(record.get("meta"))
    tags = meta.get("tags", chat.get("tags"))
    session.tags = [tag for tag in tags if words(tag)] if isinstance(tags, list) else []
    session.metadata |= {**without(chat, _CHAT), **without(record, _SESSION)}
    session.metadata |= {"meta": rest} if (rest := without(meta, frozenset(["tags"]))) else {}
    if meta.get("internal") is True:
        session.metadata["kind"], session.parent_key = "subagent", words(meta.get("parent_chat_id"))
    elif origin := words(chat.get("originalChatId")):
        session.metadata["kind"], session.parent_key = "fork", origin
        point = words(chat.get("branchPointMessageId"))
        session.forked_at_key = native_key(origin, point) if point else None
    return session


def _first_prompt(tree: Tree) -> str | None:
    said = (tree.messages[id].get("content") for id in tree.path if tree.messages[id].get("role") == "user")
    return next((title for text in said if isinstance(text, str) and (title := first_line(text))), None)


def _message(session_key: str, id: str, tree: Tree, problems: list[Problem]) -> Iterator[MessageRecord]:
    """Yield a message, and the results of tools that it holds."""
    given = tree.messages[id]
    role = _ROLES.get(str(given["role"]), "system")
    message = MessageRecord(session_key, native_key(session_key, id), role, [], is_whole=True)
    parent = tree.parents[id]
    message.parent_key = native_key(session_key, parent) if parent is not None else None
    message.created_at = time_in(given.get("timestamp"), problems)
    rest = without(given, _MESSAGE)
    if role == "system" and given["role"] != "system":
        message.metadata |= {"native_role": given["role"], "origin": "synthetic"}
    if words(given.get("parentId")) not in (None, parent):
        rest["parentId"] = given["parentId"]
    if given.get("done") is False:
        rest["done"] = False
    message.metadata |= {"native": rest} if rest else {}
    if not tree.is_shown(id):
        message.metadata["branch"] = "not shown"
    parts = _parts(given, role)
    if role == "tool":
        _fill_result(message, parts, given)
        yield message
        return
    message.parts = [part for part in parts if part["type"] != "tool_result"] + _files(given, message)
    _fill(message, given)
    yield message
    for part in parts:
        if part["type"] == "tool_result":
            yield _result(message, part)


def _parts(given: dict[str, Any], role: Role) -> list[Part]:
    content = given.get("content")
    found = parts_of_output(given.get("output"))
    if any(part["type"] == "text" for part in found) or not content:
        return found
    if isinstance(content, str):
        told = parts_of_text(content) if role == "assistant" else [{"type": "text", "id": "0", "text": content}]
        return [*found, *(part for part in told if part["type"] == "text")] if found else told
    return [*found, *(_block(block, f"content{at}") for at, block in enumerate(objects(content)))]


def _block(block: dict[str, Any], part_id: str) -> Part:
    if isinstance(block.get("text"), str):
        return {"type": "text", "id": part_id, "text": block["text"]}
    return {"type": "file", "id": part_id, "native": block}


def _fill(message: MessageRecord, given: dict[str, Any]) -> None:
    calls = [part for part in message.parts if part["type"] == "tool_call"]
    message.tool_name = calls[0]["name"] if calls else None
    if len(message.parts) == len(calls) == 1:
        message.tool_call = {name: calls[0][name] for name in ("call_id", "name", "input")}
    if error := given.get("error"):
        message.status = "error"
        message.error = words(error) or words(mapping(error).get("content")) or "error"
    if message.role != "assistant":
        return
    message.model = words(given.get("model"))
    info = mapping(given.get("info"))
    usage = mapping(given.get("usage")) or mapping(info.get("usage")) or info
    message.tokens_in = _count(usage, "input_tokens", "prompt_tokens", "prompt_eval_count")
    message.tokens_out = _count(usage, "output_tokens", "completion_tokens", "eval_count")
    if usage:
        message.metadata["usage"] = usage
    if type(usage.get("cost")) in (int, float):
        message.metadata["cost"] = usage["cost"]


def _count(usage: dict[str, Any], *names: str) -> int | None:
    return next((usage[name] for name in names if type(usage.get(name)) is int), None)


def _result(asked: MessageRecord, part: Part) -> MessageRecord:
    result = MessageRecord(
        asked.session_key, f"{asked.key}:{part['call_id']}", "tool", [part], asked.key, is_whole=True
    )
    result.created_at, result.tool_name = asked.created_at, part["name"]
    result.tool_result = {"call_id": part["call_id"], "is_error": part["is_error"]}
    if "branch" in asked.metadata:
        result.metadata["branch"] = asked.metadata["branch"]
    return result


def _fill_result(message: MessageRecord, parts: list[Part], given: dict[str, Any]) -> None:
    answer = {"call_id": words(given.get("tool_call_id")), "is_error": bool(given.get("error"))}
    text = "\n".join(part["text"] for part in parts if part.get("text"))
    message.tool_name, message.tool_result = words(given.get("name")), answer
    message.parts = [{"type": "tool_result", "id": "result", "name": message.tool_name, "text": text, **answer}]


def _files(given: dict[str, Any], message: MessageRecord) -> list[Part]:
    """Make a part of each file of a message, with the text that was taken from it."""
    found: list[Part] = []
    for at, file in enumerate(objects(given.get("files"))):
        url, inner = words(file.get("url")), mapping(file.get("file"))
        is_image = file.get("type") == "image" or str(file.get("content_type")).startswith("image/")
        if url is not None and (url.startswith("data:") or is_image):
            part = picture_at(f"file{at}", url, message.attachments) | {"type": "image" if is_image else "file"}
            found.append(part | {"native": rest} if (rest := without(file, frozenset(["type", "url"]))) else part)
            continue
        data = mapping(inner.get("data"))
        text = words(data.get("content")) or words(file.get("content"))
        kept = without(file, frozenset(["content", "file"]))
        kept |= {"file": rest} if (rest := without(inner, frozenset(["data"]))) else {}
        part = {"type": "file", "id": f"file{at}", "native": kept}
        found.append(part | {"text": text} if text else part)
    return found
