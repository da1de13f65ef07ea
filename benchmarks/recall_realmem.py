"""RealMem in its published form: a person's long dealings with an assistant, and the memories that each answer used.

A question is a turn marked `is_query`. Gold are the sessions that the answer's `memory_session_uuids` name, and the turns
that the memories it used were drawn from, as their `source_content_snapshot` says. What is looked through are the sessions
before the question's own in the file, as in the set's own evaluation; a session whose date lies before that of the one
above it is saved a minute after that one, so that dates follow the file.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recall_sets import GivenMessage, GivenSession, Question, RecallSet, Table, read_json

Turn = dict[str, Any]

_ALL_KNOWN = "every memory was drawn from a known turn"
_MEASURES = ("R@10", "hit@1", "hit@5", "hit@10", "all@5", "all@10", "MRR@10", "nDCG@10")


def has_known_turns(question: Question) -> bool:
    """Keep questions of whose memories each is known to be drawn from which turn."""
    return question.kind == _ALL_KNOWN


TABLES = (
    Table("sessions before the question, own person", "session", _MEASURES),
    Table("turns before the question, own person", "message", _MEASURES, keeps=has_known_turns),
)
ABOUT = (
    "gold: the sessions whose memories the answer used; turns: those that these memories were drawn from, where that is"
    " known of each"
)


def read(path: Path) -> RecallSet:
    """Read a file of one person, or a folder of such."""
    sessions: list[GivenSession] = []
    questions: list[Question] = []
    for file in sorted(path.glob("*.json")) if path.is_dir() else [path]:
        person = read_json(file)
        name = str(person["_metadata"]["person_name"])
        drawn = dict(_drawn(name, person["dialogues"]))
        at = datetime.min.replace(tzinfo=UTC)
        for dialogue in person["dialogues"]:
            at = max(_day(dialogue["current_time"]), at + timedelta(minutes=1))
            session = _session(name, dialogue, at)
            sessions.append(session)
            questions += _questions(name, dialogue["dialogue_turns"], drawn, session)
    return RecallSet("realmem", ABOUT, sessions, questions, TABLES)


def _session(name: str, dialogue: dict[str, Any], at: datetime) -> GivenSession:
    id = f"{name}/{dialogue['session_uuid']}"
    messages = []
    for place, turn in enumerate(dialogue["dialogue_turns"]):
        role = "user" if turn["speaker"] == "User" else "assistant"
        messages.append(GivenMessage(f"{id}/{place}", turn["content"], at + timedelta(seconds=place), role))
    return GivenSession(id, name, messages, at)


def _drawn(name: str, dialogues: list[dict[str, Any]]) -> Iterator[tuple[tuple[str, str], str]]:
    """Give the turn that each memory was drawn from."""
    for dialogue in dialogues:
        said = [turn["content"].strip() for turn in dialogue["dialogue_turns"]]
        for memory in dialogue["extracted_memory"]:
            source = str(memory["source_content_snapshot"]).strip()
            if source in said:
                place = f"{name}/{dialogue['session_uuid']}/{said.index(source)}"
                yield (memory["session_uuid"], memory["content"]), place


def _questions(
    name: str, turns: list[Turn], drawn: dict[tuple[str, str], str], session: GivenSession
) -> Iterator[Question]:
    for place, turn in enumerate(turns[:-1]):
        answer = turns[place + 1]
        sessions = [f"{name}/{uuid}" for uuid in answer.get("memory_session_uuids") or []]
        # one question's memory is of its own session, which is not looked through
        sessions = [id for id in sessions if id != session.id]
        if turn["is_query"] and sessions:
            used = [(memory["session_uuid"], memory["content"]) for memory in answer.get("memory_used") or []]
            found = [drawn[each] for each in used if each in drawn]
            found = [id for id in found if not id.startswith(f"{session.id}/")]
            yield Question(
                text=turn["content"],
                corpus=name,
                messages=dict.fromkeys(found, 1.0),
                sessions=dict.fromkeys(sessions, 1.0),
                before=session.at,
                kind=_ALL_KNOWN if len(found) == len(used) else "",
            )


def _day(text: str) -> datetime:
    return datetime.strptime(text.partition(" ")[0], "%Y-%m-%d").replace(tzinfo=UTC)
