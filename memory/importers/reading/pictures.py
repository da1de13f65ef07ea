"""Images inside JSON (base64, `data:` addresses) → attachments, so that no text index ever sees them."""

import binascii
from base64 import b64decode
from typing import Any

from memory.importers.reading.records import AttachmentRecord, Part


def picture_part(part_id: str | None, media_type: str, base64: str, attachments: list[AttachmentRecord]) -> Part:
    """Decode an image into `attachments` and give the part that points at it.

    Base64 that cannot be decoded gives a part whose `native` says so and how long it was.
    """
    part: Part = {"type": "image", "id": part_id, "media_type": media_type}
    try:
        data = b64decode(base64, validate=True)
    except (binascii.Error, ValueError):
        return part | {"native": {"broken_base64": len(base64)}}
    ending = media_type.rpartition("/")[2].partition("+")[0] or "bin"
    attachments.append(AttachmentRecord(f"image-{len(attachments) + 1}.{ending}", media_type, data))
    return part | {"attachment": len(attachments) - 1}


def picture_at(part_id: str | None, url: str, attachments: list[AttachmentRecord]) -> Part:
    """Make a part of an image's address; a `data:` address becomes an attachment."""
    header, comma, body = url.partition(",")
    if comma and header.startswith("data:") and header.endswith(";base64"):
        return picture_part(part_id, header[5:-7] or "application/octet-stream", body, attachments)
    return {"type": "image", "id": part_id, "url": url}


def image_block(part_id: str | None, block: dict[str, Any], attachments: list[AttachmentRecord]) -> Part:
    """Make a part of an Anthropic `image` or `document` block."""
    source = block.get("source")
    kind = "image" if block.get("type") == "image" else "file"
    if isinstance(source, dict) and isinstance(source.get("data"), str) and source.get("type") == "base64":
        part = picture_part(part_id, str(source.get("media_type") or "image/png"), source["data"], attachments)
        return part | {"type": kind}
    if isinstance(source, dict) and isinstance(source.get("url"), str):
        return picture_at(part_id, source["url"], attachments) | {"type": kind}
    return {"type": kind, "id": part_id, "native": block}
