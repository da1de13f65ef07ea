"""What somebody thought of a message."""

from typing import Any, Literal

from pydantic import Field

from memory.kinds import Declaration, Record, Reference


class Reaction(Record):
    """A rating, a reaction or an annotation on a message."""

    declaration = Declaration(
        name="reaction",
        plural="reactions",
        references={"message_id": Reference("message", on_delete="cascade")},
        indexes=("message_number",),
        filters=("message_id", "type"),
    )

    message_id: str
    type: Literal["rating", "reaction", "annotation"]
    value: Any = None
    author: str | None = Field(default=None)
