"""What came out of Harkback and stands in a transcript again: it is known already, and not stored as new.

Every context that is recalled stands between marks with a number of their own (`memory/search/recall.py`). In an
imported text such a block becomes a line that names what was recalled.
"""

import re
from typing import Any

from memory.importers.reading.records import MessageRecord

_BEGINS = "<recalled id="
# inside JSON that stands in a text, a line's end is written `\n`, or `\\n` where it stands in JSON again
_BLOCK = re.compile(r"<recalled id=([0-9a-f]{8})>(?:\n|\\+n)[\s\S]*?</recalled id=\1>")
_CITED = re.compile(r"\((message|learning|session):([0-9a-zA-Z][\w.:-]{0,199})\)(?:\n|\\+n)")


def without_recalled(record: MessageRecord) -> list[str]:
    """Take recalled blocks out of a message, and give what they cited, as references."""
    if not any(map(_holds, (record.parts, record.tool_call, record.tool_result, record.metadata))):
        return []
    cited: dict[str, None] = {}
    for name in ("parts", "tool_call", "tool_result", "metadata"):
        value = getattr(record, name)
        changed = _without(value, cited)
        if changed is not value:
            setattr(record, name, changed)
    if cited:
        record.metadata = record.metadata | {"recalled": list(cited)}
    return list(cited)


def _holds(value: Any) -> bool:
    """Say whether a value may hold such a block; nearly none does."""
    kind = type(value)
    if kind is str:
        return _BEGINS in value
    if kind is dict:
        return any(map(_holds, value.values()))
    return kind is list and any(map(_holds, value))


def _without(value: Any, cited: dict[str, None]) -> Any:
    if isinstance(value, str):
        return _BLOCK.sub(lambda match: _named(match, cited), value) if _BEGINS in value else value
    if isinstance(value, dict):
        pairs = {name: _without(each, cited) for name, each in value.items()}
        return pairs if any(pairs[name] is not value[name] for name in pairs) else value
    if isinstance(value, list):
        items = [_without(each, cited) for each in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _named(match: re.Match[str], cited: dict[str, None]) -> str:
    refs = dict.fromkeys(f"{kind}:{id}" for kind, id in _CITED.findall(match[0]))
    cited.update(refs)
    return f"[recalled: {', '.join(refs) or 'nothing'}]"
