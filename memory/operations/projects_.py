"""List projects, or give one another name."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from memory.collections.collection import Page
from memory.errors import UnknownRecord
from memory.kinds.project import Project
from memory.operations import Lines

if TYPE_CHECKING:
    from memory.memory import Memory


class Arguments(BaseModel):
    """What is done to which project."""

    model_config = ConfigDict(extra="forbid")

    project: str | None = Field(None, description="The project that is changed.")
    alias: list[str] = Field(
        default_factory=list, description="Another name or path of it; may be given several times."
    )
    rename: str | None = Field(None, description="A new name; the old one stays as an alias.")
    merge: str | None = Field(None, description="Another project that becomes part of it, with all that lies in it.")
    limit: int = Field(200, description="How many are listed, at most 200.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")


def run(memory: "Memory", arguments: Arguments) -> Page[Project]:
    """Change it, and list."""
    if arguments.project is None:
        return memory.projects.list(limit=arguments.limit, cursor=arguments.cursor)
    found = memory.projects.find(arguments.project)
    if found is None:
        raise UnknownRecord(f"there is no project {arguments.project!r}; `hark projects` lists them")
    for alias in arguments.alias:
        found = memory.projects.add_alias(found.id, alias)
    if arguments.merge:
        found = memory.projects.merge(found.id, arguments.merge)
    if arguments.rename:
        found = memory.projects.update(found.id, name=arguments.rename)
    return Page[Project](items=[found])


def rows(page: Page[Project], arguments: Arguments) -> Lines:
    """Write projects, one a line."""
    for each in page.items:
        yield (each.name, each.path or "", ", ".join(each.aliases), each.id)
