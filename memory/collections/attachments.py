"""Attachments: files and images of messages; their bytes are stored once."""

import hashlib
import zlib
from typing import Any

from memory.collections.collection import Collection
from memory.errors import InvalidInput
from memory.kinds.attachment import Attachment
from memory.store.records import unknown

_COMPRESSED_ALREADY = ("image/", "video/", "audio/", "application/zip", "application/gzip", "application/pdf")


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
        with self._store.transaction():
            sha256 = self.put_bytes(data, media_type)
            return super().create(**{**fields, "size_bytes": len(data), "sha256": sha256})

    def put_bytes(self, data: bytes, media_type: str) -> str:
        """Store bytes once, compressed where it helps, and give their sha256; inside a transaction."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self._store.database.row("select 1 from blob where sha256 = ?", (sha256,)) is None:
            packed = data if media_type.startswith(_COMPRESSED_ALREADY) else zlib.compress(data, 6)
            encoding, stored = ("zlib", packed) if len(packed) < len(data) * 9 // 10 else ("plain", data)
            self._store.database.rows("insert into blob values (?, ?, ?)", (sha256, encoding, stored))
        return sha256

    def data(self, id: str) -> bytes:
        """Read the bytes of an attachment.

        Raises:
            UnknownRecord: There is no such attachment.
        """
        found = self.get(id)
        if found is None:
            raise unknown("attachment", id)
        row = self._store.database.row("select encoding, data from blob where sha256 = ?", (found.sha256,))
        if row is None:
            raise unknown("attachment", id)
        return zlib.decompress(row[1]) if row[0] == "zlib" else bytes(row[1])
