"""What cannot be seen is shown, and what must stay invisible for a script or a picture stays."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.api.web.texts import shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("a\x00b\x07\x7f", "a␀b␇␡"),
        ("a\x00é", "a␀é"),
        ("one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        ("invoice\u202egpj.exe", "invoice[U+202E]gpj.exe"),
        ("\u2066x\u2069\u200e\u200f\u061c", "[U+2066]x[U+2069][U+200E][U+200F][U+061C]"),
        ("pass\u200bword\u200dx", "pass[U+200B]word[U+200D]x"),
        ("\x85\x9b\u2028\u2029\ufeff\xad", "[U+0085][U+009B][U+2028][U+2029][U+FEFF][U+00AD]"),
        ("hi\U000e0041\U000e0042", "hi[U+E0041][U+E0042]"),
        ("a\ufe01\ufe02", "a[U+FE01][U+FE02]"),
        ("😀\ufe0f\ufe0f", "😀\ufe0f[U+FE0F]"),
        ("漢\u200d字", "漢[U+200D]字"),
        ("\ud800", "[U+D800]"),
        ("\U0001f3f4\U000e0067\U000e0041", "\U0001f3f4[U+E0067][U+E0041]"),
    ],
)
def test_what_cannot_be_seen_is_shown(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "tab\tand\nline",
        "plain ASCII, déjà vu, 漢字, עברית",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f642\u200d\u2194\ufe0f",
        "\U0001f3f3\ufe0f\u200d\U0001f308",
        "\U0001f469\U0001f3fd\u200d\U0001f4bb",
        "❤\ufe0f 1\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می\u200cخواهم",
        "क\u094d\u200dष",
        "葛\U000e0100",
        "\u0600\u06dd",
    ],
)
def test_what_scripts_and_pictures_need_stays(text):
    assert visible(text) == text


def test_every_character_that_is_a_control_or_a_format_is_shown():
    hidden = {chr(code) for code in range(sys.maxunicode + 1) if visible(chr(code)) != chr(code)}
    wanted = {
        chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp")
    }
    # Arabic and Kaithi signs that are formats and are seen
    seen = set("\t\n\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
    assert wanted - hidden == seen


@given(st.text(st.characters()))
def test_what_was_made_visible_stays_so(text):
    once = visible(text)
    assert visible(once) == once
    assert "\u202e" not in once
    once.encode()


@given(st.text(st.sampled_from("a1\u200d\u200c\ufe0f\u061c\u0645\U0001f642\U0001f3f4\U000e0067\U000e007f\u180b\u1820")))
def test_no_order_of_joiners_and_selectors_hides_one_behind_another(text):
    once = visible(text)
    assert visible(once) == once


@pytest.mark.parametrize(
    ("text", "length", "short"),
    [
        ("short", 5, "short"),
        ("a  b\n\n c", 9, "a b c"),
        ("abcdefgh", 5, "abcd…"),
        ("abc defgh", 5, "abc…"),
        ("", 5, ""),
        ("abcde\u0301f", 6, "abcd…"),
        ("ab\U0001f468\u200d\U0001f469xxxx", 5, "ab…"),
        ("a\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7x", 5, "a\U0001f1e9\U0001f1ea…"),
        ("a\u202eb", 40, "a[U+202E]b"),
    ],
)
def test_a_preview_is_one_line_and_whole_characters(text, length, short):
    assert shortened(text, length) == short


@given(st.text(), st.integers(1, 40))
def test_a_preview_is_no_longer_than_asked_for(text, length):
    short = shortened(text, length)
    assert len(short) <= length
    assert "\n" not in short


def test_a_preview_of_a_long_text_ends_as_any_other():
    assert shortened("x" * 10_000_000, 5) == "xxxx…"
    assert shortened("e" + "\u0301" * 5000, 5).startswith("e")
