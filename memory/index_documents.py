"""The documents of an index: pieces of records as they are now, read back from the store a few at a time."""

from collections.abc import Iterator

from indexers.document import Document
from memory.piece_texts import passage_texts
from memory.searchable import document_of
from memory.store.store import Store

INDEXED_KINDS = ("session", "message", "learning")
"""Kinds that have documents, in the order in which an index is built."""
RECORDS, CHARACTERS = 500, 8_000_000
"""What is held in memory at a time: so many records, or so much text of more than one. Untuned."""


def documents_of(store: Store, records: list[tuple[str, int]]) -> Iterator[list[Document]]:
    """Give the documents of records as they are now; those that are gone have none."""
    for kind in INDEXED_KINDS:
        numbers = [number for each, number in records if each == kind]
        for start in range(0, len(numbers), RECORDS):
            yield from _documents(store, kind, numbers[start : start + RECORDS])


def _documents(store: Store, kind: str, numbers: list[int]) -> Iterator[list[Document]]:
    pieces: dict[int, list[tuple[int, int, int, int, bytes]]] = {}
    for key, record, passage, start, end, packed in store.chunks.of_records(kind, numbers):
        pieces.setdefault(record, []).append((key, passage, start, end, packed))
    # who said it is asked for as often as what was said
    senders = dict(store.records.values("message", ("sender_id",), numbers)) if kind == "message" else {}
    for some in _portions(pieces):
        texts = passage_texts(store, kind, some)
        yield [
            document_of(key, kind, record, text[start:end], packed, senders.get(record) or "")
            for record in some
            for key, passage, start, end, packed in pieces[record]
            if (text := texts.get((record, passage))) is not None
        ]


def _portions(pieces: dict[int, list[tuple[int, int, int, int, bytes]]]) -> Iterator[list[int]]:
    """Put records together until there is much text of them; one that is larger stands alone."""
    some: list[int] = []
    characters = 0
    for record, places in pieces.items():
        size = sum(end - start for _, _, start, end, _ in places)
        if some and characters + size > CHARACTERS:
            yield some
            some, characters = [], 0
        some.append(record)
        characters += size
    if some:
        yield some
