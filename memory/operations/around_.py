"""Read a message with its neighbours."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.kinds.message import Message
from memory.operations import POSITIONAL, Lines
from memory.operations.show_ import whole_id

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """Which messages are read."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(description="Its id, or the beginning of it.", json_schema_extra=POSITIONAL)
    before: int = Field(2, description="Messages before it.")
    after: int = Field(2, description="Messages behind it.")


class Answer(BaseModel):
    """Messages of one session, in order."""

    items: list[Message]


def run(memory: "Memory", arguments: Arguments) -> Answer:
    """Read them."""
    found = whole_id(memory, "message", arguments.message)
    return Answer(items=list(memory.messages.around(found, before=arguments.before, after=arguments.after)))


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write what was said."""
    for message in answer.items:
        here = "→" if message.id.startswith(arguments.message) else " "
        yield f"{here} [{message.seq}] {message.role}  {message.created_at:%Y-%m-%d %H:%M}"
        yield from (f"    {line}" for line in message.content.splitlines())
