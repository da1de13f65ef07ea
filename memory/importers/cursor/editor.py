"""Cursor's editor: conversations in `state.vscdb`."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from memory.errors import SourceFault
from memory.importers.cursor.blocks import touched
from memory.importers.reading.documents import mapping, native_key, object_in, objects, time_in, without, words
from memory.importers.reading.pictures import picture_at
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_GENERATED,
    Item,
    Mark,
    MessageRecord,
    Part,
    Problem,
    SessionRecord,
)
from memory.importers.reading.source import Sample, Source
from memory.importers.reading.spoken import first_line
from memory.importers.reading.touched_files import TouchedFiles
from memory.store.foreign import ForeignDatabase, foreign_has, open_foreign

_OVERLAP_MS = 600_000
"""Milliseconds before the last change seen from which on conversations are read again. Untuned."""
_NATIVE_CHARS = 16_000
"""A message's other fields are kept up to this size; beyond it their names are. Untuned."""
_HAS = "select 1 from cursorDiskKV where key >= 'composerData:' and key < 'composerData;' limit 1"
_PANEL = "workbench.panel.aichat.view.aichat.chatdata"
_HAS_PANEL = f"select 1 from ItemTable where key = '{_PANEL}' and length(value) > 40"
_KEPT = frozenset(
    "status isArchived subtitle usageData contextTokensUsed contextTokenLimit unifiedMode forceMode createdOnBranch activeBranch"
    " trackedGitRepos filesChangedCount totalLinesAdded totalLinesRemoved isAgentic subComposerIds _v todos".split()
)
_BUBBLE = frozenset(
    "bubbleId type text rawText richText thinking toolFormerData createdAt timingInfo modelInfo images _v".split()
)
_ENDED = frozenset(("completed", "error", "cancelled", "rejected", "success"))


def has_conversations(sample: Sample) -> bool:
    """Say whether a database of the editor holds conversations."""
    if "cursorDiskKV" in sample.tables and foreign_has(sample.path, _HAS):
        return True
    return "ItemTable" in sample.tables and foreign_has(sample.path, _HAS_PANEL)


def workspaces_of(path: Path) -> Iterable[Path]:
    """Give the workspaces' databases beside the editor's own that hold no conversations themselves, and their folders' names."""
    for folder in sorted((path.parent.parent / "workspaceStorage").glob("*")):
        database, named = folder / "state.vscdb", folder / "workspace.json"
        if named.is_file():
            yield named
        if database.is_file() and database.resolve() != path.resolve() and not has_conversations(Sample(database)):
            yield database


def read_editor(source: Source) -> Iterator[Item]:
    """Yield the conversations that changed since the last import."""
    size = source.path.stat().st_size
    since = source.state.get("since", 0) if isinstance(source.state.get("since"), int) else 0
    latest = since
    projects = _projects(source.path)
    with open_foreign(source.path) as foreign:
        tables = foreign.tables()
        if "cursorDiskKV" in tables:
            sql = "select key, value from cursorDiskKV where key >= 'composerData:' and key < 'composerData;' order by rowid"
            for key, value in foreign.rows(sql):
                given = object_in(value)
                if given is None:
                    if value is not None and value not in ("null", b"null"):
                        yield Problem(None, f"{str(key)[:80]}: no JSON object, was left out")
                    continue
                changed = _number(given.get("lastUpdatedAt")) or _number(given.get("createdAt"))
                if changed and changed <= since - _OVERLAP_MS:
                    continue
                latest = max(latest, changed)
                yield from _Composer(foreign, str(key).partition(":")[2], given, projects).items()
                yield Mark(0, 0, {"whole": True})
        if "ItemTable" in tables:
            yield from _panel(foreign, source.path, projects)
    yield Mark(size, 0, {"since": latest})


def _projects(path: Path) -> dict[str, str]:
    """Find which folder conversations belong to: by their id, and by their workspace's id."""
    found: dict[str, str] = {}
    others = sorted((path.parent.parent / "workspaceStorage").glob("*/workspace.json"))
    for named in [*others, path.parent / "workspace.json"]:
        folder = _folder(named)
        if folder is None:
            continue
        found[named.parent.name] = folder
        database = named.with_name("state.vscdb")
        if not database.is_file() or database.resolve() == path.resolve():
            continue
        try:
            with open_foreign(database) as foreign:
                rows = foreign.rows("select value from ItemTable where key = 'composer.composerData'")
                for (value,) in rows:
                    listed = mapping(object_in(value))
                    ids = [words(each.get("composerId")) for each in objects(listed.get("allComposers"))]
                    chosen = listed.get("selectedComposerIds")
                    ids += [each for each in chosen if isinstance(each, str)] if isinstance(chosen, list) else []
                    found.update(dict.fromkeys((id for id in ids if id), folder))
        except SourceFault:
            continue  # the conversations are read all the same, without a project
    return found


