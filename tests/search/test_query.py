"""The query language: whatever is typed is understood, or searched as words."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.search.query import parse_query

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def parsed(query):
    return parse_query(query, NOW)


def test_words_phrases_and_exclusions_are_told_apart():
    found = parsed('why "numpy is pinned" below -two -"in tests" 2?')

    assert found.words == ("why", "below", "2")
    assert found.phrases == ("numpy is pinned",)
    assert found.excluded == ("two", "in tests")


@pytest.mark.parametrize(
    ("query", "words", "excluded"),
    [
        ("-Xmx4g", ("Xmx4g",), ()),
        ("--no-verify", ("--no-verify",), ()),
        ("git commit -m", ("git", "commit", "-m"), ()),
        ("heap -Xmx4g", ("heap",), ("Xmx4g",)),
        ("-heap role:user", (), ("heap",)),
    ],
)
def test_nothing_can_be_left_out_of_nothing(query, words, excluded):
    assert (parsed(query).words, parsed(query).excluded) == (words, excluded)


def test_full_width_and_decomposed_letters_are_read_as_others():
    assert parsed("role：user ＡＢＣ cafe\u0301").words == ("ABC", "café")
    assert parsed("deploy 🚀").words == ("deploy", "🚀")


def test_filters_narrow_and_are_no_words():
    found = parsed(
        'port role:user tool:Bash project:web/api session:01a participant:ann tag:"two words" kind:learning file:a.py is:error'
    )

    assert found.words == ("port",)
    filters = found.filters
    assert (filters.role, filters.tool, filters.project, filters.session) == ("user", "Bash", "web/api", "01a")
    assert (filters.participant, filters.tag, filters.kind, filters.file) == ("ann", "two words", "learning", "a.py")
    assert filters.is_error


@pytest.mark.parametrize(
    ("query", "after", "before"),
    [
        ("after:2026-11-03", datetime(2026, 11, 3, tzinfo=UTC), None),
        ("before:2026-11", None, datetime(2026, 11, 1, tzinfo=UTC)),
        ("on:2026-11-03", datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC)),
        ("on:yesterday", datetime(2026, 11, 19, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)),
        ("after:7d", datetime(2026, 11, 13, 15, tzinfo=UTC), None),
        ("on:2025", datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_dates_are_days_in_utc(query, after, before):
    assert (parsed(query).filters.after, parsed(query).filters.before) == (after, before)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("C:\\path\\x", ("C:\\path\\x",)),
        ("std::vector<int>", ("std::vector<int",)),
        ("field: value", ("field", "value")),
        ("role:robot", ("role:robot",)),
        ("after:someday", ("after:someday",)),
        ("error: file not found", ("error", "file", "not", "found")),
        ("http://x.y/z?a=b:c", ("http://x.y/z?a=b:c",)),
        ('"unclosed phrase', ("unclosed", "phrase")),
        ("AND OR NOT", ("AND", "OR", "NOT")),
        ("?!… ((", ()),
        ("-", ()),
        ("", ()),
    ],
)
def test_what_does_not_parse_is_words(query, words):
    assert parsed(query).words == words


@given(st.text(max_size=400))
def test_no_input_is_an_error(query):
    found = parsed(query)
    assert all(found.words)
    assert all(phrase.strip() for phrase in found.phrases)
