"""Find what was said, done and learned."""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from memory.operations import POSITIONAL, Lines
from memory.search.answer import SearchHit, SearchResult

if TYPE_CHECKING:
    from memory.memory import Memory


class Narrowing(BaseModel):
    """What a search can be narrowed by."""

    model_config = ConfigDict(extra="forbid")

    project: str | None = Field(None, description="Only this project and those below it: an id, an alias or a path.")
    session: str | None = Field(None, description="Only this session: an id, or its beginning.")
    role: Literal["user", "assistant", "system", "tool"] | None = Field(None, description="Only what this role said.")
    tool: str | None = Field(None, description="Only calls and results of this tool.")
    kind: Literal["message", "learning", "session"] | None = Field(None, description="Only records of this kind.")
    participant: str | None = Field(None, description="Only sessions with, or messages of, this participant.")
    tag: str | None = Field(None, description="Only what carries this tag.")
    after: str | None = Field(None, description="Only from this date on: 2026-11-03, yesterday, 7d.")
    before: str | None = Field(None, description="Only before this date.")
    as_of: str | None = Field(None, description="What was true at this date.")
    min_score: float | None = Field(None, ge=0, le=1, description="Hits below it are no answers; 0 shows all.")


class Question(Narrowing):
    """What is looked for, and how it is answered."""

    query: str = Field(description='Words, "phrases", -exclusions, role:user …', json_schema_extra=POSITIONAL)
    mode: Literal["hybrid", "keyword", "semantic", "title"] = Field("hybrid", description="How to find.")
    limit: int = Field(10, ge=1, description="How many hits; more than 200 gives 200.")
    group: Literal["session"] | None = Field(None, description="One hit a session.")
    context: int = Field(0, ge=0, description="Messages before and after each hit.")
    fold: bool = Field(True, description="Fold hits that say the same into one.")


class Arguments(Question):
    """The arguments of a search on the command line."""

    explain: bool = Field(False, description="Show ids, scores and the legs that found each hit.")


def run(memory: "Memory", arguments: Arguments) -> SearchResult:
    """Search."""
    values = arguments.model_dump(exclude={"query", "explain"})
    return memory.search(arguments.query, **values)


def rows(result: SearchResult, arguments: Arguments) -> Lines:
    """Write hits, one a line."""
    for hit in result.hits:
        yield (*_columns(hit), _where(hit))
        if arguments.explain:
            why = " ".join(f"{name}:{leg.rank} ({leg.score:.2f})" for name, leg in hit.why.items())
            yield f"    {hit.score:.2f}  {hit.kind}:{hit.id}  session:{hit.session_id or '-'}  {why}"
        for each in hit.context:
            said = " ".join(each.content.split())
            yield ("", "", each.role, f"  {said[:200]}", f"message {each.seq}")
    if arguments.explain:
        legs = "  ".join(f"{leg.name} {leg.found} in {leg.took_ms:.1f} ms" for leg in result.legs)
        yield f"{legs}  |  {result.took_ms:.1f} ms in all, {result.index_lag} changes not searched"


def faults(result: SearchResult) -> Lines:
    """Say on the side what could not run, and that nothing was good enough."""
    for leg in result.legs:
        if leg.fault:
            came = "did not find all" if leg.found else "could not run"
            yield f"the {leg.name} leg {came}: {leg.fault}"
    if result.abstained:
        yield "nothing relevant was found; `--min-score 0` shows what came closest"


def _columns(hit: SearchHit) -> tuple[str, str, str, str]:
    shown = hit.snippet + (f"  (and {hit.count - 1} more)" if hit.count > 1 else "")
    return f"{hit.created_at:%Y-%m-%d}", hit.project or "", hit.category or hit.role or hit.kind, shown


def _where(hit: SearchHit) -> str:
    if hit.kind == "message":
        return f'message {hit.seq} of "{hit.session_title or hit.session_id}"'
    return hit.kind