def _folder(named: Path) -> str | None:
    try:
        given = mapping(object_in(named.read_bytes()))
    except OSError:
        return None
    return _path_of(words(given.get("folder")) or words(given.get("workspace")) or words(given.get("configuration")))


def _path_of(uri: str | None) -> str | None:
    if not uri or not uri.startswith("file:"):
        return uri
    path = unquote(urlsplit(uri).path)
    return path[1:] if len(path) > 2 and path[2] == ":" else path


def _panel(foreign: ForeignDatabase, path: Path, projects: dict[str, str]) -> Iterator[Item]:
    """Yield the chats of the first versions, which lie in one row of a workspace's database."""
    for (value,) in foreign.rows("select value from ItemTable where key = ?", (_PANEL,)):
        for tab in objects(mapping(object_in(value)).get("tabs")):
            key = words(tab.get("tabId"))
            if key is None:
                yield Problem(None, "a chat without a `tabId` was left out")
                continue
            bubbles = [
                {**each, "bubbleId": words(each.get("id")) or f"{at}", "type": 1 if each.get("type") == "user" else 2}
                for at, each in enumerate(objects(tab.get("bubbles")))
            ]
            given = {"name": tab.get("chatTitle"), "lastUpdatedAt": tab.get("lastSendTime"), "conversation": bubbles}
            found = projects | {key: projects.get(path.parent.name, "")}
            yield from _Composer(foreign, key, given, found).items()


