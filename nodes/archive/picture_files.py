"""What a picture's file says about itself: that it is one, how large, and who wrote something into it.

Only the file's head is read; no pixel is unpacked. Names and endings say nothing: the newest exports call every file
`.dat`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
HEAD = 16  # bytes that tell the format
MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
ENDINGS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif"}


@dataclass(frozen=True)
class Looks:
    """A picture as its head describes it."""

    format: str  # one of FORMATS
    width: int  # px
    height: int  # px
    has_c2pa: bool  # signed content credentials are in it


def format_of(head: bytes) -> str:
    """The format by the first `HEAD` bytes; an empty text: no picture that is taken in."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return "GIF" if head.startswith((b"GIF87a", b"GIF89a")) else ""


def look(data: bytes) -> Looks | None:
    """None: the head is damaged, so nothing could ever show this."""
    from PIL import Image

    kind = format_of(data[:HEAD])
    if not kind:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as picture:
            width, height = picture.size
    except Exception:  # Pillow raises all sorts
        return None
    return Looks(kind, width, height, _has_c2pa(kind, data))


def _has_c2pa(kind: str, data: bytes) -> bool:
    """Whether a C2PA manifest, a JUMBF box, is in the file: PNG chunk caBX, JPEG APP11, RIFF chunk C2PA.

    Source: C2PA specification 2.1, "Embedding manifests into various file formats".
    """
    marker = {"PNG": b"caBX", "JPEG": b"jumb", "WEBP": b"C2PA", "GIF": b"C2PA_GIF"}[kind]
    return marker in data and b"c2pa" in data
