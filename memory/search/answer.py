"""What a search answers; the same on every way in."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Leg(BaseModel):
    """One way of finding, and what came of it."""

    name: str
    took_ms: float
    found: int
    fault: str | None = None
    """Why it could not run; None when it did."""


class Neighbour(BaseModel):
    """A message beside a hit."""

    id: str
    seq: int
    role: str
    sender: str | None = None
    created_at: datetime
    content: str


class Why(BaseModel):
    """What one leg says of a hit."""

    rank: int
    """From 1."""
    score: float
    """The leg's own measure, higher is better."""


class SearchHit(BaseModel):
    """One answer."""

    kind: str
    """message, learning or session."""
    id: str
    session_id: str | None = None
    session_title: str | None = None
    project: str | None = None
    seq: int | None = None
    role: str | None = None
    category: str | None = None
    """Of a learning."""
    sender: str | None = None
    created_at: datetime
    score: float
    """0 to 1, higher is better."""
    snippet: str
    """Part of its text; what was looked for stands between `<mark>` and `</mark>`. It is text, not HTML."""
    source: dict[str, Any] | None = None
    trust: float | None = None
    """Of a learning."""
    count: int = 1
    """How many hits with the same text this one stands for; with `group="session"`, hits of the session."""
    context: list[Neighbour] = Field(default_factory=list)
    why: dict[str, Why] = Field(default_factory=dict)
    """What each leg says that found it."""


class SearchResult(BaseModel):
    """Hits, best first, and how they were found."""

    model_config = ConfigDict(ser_json_inf_nan="null", defer_build=True)

    query: str
    mode: str
    took_ms: float
    index_lag: int = 0
    """Changes that no leg has seen."""
    abstained: bool = False
    """Whether nothing that was found, if anything was, is good enough to be an answer."""
    legs: list[Leg]
    hits: list[SearchHit]


class RecallSource(BaseModel):
    """Where a passage of a recalled context is from."""

    number: int
    """How it is cited: `[1]`."""
    kind: str
    id: str
    session_id: str | None = None
    session_title: str | None = None
    role: str | None = None
    created_at: datetime
    score: float


class Recall(BaseModel):
    """A context for a prompt: quoted passages with their sources, within a budget."""

    query: str
    text: str
    """The passages, framed as quoted data; "" when nothing relevant was found."""
    tokens: int
    """About how many tokens the text has (four characters each)."""
    budget: int
    abstained: bool = False
    sources: list[RecallSource] = Field(default_factory=list)
