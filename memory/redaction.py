"""Secrets out of text, before any write: keys, tokens, private keys, passwords; and `<private>` blocks.

A secret becomes `[redacted:KIND:HASH]`. The hash is keyed by the store, so that equal secrets stay equal in it and
nothing can be guessed from it elsewhere. Redacting twice changes nothing.

Most texts hold no secret. What all rules look for is asked for in one pass first, the gate: over the bytes of a whole
value, packed, by RE2, whose time does not grow with the number of rules. Only what passes it is looked at text by text.
"""

import codecs
import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, partial
from itertools import pairwise
from typing import Any

import msgpack
import re2

from memory.redaction_contexts import CONTEXTS, KEYED
from memory.redaction_rules import PRIVATE_KEY, RULES, Rule
from memory.redaction_values import is_placeholder

LEFT_OUT = "[private]"
"""What stands in place of a `<private>` block."""
LONGEST_SECRET = 20_000
"""Characters of the longest secret that is waited for: a private key."""
GATE_BYTES = 64_000_000
"""Of memory that the gate may take for its states; with less it becomes slower, never wrong."""
_NOT_TEXT = ("image/", "video/", "audio/", "font/", "application/zip", "application/gzip", "application/pdf")
_NUL_BYTES = 8_192
"""Of the beginning of bytes that are looked at: with a NUL among them they are no text."""
_SHORTEST = 10
"""Characters of the shortest text that can hold a secret."""
_PRIVATE = re.compile(r"<private>[\s\S]*?(?:</private>|$)", re.IGNORECASE)
_ALL_RULES = (*RULES, *CONTEXTS)
_TELLING = re.compile(
    r"pass(?:word|wd|phrase|code)|pwd|secret|token|key|credential|auth|signature|cookie|bearer", re.IGNORECASE
)
_PLACEHOLDER = re.compile(r"\[redacted:\w+:[0-9a-f]{6}\]")
_BLOCK = re.compile(r"-----BEGIN|---- BEGIN|PuTTY-User-Key-File-|<private>", re.IGNORECASE)
_BLOCK_END = re.compile(r"-----END[^-]*-----|---- END[^-]*----|Private-MAC:|</private>", re.IGNORECASE)
_INSIDE_BASE64 = re.compile(r"[A-Za-z0-9_+-]{24}$")
"""What stands in front of something that only looks like a key: base64 that came by its mark by chance."""
MARGIN_BYTES = 3_000
"""Around what the gate found in a long text, that the rules are applied to; no rule looks further. Untuned."""
_BLOCK_MARKS = (b"PRIVATE KEY", b"LS0tLS1CRUdJTi", b"PuTTY-User-Key", b"<private>", b"<PRIVATE>", b"<Private>")
"""What begins something that may be longer."""
_LINE_ENDS = re.compile(r"\\+[nrt]|\s")


@cache
def _gate() -> Any:
    """Make the one pattern that something in every text with a secret fits, to be looked for in bytes."""
    gates = "|".join(dict.fromkeys(["(?i:<private>)", KEYED, *(rule.gate for rule in _ALL_RULES)]))
    return re2.compile(gates.encode("ascii"), _options())


@cache
def _gates() -> Callable[[bytes], list[int]]:
    """Make all gates as one set: the search that says which of the rules are to be tried on a text."""
    gates = re2.Set.SearchSet(_options())
    for rule in _ALL_RULES:
        gates.Add(rule.gate.encode("ascii"))
    gates.Compile()
    found: Callable[[bytes], list[int]] = gates.Match
    return found


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = GATE_BYTES
    options.never_capture = True
    return options


def may_hold_secret(data: bytes) -> bool:
    """Say whether bytes may hold a secret; without looking at what stands around it, so that most often it does not."""
    return _gate().search(data) is not None


def _rules_for(data: bytes) -> Iterator[Rule]:
    """Give the rules that may find something in bytes that passed the gate, in order."""
    # a set whose states need too much memory says that it found nothing
    numbers = sorted(_gates()(data)) or range(len(_ALL_RULES))
    return (_ALL_RULES[number] for number in numbers)


