"""Make, list and revoke tokens."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from memory.care.access import NewToken, Token, Tokens
from memory.errors import InvalidInput
from memory.operations import POSITIONAL, Lines

if TYPE_CHECKING:
    from memory.memory import Memory

CREATES = True


class Arguments(BaseModel):
    """What is done with which token."""

    model_config = ConfigDict(extra="forbid")

    what: Literal["list", "add", "revoke"] = Field(
        "list", json_schema_extra=POSITIONAL, description="list, add or revoke."
    )
    name: str | None = Field(None, json_schema_extra=POSITIONAL, description="The new token's name; the id to revoke.")
    role: Literal["reader", "writer", "admin"] = Field("reader", description="What it allows.")
    project: list[str] = Field(
        default_factory=list, description="Only this project and those below it; may be repeated."
    )
    days: int | None = Field(None, ge=1, le=36_500, description="How long it counts; for ever without.")


def run(memory: "Memory", arguments: Arguments) -> list[Token]:
    """Do it, and give the tokens concerned."""
    tokens = Tokens(memory.store)
    if arguments.what == "list":
        return [each for each in tokens.all() if each.workspace == memory.store.workspace]
    if not arguments.name:
        raise InvalidInput(
            f"`token {arguments.what}` needs {'a name' if arguments.what == 'add' else 'an id'}; give it"
        )
    if arguments.what == "revoke":
        tokens.revoke(arguments.name)
        return [each for each in tokens.all() if each.id == arguments.name]
    expires = datetime.now(UTC) + timedelta(days=arguments.days) if arguments.days else None
    projects = [memory.projects.ensure(each).id for each in arguments.project]
    return [tokens.add(arguments.name, arguments.role, projects=projects, expires_at=expires)]


def rows(answer: list[Token], arguments: Arguments) -> Lines:
    """Write them, one a line."""
    for each in answer:
        ends = "revoked" if each.revoked_at else f"until {each.expires_at:%Y-%m-%d}" if each.expires_at else ""
        yield (each.id, each.name, each.role, ends)
        if isinstance(each, NewToken):
            yield each.token


def faults(answer: list[Token]) -> Lines:
    """Say what is to be kept."""
    if any(isinstance(each, NewToken) for each in answer):
        yield "the token is shown this once; keep it where nobody else reads"
