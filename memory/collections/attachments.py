"""Attachments: files and images of messages; their bytes are stored once."""

from typing import Any

from memory.collections.collection import Collection
from memory.errors import InvalidInput
from memory.kinds.attachment import Attachment
from memory.store.records import unknown


class Attachments(Collection[Attachment]):
    """The attachments of one workspace."""

    def create(self, **fields: Any) -> Attachment:
        """Save a file that belongs to a message.

        Args:
            fields: `data` (its bytes), `name`, `media_type`, `message_id`; size and hash follow from the bytes.
        """
        data = fields.pop("data", None)
        if not isinstance(data, bytes):
            raise InvalidInput("an attachment needs data, as bytes")
        media_type = fields.get("media_type", "application/octet-stream")
        data = self._saver.redactor.content(data, media_type)
        with self._store.transaction():
            sha256 = self._store.blobs.put(data, media_type)
            return super().create(**{**fields, "size_bytes": len(data), "sha256": sha256})

    def data(self, id: str) -> bytes:
        """Read the bytes of an attachment.

        Raises:
            UnknownRecord: There is no such attachment.
        """
        found = self.get(id)
        data = self._store.blobs.get(found.sha256) if found else None
        if data is None:
            raise unknown("attachment", id)
        return data
