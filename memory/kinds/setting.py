"""A key and its JSON value."""

from typing import Any

from pydantic import Field

from memory.kinds import Declaration, Record


class Setting(Record):
    """A key and its JSON value, kept with the store."""

    declaration = Declaration(name="setting", plural="settings", unique=(("key",),), filters=("key",))

    key: str = Field(min_length=1, max_length=512)
    value: Any = None
