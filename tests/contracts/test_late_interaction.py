"""Late interaction gives what loops over all pairs of tokens give."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexers.embedders.static import built_in
from indexers.late_interaction import MOST_WORDS, LateInteraction, once

WORDS = "port server tea kettle the which does listen on Ann's sofa ? , 8470 zxqj-99 ECONNREFUSED café 会議".split()
TEXT = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


@pytest.fixture(scope="module")
def late():
    return LateInteraction(built_in)


def by_hand(late, asked, texts):
    """The best cosine of each token asked for, pair by pair."""
    rows = late.model.token_vectors()
    return [
        [max([0.0, *(float(rows[token] @ rows[wanted]) for token in text)]) for wanted in asked.tokens]
        for text in texts
    ]


@settings(deadline=None)
@given(query=TEXT, texts=st.lists(TEXT, max_size=6))
@example(query="port", texts=["", "port", ""])
@example(query="", texts=["port"])
@example(query="port", texts=["", ""])
def test_nearest_is_the_best_of_all_pairs(late, query, texts):
    asked, tokens = late.asked(query), late.tokens(texts)
    found = late.nearest(asked, tokens)

    assert found.shape == (len(texts), len(asked.tokens))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.array(by_hand(late, asked, tokens)).reshape(found.shape), atol=1e-5)


@given(st.lists(st.integers(0, 9), max_size=15))
@example([3, 3])
@example([5, 1, 5])
def test_once_keeps_first_places_and_the_last_token(tokens):
    expected = list(dict.fromkeys(each for each in tokens[:-1] if each != tokens[-1])) + tokens[-1:]

    assert list(once(np.array(tokens, np.int32))) == expected


@settings(deadline=None)
@given(st.lists(st.sampled_from(["port", "server", "zxqjvv", "kettle", "qwrtzk"]), min_size=1, max_size=6))
def test_known_is_the_mean_of_one_over_the_pieces(late, words):
    pieces = [len(late.model.token_ids([word])[0]) for word in words]

    assert late.known(" ".join(words)) == pytest.approx(sum(1 / count for count in pieces) / len(pieces))


def test_a_word_of_the_model_is_known_and_a_made_up_one_is_not(late):
    assert late.known("server") == 1.0
    assert late.known("zxqjvvkkwq") < 0.5
    assert late.known("") == late.known("the of and") == 1.0


def test_an_asked_query_has_each_token_once_and_no_stop_words(late):
    asked = late.asked("which port does the port server listen on")

    assert asked.tokens.tolist() == sorted(set(asked.tokens.tolist()))
    assert set(asked.tokens.tolist()) == set(late.asked("port server listen").tokens.tolist())
    np.testing.assert_allclose(np.linalg.norm(asked.directions, axis=1), 1.0, atol=1e-5)
    assert ((asked.rarities >= 0) & (asked.rarities <= 1)).all()


def test_a_query_of_stop_words_asks_for_them(late):
    assert len(late.asked("to be or not").tokens) > 0


def test_a_pasted_query_keeps_its_rarest_tokens(late):
    words = late.model.token_weights()
    query = " ".join(f"{word} alpha{i}" for i, word in enumerate(WORDS * 20))
    whole = np.unique(late.model.token_ids([query])[0])
    asked = late.asked(query)

    assert len(whole) > MOST_WORDS == len(asked.tokens)
    assert words[asked.tokens].min() >= np.sort(words[whole])[-MOST_WORDS] - 0.2


def test_a_question_mark_at_the_end_stays_the_last(late):
    mark = late.tokens(["?"])[0][0]

    assert late.tokens(["why ? who knows ?"])[0][-1] == mark
    assert late.tokens(["why ? because"])[0][-1] != mark
