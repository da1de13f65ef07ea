"""A word to group things by."""

from pydantic import Field

from memory.kinds import Declaration, Record


class Tag(Record):
    """A word to group things by; sessions and learnings carry tags by name."""

    declaration = Declaration(name="tag", plural="tags", unique=(("name",),), filters=("name",))

    name: str = Field(min_length=1, max_length=200)
    description: str | None = None
    color: str | None = None
