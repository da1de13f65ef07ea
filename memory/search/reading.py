"""Read the best candidates from the store: what is shown of them, and what they say word for word."""

from collections.abc import Sequence
from typing import Any

from indexers.words import bigrams, stems
from memory.search.candidates import Candidate
from memory.searchable import Passage, learning_passages, message_passages, session_passages
from memory.store.store import Store

_FIELDS = {
    "message": (
        "id",
        "created_at",
        "role",
        "content",
        "parts",
        "tool_name",
        "tool_call",
        "tool_result",
        "seq",
        "sender_id",
    ),
    "learning": ("id", "created_at", "content", "related_files", "tags", "category", "trust", "project_id"),
    "session": ("id", "created_at", "title", "summary", "keywords"),
}
_SAID = ("role", "content", "parts", "tool_name", "tool_call", "tool_result")
_SESSION_FIELDS = ("id", "title", "source", "project_id")


class Reading:
    """What is shown of some candidates, read together."""

    def __init__(self, store: Store, candidates: Sequence[Candidate]) -> None:
        self.records: dict[tuple[str, int], dict[str, Any]] = {}
        self._texts: dict[tuple[str, int], dict[int, str]] = {}
        self.damaged: dict[int, str] = {}
        """What is wrong with candidates that cannot be read, by their numbers; they are no answers."""
        for kind in {each.kind for each in candidates}:
            numbers = [each.number for each in candidates if each.kind == kind]
            for number, *values in store.records.values(kind, _FIELDS[kind], numbers, self.damaged):
                record = dict(zip(_FIELDS[kind], values, strict=True))
                self.records[kind, number] = record
                self._texts[kind, number] = {passage.number: passage.text for passage in passages_of(kind, record)}
        sessions = sorted({each.session for each in candidates if each.session})
        rows = store.records.values("session", _SESSION_FIELDS, sessions)
        self.sessions = {number: dict(zip(_SESSION_FIELDS, values, strict=True)) for number, *values in rows}
        projects = {
            each["project_id"] for each in (*self.sessions.values(), *self.records.values()) if each.get("project_id")
        }
        self.projects = dict(store.records.values("project", ("name",), sorted(projects)))

    def text(self, candidate: Candidate) -> str:
        """The piece that was found."""
        place = candidate.place
        if place.kind == "learning" and place.passage:
            # found by its files or tags: what was learned is what a reader wants to see
            return self.whole(candidate)
        return self._texts[candidate.record].get(place.passage, "")[place.start_at : place.end_at]

    def whole(self, candidate: Candidate) -> str:
        """All of what the record says and holds."""
        return "\n".join(self._texts[candidate.record].values())


def passages_of(kind: str, record: dict[str, Any]) -> list[Passage]:
    """Give the texts of a record that is read as a dict."""
    if kind == "message":
        return message_passages(*(record[name] for name in _SAID))
    if kind == "learning":
        return learning_passages(record["content"], record["related_files"], record["tags"])
    return session_passages(record["title"], record["summary"], record["keywords"])


class Standing:
    """Says whether terms stand side by side in a text."""

    def __init__(self, text: str) -> None:
        self._words = stems(text)
        self._text = text
        self._pairs = bigrams(text).split()

    def holds(self, phrase: Sequence[Any]) -> bool:
        wanted = [term.text for term in phrase]
        words = self._pairs if phrase and phrase[0].field == "bigrams" else self._words
        if not wanted:
            return False
        starts = [i for i, word in enumerate(words) if word == wanted[0]]
        return any(words[i : i + len(wanted)] == wanted for i in starts)
