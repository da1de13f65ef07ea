"""What is drawn from the messages of a batch, before it is written."""

from dataclasses import dataclass, field

from memory.importers.reading.records import MessageRecord, RelationshipRecord
from memory.importing.evidence import arrows_of, has_passed
from memory.importing.stated import Stated, stated_in


@dataclass
class Derived:
    """What was drawn from the messages of a batch."""

    arrows: list[RelationshipRecord] = field(default_factory=list)
    stated: list[tuple[str, MessageRecord, Stated]] = field(default_factory=list)
    """With the id and the record of the message."""
    passed: set[str] = field(default_factory=set)
    """Keys of the sessions in which a test runner printed that all had passed."""

    def take(self, id: str, record: MessageRecord, kinds: frozenset[str]) -> None:
        """Draw from one message; it must have its secrets taken out."""
        self.arrows += arrows_of(record)
        if record.role == "tool" and any(has_passed(str(part.get("text") or "")) for part in record.parts):
            self.passed.add(record.session_key)
        self.stated += [(id, record, each) for each in stated_in(record) if f"{each.category}s" in kinds]
        for ref in record.metadata.get("recalled") or ():
            self.arrows.append(
                RelationshipRecord(
                    "session_recalled",
                    f"session:{record.session_key}",
                    ref,
                    None,
                    record.session_key,
                    record.created_at,
                )
            )
