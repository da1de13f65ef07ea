"""What an export holds beside records, checked line by line; see `memory/store/exchange_extras.py` for where it goes."""

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from functools import cached_property
from typing import Any

import zstandard
from pydantic import BaseModel, ConfigDict, Field, field_validator

from memory.kinds import Json, Time, kinds

MOST_BYTES = 1 << 30
"""Of one piece of a kept source."""
BIGGEST = 2**63 - 1


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Blob(_Row):
    """The bytes of attachments."""

    sha256: str
    media_type: str
    data: str

    @cached_property
    def content(self) -> bytes:
        """The bytes.

        Raises:
            ValueError: They are no base64, or not those of the hash.
        """
        data = _decoded(self.data)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ValueError("the bytes of an attachment are not those of their sha256")
        return data


class Tombstone(_Row):
    """What was forgotten."""

    kind: str
    id: str
    at: Time

    @field_validator("kind")
    @classmethod
    def _is_known(cls, kind: str) -> str:
        if kind not in kinds():
            raise ValueError(f"there is no kind {kind!r} in this version")
        return kind


class ImportMark(_Row):
    """How far a source was read."""

    path: str
    format: str
    size_bytes: int = Field(ge=-BIGGEST, le=BIGGEST)
    modified_ns: int = Field(ge=-BIGGEST, le=BIGGEST)
    offset_bytes: int = Field(ge=-BIGGEST, le=BIGGEST)
    lines: int = Field(ge=-BIGGEST, le=BIGGEST)
    state: Json
    read_hash: str = Field(pattern=r"^([0-9a-f]{2})*$")
    counted: list[tuple[int, int]]
    """Places of messages in the export, counted from 1, as pairs of first and last."""
    project: str | None = None
    sessions: int = Field(ge=0, le=BIGGEST)
    messages: int = Field(ge=0, le=BIGGEST)
    problems: list[Json]
    imported_at: Time


class ImportSession(_Row):
    """A session that was seen in a source."""

    path: str
    session_id: str


class KeptPiece(_Row):
    """A piece of what is kept of a source."""

    path: str
    start_at: int = Field(ge=0, le=BIGGEST)
    size_bytes: int = Field(ge=0, le=MOST_BYTES)
    data: str

    @cached_property
    def packed(self) -> bytes:
        """The piece, as it is stored."""
        return _decoded(self.data)

    @cached_property
    def content(self) -> bytes:
        """The piece, unpacked.

        Raises:
            ValueError: It is damaged.
        """
        packed = self.packed
        try:
            if zstandard.frame_content_size(packed) != self.size_bytes:
                raise ValueError("a piece of a kept source has another size than it says")
            return zstandard.ZstdDecompressor().decompress(packed, max_output_size=max(self.size_bytes, 1))
        except zstandard.ZstdError as error:
            raise ValueError(f"a piece of a kept source cannot be unpacked ({error})") from error


Extra = Blob | Tombstone | ImportMark | ImportSession | KeptPiece
EXTRAS: dict[str, type[Any]] = {
    "blob": Blob,
    "tombstone": Tombstone,
    "import_mark": ImportMark,
    "import_session": ImportSession,
    "kept_source": KeptPiece,
}
"""By the kind of the line."""


def key_of(extra: Extra) -> str:
    """Say which one it is, for reports."""
    if isinstance(extra, Blob):
        return extra.sha256
    if isinstance(extra, Tombstone):
        return f"{extra.kind}:{extra.id}"
    if isinstance(extra, ImportSession):
        return f"{extra.path} {extra.session_id}"
    return extra.path


def blob_of(data: bytes, media_type: str) -> Blob:
    """Make what an export holds of bytes."""
    return Blob(sha256=hashlib.sha256(data).hexdigest(), media_type=media_type, data=b64encode(data).decode())


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NoBase64, ValueError) as error:
        raise ValueError(f"bytes are no base64 ({error})") from error
