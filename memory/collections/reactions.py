"""Reactions: ratings, reactions and notes on messages."""

from collections.abc import Sequence

from memory.collections.collection import Collection
from memory.kinds.reaction import Reaction
from memory.store.records import Where


class Reactions(Collection[Reaction]):
    """What somebody thought of messages, in one workspace."""

    def of(self, message_ids: Sequence[str]) -> dict[str, list[Reaction]]:
        """Read the reactions on some messages, up to 500, the oldest first; messages without any are left out."""
        found: dict[str, list[Reaction]] = {}
        marks = ", ".join("?" * len(message_ids[:500]))
        sql = f"{{t}}.deleted_at is null and {{t}}.message_number in (select number from message where id in ({marks}))"
        for _, record in self._store.records.select("reaction", Where(sql, tuple(message_ids[:500])), limit=5_000):
            if isinstance(record, Reaction):
                found.setdefault(record.message_id, []).append(record)
        return found
