"""Keys for conversations and messages that have no id: of how a conversation begins, and of what a message says."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from memory.importers.reading.journal import digest
from memory.importers.reading.source import Line, Source


def beginning(turns: list[Any], is_prompt: Callable[[Any], bool]) -> list[Any]:
    """Give the turns up to the first prompt, that included; of a conversation without one the first turn."""
    end = next((at for at, turn in enumerate(turns) if is_prompt(turn)), 0)
    return turns[: end + 1]


def records_before(source: Source, lists_as: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the objects of the lines before the place that is read on from; see `Source.json_lines`."""
    if not source.line:
        return
    for line in Source(source.path).json_lines(lists_as=lists_as):
        if (line.number if isinstance(line, Line) else line.line or 0) > source.line:
            return
        if isinstance(line, Line):
            yield line.value


class Beginnings:
    """Names the conversations of one file by how they begin, so that one that grew keeps its key.

    Two that begin alike are told apart by how many such ones came before; the same one twice is one. Some hundred bytes
    are held for each conversation.
    """

    def __init__(self, beginning_of: Callable[[dict[str, Any]], Any], before: Iterable[dict[str, Any]] = ()) -> None:
        """Name nothing yet.

        Args:
            beginning_of: Gives how a record begins, as JSON; None for one that is no conversation, or has an id.
            before: The records before the first that is named; they are gone through when that one comes.
        """
        self._beginning_of = beginning_of
        self._before = iter(before)
        self._counts: Counter[int] = Counter()
        self._places: dict[int, int] = {}

    def key(self, record: dict[str, Any]) -> str:
        """Name the next conversation."""
        for each in self._before:
            self._name(each)
        return self._name(record)

    def _name(self, record: dict[str, Any]) -> str:
        begins = self._beginning_of(record)
        if begins is None:
            return ""
        found = digest(begins)
        short = int(found[:16], 16)
        whole = int(digest(record)[:16], 16)
        if whole not in self._places:
            self._places[whole] = self._counts[short]
            self._counts[short] += 1
        place = self._places[whole]
        return f"{found}:{place}" if place else found


class Alike:
    """Names the messages of one session by what they say, and by how many say the same before."""

    def __init__(self, session_key: str) -> None:
        self._session = session_key
        self._met: Counter[str] = Counter()

    def key(self, said: Any) -> str:
        """Name the next message."""
        found = digest(said)
        self._met[found] += 1
        return f"{self._session}:{found}:{self._met[found] - 1}"
