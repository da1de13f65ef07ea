"""A score says how sure a hit is: it never rises along the order, and more evidence never lowers it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.search.asked import asked_of
from memory.search.candidates import Cover, LegScore, candidate_of
from memory.search.confidence import score
from memory.search.legs import LegAnswer
from memory.search.query import parse_query
from memory.searchable import pack_attributes
from memory.store.chunks import ChunkRow

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SHARE = st.floats(0, 1)
LEGS = {
    "keyword": LegAnswer("keyword", best_possible=10.0),
    "semantic": LegAnswer("semantic"),
    "late": LegAnswer("late"),
}


def asked(query):
    return asked_of(parse_query(query, NOW), query, NOW)


def said(number, cover=None, unnamed=None, sender=None, **legs):
    """A message that legs say something of."""
    packed = pack_attributes(1, "message", "user", False, number, 1, 0, 0, 0)
    candidate = candidate_of(number, ChunkRow("message", number, 0, 0, 9, packed))
    candidate.legs = {name: LegScore(1, worth) for name, worth in legs.items()}
    candidate.sender = sender
    if cover is not None:
        candidate.cover = Cover(cover, cover if unnamed is None else unnamed)
    return candidate


def scores(candidates, query="which port", known=1.0, legs=LEGS):
    score(candidates, legs, asked(query), known)
    return [each.score for each in candidates]


@given(st.lists(st.tuples(SHARE | st.none(), st.floats(0, 10), st.floats(-1, 1)), max_size=20), SHARE)
def test_scores_fall_along_the_order_and_lie_in_0_to_1(drawn, known):
    found = scores(
        [said(i, cover, keyword=words, semantic=near) for i, (cover, words, near) in enumerate(drawn)], known=known
    )

    assert found == sorted(found, reverse=True)
    assert all(0 <= each <= 1 for each in found)


@given(SHARE, SHARE, st.floats(0, 10), st.floats(-1, 1), SHARE)
def test_more_words_covered_are_never_less_sure(one, other, words, near, known):
    low, high = sorted([one, other])

    less = scores([said(1, low, keyword=words, semantic=near)], known=known)
    assert less <= scores([said(1, high, keyword=words, semantic=near)], known=known)


def test_what_covers_all_is_an_answer_and_what_covers_nothing_is_none():
    assert scores([said(1, 1.0, keyword=6.0, semantic=0.8)])[0] > 0.9
    assert scores([said(1, 0.3, keyword=0.5, semantic=0.2)])[0] < 0.1


def test_an_order_lifts_what_stands_before_something_surer():
    found = scores([said(1, 0.2, semantic=0.1), said(2, 1.0, keyword=6.0, semantic=0.8)])

    assert found[0] == found[1] > 0.9


def test_said_by_whom_the_query_names_is_surer_than_said_by_another():
    ann = [said(1, 0.6, 0.7, "Ann", semantic=0.5), said(2, 0.5, 0.3, "Ben", semantic=0.5)]
    same = [said(1, 0.6, 0.5, "Ann", semantic=0.5), said(2, 0.5, 0.5, "Ben", semantic=0.5)]
    ben = [said(1, 0.6, 0.3, "Ann", semantic=0.5), said(2, 0.5, 0.7, "Ben", semantic=0.5)]
    query = "what did Ann pick"

    assert scores(ann, query)[0] > scores(same, query)[0] > scores(ben, query)[0]


@pytest.mark.parametrize("query", ["what was picked", "what did Zoe pick"])
def test_senders_say_nothing_when_none_of_them_is_named(query):
    spoken = [said(1, 0.6, 0.9, "Ann", semantic=0.5), said(2, 0.5, 0.1, "Ben", semantic=0.5)]
    silent = [said(1, 0.6, 0.9, semantic=0.5), said(2, 0.5, 0.1, semantic=0.5)]

    assert scores(spoken, query) == scores(silent, query)


def test_words_that_the_model_does_not_know_are_left_to_the_keyword_leg():
    unknown = said(1, 0.2, keyword=6.0, semantic=0.1)

    assert scores([unknown], known=0.0)[0] > 0.5
    assert scores([unknown], known=1.0)[0] < 0.1


def test_the_cosine_of_another_embedder_counts_as_a_common_one():
    other = {**LEGS, "semantic": LegAnswer("semantic", is_built_in=False)}
    high, low = said(1, 0.6, semantic=0.9), said(1, 0.6, semantic=0.1)

    assert scores([high], legs=other) == scores([low], legs=other)
    assert scores([high]) > scores([low])


@pytest.mark.parametrize("leg", ["keyword", "semantic", "title"])
def test_one_leg_alone_gives_more_for_more(leg):
    legs = {leg: LegAnswer(leg, best_possible=1.0)}
    found = [scores([said(1, **{leg: worth})], legs=legs)[0] for worth in (0.0, 0.3, 0.5, 1.0)]

    assert found == sorted(found)
    assert found[0] == 0 < found[1] < found[-1] < 1


def test_no_candidates_have_no_scores():
    assert scores([]) == []
