"""What a question asks for beside its words: times, speakers, whether it is one."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.search.asked import NamedTime, asked_of, name_words
from memory.search.query import parse_query

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def asked(query):
    return asked_of(parse_query(query, NOW), query, NOW)


@pytest.mark.parametrize(
    ("query", "times"),
    [
        ("what did we decide on 7 May 2023", [NamedTime(2023, 5, 7)]),
        ("what did we decide on the 7th of May, 2023?", [NamedTime(2023, 5, 7)]),
        ("what did we decide on May 7, 2023?", [NamedTime(2023, 5, 7)]),
        ("the meeting of May 7th", [NamedTime(None, 5, 7)]),
        ("the outage of 2023-05-07", [NamedTime(2023, 5, 7)]),
        ("the outage of 2023-05", [NamedTime(2023, 5)]),
        ("what changed in 2023", [NamedTime(2023)]),
        ("what changed in sept. 2022", [NamedTime(2022, 9)]),
        ("what changed in Jan", [NamedTime(None, 1)]),
        ("the december release", [NamedTime(None, 12)]),
        ("between June 2021 and July 2022", [NamedTime(2021, 6), NamedTime(2022, 7)]),
        ("between 2021-06 and 2022-07", [NamedTime(2021, 6), NamedTime(2022, 7)]),
        ("July 40 parcels", [NamedTime(None, 7)]),
    ],
)
def test_times_are_read_in_their_spellings(query, times):
    assert list(asked(query).times) == times


@pytest.mark.parametrize(
    "query",
    [
        "may I merge this",
        "we may march on",
        "what did June say about April",
        "august words",
        "mar the surface",
        "dec 0x1f",
        "what is marching",
        "port 8470",
        "year 3023",
        "issue 12023-05",
        "2023-13",
    ],
)
def test_what_only_looks_like_a_time_is_none(query):
    assert asked(query).times == ()


@pytest.mark.parametrize("word", ["May", "march", "June", "August", "april"])
def test_a_month_that_is_a_word_too_needs_a_sign(word):
    assert asked(f"the plans in {word}").times
    assert asked(f"{word} 3").times
    assert asked(f"{word} 2024").times
    assert not asked(f"so {word} it was").times


@pytest.mark.parametrize(
    ("query", "inside", "outside"),
    [
        ("what did I do yesterday", NOW - DAY, NOW),
        ("what did I do today", NOW, NOW - DAY),
        ("last week", NOW - 10 * DAY, NOW - 20 * DAY),
        ("Last Month", NOW - 40 * DAY, NOW),
        ("this month", NOW - 10 * DAY, NOW - 40 * DAY),
        ("3 days ago", NOW - 3 * DAY, NOW - 5 * DAY),
        ("2 weeks ago", NOW - 14 * DAY, NOW - 21 * DAY),
        ("5 months ago", NOW - 150 * DAY, NOW - 30 * DAY),
    ],
)
def test_times_from_now_count_back_from_it(query, inside, outside):
    found = asked(query)

    assert (found.closeness(inside), found.closeness(outside)) == (1.0, 0.0)


def test_the_day_named_fits_best_then_the_days_behind_it_then_the_month_then_the_year():
    day = datetime(2023, 5, 7, tzinfo=UTC)
    found = asked("on 7 May 2023")
    fits = [found.closeness(day + days * DAY) for days in (0, 2, 6, 20, -3, 40)]

    assert fits == [1.0, 0.8, 0.65, 0.5, 0.5, 0.0]
    assert 0 < asked("in 2023").closeness(day) < 0.5


def test_nothing_fits_where_no_time_is_named():
    assert asked("which port").closeness(NOW) == 0.0


@pytest.mark.parametrize(
    ("query", "sender", "is_named"),
    [
        ("what did Ann say", "Ann", True),
        ("what is ann's plan", "Ann Archer", True),
        ("what is Ann’s plan", "ann", True),
        ("ask archer", "Ann Archer", True),
        ("what did Annabel say", "Ann", False),
        ("what did we say", "We", False),
        ("what did Ann say", "", False),
        ("what did Ann say", None, False),
        ("was sagt Jürgen", "Jürgen", True),
    ],
)
def test_a_sender_is_named_by_any_part_of_the_name(query, sender, is_named):
    assert asked(query).is_named(sender) is is_named


@pytest.mark.parametrize("query", ["Which port", "do we use redis", "the port?", "port ?  ", "  how so"])
def test_a_question_is_one(query):
    assert asked(query).is_question


@pytest.mark.parametrize("query", ["the port", "whichever port", "island", "canary release", ""])
def test_a_statement_is_no_question(query):
    assert not asked(query).is_question


@pytest.mark.parametrize(
    ("query", "asks"),
    [
        ("When did it break", True),
        ("since when is it red", True),
        ("how long does it take", True),
        ("in which year was it", True),
        ("whenever it broke", False),
        ("what broke when it rained", False),
    ],
)
def test_it_knows_when_a_time_is_asked_for(query, asks):
    assert asked(query).asks_when is asks


def test_different_words_are_counted_without_stop_words():
    assert asked("what is the port of the Port server").words == 2
    assert asked('port "sits on"').words == 2


def test_a_name_has_its_words_without_possessives_and_initials():
    assert name_words("Ann's B. Archer") == {"ann", "archer"}


@given(st.text(max_size=300) | st.text(alphabet="0123456789-: ./may agolstwk,", max_size=300))
def test_no_query_is_an_error(query):
    found = asked(query)

    assert 0.0 <= found.closeness(NOW) <= 1.0


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "2023-",
        "2023-05-07 ",
        "12 of ",
        "may ",
        "may 3 ",
        " " * 7,
        "in ",
        "999 days ",
        "999 months ago ",
        "a's",
        "９",
    ],
)
def test_a_query_of_any_length_is_read_in_a_moment(piece):
    query = piece * (20_000 // len(piece))
    started = time.process_time()
    asked(query)

    # what goes back over all of it again and again takes several
    assert time.process_time() - started < 1
