"""Make synthetic histories: Claude Code files whose text has the size and the word frequencies of LIMITS' million.

The same size always gives the same files. A message has 541 bytes of text on average: words by Zipf's law from a
vocabulary of 40,000, three of a hundred of them identifiers. A session has about 50 messages and is one file; one
project has about 5,000 messages; all of it lies within one year. Of ten messages five or six are the assistant's, three
or four the user's, one a tool's result; the raw line around a text has what Claude Code writes.
"""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SEED = 541
SESSION_MESSAGES, PROJECT_MESSAGES = 50, 5_000
WORDS, WORDS_SPREAD = 79, 24
"""Words of a message: mean and standard deviation; four of a hundred messages are longer than one piece."""
VOCABULARY = 40_000
BEGINNING, SPAN = datetime(2025, 11, 1, tzinfo=UTC), timedelta(days=365)
_COMMON = (
    "the of to and a in is it that for on with as was be this are or by from at an not we but have you which can if will"
    " has when do all so no there what one they out up more into some how than then now my just also about our should use"
    " get only like file error test run code make need add new time first check after why where because before set change"
    " call value data line work still see read server client index query cache store token build deploy branch commit"
    " merge review issue log request response database table column schema migration queue worker thread process memory"
    " session message config option default version release package module function class method argument type string"
    " number list path folder script command output input user account password key secret certificate network port host"
    " address socket timeout retry limit latency"
).split()
_BEFORE = ("", "re", "un", "pre", "de", "over", "sub", "co", "inter", "out", "mis", "non", "up", "auto", "multi")
_BEHIND = ("", "s", "ed", "ing", "er", "able", "ness", "less", "ment", "ize", "ful", "ly", "ist", "ward", "ation")


@dataclass
class Histories:
    """What was written."""

    folder: Path
    messages: int = 0
    sessions: int = 0
    text_bytes: int = 0
    raw_bytes: int = 0
    last_words: str = ""
    """Words that stand in the very last message alone."""
    session_ids: list[str] = field(default_factory=list)
    projects: list[str] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    """Texts of some of the messages, evenly spread."""


class Vocabulary:
    """Words by Zipf's law."""

    def __init__(self, random_: random.Random) -> None:
        stems = [word for word in _COMMON if len(word) > 2]
        made = [f"{before}{stem}{behind}" for before in _BEFORE for behind in _BEHIND for stem in stems]
        # short words are more frequent than long ones
        made.sort(key=lambda word: len(word) + random_.random() * 6)
        self.words = list(dict.fromkeys([*_COMMON, *made]))[:VOCABULARY]
        self._weights = list(accumulate(1 / (rank + 2.7) ** 1.04 for rank in range(len(self.words))))
        self._random = random_

    def some(self, count: int) -> list[str]:
        """Draw words."""
        return self._random.choices(self.words, cum_weights=self._weights, k=count)

    def text(self) -> str:
        """Draw the text of a message, in sentences and lines."""
        drawn = self._random
        words = self.some(max(6, min(160, int(drawn.gauss(WORDS, WORDS_SPREAD)))))
        for place in range(len(words)):
            chance = drawn.random()
            if chance < 0.03:
                words[place] = self._identifier(words[place])
            elif chance < 0.12:
                words[place] += "." if chance < 0.09 else ",\n" if chance < 0.1 else ","
        return " ".join(words)

    def _identifier(self, word: str) -> str:
        other, number = self.some(1)[0], self._random.randrange(1000)
        forms = (
            f"{word}_{other}",
            f"src/{word}/{other}.py",
            f"{word}{other.title()}",
            f"E{1000 + number}",
            f"{number}",
        )
        return self._random.choice(forms)


