"""Session, thread, brain, settings and log documents → records."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from memory.importers.chatlogs.entries import entry_messages
from memory.importers.chatlogs.identity import Alike, conversation_key, digest
from memory.importers.chatlogs.shapes import (
    IDS,
    LOGS,
    OWN_IDS,
    SESSION_IDS,
    TEXTS,
    TIMES,
    TITLES,
    Fields,
    collected,
    is_entry,
    kind_of,
    says_its_session,
    state_of,
    wrapped_session,
)
from memory.importers.reading.documents import mapping, native_key, time_in
from memory.importers.reading.records import (
    TITLE_FIRST_PROMPT,
    TITLE_PERSON,
    Item,
    MessageRecord,
    Problem,
    Role,
    SessionRecord,
)
from memory.importers.reading.secrets import without_secrets
from memory.importers.reading.spoken import first_line
from memory.importers.reading.unknown import keep_unknown

KEPT = 16
"""How many of the last sessions that have a title, messages and models a mark knows. Untuned."""
_MODELS = frozenset(["ai", "bot", "assistant", "agent", "model", "brain", "llm"])


class Reader:
    """Goes through documents; what it must know to go on is `state()`."""

    def __init__(self, state: dict[str, Any], name: str, loose_key: str | None = None) -> None:
        """Go on from a state.

        Args:
            state: What `state()` gave.
            name: The source's.
            loose_key: The session of entries that tell of none, but where they stand in a document; None is the source.
        """
        self._name, self._loose_key = name, loose_key or name
        self._titled: dict[str, None] = dict.fromkeys(state.get("titled", []))
        self._recent: dict[str, None] = dict.fromkeys(state.get("recent", []))
        self._models: dict[str, None] = dict.fromkeys(state.get("models", []))
        self._has_unnamed: bool = state.get("has_unnamed", False)
        self._alike = Alike()
        self._unknown: int = state.get("unknown", 0)
        self._problems: list[Problem] = []
        self._line: int | None = None

    def state(self) -> dict[str, Any]:
        """Give what goes on, cut to what a mark can hold."""
        self._titled, self._recent, self._models = (
            dict.fromkeys(list(names)[-KEPT:]) for names in (self._titled, self._recent, self._models)
        )
        lists = {"titled": list(self._titled), "recent": list(self._recent), "models": list(self._models)}
        return {**lists, "has_unnamed": self._has_unnamed, "unknown": self._unknown}

    def document(self, record: dict[str, Any], line: int | None) -> Iterator[Item]:
        """Yield what a document holds."""
        self._line = line
        kind = kind_of(record)
        if kind == "container":
            yield from self._container(record)
        elif kind == "brain":
            yield from self._brain(record, None)
        elif kind == "session":
            yield from self._session(record)
        elif kind == "entry":
            yield from self._entry(record, None, self._alike, self._loose_key)
        else:
            self._unknown += 1
            yield from keep_unknown(without_secrets(record), None, line, self._unknown)
        yield from self._problems
        self._problems.clear()

    def _container(self, record: dict[str, Any]) -> Iterator[Item]:
        """Yield what collections beside each other hold: who is a model, then sessions, then what was said in them."""
        fields = Fields(record)
        brains = [*collected(fields.get("brains"), "id")]
        if own := mapping(fields.look("brain")):
            fields.get("brain")
            entity = fields.text("entityid")
            brains.append(({"entityId": entity} if entity else {}) | own)
        for brain in brains:
            yield from self._brain(brain, None)
        logs = [each for name in LOGS for each in collected(fields.get(name), "threadId")]
        loose_key = conversation_key([each for each in logs if not says_its_session(each)])
        sessions = [each for name in ("sessions", "threads") for each in collected(fields.get(name), "id")]
        wrapped = wrapped_session(fields)
        if wrapped:
            fields.get("session" if wrapped is fields.look("session") else "thread")
            wrapped = wrapped if Fields(wrapped).text(*IDS) or not logs else {"id": loose_key} | wrapped
            loose_key = self._key_of(wrapped)
            sessions.append(wrapped)
        for each in sessions:
            yield from self._session(each)
        alike = Alike() if wrapped else self._alike
        for each in logs:
            yield from self._entry(each, None, alike, loose_key)
        yield from self._settings(fields, loose_key if wrapped else None)

    def _settings(self, fields: Fields, session_key: str | None) -> Iterator[Item]:
        """Yield what keeps the rest of a container: the one session that it is about, else the settings of the source."""
        settings, rest = fields.get("settings"), fields.rest()
        if settings is None and session_key is not None:
            if rest:
                yield SessionRecord(session_key, metadata=without_secrets(rest))
        elif settings is not None or rest:
            session = SessionRecord(f"settings:{self._name}", "Chat settings", TITLE_PERSON)
            session.metadata = {"kind": "workspace"} | without_secrets({"settings": settings, **rest})
            yield session

    def _session(self, record: dict[str, Any]) -> Iterator[Item]:
        fields = Fields(record)
        key = fields.text(*IDS) or self._key_of(record)
        session = SessionRecord(key, state=state_of(fields), metadata={"kind": "main"})
        if title := fields.text(*TITLES):
            session.title, session.title_authority = title, TITLE_PERSON
            self._titled[key] = None
        session.created_at = self._time(fields)
        session.summary, session.model = fields.text("summary"), fields.text("model", "modelid")
        session.system_prompt = fields.text("systemprompt", "instructions")
        session.project = fields.text("project", "cwd", "workspace")
        session.parent_key = fields.text("parentsessionid", "parentthreadid", "forkedfrom", "parentid")
        if session.parent_key is not None:
            session.metadata["kind"] = "fork"
        for name in ("tags", "keywords"):
            given = fields.look(name)
            if isinstance(given, list) and all(isinstance(each, str) for each in given):
                setattr(session, name, fields.get(name) or [])
        session.participants = self._participants(fields.look("participants"))
        logs = self._logs(fields, session)
        brains = [*collected(fields.get("brains"), "id"), *collected([fields.get("brain")], "id")]
        session.metadata |= without_secrets(fields.rest())
        yield session
        for brain in brains:
            yield from self._brain(brain, key)
        alike = Alike()
        for entry in logs:
            yield from self._entry(entry, key, alike, key)

    def _key_of(self, record: dict[str, Any]) -> str:
        fields = Fields(record)
        entries = [each for name in LOGS for each in collected(fields.look(name), "id")]
        return fields.text(*IDS) or (conversation_key(entries) if entries else digest(record))

    def _logs(self, fields: Fields, session: SessionRecord) -> list[dict[str, Any]]:
        """Give the entries of the lists that hold such; what is no object in them stays with the session."""
        found: list[dict[str, Any]] = []
        for name in LOGS:
            entries = list(collected(fields.look(name), "id"))
            if any(is_entry(Fields(entry)) for entry in entries):
                listed = fields.get(name)
                others = [each for each in listed if not isinstance(each, dict)] if isinstance(listed, list) else []
                session.metadata |= {f"other_{name}": others} if others else {}
                found += entries
        return found

    def _participants(self, given: object) -> list[str]:
        """Give the names of who takes part, and learn who of them is a model."""
        found: list[str] = []
        for each in given if isinstance(given, list) else []:
            fields = Fields(mapping(each))
            names = [each] if isinstance(each, str) else [fields.text("id"), fields.text("_id"), fields.text("name")]
            named = [name for name in names if name]
            kind = str(fields.text("type", "kind", "role")).lower()
            if kind in _MODELS or fields.look("isai") is True or fields.look("isbot") is True:
                self._models |= dict.fromkeys(named)
            found += named[-1:]
        return found

    def _brain(self, record: dict[str, Any], session_key: str | None) -> Iterator[Item]:
        """Yield a brain as a session, and its memories as messages that nobody typed."""
        fields = Fields(record)
        entity = fields.look("entity")
        inner = Fields(mapping(entity))
        name = fields.text("name", "title") or (entity if isinstance(entity, str) else inner.text("name"))
        ids = [fields.text("entityid"), fields.text("id", "_id"), inner.text("id", "_id")]
        key = f"brain:{next((id for id in (ids[1], ids[0], ids[2], name) if id), None) or digest(record)}"
        self._models |= dict.fromkeys(each for each in (*ids, name) if each)
        config = Fields(mapping(fields.look("config")))
        session = SessionRecord(key, name, TITLE_PERSON if name else 0, metadata={"kind": "brain"})
        session.model = fields.text("model", "modelid") or config.text("model", "modelid")
        session.system_prompt = fields.text("systemprompt", "persona") or config.text("systemprompt", "persona")
        session.created_at, session.parent_key = self._time(fields), session_key
        memories = fields.get("memories")
        session.metadata |= without_secrets(fields.rest()) | {"ids": [id for id in ids if id]}
        yield session
        alike = Alike()
        for each in memories if isinstance(memories, list) else []:
            memory = Fields(each if isinstance(each, dict) else {"text": each})
            text = memory.text(*TEXTS, "memory", "value", "summary", "fact") or json.dumps(each)
            own = memory.text("id", "_id") or alike.name(key, each)
            message = MessageRecord(key, native_key(key, own), "system", [{"type": "text", "id": "0", "text": text}])
            message.created_at = self._time(memory)
            rest = without_secrets(memory.rest())
            message.metadata = {"origin": "synthetic"} | ({"native": rest} if rest else {})
            yield message

    def _entry(self, record: dict[str, Any], session_key: str | None, alike: Alike, loose_key: str) -> Iterator[Item]:
        fields = Fields(record)
        if not is_entry(fields):
            self._unknown += 1
            key = session_key or fields.text(*SESSION_IDS) or loose_key
            yield SessionRecord(key)
            yield from keep_unknown(without_secrets(record), key, self._line, self._unknown)
            return
        told = fields.text(*SESSION_IDS)
        key = session_key or told or loose_key
        if session_key is None:
            yield SessionRecord(key)
        name = fields.text(*OWN_IDS)
        if name is None:
            self._has_unnamed = self._has_unnamed or alike is self._alike
            name = alike.name(key, record)
        for message in entry_messages(key, name, fields, self._role, self._time):
            if message.parent_key is not None and message.parent_key not in self._recent:
                message.metadata.setdefault("native", {})["parent_id"] = message.parent_key
                message.parent_key = None
            self._recent[str(message.key)] = None
            text = "\n".join(part["text"] for part in message.parts if part["type"] == "text")
            if message.role == "user" and key not in self._titled and (title := first_line(text)):
                self._titled[key] = None
                yield SessionRecord(key, title, TITLE_FIRST_PROMPT)
            if message.model:
                yield SessionRecord(key, model=message.model)
            yield message

    def _role(self, sender: str | None) -> Role:
        """Say who a sender is whose name is no role."""
        return "assistant" if sender in self._models else "user"

    def _time(self, fields: Fields) -> datetime | None:
        for name in TIMES:
            value = fields.look(name)
            if value not in (None, "") and not isinstance(value, (dict, list)):
                fields.get(name)
                return time_in(value, self._problems, self._line)
        return None