def _windows(data: bytes) -> list[tuple[int, int]]:
    """Give the stretches of a long text in which the gate found something, with enough around it for every rule.

    They begin and end at white space, where there is some within LONGEST_SECRET.
    """
    found: list[tuple[int, int]] = []
    for hit in _gate().finditer(data):
        if found and hit.end() + MARGIN_BYTES <= found[-1][1]:
            continue
        start, end = _bounds(data, hit.start() - MARGIN_BYTES, hit.end() + MARGIN_BYTES)
        if found and start <= found[-1][1]:
            start = found.pop()[0]
        found.append((start, end))
    return found


def _bounds(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Move two places outwards to white space, or at least to where a character begins."""
    if start > 0:
        lowest = max(0, start - LONGEST_SECRET)
        start = max(data.rfind(space, lowest, start) for space in (b" ", b"\n", b'"')) + 1 or start
    if end < len(data):
        ends = [data.find(space, end, end + LONGEST_SECRET) for space in (b" ", b"\n", b'"')]
        end = min((place for place in ends if place >= 0), default=end)
    while 0 < start < len(data) and data[start] & 0xC0 == 0x80:
        start -= 1
    while end < len(data) and data[end] & 0xC0 == 0x80:
        end += 1
    return max(0, start), min(end, len(data))


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _encoding_of(data: bytes, media_type: str) -> str | None:
    """Find how bytes are written that are text, whatever their media type says; None for what is none."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = data[:_NUL_BYTES]
    if b"\0" in head:
        return None
    if media_type.startswith(_NOT_TEXT):
        try:
            # what is cut off in the middle of a letter is text all the same
            codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError:
            return None
    return "utf-8"


class Redactor:
    """Takes secrets out of what one store is given."""

    def __init__(self, key: bytes, *, is_on: bool = True) -> None:
        self._key = key
        self._is_on = is_on
        self._pack = msgpack.Packer(unicode_errors="surrogatepass", default=repr).pack
        self.found: Counter[str] = Counter()
        """How many were taken out, by kind."""

    def text(self, text: str) -> str:
        """Take the secrets out of a text."""
        if not self._is_on or len(text) < _SHORTEST:
            return text
        return self._without(text)

    def value(self, value: Any) -> Any:
        """Take the secrets out of all texts of a JSON-like value; what holds none is given back as it is."""
        if not self._is_on or value is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, dict | list | tuple) or not self._may_hold_secret(value):
            return value
        if isinstance(value, dict):
            pairs = {self.value(key): self._under(key, each) for key, each in value.items()}
            is_same = len(pairs) == len(value) and all(
                new is old and pairs[new] is value[old] for new, old in zip(pairs, value, strict=True)
            )
            return value if is_same else pairs
        items = self._flagged([self.value(each) for each in value])
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value

    def content(self, data: bytes, media_type: str) -> bytes:
        """Take the secrets out of a file's bytes, where they are text; others are given back as they are."""
        encoding = _encoding_of(data, media_type) if self._is_on else None
        if encoding is None:
            return data
        text = data.decode(encoding, "surrogateescape" if encoding == "utf-8" else "replace")
        without = self.text(text)
        return (
            data
            if without is text
            else without.encode(encoding, "surrogateescape" if encoding == "utf-8" else "replace")
        )

    def unfinished(self, text: str) -> int:
        """Say how many characters at the end of a growing text may be the beginning of a secret.

        Such a beginning is at most LONGEST_SECRET characters long; a longer one is none.
        """
        if not self._is_on:
            return 0
        block = max((found.start() for found in _BLOCK.finditer(text)), default=-1)
        if block >= 0 and not _BLOCK_END.search(text, block):
            return len(text) - block if len(text) - block <= LONGEST_SECRET else 0
        if text[-1:].isspace():
            return 0
        # the words that name a value stand before it: `Bearer …`, `export TOKEN=…`
        last = re.split(r"\s", text[-400:])[-1]
        return len(last) if last and (_is_marked(last) or _is_named(text[-400:])) else 0

    def _may_hold_secret(self, value: Any) -> bool:
        try:
            return may_hold_secret(self._pack(value))
        except (ValueError, OverflowError, TypeError):
            # what does not fit into the packing, such as a number of more than 64 bits
            self._pack = msgpack.Packer(unicode_errors="surrogatepass", default=repr).pack
            return True

    def _without(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        if not may_hold_secret(data):
            return text
        if len(data) < 4 * MARGIN_BYTES or any(mark in data for mark in _BLOCK_MARKS):
            without = self._ruled(data, text)
        else:
            without, behind = "", 0
            for start, end in _windows(data):
                part = data[start:end]
                without += _decoded(data[behind:start]) + self._ruled(part, _decoded(part))
                behind = end
            without += _decoded(data[behind:])
        return text if without == text else without

    def _ruled(self, data: bytes, text: str) -> str:
        """Apply the rules to a text, which is these bytes."""
        without = _PRIVATE.sub(LEFT_OUT, text)
        for rule in _rules_for(data):
            without = rule.pattern.sub(partial(self._placed, rule), without)
        return without

    def _under(self, key: object, value: Any) -> Any:
        """Redact a value that stands under a name: `{"password": "…"}` tells by its name what it is."""
        changed = self.value(value)
        if changed is value and isinstance(value, str) and isinstance(key, str) and _tells(key):
            return self._told(f'"{key}": "{value}"', value)
        return changed

    def _flagged(self, items: list[Any]) -> list[Any]:
        """Redact what stands behind a flag in a list of a command's words: `["--password", "…"]`."""
        for at, (flag, value) in enumerate(pairwise(items), 1):
            if isinstance(flag, str) and isinstance(value, str) and flag.startswith("--") and _tells(flag):
                items[at] = self._told(f'{flag} "{value}"', value)
        return items

    def _told(self, told: str, value: str) -> str:
        if not _SHORTEST - 4 <= len(value) <= 2_000:
            return value
        held = self._without(told)
        match = _PLACEHOLDER.search(held)
        if held == told or match is None:
            return value
        before, behind = told.index(value), len(told) - told.index(value) - len(value)
        return held[before : len(held) - behind]

    def _placed(self, rule: Rule, match: re.Match[str]) -> str:
        group = 1 if rule.pattern.groups else 0
        secret = match[group]
        if "[redacted:" in match[0] or is_placeholder(secret) or not rule.check(secret):
            return match[0]
        if rule.is_word and _is_inside(match.string, match.start()):
            return match[0]
        self.found[rule.kind] += 1
        if rule.kind == PRIVATE_KEY:
            # a key's lines end in many ways
            secret = _LINE_ENDS.sub("", secret)
        digest = hmac.new(self._key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:6]
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        return f"{match[0][:start]}[redacted:{rule.kind}:{digest}]{match[0][end:]}"


def _is_inside(text: str, start: int) -> bool:
    """Say whether what begins here begins inside a word, or stands in the middle of base64."""
    before = text[max(0, start - 24) : start]
    # inside JSON a line's end is written `\\n`, and the key behind it begins a word all the same
    if before.endswith(("\\n", "\\t", "\\r")):
        return False
    last = before[-1:]
    return (last.isalnum() and last.isascii()) or _INSIDE_BASE64.search(before) is not None


@lru_cache(maxsize=4096)
def _tells(name: str) -> bool:
    """Say whether a value under this name is likely to be a secret."""
    return _TELLING.search(name) is not None


def _is_marked(word: str) -> bool:
    """Say whether a word holds what a key begins with, or may come to hold it."""
    return any(need in word for rule in RULES for need in rule.needs if len(need) > 1)


def _is_named(text: str) -> bool:
    """Say whether a secret would be seen here, if one went on here."""
    lower, random = text.lower(), "0a1B2c3D4e5F6g7H8i9J"
    return any(
        rule.pattern.search(f"{text}{random}")
        for rule in CONTEXTS
        if any(need in (lower if rule.ignores_case else text) for need in rule.needs)
    )
