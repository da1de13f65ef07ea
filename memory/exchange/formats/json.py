"""One JSON document: sessions with their messages, learnings and relationships, each with all its fields."""

from collections.abc import Iterable, Iterator

from memory.exchange.content import Content
from memory.kinds import Record
from memory.store.schema import to_json

FORMAT = "json"


def pieces(content: Content) -> Iterator[str]:
    """Yield the document."""
    yield '{"sessions":['
    for at, session in enumerate(content.sessions()):
        yield f'{"," * (at > 0)}\n{to_json(session)[:-1]},"messages":['
        yield from _listed(content.messages(session))
        yield "]}"
    yield '],\n"learnings":['
    yield from _listed(content.learnings())
    yield '],\n"relationships":['
    yield from _listed(content.relationships())
    yield "]}\n"


def _listed(records: Iterable[Record]) -> Iterator[str]:
    for at, record in enumerate(records):
        yield f"{',' * (at > 0)}\n{to_json(record)}"