def write_histories(folder: Path, messages: int) -> Histories:
    """Write files that hold so many messages, one folder a project, and say what is in them."""
    drawn = random.Random(SEED)
    vocabulary = Vocabulary(drawn)
    made = Histories(folder)
    made.projects = [f"/home/dev/{word}" for word in vocabulary.words[500 : 500 + max(4, messages // PROJECT_MESSAGES)]]
    weights = list(accumulate(1 / (rank + 1) ** 0.5 for rank in range(len(made.projects))))
    sessions = max(1, messages // SESSION_MESSAGES)
    for place in range(sessions):
        left = messages - made.messages - (sessions - place - 1)
        count = left if place == sessions - 1 else max(1, min(left, int(drawn.gauss(SESSION_MESSAGES, 15))))
        project = drawn.choices(made.projects, cum_weights=weights)[0]
        started = BEGINNING + SPAN * (place / sessions)
        _write_session(made, _Session(drawn, vocabulary, project, started), count, is_last=place == sessions - 1)
    return made


def _write_session(made: Histories, session: "_Session", count: int, is_last: bool) -> None:
    path = made.folder / session.project.replace("/", "-") / f"{session.id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for place in range(count):
        text = session.vocabulary.text()
        if is_last and place == count - 1:
            made.last_words = "zyxomantic quorblefeather"
            text = f"{text} {made.last_words}"
        if len(made.samples) < 2_000 and made.messages % 7 == 0:
            made.samples.append(text)
        made.text_bytes += len(text)
        made.messages += 1
        lines += [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in session.said(text, place)]
    lines.append(json.dumps({"type": "ai-title", "aiTitle": session.title, "sessionId": session.id}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    made.raw_bytes += path.stat().st_size
    made.sessions += 1
    made.session_ids.append(session.id)


class _Session:
    """Makes the lines of one session."""

    def __init__(self, drawn: random.Random, vocabulary: Vocabulary, project: str, started: datetime) -> None:
        self.vocabulary = vocabulary
        self.project = project
        self.id = _uuid(drawn)
        self.title = " ".join(vocabulary.some(5)).capitalize()
        self._random = drawn
        self._at = started
        self._parent: str | None = None
        self._open_call: str | None = None

    def said(self, text: str, place: int) -> Iterator[Json]:
        """Give the lines of one message."""
        self._at += timedelta(seconds=self._random.randrange(3, 180))
        if self._open_call:
            yield self._result(text)
        elif place % 5 in (0, 3):
            yield self._line("user", {"role": "user", "content": text})
        else:
            answer = {
                "id": f"msg_01{self._random.getrandbits(96):024x}",
                "type": "message",
                "role": "assistant",
                "model": "claude-opus-4-5",
                "stop_reason": None,
                "usage": {"input_tokens": 12, "cache_read_input_tokens": 48_211, "output_tokens": 131},
            }
            yield self._line("assistant", answer | {"content": [{"type": "text", "text": text}]})
            if place % 10 == 1:
                yield self._line("assistant", answer | {"stop_reason": "tool_use", "content": [self._call()]})

    def _call(self) -> Json:
        self._open_call = f"toolu_01{self._random.getrandbits(96):024x}"
        command = f"grep -rn {self.vocabulary.some(1)[0]} src | head"
        return {"type": "tool_use", "id": self._open_call, "name": "Bash", "input": {"command": command}}

    def _result(self, text: str) -> Json:
        block = {"tool_use_id": self._open_call, "type": "tool_result", "content": text, "is_error": False}
        self._open_call = None
        beside = {"stdout": text, "stderr": "", "interrupted": False, "isImage": False}
        return self._line("user", {"role": "user", "content": [block]}) | {"toolUseResult": beside}

    def _line(self, kind: str, message: Json) -> Json:
        line = {
            "parentUuid": self._parent,
            "isSidechain": False,
            "userType": "external",
            "cwd": self.project,
            "sessionId": self.id,
            "version": "2.1.30",
            "gitBranch": "main",
            "type": kind,
            "message": message,
            "uuid": _uuid(self._random),
            "timestamp": self._at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        self._parent = line["uuid"]
        return line


def questions(made: Histories, words: int, count: int) -> list[str]:
    """Draw queries of so many words that stand together in one message, the most common words left out."""
    drawn = random.Random(words)
    common = set(_COMMON[:80])
    found: list[str] = []
    while len(found) < count:
        said = dict.fromkeys(word.strip(".,\n") for word in drawn.choice(made.samples).split())
        rare = [word for word in said if word.isalpha() and len(word) > 3 and word not in common]
        if len(rare) >= words:
            found.append(" ".join(drawn.sample(rare, words)))
    return found


def _uuid(drawn: random.Random) -> str:
    return str(uuid.UUID(int=drawn.getrandbits(128), version=4))
