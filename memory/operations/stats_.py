"""Count what is stored and indexed."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.operations import Lines
from memory.stats import Stats

if TYPE_CHECKING:
    from memory.memory import Memory


SAMPLE = 20
"""Searches that are timed. Untuned."""


class Arguments(BaseModel):
    """What else is looked at."""

    model_config = ConfigDict(extra="forbid")

    time: bool = Field(
        False, description=f"Search for the titles of the last {SAMPLE} sessions, and say how long that took."
    )


def run(memory: "Memory", arguments: Arguments) -> Stats:
    """Count."""
    if arguments.time:
        titles = [session.title for session in memory.sessions.list(limit=SAMPLE).items if session.title]
        for mode in ("hybrid", "keyword", "semantic"):
            for title in titles:
                memory.search(title, mode=mode)
    return memory.stats()


def rows(stats: Stats, arguments: Arguments) -> Lines:
    """Write counts, one a line."""
    yield ("store", stats.store)
    yield ("size", f"{stats.size_bytes / 1_000_000:.1f} MB")
    for name, size in sorted(stats.sizes.items(), key=lambda each: -each[1]):
        yield (name, f"{size / 1_000_000:.1f} MB")
    for name, count in stats.counts.items():
        if count:
            yield (name.replace("_", " "), f"{count:,}")
    index = stats.index
    yield ("keyword index", f"{index.documents:,} pieces, {index.lag} changes behind")
    yield ("embedder", stats.vectors.embedder)
    for model in stats.vectors.models:
        yield ("vectors", f"{model.model}, dim {model.dim}, {model.vectors:,} of {stats.vectors.wanted:,} pieces")
    if stats.vectors.coming:
        yield ("coming", f"{stats.vectors.coming}, answers once it has all vectors; `hark reindex` makes them at once")
    for query in stats.queries:
        yield (f"{query.mode} searches", f"{query.count:,}, p50 {query.p50_ms:.1f} ms, p95 {query.p95_ms:.1f} ms")
    if stats.index.fault:
        yield ("index", stats.index.fault)
    if stats.vectors.fault:
        yield ("held up", stats.vectors.fault)
