"""The texts of stored pieces: what of a record is searched, read back from the store."""

from collections.abc import Callable, Iterable, Sequence

from memory.searchable import Passage, learning_passages, message_passages, session_passages, told
from memory.store.store import Store

_PASSAGES: dict[str, tuple[tuple[str, ...], Callable[..., list[Passage]]]] = {
    "message": (
        ("role", "content", "parts", "tool_name", "tool_call", "tool_result", "sender_id"),
        message_passages,
    ),
    "learning": (("content", "related_files", "tags"), learning_passages),
    "session": (("title", "summary", "keywords"), session_passages),
}


def passage_texts(store: Store, kind: str, numbers: Sequence[int]) -> dict[tuple[int, int], str]:
    """Give the searched texts of records, by record number and passage."""
    return {at: passage.text for at, passage in _passages(store, kind, numbers).items()}


def told_texts(store: Store, keys: Iterable[int]) -> dict[int, str]:
    """Give what is compared by meaning of pieces, by their keys: the text and who said it; empty ones are left out."""
    places = store.chunks.places(sorted(keys))
    found: dict[int, str] = {}
    for kind in sorted({place.kind for place in places.values()}):
        mine = {key: place for key, place in places.items() if place.kind == kind}
        said = _passages(store, kind, sorted({place.record_number for place in mine.values()}))
        for key, place in mine.items():
            passage = said.get((place.record_number, place.passage))
            if passage and (text := passage.text[place.start_at : place.end_at]):
                found[key] = told(text, passage.said_by)
    return found


def _passages(store: Store, kind: str, numbers: Sequence[int]) -> dict[tuple[int, int], Passage]:
    fields, passages = _PASSAGES[kind]
    # one that cannot be read must not keep others from being found; the doctor names it
    damaged: dict[int, str] = {}
    return {
        (number, passage.number): passage
        for number, *values in store.records.values(kind, fields, numbers, damaged)
        for passage in passages(*values)
    }
