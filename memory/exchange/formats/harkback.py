"""Harkback's own: JSON Lines that hold everything, to be loaded into another store; see docs/export.md.

A first line says what it is, then comes one line a record, `{"kind", "record", "hash"}`, those that others refer to first,
and a last line counts them. Nothing in it tells of the store it came from: two stores with the same content give the
same bytes.
"""

import hashlib
from collections.abc import Iterator

from memory.exchange.content import Content
from memory.kinds import kinds
from memory.store.exchange import EXPORT_MARK, Plain
from memory.store.schema import to_json

FORMAT = "harkback"
HOLDS_ALL = True

VERSION = 1
"""Of the format; raised when a program that knows this one could not load it."""


def pieces(content: Content) -> Iterator[str]:
    """Yield the lines."""
    digest = hashlib.sha256()
    for line in _lines(content):
        digest.update(line.encode())
        yield line
    counts = dict(sorted(content.counts.items()))
    yield to_json({"counts": counts, "sha256": digest.hexdigest()}) + "\n"


def record_hash(written: str) -> str:
    """Hash a record as it is written: compact JSON, not escaped."""
    return hashlib.sha256(written.encode()).hexdigest()


def _lines(content: Content) -> Iterator[str]:
    yield to_json({EXPORT_MARK: VERSION, "schema": content.schema, "selected": content.asked}) + "\n"
    for kind in kinds():
        if kind == "attachment":
            for blob in content.blobs():
                yield _line("blob", blob)
        for record in content.records(kind):
            yield _line(kind, record)
    for kind, row in content.extras():
        yield _line(kind, row)


def _line(kind: str, record: Plain) -> str:
    written = to_json(record)
    return f'{{"kind":"{kind}","record":{written},"hash":"{record_hash(written)}"}}\n'
