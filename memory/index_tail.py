"""The changes that the keyword index has not seen, as an engine of their own."""

from indexers.keyword.in_memory import InMemoryEngine
from memory.index_documents import documents_of
from memory.searchable import group_of
from memory.store.store import Store

MOST_IN_TAIL = 4_000
"""Records that are read into the tail at once; the newest, when there are more. Untuned."""


class Tail:
    """Follows the change log behind what the index has seen; to be used under the index's guard."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.engine = InMemoryEngine()
        self.lacks = 0
        """Changes that it lacks, because there are too many of them: it holds the newest."""
        self._from = self._to = -1

    def level(self, applied: int) -> None:
        """Take up what was written since, and begin anew when the index has moved on.

        Args:
            applied: The last change that the index has seen.
        """
        last = self._store.changes.last_seq()
        if applied != self._from:
            self.engine = InMemoryEngine()
            self._from = self._to = applied
            self.lacks = 0
        # a reader whose snapshot is older than the tail finds in it what it cannot see, and drops it
        if last > self._to:
            touched = self._store.changes.touched(self._to, last)
            if len(touched) > MOST_IN_TAIL:
                self.lacks += len(touched) - MOST_IN_TAIL
                touched = touched[-MOST_IN_TAIL:]
            self.engine.remove(group_of(*each) for each in touched)
            for documents in documents_of(self._store, touched):
                self.engine.put(documents)
            self._to = last
