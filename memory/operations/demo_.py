"""Fill a store from invented sample histories and try a few searches."""

from collections.abc import Callable
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from memory.operations import Lines
from memory.samples import LEARNED
from memory.search.answer import SearchResult

if TYPE_CHECKING:
    from memory.memory import Memory

CREATES = True
IS_LONG = True
SEARCHES = ("which port did we choose", "why is numpy pinned", "migration locked the table")
"""What the sample histories know an answer to."""


class Arguments(BaseModel):
    """Nothing is asked."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """What the store holds now, and what was found in it."""

    store: str
    sessions: int
    messages: int
    searches: list[SearchResult]


def before(arguments: Arguments, store: str | None) -> str | None:
    """Take a store of its own, so that invented sessions never get among real ones."""
    from platformdirs import user_data_path

    return store or str(user_data_path("harkback", appauthor=False) / "demo")


def run(memory: "Memory", arguments: Arguments, on_progress: Callable[[str, int, int], None] | None = None) -> Answer:
    """Import the samples and search them."""
    with as_file(files("memory.samples")) as folder:
        report = memory.import_(folder, on_progress=on_progress)
    for learned in LEARNED:
        if memory.learnings.get(learned["id"]) is None:
            memory.learnings.add(**learned)
    found = [memory.search(query, limit=3) for query in SEARCHES]
    totals = report.totals
    return Answer(
        store=str(memory.store.directory), sessions=totals["sessions"], messages=totals["messages"], searches=found
    )


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write what was found, and what to try next."""
    yield f"{answer.messages} messages of {answer.sessions} invented sessions are in {answer.store}"
    for result in answer.searches:
        yield ""
        yield f'hark search "{result.query}"   ({result.took_ms:.0f} ms)'
        for hit in result.hits:
            yield (f"  {hit.created_at:%Y-%m-%d}", hit.project or "", hit.category or hit.role or hit.kind, hit.snippet)
    yield ""
    yield "Try next:"
    yield f'  hark --store {answer.store} search "flaky test" --group session'
    yield f'  hark --store {answer.store} recall "what did we decide about the database?"'
    yield "  hark import ~/.claude/projects"
    yield f"  hark --store {answer.store} serve   # a page to read and search in, at http://127.0.0.1:8470"
