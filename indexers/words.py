"""Words of a text, as every keyword engine sees them: stems, identifiers, pairs of characters, stop words."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tantivy import TextAnalyzer

_TOKEN = re.compile(r"[\w$#@]+(?:(?:->|[-./\\:@+]+)[\w$#]+)*")
_LINE_NUMBER = re.compile(r"(?<=\w)(?::\d+)+$")
_EDGES = ".,;:!?()[]{}<>\"'`*=|…“”‘’«»"
_SEPARATOR = re.compile(r"[/\\]")
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_LANGUAGE = re.compile(r"[A-Za-z](?:#|\+\+)")
_HEAD = re.compile(r"v(?=\d+\.\d)|0x(?=[0-9a-f]{4})")
_WITHOUT_SPACES = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
"""Thai, Lao, Burmese, Khmer, Chinese, Japanese and Korean, which are written without spaces, or almost."""
_SIGNS = r"\u2600-\u27bf\U0001f300-\U0001faff"
_UNSPACED = re.compile(f"[{_WITHOUT_SPACES}]+")
_SIGN = re.compile(f"[{_SIGNS}]")
_RARE = re.compile(f"[{_WITHOUT_SPACES}{_SIGNS}]")
_WIDE = re.compile(r"[\u3000\uff00-\uffef]+")
_FOLDED = re.compile(
    r"[\u0130\u0131\u0300-\u036f\u0386\u0388-\u0390\u03aa-\u03b0\u03c2\u03ca-\u03ce\u0400\u0401\u0403\u0407\u040c-\u040e\u0450"
    r"\u0451\u0453\u0457\u045c-\u045e\u0476\u0477\u04c1\u04c2\u04d0-\u04d3\u04d6\u04d7\u04da-\u04df\u04e2-\u04e7\u04ea-\u04f5\u04f8"
    r"\u04f9\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0622-\u0626\u0629\u0640\u0649\u064b-\u065f\u0670"
    r"\u06c0\u06c2\u06d3\u1f00-\u1fff]"
)
"""Letters with accents and points that `normal` takes off, and the points; the Cyrillic short i is a letter of its own."""
_MARKS = re.compile(r"[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]")
_LETTERS = str.maketrans({"İ": "I", "ı": "i", "ς": "σ", "ى": "ي", "ة": "ه"})
_PARTICLE = re.compile(r"[והבכלמש]([\u05d0-\u05ea]{3,})|(?:[وبفك]?ال|لل)([\u0621-\u064a]{3,})")
LONGEST_IDENTIFIER = 120
"""Characters; a longer one is base64 or a hash, found by its beginning. Untuned."""
SHORTEST_COMPOUND, LONGEST_COMPOUND, SHORTEST_ENDING = 16, 40, 5
"""Letters of words that are found by what stands in their middle, too, and of what it must have. Untuned: German compounds
have as many; few English words do."""
ENDING = "~"
"""What the end of a compound begins with among the identifiers."""

STOP_WORDS = frozenset(
    """
    a about all also am an and any are as at be because been being but by can could did do does doing for from
    had has have having he her here hers him his how i if in into is it its just me more most my no nor not of
    off on once only or other our ours out over own s same she should so some such t than that the their theirs
    them then there these they this those through to too until up us very was we were what when where which
    while who whom why will with would you your yours
    """.split()
)
"""Words that a question has and an answer need not have. A common English list, without words that name things."""


def is_identifier(word: str) -> bool:
    """Say whether a word is a name that people look up as it stands.

    Paths, dotted and dashed names, `snake_case`, `camelCase`, error codes, and numbers of three digits and more are.
    """
    if word.isalpha():
        # letters without case, such as Hebrew ones, make words
        return not (word.islower() or word.isupper() or word.istitle()) and word != word.lower()
    if word.isdigit():
        return len(word) > 2
    return len(word) > 2 and _TOKEN.fullmatch(word) is not None


def normal(text: str) -> str:
    """Write a text as it is compared: composed, half and full width alike, without the accents of Greek, Cyrillic, Hebrew
    and Arabic; those of Latin letters go with the stems."""
    if text.isascii():
        return text
    if not unicodedata.is_normalized("NFKC", text):
        # most of what is not composed is full-width punctuation, and composing a whole text takes 10 times as long
        text = _WIDE.sub(_narrow, text)
        if not unicodedata.is_normalized("NFKC", text):
            text = unicodedata.normalize("NFKC", text)
    return _FOLDED.sub(_folded, text)


def _narrow(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0])


def _folded(match: re.Match[str]) -> str:
    return _without_marks(match[0])


@lru_cache(maxsize=1024)
def _without_marks(letter: str) -> str:
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", letter.translate(_LETTERS)))
    return unicodedata.normalize("NFKC", bare)


def spaced(text: str) -> str:
    """Give the words of a text that spaces tell apart; the others are found by `bigrams`."""
    return split(text)[0]


def split(text: str) -> tuple[str, str]:
    """Give what is found by words, and the pairs and signs that the rest is found by, separated by spaces."""
    if text.isascii():
        return text, ""
    text = normal(text)
    if not _RARE.search(text):
        return text, ""
    runs = _UNSPACED.findall(text)
    rest = _UNSPACED.sub(" ", text) if runs else text
    return rest, " ".join([*_pairs(runs), *signs(rest).split()])


def names(text: str) -> tuple[str, str]:
    """Give the names in a text that people look up as they stand, and the words inside them.

    Returns:
        The names in lower case, each once, separated by spaces, of a path its last part, too, and of a long word its ends;
        and the words inside `camelCase` ones, and behind Hebrew and Arabic particles. Parts of `snake_case`, paths and
        dotted names are words of the text anyway.
    """
    found: dict[str, None] = {}
    inside: dict[str, None] = {}
    for word in set(text.split()):
        # most words are plain
        if not (word.islower() and word.isalpha() and len(word) < SHORTEST_COMPOUND) and (held := _names_of(word)):
            found.update(held[0])
            inside.update(held[1])
    return " ".join(sorted(found)), " ".join(sorted(inside))


@lru_cache(maxsize=1 << 16)
def _names_of(word: str) -> tuple[dict[str, None], dict[str, None]] | None:
    """Give the names in one word and the words inside them; None when there are none."""
    bare = word.strip(_EDGES)
    if bare.isalpha() and (bare.islower() or bare.istitle()):
        if SHORTEST_COMPOUND <= len(bare) <= LONGEST_COMPOUND:
            return dict.fromkeys(_endings(bare)), {}
        return None
    if _LANGUAGE.fullmatch(bare):
        return {bare.lower(): None}, {}
    if behind := _PARTICLE.fullmatch(bare):
        return {}, {behind[1] or behind[2]: None}
    found: dict[str, None] = {}
    inside: dict[str, None] = {}
    for name in (bare,) if bare.isalnum() else _TOKEN.findall(bare):
        if is_identifier(name):
            lower = _LINE_NUMBER.sub("", name[:LONGEST_IDENTIFIER].lower())
            found[lower] = None
            if "/" in lower or "\\" in lower:
                found[_SEPARATOR.split(lower)[-1]] = None
            if head := _HEAD.match(lower):
                found[lower[head.end() :]] = None
            if not (name.islower() or name.isupper()):
                for part in _WORD.findall(name):
                    inside.update(dict.fromkeys(humps(part)))
    return (found, inside) if found else None


def _endings(word: str) -> list[str]:
    letters = _MARKS.sub("", unicodedata.normalize("NFKD", word.casefold()))
    return [ENDING + letters[at:] for at in range(1, len(letters) - SHORTEST_ENDING + 1)]


def humps(word: str) -> list[str]:
    """Split `camelCase` into its words, in lower case; a word without humps gives []."""
    if not word.isascii() or word.islower() or word.isupper():
        return []
    parts = [part.lower() for part in _CAMEL.findall(word[:LONGEST_IDENTIFIER])]
    return parts if len(parts) > 1 else []


def bigrams(text: str) -> str:
    """Give the pairs of neighbouring characters of what is written without spaces, such as Chinese, separated by spaces.

    A lone character stands for itself.
    """
    if text.isascii():
        return ""
    return " ".join(_pairs(_UNSPACED.findall(normal(text))))


def _pairs(runs: Iterable[str]) -> list[str]:
    return [run[i : i + 2] for run in runs for i in range(max(1, len(run) - 1))]


def signs(text: str) -> str:
    """Give the emoji and symbols of a text, each once, separated by spaces."""
    return "" if text.isascii() else " ".join(dict.fromkeys(_SIGN.findall(text)))


@lru_cache(maxsize=1)
def _analyzer() -> "TextAnalyzer":
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(40))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .filter(Filter.stemmer("english"))
        .build()
    )


def is_beginning(word: str) -> bool:
    """Say whether a word of a query is asked for as a beginning: `harb*`; one letter is none."""
    return len(word) > 2 and word.endswith("*") and word[:-1].replace("_", "").isalnum()


def stems(text: str) -> list[str]:
    """Give the stems of a text's words in order: split at all that is no letter or digit, lower case, no accents."""
    return list(_analyzer().analyze(spaced(text)))


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """Give the stem of one word; "" when it has none."""
    found = stems(word)
    return found[0] if found else ""
