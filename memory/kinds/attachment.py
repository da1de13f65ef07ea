"""Files and images that belong to messages; their bytes are stored once."""

from memory.kinds import Declaration, Record, Reference


class Attachment(Record):
    """A file or an image; equal bytes are stored once, under their sha256."""

    declaration = Declaration(
        name="attachment",
        plural="attachments",
        references={"message_id": Reference("message", on_delete="cascade")},
        indexes=("message_number", "sha256"),
        filters=("message_id", "sha256"),
    )

    message_id: str | None = None
    name: str
    media_type: str = "application/octet-stream"
    size_bytes: int = 0
    sha256: str = ""
