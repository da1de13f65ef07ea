"""LiteChat: full exports, single conversations, lists of these, and nested exports of a project.

An interaction is a turn: what was asked and what was answered (`turns.py`). The project of a conversation is the path of
its names, `Parent/Child`. What an export holds besides conversations (settings, rules, tags, mods, templates, agents,
workflows, repositories, servers, providers, projects) is in the metadata of one session more, "LiteChat workspace", by
id: a later export takes the place of what it holds anew.

Left out on purpose: the values of API keys, passwords and tokens; of servers all values of headers and of the environment.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from memory.importers.litechat.turns import conversation_items
from memory.importers.reading.documents import mapping, names_in, objects, read_document, time_in, words
from memory.importers.reading.records import TITLE_GENERATED, Item, Problem, SessionRecord
from memory.importers.reading.secrets import LEFT_OUT, without_secrets
from memory.importers.reading.source import Sample, Source

FORMAT = "litechat"

_OWN = ("interactions", "providerConfigs", "tagRuleLinks", "promptTemplates", "syncRepos", "mcpServers")
_WORKSPACE = "LiteChat workspace"
_DEEPEST = 50
_LISTS = frozenset(["children", "conversations", "interactions"])
_NODE = frozenset(["project", "version", "exportedAt"])
_VALUES_LEFT_OUT = frozenset(["headers", "env"])


def recognises(sample: Sample) -> bool:
    """Say whether the beginning is that of one of LiteChat's exports."""
    names = names_in(sample)
    if {("version",), ("exportedAt",)} <= names and any((name,) in names for name in _OWN):
        return True
    if {("conversation",), ("conversation", "title"), ("interactions",)} <= names:
        return True
    return {("project",), ("project", "path"), ("children",)} <= names


def read(source: Source) -> Iterator[Item]:
    """Yield the conversations of an export; it is read whole, whatever `source.offset` is."""
    return read_document(source, _export, is_list=True)


def _export(document: Any) -> Iterator[Item]:
    for each in objects(document) if isinstance(document, list) else [mapping(document)]:
        if isinstance(each.get("project"), dict):
            yield from _nested(each)
        elif isinstance(each.get("conversation"), dict):
            yield from _one(each, None, None)
        elif "exportedAt" in each:
            yield from _full(each)
        else:
            yield Problem(None, "neither an export nor a conversation nor a project of LiteChat")


def _one(node: dict[str, Any], project: str | None, system_prompt: str | None) -> Iterator[Item]:
    yield from conversation_items(node["conversation"], objects(node.get("interactions")), project, system_prompt)


def _nested(root: dict[str, Any]) -> Iterator[Item]:
    """Yield what an export of a project holds, itself in the workspace."""
    waiting: deque[tuple[dict[str, Any], list[str], str | None]] = deque([(root, [], None)])
    projects: list[dict[str, Any]] = []
    found: list[Item] = []
    while waiting:
        node, above, prompt = waiting.popleft()
        project = node.get("project")
        if isinstance(project, dict) and len(above) < _DEEPEST:
            projects.append(project)
            path = [*above, words(project.get("name")) or "?"]
            prompt = words(project.get("systemPrompt")) or prompt
            found += _beside(node, "/".join(path), prompt)
            waiting += [(child, path, prompt) for child in objects(node.get("children"))]
        elif isinstance(node.get("conversation"), dict):
            found += _one(node, "/".join(above) or None, prompt)
        else:
            found.append(Problem(None, "a node that is neither a project nor a conversation, was left out"))
    yield _workspace({"projects": projects})
    yield from found


def _beside(node: dict[str, Any], path: str, prompt: str | None) -> Iterator[Item]:
    """Yield what stands with a project: its conversations, and interactions that are joined to them by ids.

    A conversation is an object of its own here, or stands under `conversation` with its interactions beside it.
    """
    by_conversation = _by_conversation(node)
    for each in objects(node.get("conversations")):
        conversation = mapping(each.get("conversation")) or each
        if not words(conversation.get("id")) and not words(conversation.get("title")):
            yield Problem(None, f"a conversation of project {path!r} without id and title, was left out")
            continue
        listed = objects(each.get("interactions")) + by_conversation.pop(str(conversation.get("id")), [])
        told = {name: value for name, value in conversation.items() if name != "interactions"}
        yield from conversation_items(told, listed, path, prompt)
    for key, listed in by_conversation.items():
        yield from conversation_items({"id": key}, listed, path, prompt)
    yield from _not_understood(node, path)


def _not_understood(node: dict[str, Any], path: str) -> Iterator[Problem]:
    for name, value in node.items():
        if name in _LISTS:
            others = len(value) - len(objects(value)) if isinstance(value, list) else 1
            if others and value not in (None, {}, ""):
                yield Problem(None, f"{others} of `{name}` of project {path!r} are no objects, were left out")
        elif name not in _NODE and value not in (None, "", [], {}):
            yield Problem(None, f"`{name}` of project {path!r} is not known here, was left out")


def _by_conversation(export: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for interaction in objects(export.get("interactions")):
        found.setdefault(str(interaction.get("conversationId")), []).append(interaction)
    return found


def _full(export: dict[str, Any]) -> Iterator[Item]:
    problems: list[Problem] = []
    workspace = _workspace(export)
    workspace.created_at = time_in(export.get("exportedAt"), problems)
    yield workspace
    paths, prompts = _paths(objects(export.get("projects")))
    by_conversation = _by_conversation(export)
    for conversation in objects(export.get("conversations")):
        project = words(conversation.get("projectId")) or ""
        listed = by_conversation.pop(str(conversation.get("id")), [])
        yield from conversation_items(conversation, listed, paths.get(project), prompts.get(project))
    for key, listed in by_conversation.items():
        # their conversation is not in the export
        yield from conversation_items({"id": key}, listed, None, None)
    yield from problems


def _paths(projects: list[dict[str, Any]]) -> tuple[dict[str, str], dict[str, str]]:
    """Give each project's path of names and its system prompt, its own or the nearest above it, by its id."""
    known = {str(project.get("id")): project for project in projects}
    paths: dict[str, str] = {}
    prompts: dict[str, str] = {}
    for id in known:
        names: list[str] = []
        at: str | None = id
        while at in known and len(names) < _DEEPEST:
            names.insert(0, words(known[at].get("name")) or "?")
            if prompt := words(known[at].get("systemPrompt")):
                prompts.setdefault(id, prompt)
            at = words(known[at].get("parentId"))
        paths[id] = "/".join(names)
    return paths, prompts


def _workspace(export: dict[str, Any]) -> SessionRecord:
    """Make the session that keeps what is no conversation, without secrets."""
    session = SessionRecord("workspace", _WORKSPACE, TITLE_GENERATED, metadata={"kind": "workspace"})
    for name, value in export.items():
        if name in ("conversations", "interactions"):
            continue
        kept = [_without_values(each) for each in value] if isinstance(value, list) else value
        if name == "apiKeys":
            kept = [{key: each for key, each in record.items() if key != "value"} for record in objects(value)]
        kept = without_secrets(kept)
        session.metadata[name] = _by_id(kept) if isinstance(kept, list) else kept
    return session


def _without_values(record: object) -> object:
    """Leave out all values of the headers and the environment that a server is given."""
    if not isinstance(record, dict):
        return record
    return {
        name: dict.fromkeys(each, LEFT_OUT) if name in _VALUES_LEFT_OUT and isinstance(each, dict) else each
        for name, each in record.items()
    }


def _by_id(listed: list[Any]) -> dict[str, Any]:
    return {str(mapping(each).get("id") or at): each for at, each in enumerate(listed)}