class _Composer:
    """Goes through one conversation."""

    def __init__(self, foreign: ForeignDatabase, key: str, given: dict[str, Any], projects: dict[str, str]) -> None:
        self._foreign = foreign
        self._key = key
        self._given = given
        workspace = mapping(given.get("workspaceIdentifier"))
        uri = mapping(workspace.get("uri"))
        named = words(uri.get("fsPath")) or _path_of(words(uri.get("external"))) or words(uri.get("path"))
        self._project = named or projects.get(key) or projects.get(str(workspace.get("id"))) or None
        self._problems: list[Problem] = []
        self._files = TouchedFiles()
        self._last: str | None = None
        self._is_titled = False

    def items(self) -> Iterator[Item]:
        bubbles = list(self._bubbles())
        given = self._given
        name = words(given.get("name"))
        if not bubbles and name is None:
            return  # a window that was opened, and in which nothing was said
        session = SessionRecord(self._key, name, TITLE_GENERATED, self._project)
        self._is_titled = name is not None
        session.created_at = time_in(given.get("createdAt"), self._problems)
        session.model = words(mapping(given.get("modelConfig")).get("modelName"))
        session.summary = words(mapping(given.get("latestConversationSummary")).get("summary"))
        session.metadata = {"kind": "main"} | {name: given[name] for name in _KEPT if given.get(name)}
        if words(given.get("createdOnBranch")):
            session.metadata["git_branch"] = given["createdOnBranch"]
        yield session
        for bubble in bubbles:
            yield from self._message(bubble)
        yield from self._problems

    def _bubbles(self) -> Iterator[dict[str, Any]]:
        """Give the messages in the order of the conversation; those it does not name any more come last, as not shown."""
        sql = "select key, value from cursorDiskKV where key >= ? and key < ? order by rowid"
        first = f"bubbleId:{self._key}:"
        stored: dict[str, dict[str, Any]] = {}
        for key, value in (
            self._foreign.rows(sql, (first, f"bubbleId:{self._key};")) if "conversation" not in self._given else ()
        ):
            bubble = object_in(value)
            if bubble is not None:
                stored[str(key)[len(first) :]] = {"bubbleId": str(key)[len(first) :]} | bubble
        yield from objects(self._given.get("conversation"))
        for header in objects(self._given.get("fullConversationHeadersOnly")):
            bubble = stored.pop(str(header.get("bubbleId")), None)
            if bubble is not None:
                yield bubble
        for bubble in stored.values():
            yield bubble | {"branch": "not shown"}

    def _message(self, bubble: dict[str, Any]) -> Iterator[Item]:
        native = words(bubble.get("bubbleId"))
        if native is None:
            self._problems.append(Problem(None, f"conversation {self._key[:60]!r}: a message without an id"))
            return
        message = MessageRecord(
            self._key, native_key(self._key, native), "user" if bubble.get("type") == 1 else "assistant", [], self._last
        )
        message.is_whole = True
        message.created_at = self._time(bubble)
        message.model = words(mapping(bubble.get("modelInfo")).get("modelName"))
        self._count(message, bubble)
        call = mapping(bubble.get("toolFormerData"))
        message.parts = _parts(bubble, message)
        if call.get("name") or call.get("tool"):
            message.parts.append(_call(call))
            message.tool_name = message.parts[-1]["name"]
            yield from self._files.arrows(self._key, touched(message.parts[-1], self._project), message.created_at)
            if len(message.parts) == 1:
                message.tool_call = {name: message.parts[0][name] for name in ("call_id", "name", "input")}
        if not message.parts:
            return
        if (
            message.role == "user"
            and not self._is_titled
            and (title := first_line(str(message.parts[0].get("text", ""))))
        ):
            self._is_titled = True
            yield SessionRecord(self._key, title, TITLE_FIRST_PROMPT)
        yield message
        self._last = message.key
        if message.tool_name and str(call.get("status")) in _ENDED:
            yield self._result(message, call)

    def _time(self, bubble: dict[str, Any]) -> Any:
        timing = mapping(bubble.get("timingInfo"))
        for value in (bubble.get("createdAt"), timing.get("clientRpcSendTime"), timing.get("clientEndTime")):
            if value and (isinstance(value, str) or _number(value) > 1e11):
                return time_in(value, self._problems)
        return None

    def _count(self, message: MessageRecord, bubble: dict[str, Any]) -> None:
        tokens = mapping(bubble.get("tokenCount"))
        counts = (tokens.get(name) for name in ("inputTokens", "outputTokens"))
        message.tokens_in, message.tokens_out = (
            count if isinstance(count, int) and count > 0 else None for count in counts
        )
        rest = without(bubble, _BUBBLE | {"branch"})
        if "branch" in bubble:
            message.metadata["branch"] = bubble["branch"]
        if rest:
            small = len(json.dumps(rest)) <= _NATIVE_CHARS
            message.metadata["native"] = rest if small else {"left_out": sorted(rest)}

    def _result(self, asked: MessageRecord, call: dict[str, Any]) -> MessageRecord:
        result = MessageRecord(self._key, f"{asked.key}:result", "tool", [], asked.key, is_whole=True)
        result.created_at, result.tool_name = asked.created_at, asked.tool_name
        is_error = call.get("status") in ("error", "cancelled", "rejected") or bool(call.get("error"))
        result.tool_result = {"call_id": asked.parts[-1]["call_id"], "is_error": is_error, "status": call.get("status")}
        given = call.get("result") or call.get("error") or ""
        text = given if isinstance(given, str) else json.dumps(given)
        part: Part = {"type": "tool_result", "id": "0", "call_id": asked.parts[-1]["call_id"], "name": asked.tool_name}
        result.parts = [
            part | {"is_error": is_error, "text": _said(text)} | ({"output": text} if _said(text) != text else {})
        ]
        return result


def _parts(bubble: dict[str, Any], message: MessageRecord) -> list[Part]:
    parts: list[Part] = []
    if thought := words(mapping(bubble.get("thinking")).get("text")):
        parts.append({"type": "reasoning", "id": "thinking", "text": thought})
    if text := words(bubble.get("text")) or words(bubble.get("rawText")):
        parts.append({"type": "text", "id": "text", "text": text})
    for at, image in enumerate(objects(bubble.get("images"))):
        url = words(image.get("dataUrl")) or words(image.get("url")) or words(image.get("path")) or ""
        parts.append(
            picture_at(f"image{at}", url, message.attachments) | {"native": without(image, frozenset(("dataUrl",)))}
        )
    return parts


def _call(call: dict[str, Any]) -> Part:
    given = call.get("rawArgs") or call.get("params")
    decoded = object_in(given)
    name = words(call.get("name")) or str(call.get("tool"))
    call_id = words(call.get("toolCallId")) or words(call.get("modelCallId")) or "call"
    part: Part = {"type": "tool_call", "id": "call", "call_id": call_id, "name": name}
    native = {name: call[name] for name in ("userDecision", "status", "toolIndex") if call.get(name)}
    return part | {"input": given if decoded is None else decoded} | ({"native": native} if native else {})


def _said(text: str) -> str:
    """Find what a tool said to the model in its result, where that is JSON."""
    decoded = object_in(text)
    for name in ("output", "contents", "content", "result", "diff"):
        if decoded is not None and (said := words(decoded.get(name))):
            return said
    return text


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0
