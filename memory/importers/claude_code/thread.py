"""What has to be remembered from one Claude Code line to the next, and the little of it that a mark keeps."""

import hashlib
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from memory.importers.reading.records import SessionRecord

LINKS_KEPT = 16
"""How many of the last lines' ids a mark keeps, to find which message a line answers: 99 % of the parents in real
files stand within 16 lines."""
CALLS_KEPT = 32
"""How many unanswered tool calls a mark keeps, to name their results. Untuned."""
ANSWERS_KEPT = 8
"""How many of the last answers are known by their id: the lines of one answer stand close together. Untuned."""
SESSIONS_KEPT = 8
"""How many of a file's sessions a mark keeps; real files have one or two."""

_UUID_CHARACTERS = 36
_TOLD = (("gitBranch", "git_branch"), ("version", "version"), ("cwd", "working_directory"), ("slug", "slug"))
"""What lines tell of their session, and what it is called here."""
_PROGRESS = re.compile(
    rb'\{"parentUuid":(?:null|"([^"\\]*)"),"isSidechain":(?:true|false),(?:"\w+":"[^"\\]*",)*"type":"progress",'
)
_PROGRESS_END = re.compile(rb',"uuid":"([^"\\]*)","timestamp":"[^"\\]*"\}\s*$')


class Thread:
    """The thread through a file: which session it is in, who answers whom, which calls and prompts are open."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.session_key: str | None = state.get("session_key")
        self.sessions: dict[str, dict[str, Any]] = {key: dict(known) for key, known in state.get("sessions", [])}
        self.links: dict[str, str | None] = dict(state.get("links", []))
        self.calls: dict[str, str] = dict(state.get("calls", []))
        self.touched: dict[str, list[str]] = dict(state.get("touched", []))
        """Of calls that have no result yet: the file, and what is done with it."""
        self.answers: list[str] = list(state.get("answers", []))
        self.queue: list[list[Any]] = list(state.get("queue", []))
        self.given: list[str] = list(state.get("given", []))
        self.summaries: dict[str, str] = dict(state.get("summaries", []))
        self.unknown: int = state.get("unknown", 0)

    def state(self) -> dict[str, Any]:
        """Forget all but the last lines, and give what is left as JSON.

        Reading on in the same run and reading on from the mark start from the same memory, so they yield the same.
        """
        self.links = dict(list(self.links.items())[-LINKS_KEPT:])
        self.calls = dict(list(self.calls.items())[-CALLS_KEPT:])
        self.touched = dict(list(self.touched.items())[-CALLS_KEPT:])
        self.sessions = dict(list(self.sessions.items())[-SESSIONS_KEPT:])
        self.summaries = dict(list(self.summaries.items())[-LINKS_KEPT:])
        self.given = self.given[-LINKS_KEPT:]
        state: dict[str, Any] = {"session_key": self.session_key, "queue": [list(prompt) for prompt in self.queue]}
        state |= {"given": list(self.given), "answers": list(self.answers), "unknown": self.unknown}
        state["sessions"] = [[key, dict(known)] for key, known in self.sessions.items()]
        for name in ("links", "calls", "summaries", "touched"):
            state[name] = [list(pair) for pair in getattr(self, name).items()]
        return {name: value for name, value in state.items() if value}

    def make_unique(self, record: dict[str, Any]) -> None:
        """Put its session before the id of a line that is no UUID, and so stands for another line in another session."""
        for name in ("uuid", "parentUuid", "logicalParentUuid"):
            value = record.get(name)
            if isinstance(value, str) and value and len(value) != _UUID_CHARACTERS:
                record[name] = f"{name_of(record.get('sessionId')) or self.session_key}:{value}"

    def knows(self, uuid: str) -> bool:
        """Say whether a line with this id has been read, not long ago."""
        return uuid in self.links or f"{self.session_key}:{uuid}" in self.links

    def parent(self, uuid: object) -> str | None:
        """Find the message a line's parent belongs to; of one too far back its own uuid is as good as known."""
        if not isinstance(uuid, str) or not uuid:
            return None
        return self.links.get(uuid, uuid)

    def link(self, record: dict[str, Any], key: str | None) -> None:
        """Note which message stands for a line: its own, or for a line that gives none that of its parent."""
        uuid = record.get("uuid")
        if isinstance(uuid, str):
            self.links[uuid] = key if key is not None else self.parent(record.get("parentUuid"))

    def passes_over(self, raw: bytes) -> bool:
        """Leave out a progress line without parsing it, but for its link; in real files they are up to a fifth."""
        if b'"type":"progress"' not in raw[:1500] or b"}{" in raw:
            return False
        head, tail = _PROGRESS.match(raw), _PROGRESS_END.search(raw, max(0, len(raw) - 200))
        if head is None or tail is None:
            return False
        parent = head[1].decode("utf-8", "replace") if head[1] else None
        self.links[tail[1].decode("utf-8", "replace")] = self.parent(parent)
        return True

    def enter(self, record: dict[str, Any], at: datetime | None) -> SessionRecord | None:
        """Go to the session a line belongs to, and give what is new about it, if anything is."""
        key, parent, kind = self._session_of(record)
        if key is None:
            return None
        self.session_key = key
        known = self.sessions.get(key)
        news = SessionRecord(key)
        if known is None:
            known = self.sessions[key] = {}
            news.parent_key, news.created_at, news.project = parent, at, name_of(record.get("cwd"))
            news.metadata = {"kind": kind} | ({"entrypoint": record["entrypoint"]} if record.get("entrypoint") else {})
            if self.summaries:
                news.metadata["other_summaries"] = list(self.summaries.values())
        for native, ours in _TOLD:
            if record.get(native) and known.get(ours) != record[native]:
                known[ours] = news.metadata[ours] = record[native]
        return news if news.metadata else None

    def _session_of(self, record: dict[str, Any]) -> tuple[str | None, str | None, str]:
        """Give a line's session, that session's parent, and its kind."""
        main, agent = name_of(record.get("sessionId")), name_of(record.get("agentId"))
        if main is None:
            return self.session_key, None, "main"
        if record.get("isSidechain") is not True:
            return main, None, "main"
        kind = "compaction" if agent is not None and agent.startswith("acompact") else "subagent"
        if agent is not None and main == f"agent-{agent}":
            return main, None, kind
        return f"{main}/agent-{agent}" if agent else f"{main}/sidechain", main, kind

    def is_more_of(self, answer: str) -> bool:
        """Note an answer by its id; say whether it was there already."""
        is_known = answer in self.answers
        self.answers = [*(known for known in self.answers if known != answer), answer][-ANSWERS_KEPT:]
        return is_known

    def give(self, prompt: str) -> None:
        """Note a queued prompt that has been yielded, for `was_given`."""
        self.given.append(_digest(prompt))

    def was_given(self, prompt: object) -> bool:
        """Say whether a queued prompt has been yielded already; each is asked about once."""
        if not isinstance(prompt, str) or (digest := _digest(prompt)) not in self.given:
            return False
        self.given.remove(digest)
        return True


def name_of(value: object) -> str | None:
    """Give a text that is not empty; None for anything else."""
    return value if isinstance(value, str) and value else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()[:12]


def agent_beside(path: Path) -> dict[str, Any]:
    """Give what a file beside a sub-agent's says of it, as metadata."""
    try:
        given = json.loads(path.with_suffix(".meta.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {"agent": given} if isinstance(given, dict) and given else {}
