"""What `durability.py` kills: processes that write, index and import until they die.

    python benchmarks/durability_tasks.py TASK STORE NAME SEED [SOURCE]

Each line on stdout is a JSON object, written when what it says is so: `begin` before a call, `done` after it returned.
"""

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from indexers.errors import IndexBusy
from memory import Memory

Json = dict[str, Any]
WORDS = "kettle harbour port window lantern ledger parser socket migration teapot".split()


def say(**told: object) -> None:
    """Write a line at once, whole."""
    os.write(1, json.dumps(told | {"at": time.monotonic()}).encode() + b"\n")


class Author:
    """Texts that nobody else writes: each holds a word of its own."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.chance = random.Random(seed)
        self._count = 0

    def id(self) -> str:
        """Give a new id."""
        self._count += 1
        return f"{self.name}i{self._count}"

    def text(self) -> str:
        """Give a new text; its first word is its own."""
        self._count += 1
        some = self.chance.choices(WORDS, k=self.chance.randint(3, 60))
        return f"{self.name}w{self._count}q {' '.join(some)}"


def saving(memory: Memory, name: str, seed: int) -> None:
    """Save in all ways that there are, in any order, each thing said before and after."""
    author = Author(name, seed)
    session = memory.sessions.create(id=f"s{name}", title=f"kills of {name}").id
    kept: list[str] = []
    say(begin="ready")
    while True:
        verb = author.chance.choices(
            ("append", "append_many", "stream", "update", "delete", "remove", "learn", "index"),
            (40, 8, 15, 12, 6, 4, 8, 3),
        )[0]
        if verb == "append":
            id, text = author.id(), author.text()
            say(begin="put", kind="message", put={id: text})
            memory.messages.append(session, role="user", content=text, id=id)
            kept.append(id)
        elif verb == "append_many":
            several = {author.id(): author.text() for _ in range(5)}
            say(begin="put", kind="message", put=several)
            memory.messages.append_many(session, [{"id": i, "role": "user", "content": t} for i, t in several.items()])
            kept += several
        elif verb == "stream":
            kept.append(_stream(memory, session, author))
        elif verb == "learn":
            id, text = author.id(), author.text()
            say(begin="put", kind="learning", put={id: text})
            memory.learnings.add("fact", text, id=id, session_id=session)
        elif verb == "index":
            memory.catch_up()
            continue
        elif kept:
            _change(memory, verb, kept, author)
        else:
            continue
        say(done=True)


def _stream(memory: Memory, session: str, author: Author) -> str:
    id = author.id()
    pieces = [f"{author.text()} " for _ in range(author.chance.randint(1, 6))]
    say(begin="stream", kind="message", put={id: "".join(pieces)})
    with memory.messages.stream(session, role="assistant", id=id) as stream:
        written = 0
        for piece in pieces:
            stream.write(piece)
            written += len(piece)
            say(wrote=written)
            time.sleep(author.chance.random() * 0.03)
    return id


def _change(memory: Memory, verb: str, kept: list[str], author: Author) -> None:
    id = author.chance.choice(kept)
    if verb == "update":
        text = author.text()
        say(begin="put", kind="message", put={id: text})
        memory.messages.update(id, content=text)
        return
    kept.remove(id)
    say(begin="delete", kind="message", put={id: None})
    memory.messages.delete(id, hard=verb == "remove")


def indexing(memory: Memory, name: str, seed: int) -> None:
    """Save much and let the index follow, again and again; now and then make it anew."""
    author = Author(name, seed)
    session = memory.sessions.create(id=f"s{name}", title=f"kills of {name}").id
    say(begin="ready")
    while True:
        several = {author.id(): author.text() for _ in range(author.chance.choice((1, 20, 100)))}
        say(begin="put", kind="message", put=several)
        memory.messages.append_many(session, [{"id": i, "role": "user", "content": t} for i, t in several.items()])
        say(done=True)
        memory.catch_up()
        if author.chance.random() < 0.15:
            with suppress(IndexBusy):
                # another one is writing the index: it is said, and nothing is lost
                memory.reindex()


def importing(memory: Memory, source: str) -> None:
    """Import a folder."""
    say(begin="ready")
    memory.import_(source)
    say(begin="import")
    say(done=True)
    time.sleep(60)


def loading(memory: Memory, source: str) -> None:
    """Load an export."""
    say(begin="ready")
    memory.load(source, on_duplicate="skip")
    say(begin="import")
    say(done=True)
    time.sleep(60)


def write_history(path: str, name: str, count: int) -> Iterator[tuple[str, str]]:
    """Write a history of Claude Code's and yield the id and text of each message."""
    author = Author(name, count)
    session = f"{random.Random(name).randrange(16**8):08x}-7f0e-4f27-9c5d-000000000001"
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - a path given as text
        for at in range(count):
            id, text = f"{session[:8]}-0000-4f27-9c5d-{at:012d}", author.text()
            record = {"type": "user", "sessionId": session, "uuid": id, "parentUuid": None, "isSidechain": False}
            record |= {"cwd": "/home/ada/kiosk", "timestamp": "2026-02-01T10:00:00.000Z"}
            file.write(json.dumps(record | {"message": {"role": "user", "content": text}}) + "\n")
            yield id, text


if __name__ == "__main__":
    task, store, called, number = sys.argv[1:5]
    opened = Memory.open(store)
    if task in ("importing", "loading"):
        globals()[task](opened, sys.argv[5])
    else:
        globals()[task](opened, called, int(number))
