"""Writes what is drawn from messages, in the transaction of the messages: arrows, and learnings stated outright."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from memory.collections.learnings import Learnings
from memory.collections.projects import Projects
from memory.ids import native_id
from memory.importers.reading.records import MessageRecord, RelationshipRecord
from memory.importing.derived import OF_TYPE
from memory.importing.drawn import Derived
from memory.importing.evidence import failed_tests, has_passed
from memory.importing.merged_rows import Rows, row
from memory.importing.stated import Stated
from memory.saving import Saver
from memory.store.records import Where
from memory.store.schema import micros

_LINKS = frozenset(("spawned", "forked", "continued"))
"""Types of arrows between sessions: there is one of a type between two sessions, whatever it is labelled."""
_SPACES = re.compile(r"\s+")


class Deriver:
    """Writes relationships and learnings into one workspace."""

    def __init__(self, saver: Saver, projects: Projects, rows: Rows, kinds: frozenset[str]) -> None:
        self.kinds = kinds
        self._saver = saver
        self._store = saver.store
        self._rows = rows
        self._learnings = Learnings(saver.store, saver, projects)

    def write(
        self, format: str, arrows: Iterable[RelationshipRecord], derived: Derived, sessions: dict[str, int]
    ) -> None:
        """Write what is new; inside a transaction.

        Args:
            format: The format of the source.
            arrows: What the importer yielded.
            derived: What was drawn from the messages.
            sessions: The number of each session's key; what belongs to another is left out.
        """
        self._write_arrows(format, [*arrows, *derived.arrows], sessions)
        for id, record, stated in derived.stated:
            if record.session_key in sessions:
                self._learn(id, record, stated, sessions[record.session_key])
        if "tests" in self.kinds:
            for key in derived.passed & sessions.keys():
                self._settle_tests(sessions[key])

    def link(self, child: int, parent: int) -> None:
        """Write the arrow between two sessions, one of which came from the other; inside a transaction."""
        if "sessions" not in self.kinds:
            return
        found = self._store.records.by_numbers("session", [child, parent])
        if len(found) < 2:
            return
        kind = getattr(found[child], "metadata", {}).get("kind")
        type = {"subagent": "spawned", "fork": "forked"}.get(str(kind), "continued")
        self._put(
            type, f"session:{found[parent].id}", f"session:{found[child].id}", None, parent, found[child].created_at
        )

    def _write_arrows(self, format: str, arrows: Iterable[RelationshipRecord], sessions: dict[str, int]) -> None:
        rows: dict[str, tuple[Any, ...]] = {}
        for record in arrows:
            if record.type in OF_TYPE and OF_TYPE[record.type] not in self.kinds:
                continue
            session = sessions.get(record.session_key or "")
            if record.session_key is not None and session is None:
                continue
            id, values = self._rows.relationship(format, record, session)
            if record.type in _LINKS:
                self._put(record.type, values["source"], values["target"], values["label"], session, record.created_at)
            else:
                rows.setdefault(id, row("relationship", id, values))
        there = {id for id in rows if self._store.records.number("relationship", id) is not None}
        there |= self._buried("relationship", list(rows))
        if new := [each for id, each in rows.items() if id not in there]:
            self._store.records.insert_rows("relationship", new)

    def _put(
        self, type: str, source: str, target: str, label: str | None, session: int | None, at: datetime | None
    ) -> None:
        """Write an arrow between two sessions once; a label that it lacked is added."""
        where = Where("{t}.type = ? and {t}.source = ? and {t}.target = ?", (type, source, target))
        known = self._store.records.select("relationship", where, limit=1)
        if known:
            if label and not getattr(known[0][1], "label", None):
                self._store.records.update("relationship", known[0][1].id, {"label": label})
            return
        id = native_id("harkback", "relationship", "\0".join((type, source, target)))
        if self._buried("relationship", [id]):
            return
        stamp = micros(at) if at else micros(datetime.now(UTC))
        values = {"created_at": stamp, "updated_at": stamp, "type": type, "source": source, "target": target}
        values |= {"label": label, "session_number": session, "valid_from": micros(at) if at else None}
        if session:
            values["deleted_at"] = self._rows.project_and_deleted_at(session)[1]
        self._store.records.insert_rows("relationship", [row("relationship", id, values)])

    def _learn(self, message_id: str, record: MessageRecord, stated: Stated, session: int) -> None:
        id = native_id("harkback", "learning", f"{message_id}\0{stated.content}")
        is_gone = self._rows.project_and_deleted_at(session)[1] is not None
        if is_gone or self._store.records.number("learning", id) is not None or self._buried("learning", [id]):
            return
        found = self._store.records.by_numbers("session", [session])[session]
        self._learnings.create(
            id=id,
            category=stated.category,
            content=stated.content,
            trust=stated.trust,
            session_id=found.id,
            project_id=getattr(found, "project_id", None),
            source_messages=[message_id],
            created_at=record.created_at or found.created_at,
            valid_from=record.created_at,
            metadata={"stated": True},
        )

    def _settle_tests(self, session: int) -> None:
        """Write which tests that had failed in a session a later run shows as fixed."""
        where = Where("{t}.session_number = ? and {t}.type = 'session_test'", (session,))
        known = [record for _, record in self._store.records.select("relationship", where, limit=10_000)]
        failed = {str(getattr(each, "target", "")) for each in known if getattr(each, "label", None) == "failed"}
        if not failed:
            return
        owner = self._store.records.by_numbers("session", [session])[session]
        for name, at in _fixed(self._runs(session)):
            if (target := f"test:{name}") in failed:
                arrow = RelationshipRecord("session_test", f"session:{owner.id}", target, "fixed", owner.id, at)
                self._write_arrows("harkback", [arrow], {owner.id: session})

    def _runs(self, session: int) -> list[tuple[str, str, datetime]]:
        """Give what tools printed in a session, in order: what was called, the text, and when."""
        numbers = self._store.sessions.members("message", session)
        calls: dict[str, str] = {}
        found: list[tuple[str, str, datetime]] = []
        fields = ("role", "content", "parts", "tool_result", "created_at")
        for _, role, content, parts, result, at in sorted(self._store.records.values("message", fields, numbers)):
            for part in parts:
                if part.get("type") == "tool_call":
                    calls[str(part.get("call_id"))] = _SPACES.sub(" ", json.dumps(part.get("input"), sort_keys=True))
            if role == "tool":
                found.append((calls.get(str((result or {}).get("call_id")), ""), content, at))
        return found

    def _buried(self, kind: str, ids: list[str]) -> set[str]:
        return self._store.changes.buried(self._store.workspace_number, kind, ids)


def _fixed(runs: list[tuple[str, str, datetime]]) -> list[tuple[str, datetime]]:
    """Find the tests that failed in one run and did not in a later one that ran them and in which all passed.

    A run is known to have run a test when it was the same call, or names the test or its file.
    """
    failing: dict[str, str] = {}
    fixed: dict[str, datetime] = {}
    for call, text, at in runs:
        names = failed_tests(text)
        failing |= dict.fromkeys(names, call)
        if names or not failing or not has_passed(text):
            continue
        for name, failed_in in list(failing.items()):
            file = name.partition("::")[0]
            if (call and call == failed_in) or file in call or file in text:
                fixed.setdefault(name, at)
                del failing[name]
    return list(fixed.items())
