"""Values of a checkpoint → plain JSON; no class of another program is ever made, and nothing is unpickled."""

import json
from typing import Any

import msgpack

_SINGLE_ARGUMENT, _POSITIONAL, _NAMED, _METHOD, _PYDANTIC_1, _PYDANTIC_2, _ARRAY, _SNAPSHOT = range(8)
"""Types of extension. Source: langgraph/checkpoint/serde/jsonplus.py, 4.3."""
_PLAIN = frozenset("builtins datetime uuid pathlib decimal enum collections ipaddress zoneinfo re".split())
"""Modules whose values say enough without the name of their class."""
_DEEPEST = 100


def decoded(kind: object, data: object) -> Any:
    """Decode a value; an object of a class is its fields, with its class beside them where it is no message.

    Raises:
        ValueError: It is of a kind that is not read (pickled, encrypted), or damaged; the message says which.
    """
    if kind in (None, "null", "empty"):
        return None
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if not isinstance(raw, bytes):
        raise ValueError("it is no text and no bytes")
    try:
        if kind == "msgpack":
            return _plain(_unpacked(raw))
        if kind == "json":
            return _plain(json.loads(raw))
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise ValueError(f"it is damaged: {error}") from error
    if kind in ("bytes", "bytearray"):
        return {"size_bytes": len(raw)}
    raise ValueError(f"it is written as {str(kind)[:40]!r}, which is not read")


def _unpacked(data: bytes) -> Any:
    return msgpack.unpackb(data, ext_hook=_extension, strict_map_key=False, unicode_errors="replace", timestamp=0)


def _extension(code: int, data: bytes) -> Any:
    value = _unpacked(data)
    if code == _SNAPSHOT:
        return value
    if code == _ARRAY or code > _SNAPSHOT or not isinstance(value, list) or len(value) < 3:
        return {"class": "array" if code == _ARRAY else f"extension {code}", "size_bytes": len(data)}
    module, name, given = str(value[0]), str(value[1]), value[2]
    if isinstance(given, dict) and name.endswith(("Message", "MessageChunk")):
        return {"type": name, **given}
    return given if module.partition(".")[0] in _PLAIN else {"class": f"{module}.{name}", "value": given}


def _plain(value: Any, depth: int = 0) -> Any:
    """Make JSON of what msgpack gave: names are texts, bytes are their size."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {str(name): _plain(each, depth + 1) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, depth + 1) for each in value]
    if isinstance(value, bytes):
        return {"size_bytes": len(value)}
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
