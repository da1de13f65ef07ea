"""Late interaction: look at the best candidates word by word, in the light of what stands beside them."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from memory.piece_texts import told_texts
from memory.search.asked import Asked
from memory.search.candidates import Candidate, Cover, LegScore
from memory.search.legs import LegAnswer, timed
from memory.search.recipe import Recipe
from memory.store.chunks import ChunkRow
from memory.store.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from indexers.late_interaction import AskedTokens, LateInteraction, Tokens

MOST_CACHED = 50_000
"""Pieces whose tokens are remembered in a process, at about 300 bytes each. Untuned."""
_TIME_WORDS = (
    "yesterday today tomorrow tonight ago last next since week weekend month year day weeks months years days recently"
    " monday tuesday wednesday thursday friday saturday sunday january february march april june july august september"
    " october november december"
)


class PieceTokens:
    """The tokens of stored pieces; they are made when they are first asked for."""

    def __init__(self, store: Store, late: "LateInteraction") -> None:
        self._store = store
        self.late = late
        self._known: dict[int, Tokens] = {}

    def of(self, keys: Iterable[int]) -> "dict[int, Tokens]":
        """Give the tokens of pieces by their keys, who said it first; those that are gone are missing."""
        wanted = set(keys)
        # another thread may empty it meanwhile
        found = {key: tokens for key in wanted if (tokens := self._known.get(key)) is not None}
        lacking = sorted(wanted - found.keys())
        if lacking:
            made = self._kept(lacking)
            found |= made
            self._remember(made)
            lacking = [key for key in lacking if key not in made]
        if lacking:
            texts = told_texts(self._store, lacking)
            made = dict(zip(texts, self.late.tokens(list(texts.values())), strict=True))
            found |= made
            self._remember(made)
        return found

    def _kept(self, keys: Sequence[int]) -> "dict[int, Tokens]":
        """Read the tokens that were kept when the pieces were written."""
        kept = self._store.chunks.tokens_of(keys)
        return {key: tokens for key, packed in kept.items() if (tokens := self.late.unpacked(packed)) is not None}

    def _remember(self, made: "dict[int, Tokens]") -> None:
        if len(self._known) + len(made) > MOST_CACHED:
            self._known.clear()
        self._known |= made


def late_leg(
    store: Store, tokens: PieceTokens, query: str, candidates: Sequence[Candidate], asked: Asked, recipe: Recipe
) -> LegAnswer:
    """Compare candidates with a query word by word, and write into them what comes of it.

    Words of the pieces before and behind count, too: half of what a turn of a conversation is about stands in the turn
    before it. What each of the two is worth: docs/recall.md.
    """
    late = tokens.late

    def run(answer: LegAnswer) -> None:
        wanted = late.asked(query)
        if not len(wanted.tokens) or not candidates:
            return
        pieces = _pieces(store, candidates)
        found = tokens.of({key for piece in pieces for key in piece.around if key})
        pieces = [piece for piece in pieces if piece.around[0] in found]
        if pieces:
            _score(wanted, late, pieces, found, _names(late, wanted, candidates, asked), recipe)
            _read_signs(pieces, found, _marks(late))
        scored = sorted((each for each in candidates if "late" in each.legs), key=lambda each: -each.legs["late"].score)
        for rank, candidate in enumerate(scored, 1):
            candidate.legs["late"] = LegScore(rank, candidate.legs["late"].score)

    return timed("late", run)


class _Piece(NamedTuple):
    candidate: Candidate
    place: ChunkRow
    around: tuple[int, int, int]
    """Its own key, that of the piece before it and that of the piece behind it; 0 for none."""


def _pieces(store: Store, candidates: Sequence[Candidate]) -> list[_Piece]:
    """Give the candidates' pieces with what stands beside them.

    What is said in a message goes on in the message behind it; tool calls and reasoning stand alone.
    """
    messages = [each.number for each in candidates if each.kind == "message"]
    beside = store.sessions.beside(messages)
    ends = store.sessions.ends(sorted({*messages, *(number for pair in beside.values() for number in pair if number)}))
    found: list[_Piece] = []
    for each in candidates:
        is_message = each.kind == "message"
        before, behind = beside.get(each.number, (0, 0)) if is_message else (0, 0)
        first, last = ends.get(each.number, (0, 0)) if is_message else (0, 0)
        for key, place in each.pieces.items():
            around = (key, 0, 0)
            if first and first <= key <= last:
                previous = key - 1 if key > first else ends.get(before, (0, 0))[1]
                following = key + 1 if key < last else ends.get(behind, (0, 0))[0]
                around = (key, previous, following)
            found.append(_Piece(each, place, around))
    return found


def _score(
    asked: "AskedTokens",
    late: "LateInteraction",
    pieces: Sequence[_Piece],
    found: "dict[int, Tokens]",
    names: "NDArray[np.bool_]",
    recipe: Recipe,
) -> None:
    """Take of each candidate the piece whose words, and those beside it, come nearest."""
    import numpy as np

    rows = {key: row for row, key in enumerate(found)}
    nearest = np.vstack([late.nearest(asked, list(found.values())), np.zeros((1, len(asked.tokens)), np.float32)])
    where = np.array([[rows.get(key, len(rows)) for key in piece.around] for piece in pieces])
    own = nearest[where[:, 0]]
    seen = np.maximum(recipe.before * nearest[where[:, 1]], recipe.after * nearest[where[:, 2]])
    scores = np.maximum(own, seen) @ _shares(asked.rarities**recipe.rarity)
    covered = own @ _shares(asked.rarities)
    unnamed = own @ _shares(np.where(names, 0.0, asked.rarities)) if names.any() else covered
    for i, (candidate, place, _) in enumerate(pieces):
        if "late" not in candidate.legs or scores[i] > candidate.legs["late"].score:
            candidate.legs["late"] = LegScore(0, float(scores[i]))
            candidate.cover = Cover(float(covered[i]), float(unnamed[i]))
            if "keyword" not in candidate.legs:
                candidate.place = place


def _shares(weights: "NDArray[np.floating]") -> "NDArray[np.floating]":
    total = weights.sum()
    return weights / total if total > 0 else weights


def _names(
    late: "LateInteraction", wanted: "AskedTokens", candidates: Sequence[Candidate], asked: Asked
) -> "NDArray[np.bool_]":
    """Say which tokens of a query are those of a sender's name."""
    import numpy as np

    senders = sorted({each.sender for each in candidates if each.sender and asked.is_named(each.sender)})
    tokens = late.tokens(senders)
    return np.isin(wanted.tokens, np.concatenate(tokens) if tokens else [])


def _read_signs(pieces: Sequence[_Piece], found: "dict[int, Tokens]", marks: "tuple[int, frozenset[int]]") -> None:
    question, times = marks
    for piece in pieces:
        tokens = found[piece.around[0]]
        if piece.place.passage == 0 and len(tokens):
            piece.candidate.is_question |= int(tokens[-1]) == question
            piece.candidate.names_time |= not times.isdisjoint(tokens.tolist())


@lru_cache(maxsize=2)
def _marks(late: "LateInteraction") -> "tuple[int, frozenset[int]]":
    """Give the token of a question mark, and those that name times."""
    question = late.tokens(["?"])[0]
    years = [str(year) for year in range(1990, 2040)]
    alone = [found for found in late.tokens([*_TIME_WORDS.split(), *years]) if len(found) == 1]
    return int(question[0]) if len(question) else -1, frozenset(int(each[0]) for each in alone)
