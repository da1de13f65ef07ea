"""Words are cut alike from texts and from queries, whatever the script."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexers.document import Document
from indexers.keyword import KeywordQuery, terms_of
from indexers.keyword.in_memory import InMemoryEngine
from indexers.words import bigrams, humps, is_identifier, names, normal, split, stems

SCRIPTS = "aZ9éßüİıЖйё́αάςאָבّاأةى会議ガｶﾞＡ１회의กุ์🚀✓️_-./:\\#+$@~'’(½ﬁ²"
TEXT = st.text(alphabet=SCRIPTS + " ", max_size=60) | st.text(max_size=60)


@settings(deadline=None)
@given(TEXT)
@example("v1.2.3 0xdeadbeef C++ C# .NET --no-verify")
@example("Ёлка всё й ΣΟΦΟΣ ΐ")
def test_a_word_of_a_text_finds_it(text):
    words, pairs = split(text)
    names_, inside = names(words)
    engine = InMemoryEngine()
    engine.put([Document(1, "g", f"{words}\n{inside}", "", names_, pairs, {})])

    for word in text.split():
        terms = terms_of([normal(word)])
        if any(not term.is_extra for term in terms):
            assert engine.search(KeywordQuery(terms), (), 1).hits, (word, terms)


@given(TEXT)
def test_a_normal_text_stays_as_it_is(text):
    assert normal(normal(text)) == normal(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＢＣ　１２３", "ABC 123"),
        ("ｶﾞｲﾄﾞ", "ガイド"),
        ("cafe\u0301", "café"),
        ("всё", "все"),
        ("συνάντησης", "συναντησησ"),
        ("שָׁלוֹם", "שלום"),
        ("الإجتماعُ", "الاجتماع"),
        ("İstanbul", "Istanbul"),
    ],
)
def test_spellings_of_one_word_are_alike(one, other):
    assert normal(one) == normal(other)


@pytest.mark.parametrize(("one", "other"), [("が", "か"), ("й", "и"), ("รัก", "รก"), ("会", "議"), ("é", "e")])
def test_different_letters_stay_different(one, other):
    assert normal(one) != normal(other)


def test_what_is_written_without_spaces_is_cut_into_pairs():
    assert split("注文ABC123です🚀") == (" ABC123 🚀", "注文 です 🚀")
    assert bigrams("会議室 会") == "会議 議室 会"
    assert bigrams("plain") == ""


def test_stems_are_without_case_and_accents():
    assert stems("Straßen MÜLLER's Cafés") == ["strassen", "muller", "s", "cafe"]


def test_names_are_those_that_people_look_up():
    found = set(names("fix `src/App.tsx:12`, getUser2 v1.2.3 at 0xBEEF12; C++ and the E0277")[0].split())

    assert found == {"src/app.tsx", "app.tsx", "getuser2", "v1.2.3", "1.2.3", "0xbeef12", "beef12", "c++", "e0277"}


def test_long_words_are_found_by_their_ends():
    found = names("Donaudampfschifffahrt")[0].split()

    assert "~schifffahrt" in found
    assert min(map(len, found)) == 6
    assert names("Dampfschiff a" + "b" * 50) == ("", "")


def test_humps_are_those_of_names_alone():
    assert humps("parseHTTPResponse2") == ["parse", "http", "response", "2"]
    assert humps("3f9c2a7") == humps("E0277") == humps("Plain") == []


@pytest.mark.parametrize(
    ("word", "is_one"), [("parseConfig", True), ("שלום", False), ("会議", False), ("404", True), ("42", False)]
)
def test_a_name_is_told_from_a_word(word, is_one):
    assert is_identifier(word) is is_one
