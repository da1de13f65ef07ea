"""A typed, labelled arrow between two things."""

from pydantic import Field

from memory.kinds import Declaration, Record, Reference, Time


class Relationship(Record):
    """A typed, labelled arrow; its ends are references such as `file:PATH`, `session:ID`, or a free name."""

    declaration = Declaration(
        name="relationship",
        plural="relationships",
        references={"session_id": Reference("session", on_delete="cascade")},
        indexes=("source", "target", "session_number"),
        filters=("type", "source", "target", "session_id"),
    )

    type: str = Field(min_length=1, max_length=200)
    """`code_code`, `code_decision`, `decision_prior_art`, `intent_implementation`, or any other word."""
    source: str = Field(min_length=1, max_length=8192)
    target: str = Field(min_length=1, max_length=8192)
    label: str | None = None
    session_id: str | None = None
    valid_from: Time | None = None
    valid_to: Time | None = None
