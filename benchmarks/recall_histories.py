"""Agents' own histories: a title or summary finds its session, a prompt the files that were changed for it.

A folder of histories is imported as a user would. The titles and summaries are kept as questions and then taken out of
every session, so that nothing but what was said can be found. Gold is the session, or one that holds all its messages (a
fork, a copy), or one of the same title; a title is asked for once, and not when more than five sessions are gold.

Questions are made of real histories; what was made to test importers is there to be confused with. A prompt's gold are
the files that its session first changed before the next prompt; the answer is that of `hark files`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from recall_sets import GivenMessage, GivenSession, Question, RecallSet, Table

from memory import Memory

AGENTS = ("claude-code", "codex", "gemini-cli", "pi")
CHATS = ("aider", "sharegpt", "openai-chat")
MADE_UP = {"multi-agent"}
"""Folders of files that were made to test importers."""
SHORTEST_PROMPT = 20
"""Characters; what is shorter ("yes", "go on") names nothing."""
MOST_GOLD = 5
"""Sessions; a title that more of them bear names none."""

_MEASURES = ("hit@1", "hit@5", "hit@10", "MRR@10")


def given_by_agents(question: Question) -> bool:
    """Keep titles and summaries that stand in no message of their session."""
    return question.kind == "given"


def said_by_agents(question: Question) -> bool:
    """Keep those that stand word for word in a message: mostly a first prompt, cut short."""
    return question.kind == "said"


def said_in_chats(question: Question) -> bool:
    """Keep the titles of chats."""
    return question.kind == "chat"


def of_agents(question: Question) -> bool:
    """Keep both."""
    return question.kind in ("given", "said")


TABLES = (
    Table("title or summary of an agent's session", "session", _MEASURES, is_global=True, keeps=of_agents),
    Table("of these: in no message", "session", _MEASURES, is_global=True, keeps=given_by_agents),
    Table("of these: word for word in a message", "session", _MEASURES, is_global=True, keeps=said_by_agents),
    Table("title of a chat (Aider, ShareGPT)", "session", _MEASURES, is_global=True, keeps=said_in_chats),
    Table("prompt to the files changed for it", "file", ("R@10", "hit@1", "hit@5", "hit@10", "MRR@10"), is_global=True),
)


def read(folder: Path) -> RecallSet:
    """Import a folder once to see what there is to ask."""

    def fill(memory: Memory) -> None:
        memory.import_(folder, keep_source="none")
        for session in list(_sessions(memory)):
            if session.title or session.summary:
                memory.sessions.update(session.id, title=None, summary=None)

    with TemporaryDirectory(ignore_cleanup_errors=True) as place, Memory.open(place) as memory:
        memory.import_(folder, keep_source="none")
        held = {session.id: _Held(memory, session) for session in _sessions(memory)}
        prompts = list(_prompts(memory, held.values()))
    titles = list(_titles(held))
    several = sum(len(question.sessions) > 1 for question in titles)
    about = (
        f"gold: the session, or one that holds all its messages or has its title ({several} of {len(titles)} titles have"
        " more than one); titles and summaries are taken out of the store first"
    )
    return RecallSet("histories", about, [each.given() for each in held.values()], titles + prompts, TABLES, fill)


class _Held:
    """A session with what was said in it."""

    def __init__(self, memory: Memory, session: Any) -> None:
        self.id, self.created_at = session.id, session.created_at
        self.names = [text for text in (session.title, session.summary) if text]
        self.messages = memory.sessions.get(session.id, messages=True).messages
        self.texts = Counter((each.role, _plain(each.content)) for each in self.messages)
        is_real = session.source is not None and MADE_UP.isdisjoint(Path(session.source.path).parts)
        self.format = session.source.format if is_real else ""

    def kind(self, name: str) -> str:
        """Say which table a name of this session belongs to; "" for none."""
        if self.format in CHATS:
            return "chat"
        if self.format not in AGENTS:
            return ""
        wanted = _plain(name.rstrip("…"))
        return "said" if any(wanted in text for _, text in self.texts) else "given"

    def given(self) -> GivenSession:
        """Give it as other systems are to take it in."""
        mine = [each for each in self.messages if each.session_id == self.id and each.content.strip()]
        messages = [GivenMessage(each.id, each.content, each.created_at, each.role) for each in mine]
        return GivenSession(self.id, "histories", messages, self.created_at)


def _titles(held: dict[str, _Held]) -> Iterator[Question]:
    named: dict[str, list[str]] = defaultdict(list)
    begun: dict[Any, list[_Held]] = defaultdict(list)
    for each in held.values():
        for name in each.names:
            named[_plain(name)].append(each.id)
        if each.texts:
            begun[next(iter(each.texts))].append(each)
    for each in held.values():
        for name in dict.fromkeys(each.names):
            if each.texts and each.id == named[_plain(name)][0] and (kind := each.kind(name)):
                alike = [other.id for other in begun[next(iter(each.texts))] if each.texts <= other.texts]
                gold = dict.fromkeys([each.id, *alike, *named[_plain(name)]], 1.0)
                if len(gold) <= MOST_GOLD:
                    yield Question(name, sessions=gold, kind=kind)


def _prompts(memory: Memory, held: Iterable[_Held]) -> Iterator[Question]:
    for each in (one for one in held if one.format in AGENTS):
        changed = [
            (arrow.valid_from, arrow.target.removeprefix("file:"))
            for arrow in memory.graph.list(source=f"session:{each.id}", type="session_file", limit=200).items
            if arrow.label == "changed" and arrow.valid_from
        ]
        prompts = [message for message in each.messages if message.role == "user" and message.content.strip()]
        prompts = [message for message in prompts if not message.metadata.get("origin")] if changed else []
        for place, prompt in enumerate(prompts):
            end = prompts[place + 1].created_at if place + 1 < len(prompts) else None
            files = [path for at, path in changed if prompt.created_at <= at and (end is None or at < end)]
            if files and len(prompt.content.strip()) >= SHORTEST_PROMPT:
                yield Question(prompt.content, files=dict.fromkeys(files, 1.0))


def _sessions(memory: Memory) -> Iterator[Any]:
    cursor = None
    while True:
        page = memory.sessions.list(limit=200, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
