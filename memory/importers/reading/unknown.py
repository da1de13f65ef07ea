"""Records of a type that an importer does not know: kept whole with their session, within bounds."""

import json
from collections.abc import Iterator
from typing import Any

from memory.importers.reading.records import Problem, SessionRecord

UNKNOWN_KEPT = 50
"""How many records of unknown type a file's sessions keep. Untuned."""
UNKNOWN_CHARS = 16_000
"""A larger record of unknown type is kept as its type and size only. Untuned."""


def keep_unknown(
    record: dict[str, Any], session_key: str | None, line: int | None, count: int
) -> Iterator[SessionRecord | Problem]:
    """Yield what keeps the `count`-th record of unknown type (from 1) in its session's metadata, or says it is not."""
    if session_key is None:
        yield Problem(line, f"a record of unknown type {str(record.get('type'))[:60]!r}, in no session, was not kept")
    elif count <= UNKNOWN_KEPT:
        size = len(json.dumps(record))
        kept = record if size <= UNKNOWN_CHARS else {"type": record.get("type"), "size_chars": size}
        yield SessionRecord(session_key, metadata={"unknown_records": [kept]})
    elif count == UNKNOWN_KEPT + 1:
        yield Problem(line, f"more than {UNKNOWN_KEPT} records of unknown types; the rest are not kept")
