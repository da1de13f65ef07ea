"""Candidates: the records that some leg found, with what each leg says of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from memory.search.legs import LegAnswer
from memory.searchable import unpack_role_session_at
from memory.store.chunks import ChunkRow

MOST_PIECES = 3
"""Pieces of one record that are compared word by word. Untuned: a leg seldom gives more of one record."""


@dataclass(frozen=True, slots=True)
class LegScore:
    """What one leg says of a candidate."""

    rank: int
    """From 1; 0 for what the leg was asked about and did not give by itself."""
    score: float


@dataclass(frozen=True, slots=True)
class Cover:
    """How much of a query stands in a text, by itself, in the same or in near words; each 0 to 1."""

    whole: float
    """How near the text's words come to those asked for, the rarer the more it counts."""
    unnamed: float
    """`whole` without the names of senders: whether it was said, by whomsoever."""


@dataclass(slots=True)
class Candidate:
    """A record that some leg found, by its best piece."""

    kind: str
    number: int
    place: ChunkRow
    role: int
    """As `memory/searchable.py` numbers them; 0 for none."""
    session: int
    """Its session's number; 0 for none."""
    at: int
    """When it was said, in microseconds since 1970."""
    legs: dict[str, LegScore] = field(default_factory=dict)
    pieces: dict[int, ChunkRow] = field(default_factory=dict)
    """Those that were found, by their keys, at most `MOST_PIECES`."""
    cover: Cover | None = None
    """What late interaction says of its best piece; None for what was not looked into."""
    is_question: bool = False
    names_time: bool = False
    sender: str | None = None
    fused: float = 0.0
    score: float = 0.0
    """0 to 1, comparable between queries."""

    @property
    def record(self) -> tuple[str, int]:
        """What it is a candidate for."""
        return self.kind, self.number

    def take(self, key: int, place: ChunkRow) -> None:
        """Note a piece that was found."""
        if len(self.pieces) < MOST_PIECES:
            self.pieces.setdefault(key, place)


Candidates = dict[tuple[str, int], Candidate]


def candidate_of(key: int, place: ChunkRow) -> Candidate:
    """Make a candidate of a piece."""
    role, session, at = unpack_role_session_at(place.attributes)
    return Candidate(place.kind, place.record_number, place, role, session, at, pieces={key: place})


def gather(legs: Iterable[LegAnswer], places: Mapping[int, ChunkRow]) -> Candidates:
    """Bring the legs' pieces together under their records; pieces that are gone from the store are left out."""
    found: Candidates = {}
    for leg in legs:
        rank = 0
        for hit in leg.hits:
            place = places.get(hit.key)
            if place is None:
                continue
            record = (place.kind, place.record_number)
            candidate = found.get(record)
            if candidate is None:
                candidate = found[record] = candidate_of(hit.key, place)
            candidate.take(hit.key, place)
            if leg.name not in candidate.legs:
                rank += 1
                candidate.legs[leg.name] = LegScore(rank, hit.score)
                if leg.name == "keyword":
                    candidate.place = place
    return found
