"""Bytes of attachments, once per content."""

import hashlib
import zlib

from memory.store.sqlite import SqliteDatabase

_COMPRESSED_ALREADY = ("image/", "video/", "audio/", "application/zip", "application/gzip", "application/pdf")


class Blobs:
    """Bytes under their sha256."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def put(self, data: bytes, media_type: str) -> str:
        """Store bytes once, compressed where it helps, and give their sha256; inside a transaction."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self._database.row("select 1 from blob where sha256 = ?", (sha256,)) is None:
            packed = data if media_type.startswith(_COMPRESSED_ALREADY) else zlib.compress(data, 6)
            encoding, stored = ("zlib", packed) if len(packed) < len(data) * 9 // 10 else ("plain", data)
            self._database.rows("insert into blob values (?, ?, ?)", (sha256, encoding, stored))
        return sha256

    def get(self, sha256: str) -> bytes | None:
        """Read bytes; None when there are none under that hash."""
        row = self._database.row("select encoding, data from blob where sha256 = ?", (sha256,))
        if row is None:
            return None
        return zlib.decompress(row[1]) if row[0] == "zlib" else bytes(row[1])
