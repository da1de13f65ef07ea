"""What was drawn from sessions: a decision, a gotcha, a fact, a preference, a pattern."""

from typing import Self

from pydantic import Field, model_validator

from memory.kinds import Declaration, Record, Reference, Time


class Learning(Record):
    """What was drawn from sessions, with when it was true."""

    declaration = Declaration(
        name="learning",
        plural="learnings",
        references={
            "project_id": Reference("project", on_delete="cascade"),
            "session_id": Reference("session"),
            "superseded_by": Reference("learning"),
        },
        indexes=("project_number", "session_number", "superseded_by_number", "category"),
        checks=("trust between 0 and 1", "valid_to is null or valid_from is null or valid_to >= valid_from"),
        filters=("category", "project_id", "session_id"),
        derived={"project": "(select name from project where number = {t}.project_number)"},
        newest_first=True,
        searchable=True,
    )

    category: str = Field(min_length=1, max_length=200)
    """`decision`, `gotcha`, `fact`, `preference`, `pattern`, or any other word."""
    content: str = Field(min_length=1)
    related_files: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    project_id: str | None = None
    project: str | None = None
    """The project's name; when a learning is added, an id, an alias or a path of it."""
    session_id: str | None = None
    source_messages: list[str] = Field(default_factory=list)
    """Ids of the messages it was drawn from."""
    valid_from: Time | None = None
    valid_to: Time | None = None
    superseded_by: str | None = None
    """Id of the learning that replaces it."""

    @model_validator(mode="after")
    def _ends_behind_its_beginning(self) -> Self:
        if self.valid_from is not None and self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError(f"valid_to {self.valid_to} lies before valid_from {self.valid_from}")
        return self

    trust: float = Field(default=1.0, ge=0, le=1)
    """1 for what a person said outright; lower for what was drawn from text by a rule."""
