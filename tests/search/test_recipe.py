"""The weights of a search add up, at the edges, too."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.search.recipe import RECIPE, Recipe

PARTS = st.floats(0, 1)


@given(st.integers(0, 500), PARTS, PARTS, PARTS, st.floats(0, 5), st.floats(0, 5), PARTS)
def test_shares_add_up_to_one(words, known, keyword, keyword_long, semantic, late, gives):
    recipe = Recipe(keyword=keyword, keyword_long=keyword_long, semantic=semantic, late=late, known=gives)
    shares = recipe.shares(words, known)

    assert all(share >= 0 for share in shares)
    if keyword or keyword_long or not (semantic or late):
        assert sum(shares) == pytest.approx(1)


def test_the_keyword_share_grows_from_few_words_to_many():
    shares = [RECIPE.shares(words, 1.0)[0] for words in range(30)]

    assert shares == sorted(shares)
    assert shares[0] == shares[RECIPE.few_words] == pytest.approx(RECIPE.keyword)
    assert shares[RECIPE.many_words] == shares[-1] == pytest.approx(RECIPE.keyword_long)
    assert shares[RECIPE.few_words] < shares[RECIPE.few_words + 1] < shares[RECIPE.many_words]


def test_what_the_model_does_not_know_goes_to_the_keyword_leg():
    assert RECIPE.shares(3, 0.0) == (1.0, 0.0, 0.0)
    assert RECIPE.shares(3, 0.5)[0] > RECIPE.shares(3, 1.0)[0]
    assert replace(RECIPE, known=0).shares(3, 0.0) == RECIPE.shares(3, 1.0)


def test_a_leg_of_no_weight_has_no_share():
    keyword, semantic, late = replace(RECIPE, semantic=0).shares(3, 1.0)
    assert (semantic, late) == (0.0, pytest.approx(1 - keyword))

    assert replace(RECIPE, semantic=0, late=0).shares(3, 1.0) == (1.0, 0.0, 0.0)
    assert replace(RECIPE, keyword=0, keyword_long=0).shares(3, 1.0)[0] == 0.0


def test_few_words_may_be_many_words():
    step = replace(RECIPE, few_words=4, many_words=4)

    assert step.shares(4, 1.0)[0] == pytest.approx(RECIPE.keyword)
    assert step.shares(5, 1.0)[0] == pytest.approx(RECIPE.keyword_long)


def test_the_vectors_of_another_embedder_weigh_more():
    built_in, other = RECIPE.shares(6, 1.0), RECIPE.shares(6, 1.0, is_built_in=False)

    assert other[1] > built_in[1]
    assert other[0] == built_in[0]
    assert replace(RECIPE, semantic=0).shares(6, 1.0, is_built_in=False)[1] == 0
