"""What stands in place of a picture that is held back: blurred or plain, always with a caption."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFilter, ImageFont


class Cover(str, Enum):
    """How a held-back picture is made unrecognisable."""

    BLUR = "blur"
    PLAIN = "plain"


GREY = (96, 96, 96)


def cover(picture: Image.Image, how: Cover, why: Sequence[str]) -> Image.Image:
    """A picture of the same size, mode RGB, with the words "held back by moderation" and why, one word a line.

    A blur keeps eight by eight colours of the picture and nothing else: no shape can be won back from it.
    """
    size = picture.size
    if how is Cover.BLUR:
        few = picture.convert("RGB").resize((8, 8), Image.Resampling.BOX)
        covered = few.resize(size, Image.Resampling.BICUBIC)
        if max(size) <= 4096:
            covered = covered.filter(ImageFilter.GaussianBlur(max(size) / 32))
    else:
        covered = Image.new("RGB", size, GREY)
    _caption(covered, ["held back by moderation", *why])
    return covered


def _caption(picture: Image.Image, lines: list[str]) -> None:
    width, height = picture.size
    text = "\n".join(lines)
    draw = ImageDraw.Draw(picture)
    size = max(8, min(width // 16, height // (2 * len(lines) + 2)))
    box: tuple[float, float, float, float] = (0, 0, 0, 0)
    for attempt in range(size, 4, -2):
        font = _font(attempt)
        box = draw.multiline_textbbox((0, 0), text, font=font, align="center")
        if box[2] - box[0] <= width * 0.92:
            break
    across, down = box[2] - box[0], box[3] - box[1]
    left, top = (width - across) / 2, (height - down) / 2
    margin = attempt / 2
    draw.rectangle((left - margin, top - margin, left + across + margin, top + down + margin), fill=(0, 0, 0))
    draw.multiline_text((left - box[0], top - box[1]), text, font=font, fill=(255, 255, 255), align="center")


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # Pillow's own, no font needs to be installed
