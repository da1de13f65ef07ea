"""One conversation."""

from typing import Literal

from pydantic import BaseModel, Field

from memory.kinds import Declaration, Record, Reference, Time


class SourceOf(BaseModel):
    """Where an imported session was read from."""

    format: str
    path: str
    external_id: str | None = None
    """The id the other program gave it."""


class Session(Record):
    """One conversation: an ordered list of messages."""

    declaration = Declaration(
        name="session",
        plural="sessions",
        references={
            "project_id": Reference("project", on_delete="cascade"),
            "parent_id": Reference("session"),
            "forked_at": Reference("message"),
        },
        indexes=("project_number", "parent_number", "forked_at_number", "last_message_at"),
        filters=("project_id", "state", "parent_id"),
        kept=("message_count", "last_message_at"),
        derived={"project": "(select name from project where number = {t}.project_number)"},
        order="coalesce({t}.last_message_at, {t}.created_at)",
        newest_first=True,
        searchable=True,
    )

    title: str | None = None
    project_id: str | None = None
    project: str | None = None
    """The project's name; when a session is created, an id, an alias or a path of it."""
    state: Literal["active", "inactive", "archived"] = "active"
    participants: list[str] = Field(default_factory=list)
    keywords: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    model: str | None = None
    system_prompt: str | None = None
    connection_id: str | None = None
    source: SourceOf | None = None
    parent_id: str | None = None
    """The session it was forked from, continues, or was spawned by."""
    forked_at: str | None = None
    """Id of the message of the parent after which it goes its own way; what came before is read with it."""
    summary: str | None = None
    message_count: int = 0
    """Its own messages that are not deleted; those before a fork are not counted."""
    last_message_at: Time | None = None
