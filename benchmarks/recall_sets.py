"""The shape that every set of `recall.py` is read into: what is saved, what is asked, what is gold."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from memory import Memory

Level = Literal["message", "session", "file"]


@dataclass(frozen=True)
class GivenMessage:
    """A message to save."""

    id: str
    text: str
    at: datetime | None = None
    role: str = "user"
    sender: str | None = None


@dataclass(frozen=True)
class GivenSession:
    """A session to save."""

    id: str
    corpus: str
    """The project that it is saved in; a question is asked within one."""
    messages: list[GivenMessage]
    at: datetime | None = None
    title: str | None = None


@dataclass(frozen=True)
class Question:
    """What is asked, and what is gold."""

    text: str
    corpus: str | None = None
    messages: Mapping[str, float] = field(default_factory=dict)
    """Ids of the gold messages with their grades."""
    sessions: Mapping[str, float] = field(default_factory=dict)
    """Ids of the gold sessions with their grades."""
    files: Mapping[str, float] = field(default_factory=dict)
    """Paths of the gold files."""
    before: datetime | None = None
    """Only what is older is looked through."""
    is_answerable: bool = True
    kind: str = ""
    """What tables choose questions by."""

    def gold(self, level: Level) -> Mapping[str, float]:
        """Give what is gold on a level."""
        return {"message": self.messages, "session": self.sessions, "file": self.files}[level]


def every(question: Question) -> bool:
    """Keep all questions."""
    return bool(question)


@dataclass(frozen=True)
class Table:
    """One table of a set: which questions, on which level, by which measures."""

    title: str
    level: Level
    measures: tuple[str, ...]
    is_global: bool = False
    """Whether all corpora are looked through at once."""
    keeps: Callable[[Question], bool] = every

    def asks(self, question: Question) -> bool:
        """Say whether a question counts here."""
        return bool(question.gold(self.level)) and self.keeps(question)


@dataclass
class RecallSet:
    """A set, read."""

    name: str
    about: str
    """What is gold, in a line or two; printed over the tables."""
    sessions: list[GivenSession]
    questions: list[Question]
    tables: tuple[Table, ...]
    fill: Callable[[Memory], None] | None = None
    """Fills a memory otherwise than by saving the sessions."""

    def save(self, memory: Memory) -> None:
        """Put everything into a memory, found when this returns."""
        if self.fill is not None:
            self.fill(memory)
        else:
            save(memory, self.sessions)
        memory.catch_up()

    def narrow(self, most: int) -> None:
        """Keep so many questions, spread over all, and the corpora that they are asked in."""
        self.questions = self.questions[:: max(1, len(self.questions) // most)][:most]
        if not any(table.is_global for table in self.tables):
            asked = {question.corpus for question in self.questions}
            self.sessions = [session for session in self.sessions if session.corpus in asked]

    def texts(self) -> int:
        """Count the messages."""
        return sum(len(session.messages) for session in self.sessions)


def save(memory: Memory, sessions: Iterable[GivenSession]) -> None:
    """Save sessions with their messages."""
    for session in sessions:
        told = {"id": session.id, "project": session.corpus, "title": session.title, "created_at": session.at}
        memory.sessions.create(**{name: value for name, value in told.items() if value is not None})
        memory.messages.append_many(session.id, [_told(message) for message in session.messages])


def read_json(path: Path) -> Any:
    """Read a JSON file, or one of JSON lines."""
    text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise SystemExit(f"{path}: not JSON ({error}); give the file as it was published") from error
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _told(message: GivenMessage) -> dict[str, Any]:
    told = {"id": message.id, "role": message.role, "sender_id": message.sender, "created_at": message.at}
    return {"content": message.text} | {name: value for name, value in told.items() if value is not None}
