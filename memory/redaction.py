"""Secrets out of text, before any write: keys, tokens, private keys, passwords in URLs; and `<private>` blocks.

A secret becomes `[redacted:KIND:HASH]`. The hash is keyed by the store, so that equal secrets stay equal in it and
nothing can be guessed from it elsewhere. Redacting twice changes nothing.
"""

import hashlib
import hmac
import re
from collections import Counter
from functools import lru_cache, partial
from typing import Any

from memory.redaction_rules import LONG_WORD, RULES, Rule

_PRIVATE = re.compile(r"<private>[\s\S]*?(?:</private>|$)", re.IGNORECASE)
LEFT_OUT = "[private]"
"""What stands in place of a `<private>` block."""
_SPACED_RULES = tuple(rule for rule in RULES if rule.has_spaces)


def _any_of(words: set[str]) -> str:
    """Write a pattern that finds any of some words in one pass, letter by letter."""
    heads = {word[0] for word in words if word}
    tails = [re.escape(head) + _any_of({word[1:] for word in words if word[:1] == head}) for head in sorted(heads)]
    # a word that ends here is found, whatever may follow
    return "" if "" in words or not tails else f"(?:{'|'.join(tails)})"


_MARKS = re.compile(
    r"\b"
    + _any_of({need for rule in RULES if not rule.has_spaces and rule.kind != "discord" for need in rule.needs})
    + r"|\b[MNO][\w-]{23,27}\.[\w-]{6}\."
)
"""Without one of these marks no key of a provider is in a text; most texts have none."""


@lru_cache(maxsize=4096)
def _rules_for(marks: frozenset[str]) -> tuple[Rule, ...]:
    """Give the rules that marks found in a text call for, in order; a mark may be the beginning of a longer one."""
    return tuple(
        rule
        for rule in RULES
        if not rule.has_spaces
        and any(need.startswith(mark) or mark.startswith(need) for mark in marks for need in rule.needs)
    )


LONGEST_SECRET = 20_000
"""Characters of the longest secret that is waited for: a private key."""
_SHORTEST = 12
"""Characters of the shortest text that can hold a secret with its name."""
_TELLING = re.compile(r"pass(?:word|wd|phrase)|secret|token|api[_-]?key|credential", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\[redacted:\w+:[0-9a-f]{6}\]")
_NO_SECRETS = re.compile(
    r"(?i)^(?:x{4,}|\*{3,}|\.{3,}|<.*>|\$.*|%.*%|your[-_].*|my[-_].*|changeme|example.*|placeholder.*|redacted.*|none|null|"
    r"true|false|undefined|required|optional|string|process\.env.*|os\.environ.*|env\..*|.*\.\.\..*)$"
)
"""Values that people write where a secret would stand."""


@lru_cache(maxsize=4096)
def _tells(name: str) -> bool:
    """Say whether a value under this name is likely to be a secret."""
    return _TELLING.search(name) is not None


class Redactor:
    """Takes secrets out of what one store is given."""

    def __init__(self, key: bytes, *, is_on: bool = True) -> None:
        self._key = key
        self._is_on = is_on
        self.found: Counter[str] = Counter()
        """How many were taken out, by kind."""

    def text(self, text: str) -> str:
        """Take the secrets out of a text."""
        if not self._is_on or len(text) < _SHORTEST:
            return text
        if "<private>" in text or "<PRIVATE>" in text:
            text = _PRIVATE.sub(LEFT_OUT, text)
        # inside JSON a line's end is written `\\n`, and the key behind it begins a word all the same
        plain = text if "\\" not in text else text.replace("\\n", " ").replace("\\t", " ").replace("\\r", " ")
        words = " ".join([word for word in plain.split() if len(word) >= LONG_WORD])
        lower = text.lower()
        for rule in _SPACED_RULES:
            where = lower if rule.ignores_case else text
            for need in rule.needs:
                if need in where:
                    text = rule.pattern.sub(partial(self._placed, rule), text)
                    break
        if words and (marks := set(_MARKS.findall(words))):
            for rule in _rules_for(frozenset(marks)):
                text = rule.pattern.sub(partial(self._placed, rule), text)
        return text

    def unfinished(self, text: str) -> int:
        """Say how many characters at the end of a growing text may be the beginning of a secret.

        Such a beginning is at most LONGEST_SECRET characters long; a longer one is none.
        """
        if not self._is_on:
            return 0
        block = max(text.rfind("-----BEGIN"), text.lower().rfind("<private>"))
        if block >= 0 and not re.search(r"-----END[^-]*-----|</private>", text[block:], re.IGNORECASE):
            return len(text) - block if len(text) - block <= LONGEST_SECRET else 0
        if text[-1:].isspace():
            return 0
        # the words that name a value stand before it: `Bearer …`, `export TOKEN=…`
        last = re.split(r"\s", text[-400:])[-1]
        is_marked = _MARKS.search(last) is not None or any(
            rule.pattern.search(f"{text[-400:]}0a1b2c3d4e5f6") for rule in _SPACED_RULES
        )
        return len(last) if last and is_marked else 0

    def value(self, value: Any) -> Any:
        """Take the secrets out of all texts of a JSON-like value; what holds none is given back as it is."""
        if not self._is_on:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            pairs = {key: self._under(key, each) for key, each in value.items()}
            return pairs if any(pairs[key] is not value[key] for key in pairs) else value
        if isinstance(value, list | tuple):
            items = [self.value(each) for each in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        return value

    def _under(self, key: object, value: Any) -> Any:
        """Redact a value that stands under a name: `{"password": "…"}` tells by its name what it is."""
        changed = self.value(value)
        if (
            changed is value
            and isinstance(value, str)
            and isinstance(key, str)
            and _tells(key)
            and 8 <= len(value) <= 200
        ):
            named = f'"{key}": "{value}"'
            held = self.text(named)
            if held != named and (match := _PLACEHOLDER.search(held)):
                return match.group()
        return changed

    def _placed(self, rule: Rule, match: re.Match[str]) -> str:
        group = 1 if rule.pattern.groups else 0
        secret = match[group]
        before = match.string[max(0, match.start() - 2) : match.start()]
        inside = before[-1:].isalnum() and before.isascii() and before not in ("\\n", "\\t", "\\r")
        if rule.is_word and inside:
            return match[0]
        if "[redacted:" in match[0] or _NO_SECRETS.match(secret) or len(set(secret)) < 5:
            return match[0]
        self.found[rule.kind] += 1
        digest = hmac.new(self._key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:6]
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        return f"{match[0][:start]}[redacted:{rule.kind}:{digest}]{match[0][end:]}"
