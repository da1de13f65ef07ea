"""Show what was imported, what of it is behind, and what was never imported."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.importing import Place, find_places
from memory.importing.standing import FormatStatus, SourceStatus, by_format, standings
from memory.operations import Lines
from memory.stats import VectorStats

if TYPE_CHECKING:
    from memory.memory import Memory

SCREENFUL = 20
"""Files from which on formats are shown instead."""
_MOST_NAMED = 10
"""Files that need attention and are named all the same."""


class Arguments(BaseModel):
    """How much is shown."""

    model_config = ConfigDict(extra="forbid")

    all: bool = Field(False, description="List every file, however many there are.")


class Answer(BaseModel):
    """All imported files, the places of agents on this machine, and how far the index is."""

    sources: list[SourceStatus]
    formats: list[FormatStatus]
    totals: FormatStatus
    places: list[Place]
    """Where agents keep histories on this machine; those never imported have no `imported_at`."""
    index_lag: int
    vectors: VectorStats


def run(memory: "Memory", arguments: Arguments) -> Answer:
    """Look at every source and every place."""
    marks = memory.store.marks
    sources = standings(marks.all())
    totals = FormatStatus(format="")
    for source in sources:
        totals.add(source)
    return Answer(
        sources=sources,
        formats=by_format(sources),
        totals=totals,
        places=find_places(marks.outlines()),
        index_lag=memory.index_lag(),
        vectors=memory.vector_stats(),
    )


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write files, or formats where there are many files; what needs attention comes first."""
    sources = sorted(answer.sources, key=_urgency)
    if arguments.all or len(sources) <= SCREENFUL:
        yield from map(_source_row, sources)
    else:
        yield from map(_format_row, answer.formats)
        yield _format_row(answer.totals)
        urgent = [each for each in sources if each.problems or each.state in ("behind", "changed")]
        if urgent:
            yield ""
            yield from map(_source_row, urgent[:_MOST_NAMED])
        yield f"--all lists all {len(sources):,} files"
    new = [place for place in answer.places if place.new_files]
    if new:
        yield ""
        yield "not imported yet:"
        for place in new:
            what = f"about {place.new_files:,} new or grown" if place.imported_at else f"about {place.files:,} files"
            yield (place.format, what, f"{place.size_bytes / 1e6:,.1f} MB", place.path)
    if answer.index_lag:
        yield f"the keyword index is {answer.index_lag:,} changes behind; searches read them from the store"
    if answer.vectors.coming:
        yield f"vectors of {answer.vectors.coming} are being made; {answer.vectors.embedder} answers until they are there"
    if answer.vectors.fault:
        yield f"they cannot be made just now: {answer.vectors.fault}"


def _urgency(source: SourceStatus) -> tuple[int, float]:
    order = ("behind", "changed", "level", "gone").index(source.state)
    at = source.imported_at.timestamp() if source.imported_at else 0.0
    return (-1 if source.problems else order), -at


def _source_row(source: SourceStatus) -> tuple[str, ...]:
    state = {
        "gone": "gone, kept here",
        "changed": "changed",
        "behind": f"{source.lag_bytes or 0:,} bytes behind",
        "level": "level",
    }[source.state]
    when = f"{source.imported_at:%Y-%m-%d %H:%M}" if source.imported_at else ""
    return (when, source.format, f"{source.messages:,} messages", state, _problems(len(source.problems)), source.path)


def _format_row(each: FormatStatus) -> tuple[str, ...]:
    states = [
        f"{each.behind:,} behind ({each.lag_bytes / 1e6:,.1f} MB)" if each.behind else "",
        f"{each.changed:,} changed" if each.changed else "",
        f"{each.gone:,} gone, kept here" if each.gone else "",
    ]
    when = f"{each.imported_at:%Y-%m-%d %H:%M}" if each.imported_at else ""
    state = ", ".join(filter(None, states)) or "level"
    return (
        when,
        each.format or "in all",
        f"{each.sources:,} files",
        f"{each.messages:,} messages",
        state,
        _problems(each.problems),
    )


def _problems(count: int) -> str:
    return "" if not count else "1 problem" if count == 1 else f"{count:,} problems"
