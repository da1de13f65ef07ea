"""Fuse what the legs say into one order: a convex combination of scaled scores, and what is known beside them.

Source: Bruch, Gai & Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", 2023; reciprocal ranks lost 3 to 6
points wherever the legs differ in strength (docs/architecture.md). What each step is worth: docs/recall.md.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from memory.search.asked import Asked
from memory.search.candidates import Candidate
from memory.search.recipe import Recipe
from memory.searchable import ROLES

TITLES = 0.6
"""What the words of a title weigh against its meaning, when sessions are asked for. Untuned."""
SAME_QUESTION = 4.0
"""How fast what is taken from a question shrinks as its words come near those of the query: above 3/4 of them. Untuned."""
_SECONDS_A_DAY = 86_400
_MICROS = 1_000_000


def first_order(candidates: Iterable[Candidate], recipe: Recipe) -> list[Candidate]:
    """Order candidates by what the keyword and the semantic leg say, to choose whom to look into."""
    ordered = list(candidates)
    keyword, semantic = _shares(ordered, "keyword", 0.0), _shares(ordered, "semantic")
    for candidate, by_word, by_meaning in zip(ordered, keyword, semantic, strict=True):
        candidate.fused = 0.5 * by_word + 0.5 * by_meaning + _beside(candidate, recipe)
    ordered.sort(key=lambda each: (-each.fused, -each.number))
    return ordered


def by_leg(candidates: Iterable[Candidate], leg: str, recipe: Recipe | None) -> list[Candidate]:
    """Order candidates by one leg alone; with a recipe, what sort of text it is decides between those about as good."""
    ordered = list(candidates)
    for candidate, share in zip(ordered, _shares(ordered, leg, 0.0), strict=True):
        candidate.fused = share + (_sort_of(candidate, recipe) if recipe else 0.0)
    ordered.sort(key=lambda each: (-each.fused, -each.number))
    return ordered


def order_sessions(candidates: Iterable[Candidate], recipe: Recipe) -> list[Candidate]:
    """Order sessions by their titles and, where it was asked, by their meaning."""
    ordered = list(candidates)
    title, semantic = _shares(ordered, "title", 0.0), _shares(ordered, "semantic")
    for candidate, by_title, by_meaning in zip(ordered, title, semantic, strict=True):
        candidate.fused = TITLES * by_title + (1 - TITLES) * by_meaning
    ordered.sort(key=lambda each: (-each.fused, -each.number))
    return ordered


def fuse(
    candidates: Iterable[Candidate], asked: Asked, weights: tuple[float, float, float], recipe: Recipe, now: datetime
) -> list[Candidate]:
    """Order candidates, best first.

    Args:
        candidates: What the legs found, with all that they say of it.
        asked: What the query asks for beside its words.
        weights: Those of keyword, semantic and late interaction, which add up to 1.
        recipe: How much each thing weighs.
        now: What recency counts from.
    """
    ordered = list(candidates)
    keyword, semantic = _shares(ordered, "keyword", 0.0), _shares(ordered, "semantic")
    late = _shares(ordered, "late")
    for i, each in enumerate(ordered):
        each.fused = weights[0] * keyword[i] + weights[1] * semantic[i] + weights[2] * late[i]
        each.fused += _beside(each, recipe) + _in_time(each, asked, recipe, now)
    _lend_to_neighbours(ordered, recipe)
    for each in ordered:
        each.fused += _said_by(each, asked, recipe)
    _lend_to_session(ordered, recipe)
    ordered.sort(key=lambda each: (-each.fused, -each.number))
    return ordered


def _shares(candidates: Sequence[Candidate], leg: str, least: float | None = None) -> list[float]:
    """Scale a leg's scores to 0 to 1: from `least`, or else from the lowest score, to the highest."""
    scores = [each.legs[leg].score for each in candidates if leg in each.legs]
    if not scores:
        return [0.0] * len(candidates)
    low = min(scores) if least is None else least
    span = max(scores) - low
    if span <= 0:
        return [float(leg in each.legs) for each in candidates]
    return [max(0.0, each.legs[leg].score - low) / span if leg in each.legs else 0.0 for each in candidates]


def _beside(candidate: Candidate, recipe: Recipe) -> float:
    """What its session's title and its arrows add."""
    title, graph = candidate.legs.get("title"), candidate.legs.get("graph")
    return recipe.title * min(1.0, title.score if title else 0.0) + recipe.graph * (1.0 if graph else 0.0)


def _in_time(candidate: Candidate, asked: Asked, recipe: Recipe, now: datetime) -> float:
    if not (asked.times or asked.asks_when or recipe.recency):
        return 0.0
    at = datetime.fromtimestamp(candidate.at / _MICROS, UTC)
    worth = recipe.dates * asked.closeness(at) if asked.times else 0.0
    if asked.asks_when and candidate.names_time:
        worth += recipe.times
    if recipe.recency:
        days = max(0.0, (now - at).total_seconds() / _SECONDS_A_DAY)
        worth += recipe.recency * math.exp2(-days / max(recipe.half_life, 1e-6))
    return worth


def _said_by(candidate: Candidate, asked: Asked, recipe: Recipe) -> float:
    worth = recipe.speaker if asked.is_named(candidate.sender) else 0.0
    if asked.is_question and candidate.is_question and candidate.cover:
        # unless it is the very question that is looked for
        worth -= recipe.asking * min(1.0, SAME_QUESTION * (1 - candidate.cover.whole))
    return worth + _sort_of(candidate, recipe)


def _sort_of(candidate: Candidate, recipe: Recipe) -> float:
    if candidate.kind == "learning":
        return recipe.written
    if candidate.place.passage > 0 or candidate.role in (ROLES["tool"], ROLES["system"]):
        return -recipe.aside
    return recipe.person if candidate.role == ROLES["user"] else 0.0


def _lend_to_neighbours(candidates: Iterable[Candidate], recipe: Recipe) -> None:
    """Add part of a message's score to the messages before and behind it: an answer often stands beside its question.

    Messages saved one behind the other have numbers one behind the other.
    """
    own = {each.number: each for each in candidates if each.kind == "message"}
    scores = {number: each.fused for number, each in own.items()}
    for number, each in own.items():
        for beside in (number - 1, number + 1):
            if beside in own and own[beside].session == each.session:
                each.fused += recipe.neighbour * scores[beside]


def _lend_to_session(candidates: Iterable[Candidate], recipe: Recipe) -> None:
    """Add part of what a session's best three have on average to each of its messages: evidence adds up."""
    scores: dict[int, list[float]] = {}
    for each in candidates:
        if each.session:
            scores.setdefault(each.session, []).append(max(0.0, each.fused))
    best = {session: sum(sorted(some, reverse=True)[:3]) / 3 for session, some in scores.items()}
    for each in candidates:
        each.fused += recipe.session * best.get(each.session, 0.0)
