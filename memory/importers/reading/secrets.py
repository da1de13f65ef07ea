"""Fields whose name says that they hold a secret: kept without their value."""

import re
from typing import Any

_SECRET = re.compile(
    r"api[_-]?keys?$|apikey$|^key$|token$|secret|passw(?:or)?d|passphrase|credential|private[_-]?key|authorization|bearer"
    r"|access[_-]?key|^cookie",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"tokens$|max_?token|token_?(?:count|limit|usage)", re.IGNORECASE)
LEFT_OUT = "[left out]"
"""What stands in place of a value."""


def is_secret_name(name: str) -> bool:
    """Say whether a field of this name holds a secret.

    >>> [is_secret_name(name) for name in ("apiKey", "maxTokens", "Authorization", "apiKeyId", "monkey")]
    [True, False, True, False, False]
    """
    return _SECRET.search(name) is not None and _NO_SECRET.search(name) is None


def without_secrets(value: Any) -> Any:
    """Give JSON in which texts and numbers under such a name are left out, at any depth."""
    if isinstance(value, dict):
        return {
            name: LEFT_OUT
            if is_secret_name(str(name)) and isinstance(each, (str, int, float)) and each and not isinstance(each, bool)
            else without_secrets(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(each) for each in value]
    return value
