"""See how a tool was used before."""

import json
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.code_history import Use, how
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """Which tool."""

    model_config = ConfigDict(extra="forbid")

    tool: str = Field(description="The tool's name, such as Bash.", json_schema_extra=POSITIONAL)
    limit: int = Field(20, ge=1, description="How many ways.")


class Answer(BaseModel):
    """Ways in which it was called, the most frequent first."""

    items: list[Use]


def run(memory: "Memory", arguments: Arguments) -> Answer:
    """Look."""
    return Answer(items=how(memory, arguments.tool, arguments.limit))


def rows(answer: Answer, arguments: Arguments) -> Lines:
    """Write ways, one a line."""
    for each in answer.items:
        given = each.input if isinstance(each.input, str) else json.dumps(each.input, ensure_ascii=False)
        yield (f"{each.count} ×", f"{each.at:%Y-%m-%d}", " ".join(given.split()), each.session_title or "")
