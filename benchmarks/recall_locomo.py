"""LoCoMo in its published form: long conversations of two people, with questions and the turns that answer them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recall_sets import GivenMessage, GivenSession, Question, RecallSet, Table, read_json

EVIDENCE = re.compile(r"D\d+:\d+")
NEVER_SAID = 5
"""The category of questions about what was never said."""

TURNS = ("R@10", "hit@1", "hit@5", "hit@10", "all@10", "MRR@10")
SESSIONS = ("R@10", "hit@1", "hit@5", "hit@10", "all@5", "all@10", "MRR@10")


def answerable(question: Question) -> bool:
    """Keep the questions that have an answer."""
    return question.is_answerable


TABLES = (
    Table("turns, own conversation, all with evidence", "message", (*TURNS, "AUC")),
    Table("turns, own conversation, categories 1-4", "message", TURNS, keeps=answerable),
    Table("sessions, own conversation, all with evidence", "session", (*SESSIONS, "AUC")),
    Table("sessions, own conversation, categories 1-4", "session", SESSIONS, keeps=answerable),
    Table("turns, all conversations in one store, all with evidence", "message", TURNS, is_global=True),
    Table("sessions, all conversations in one store, all with evidence", "session", (*SESSIONS, "R@5"), is_global=True),
)
ABOUT = (
    "gold: the turns named as evidence, and the sessions they stand in; `all with evidence` has category 5 (about what was"
    " never said; its evidence is what misled), `categories 1-4` has not; AUC: categories 1-4 against 5"
)


def read(path: Path, roles: str = "user") -> RecallSet:
    """Read a file; with `roles` "assistant" the second speaker of a conversation is saved as one."""
    sessions: list[GivenSession] = []
    questions: list[Question] = []
    for number, conversation in enumerate(read_json(path)):
        name = str(conversation.get("sample_id") or f"conversation-{number}")
        mine = list(_sessions(name, conversation["conversation"], roles))
        sessions += mine
        questions += _questions(name, conversation["qa"], mine)
    return RecallSet("locomo", ABOUT, sessions, questions, TABLES)


def _sessions(name: str, said: dict[str, Any], roles: str) -> Iterator[GivenSession]:
    number = 1
    while f"session_{number}_date_time" in said or f"session_{number}" in said:
        at = _moment(said.get(f"session_{number}_date_time", ""))
        turns = said.get(f"session_{number}") or []
        messages = []
        for place, turn in enumerate(turns):
            spoken = at + timedelta(seconds=place) if at else None
            role = roles if turn["speaker"] == said.get("speaker_b") else "user"
            messages.append(GivenMessage(f"{name}/{turn['dia_id']}", _text(turn), spoken, role, turn["speaker"]))
        if messages:
            yield GivenSession(f"{name}/{number}", name, messages, at)
        number += 1


def _questions(name: str, asked: list[dict[str, Any]], sessions: list[GivenSession]) -> Iterator[Question]:
    session_of = {message.id: session.id for session in sessions for message in session.messages}
    for question in asked:
        named = (turn for each in question.get("evidence") or [] for turn in EVIDENCE.findall(each))
        gold = [id for turn in named if (id := f"{name}/{turn}") in session_of]
        if gold:
            yield Question(
                text=question["question"],
                corpus=name,
                messages=dict.fromkeys(gold, 1.0),
                sessions=dict.fromkeys((session_of[id] for id in gold), 1.0),
                is_answerable=question.get("category") != NEVER_SAID,
            )


def _text(turn: dict[str, Any]) -> str:
    shown = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
    return str(turn["text"]) + shown


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
    except ValueError:
        return None
