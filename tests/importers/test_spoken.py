"""How a text is divided between the person and the programs."""

import time

from hypothesis import given
from hypothesis import strategies as st

from memory.importers.reading.spoken import first_line, stretches

WRAPPERS = {"note": "injected", "hook": "hook", "typed": None}
PIECES = st.lists(
    st.sampled_from(["<note>", "</note>", "<hook a=1>", "</hook>", "\n", " ", "words", "<typed>", "<", ">"])
)


@given(PIECES)
def test_all_stretches_joined_are_the_text(pieces: list[str]) -> None:
    text = "".join(pieces)

    assert "".join(stretch.raw for stretch in stretches(text, WRAPPERS)) == text


def test_a_wrapper_inside_a_line_is_the_persons() -> None:
    assert [stretch.origin for stretch in stretches("what does <note>x</note> mean?", WRAPPERS)] == [None]


def test_a_wrapper_on_its_own_line_is_not() -> None:
    found = stretches("before\n<note>x</note>\nafter", WRAPPERS)

    assert [(stretch.raw, stretch.origin) for stretch in found] == [
        ("before\n", None),
        ("<note>x</note>\n", "injected"),
        ("after", None),
    ]


def test_a_wrapper_that_is_never_closed_is_text() -> None:
    assert [stretch.origin for stretch in stretches("<note>x", WRAPPERS)] == [None]


def test_many_unclosed_wrappers_cost_no_time() -> None:
    started = time.perf_counter()
    stretches("<note>\n" * 100_000, WRAPPERS)

    assert time.perf_counter() - started < 2


def test_a_first_line_is_cut_at_its_limit() -> None:
    assert first_line("\n  \n one   two\nthree") == "one two"
    assert first_line("x" * 99, 10) == "x" * 9 + "…"
    assert first_line(" \n") is None
