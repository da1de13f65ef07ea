"""Words of a text, as every keyword engine sees them: stems, identifiers, pairs of CJK characters, stop words."""

import re
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
_CJK = re.compile(r"[\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
LONGEST_IDENTIFIER = 120
"""Characters; a longer one is base64 or a hash, found by its beginning. Untuned."""

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
        return not (word.islower() or word.isupper() or word.istitle())
    if word.isdigit():
        return len(word) > 2
    return len(word) > 2 and _TOKEN.fullmatch(word) is not None


def names(text: str) -> tuple[str, str]:
    """Give the names in a text that people look up as they stand, and the words inside them.

    Returns:
        The names in lower case, each once, separated by spaces, of a path its last part, too; and the words inside
        `camelCase` ones. Parts of `snake_case`, paths and dotted names are words of the text anyway.
    """
    found: dict[str, None] = {}
    inside: dict[str, None] = {}
    for word in set(text.split()):
        # most words are plain
        if not (word.islower() and word.isalpha()) and (held := _names_of(word)):
            found.update(held[0])
            inside.update(held[1])
    return " ".join(sorted(found)), " ".join(sorted(inside))


@lru_cache(maxsize=1 << 16)
def _names_of(word: str) -> tuple[dict[str, None], dict[str, None]] | None:
    """Give the names in one word and the words inside them; None when there are none."""
    bare = word.strip(_EDGES)
    if bare.isalpha() and (bare.islower() or bare.istitle()):
        return None
    found: dict[str, None] = {}
    inside: dict[str, None] = {}
    for name in (bare,) if bare.isalnum() else _TOKEN.findall(bare):
        if is_identifier(name):
            lower = _LINE_NUMBER.sub("", name[:LONGEST_IDENTIFIER].lower())
            found[lower] = None
            if "/" in lower or "\\" in lower:
                found[_SEPARATOR.split(lower)[-1]] = None
            if not (name.islower() or name.isupper()):
                for part in _WORD.findall(name):
                    inside.update(dict.fromkeys(humps(part)))
    return (found, inside) if found else None


def humps(word: str) -> list[str]:
    """Split `camelCase` into its words, in lower case; a word without humps gives []."""
    parts = [part.lower() for part in _CAMEL.findall(word[:LONGEST_IDENTIFIER])]
    return parts if len(parts) > 1 else []


def bigrams(text: str) -> str:
    """Give the pairs of neighbouring CJK characters of a text, separated by spaces; a lone character stands for itself."""
    if text.isascii():
        return ""
    pairs: list[str] = []
    for run in _CJK.findall(text):
        pairs.extend(run[i : i + 2] for i in range(max(1, len(run) - 1)))
    return " ".join(pairs)


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


def stems(text: str) -> list[str]:
    """Give the stems of a text's words in order: split at all that is no letter or digit, lower case, no accents."""
    return list(_analyzer().analyze(text))


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """Give the stem of one word; "" when it has none."""
    found = stems(word)
    return found[0] if found else ""
