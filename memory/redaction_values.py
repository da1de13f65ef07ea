"""What a value must look like to be a secret, where only its name says that it is one."""

import base64
import binascii
import re

_PLACEHOLDER = re.compile(
    r"(?i)^(?:x{3,}.*|\*{3,}.*|\.{3,}|<.*|\$.*|%.*%|\{.*|your.*|my[-_].*|(?:change|replace|insert|put|enter|add)[-_]?.*|"
    r"(?:some|any|the|a|an|new|old|no|not|test|dummy|fake|mock|sample|example|demo|default|foo|bar)[-_].*|"
    r"changeme|example.*|placeholder.*|redacted.*|sanitized.*|hidden.*|removed.*|none|null|nil|true|false|undefined|"
    r"required|optional|string|str|process\.env.*|os\.environ.*|os\.getenv.*|import\.meta.*|env\..*|secrets\..*|"
    r"config\..*|settings\..*|self\..*|this\..*|args\..*|options\..*|.*\.\.\.|.*\.\.\..*|.*(?:key|token|secret|password|goes)[-_]here|"
    r".*(?:example|placeholder|x{6}).*|.*x{4})$"
)
"""Values that people write where a secret would stand."""
_TEST_WORD = re.compile(
    r"(?i)^(?:test|dummy|fake|mock|sample|stub|foo|bar|baz|user|name|token|secret|key|value|id|v|version|hash|sha|md|"
    r"model|page|item|session|client|api|auth|str|string|int|uint|float|utf|base|type|arg|param|node|field)+[-_]*\d{0,4}$"
)
_IDENTIFIER = re.compile(r"^[A-Za-z_]+(?:[._-][A-Za-z_]+\d{0,2})*\d{0,2}$")
"""`config.api_key2`, `token-v1`: words, with at most a small number behind them."""
_NAME = re.compile(r"^[A-Za-z_]+(?:[._-][A-Za-z_]+)*\d?$")
"""The same with one digit at most: people put two and more behind the words of a password."""
_WORDS = re.compile(r"^[A-Za-z]+(?:[ _./:-]+[A-Za-z]+)*[.!?]?$")
_PLACE = re.compile(r"^(?:[A-Za-z][\w+.-]*://|\.{0,2}/|~/|[A-Za-z]:\\|@[\w-]+/|[\w.-]+/[\w./-]+\.\w{1,5}$)")
_MEASURE = re.compile(r"^v?\d[\d.,_:TZ+-]*(?:[a-zA-Z]{1,3})?$")
"""Numbers, versions, dates, sizes."""
_LETTER, _DIGIT, _SIGN = re.compile("[A-Za-z]"), re.compile("[0-9]"), re.compile(r"[!@#$%^&*+?~]")
FEWEST_LETTERS = 5
"""Different characters that every secret has at least."""


def is_placeholder(value: str) -> bool:
    """Say whether people write this where a secret would stand."""
    return len(set(value)) < FEWEST_LETTERS or _PLACEHOLDER.match(value) is not None


def is_password(value: str) -> bool:
    """Say whether this may be a password, given that its name says so: letters, and a digit or a sign among them."""
    return (
        _LETTER.search(value) is not None
        and (_DIGIT.search(value) is not None or _SIGN.search(value[1:]) is not None)
        and not _is_ordinary(value)
    )


def is_told_password(value: str) -> bool:
    """Say whether this may be a password where code could stand as well: no name of a variable, nothing of an expression."""
    return is_password(value) and _NAME.match(value) is None and not value.endswith((".", ":", "]"))


def is_key(value: str) -> bool:
    """Say whether this may be a key, given that its name says so: random letters and digits, not few of them."""
    return (
        len(value) >= 16
        and len(set(value)) >= 8
        and len(_DIGIT.findall(value)) >= 2
        and _LETTER.search(value) is not None
        and not _is_ordinary(value)
        and _IDENTIFIER.match(value) is None
    )


def is_secret_of_environment(value: str) -> bool:
    """Say whether this may be the value of a variable whose name tells that it is secret."""
    return len(value) >= 8 and not _is_ordinary(value) and not _WORDS.match(value)


def is_random(value: str) -> bool:
    """Say whether letters and digits are mixed as no word mixes them."""
    return _DIGIT.search(value) is not None and _LETTER.search(value) is not None and not _is_ordinary(value)


def is_packed_pair(value: str) -> bool:
    """Say whether this is a name and a password in base64, as in `Authorization: Basic`."""
    try:
        found = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return b":" in found and found.isascii()


def is_packed_private_key(value: str) -> bool:
    """Say whether this is a private key in base64, and not a certificate."""
    head = value[: len(value) // 4 * 4][:80]
    try:
        return b"PRIVATE KEY" in base64.b64decode(head)
    except (binascii.Error, ValueError):
        return False


def _is_ordinary(value: str) -> bool:
    return bool(
        _WORDS.match(value)
        or _TEST_WORD.match(value)
        or _MEASURE.match(value)
        or _PLACE.match(value)
        or "${" in value
        or "$(" in value
        or "::" in value
    )
