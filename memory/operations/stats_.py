"""Count what is stored and indexed."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from memory.operations import Lines
from memory.stats import Stats

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """Nothing is asked."""

    model_config = ConfigDict(extra="forbid")


def run(memory: "Memory", arguments: Arguments) -> Stats:
    """Count."""
    return memory.stats()


def rows(stats: Stats, arguments: Arguments) -> Lines:
    """Write counts, one a line."""
    yield ("store", stats.store)
    yield ("size", f"{stats.size_bytes / 1_000_000:.1f} MB")
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
    if stats.vectors.fault:
        yield ("held up", stats.vectors.fault)
