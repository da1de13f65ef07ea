"""LongMemEval (S, M or oracle) in its published form: questions, each with its own haystack of chat sessions.

Gold are the sessions of `answer_session_ids`, and the turns marked `has_answer`. Questions whose id ends in `_abs` ask for
what was never said: they are left out of every measure but the AUC, as by the set's own scorer. That one looks through
users' turns only; here the whole haystack is.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recall_sets import GivenMessage, GivenSession, Question, RecallSet, Table, read_json


def answerable(question: Question) -> bool:
    """Keep the questions that have an answer."""
    return question.is_answerable


_MEASURES = ("R@10", "hit@1", "hit@5", "hit@10", "all@5", "all@10", "MRR@10")
TABLES = (
    Table("sessions of the question's haystack", "session", (*_MEASURES, "nDCG@10", "AUC"), keeps=answerable),
    Table("turns of the question's haystack", "message", (*_MEASURES, "nDCG@10"), keeps=answerable),
)
ABOUT = (
    "gold: answer_session_ids, and turns with has_answer; hit@5 is what is often called R@5, all@5 the set's own figure"
)


def read(path: Path) -> RecallSet:
    """Read a file."""
    sessions: list[GivenSession] = []
    questions: list[Question] = []
    for entry in read_json(path):
        mine = list(_sessions(entry))
        sessions += [session for session, _, _ in mine]
        questions.append(
            Question(
                text=entry["question"],
                corpus=entry["question_id"],
                messages={id: 1.0 for _, _, marked in mine for id in marked},
                sessions={session.id: 1.0 for session, is_gold, _ in mine if is_gold},
                is_answerable=not entry["question_id"].endswith("_abs"),
                kind=entry.get("question_type", ""),
            )
        )
    return RecallSet("longmemeval", ABOUT, sessions, questions, TABLES)


def _sessions(entry: dict[str, Any]) -> Iterator[tuple[GivenSession, bool, list[str]]]:
    """Give each session of a haystack, whether it is gold, and its turns that are."""
    gold = set(entry.get("answer_session_ids") or [])
    dates = entry.get("haystack_dates") or []
    for place, turns in enumerate(entry["haystack_sessions"]):
        native = entry["haystack_session_ids"][place]
        # a haystack may hold a session twice, and haystacks share sessions
        id = f"{entry['question_id']}/{place}/{native}"
        at = _moment(dates[place]) if place < len(dates) else None
        messages = []
        for number, turn in enumerate(turns):
            spoken = at + timedelta(seconds=number) if at else None
            messages.append(GivenMessage(f"{id}/{number}", turn["content"], spoken, turn["role"]))
        if messages:
            marked = [message.id for message, turn in zip(messages, turns, strict=True) if turn.get("has_answer")]
            yield GivenSession(id, entry["question_id"], messages, at), native in gold, marked


def _moment(text: str) -> datetime | None:
    day, _, rest = text.partition(" ")
    try:
        return datetime.strptime(f"{day} {rest.split(' ')[-1]}", "%Y/%m/%d %H:%M").replace(tzinfo=UTC)
    except ValueError:
        return None
