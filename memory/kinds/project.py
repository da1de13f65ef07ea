"""A body of work; projects nest."""

from pydantic import Field

from memory.kinds import Declaration, Record, Reference


class Project(Record):
    """A body of work. Deleting it deletes its children."""

    declaration = Declaration(
        name="project",
        plural="projects",
        references={"parent_id": Reference("project", on_delete="cascade")},
        unique=(("name",),),
        filters=("parent_id", "name"),
    )

    name: str = Field(min_length=1, max_length=4096)
    """How it is shown and asked for: `web/api`, or the last parts of a directory."""
    path: str | None = None
    """Its directory, where it has one."""
    parent_id: str | None = None
    aliases: list[str] = Field(default_factory=list)
    """Other names and paths it is known by: worktrees, former names, other machines."""
    system_prompt: str | None = None
