"""One entry of a session."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from memory.kinds import Declaration, Json, Record, Reference, Time

Role = Literal["user", "assistant", "system", "tool"]
Status = Literal["pending", "streaming", "complete", "error"]


class AttachmentOf(BaseModel):
    """An attachment of a message, without its bytes."""

    id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str


class Message(Record):
    """One entry of a session: what a person, an assistant, a system or a tool said."""

    declaration = Declaration(
        name="message",
        plural="messages",
        references={
            "session_id": Reference("session", on_delete="cascade"),
            "parent_id": Reference("message"),
        },
        indexes=(
            "session_number, seq",
            "parent_number",
            "sender_id",
            # all that counting by days looks at, so that it reads no rows
            "created_at, workspace_number, deleted_at, session_number",
        ),
        derived={
            "attachments": "(select json_group_array(json_object('id', a.id, 'name', a.name, 'media_type', a.media_type,"
            " 'size_bytes', a.size_bytes, 'sha256', a.sha256)) from attachment a"
            " where a.message_number = {t}.number and a.deleted_at is null)"
        },
        order="{t}.seq",
        folds_parts=True,
        packed=("content", "parts", "tool_call", "tool_result"),
        kept=("seq", "turn", "session_id", "attachments"),
        filters=("session_id", "role", "status", "tool_name", "sender_id"),
        searchable=True,
        version=2,
    )

    session_id: str
    seq: int = 0
    """Position in its session, counted from 1; after a fork it goes on from the message forked at."""
    turn: int = 0
    """A prompt and all that answers it share one turn, counted from 1."""
    parent_id: str | None = None
    sender_id: str | None = None
    role: Role
    content: str = ""
    parts: list[Json] = Field(default_factory=list)
    """Ordered, lossless; `type` is text, reasoning, tool_call, tool_result, image, file or patch. [] means
    that `content` is all there is."""
    tool_name: str | None = None
    tool_call: Any = None
    tool_result: Any = None
    status: Status = "complete"
    error: str | None = None
    attachments: list[AttachmentOf] = Field(default_factory=list)
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    started_at: Time | None = None
    ended_at: Time | None = None


class MessageVersion(Record):
    """What a message said before it was edited."""

    declaration = Declaration(
        name="message_version",
        plural="message_versions",
        references={"message_id": Reference("message", on_delete="cascade")},
        unique=(("message_number", "version"),),
        folds_parts=True,
        packed=("content", "parts"),
        filters=("message_id",),
    )

    message_id: str
    version: int
    """Counted from 1; the current text is one more than the highest."""
    content: str = ""
    parts: list[Json] = Field(default_factory=list)
