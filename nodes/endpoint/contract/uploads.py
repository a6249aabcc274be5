"""The pictures that come with an edit or a variation.

The API's mask is a picture whose fully transparent areas (alpha 0) are to be redrawn; DALL·E 2 took the picture's own
transparency where no mask came (openai-1.30.0 `image_edit_params.py`). A mask without any alpha channel, which OpenAI
refuses, is read as other servers and ComfyUI read it: white is redrawn. ComfyUI's MASK is 1 where it is redrawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...pictures import BadPicture, decode, to_tensor
from ...sizes import Size
from .errors import ApiError, invalid

if TYPE_CHECKING:
    import torch
    from PIL import Image

MAX_BYTES = 50 * 2**20  # a picture; gpt-image's own limit
MAX_PIXELS = 16_777_216  # a picture that comes in: 4096 x 4096


@dataclass(frozen=True)
class Upload:
    """Pictures that were looked at once and are kept as they came, which takes less room than unpacked."""

    pictures: tuple[bytes, ...]
    mask: bytes | None
    size: Size  # of the first picture
    alpha_is_mask: bool  # the first picture's own transparency says what to redraw
    mask_is_white: bool  # the mask has no alpha channel

    @property
    def token(self) -> str:
        """Names the upload in a graph: its SHA-256, so the same pictures are found in the host's cache again."""
        digest = hashlib.sha256(f"{self.alpha_is_mask} {self.mask_is_white}".encode())
        for data in (*self.pictures, self.mask or b""):
            digest.update(hashlib.sha256(data).digest())
        return digest.hexdigest()

    @property
    def has_mask(self) -> bool:
        return self.mask is not None or self.alpha_is_mask

    @property
    def weight(self) -> int:
        """Bytes that it keeps in memory."""
        return sum(map(len, self.pictures)) + len(self.mask or b"")

    def image(self) -> torch.Tensor:
        """IMAGE `[B,H,W,3]`; further pictures are brought to the size of the first."""
        opened = [_open("image", data) for data in self.pictures]
        return to_tensor([picture if picture.size == self.size else picture.resize(self.size) for picture in opened])

    def change(self) -> torch.Tensor | None:
        """MASK `[1,H,W]`, 1 = redraw; None without a mask."""
        import numpy as np
        import torch

        if not self.has_mask:
            return None
        source = _open("mask", self.mask) if self.mask is not None else _open("image", self.pictures[0])
        plane = source.convert("L") if self.mask_is_white else source.getchannel("A")
        values = torch.from_numpy(np.asarray(plane, dtype=np.float32) / 255.0)[None]
        return values if self.mask_is_white else 1.0 - values


def upload_of(pictures: Sequence[bytes], mask: bytes | None, *, alpha_is_mask: bool) -> Upload:
    """Look at what came.

    Args:
        alpha_is_mask: without a mask, the first picture's transparency is one.

    Raises:
        ApiError: a picture or the mask cannot be used.
    """
    sizes = [_open("image", data) for data in pictures]
    first = sizes[0]
    size = Size(*first.size)
    mask_is_white = False
    if mask is not None:
        opened = _open("mask", mask)
        if opened.size != size:
            raise invalid(
                "mask", f"Invalid mask image format - mask size ({opened.width}x{opened.height}) does not match image "
                f"size ({size}).",
            )  # fmt: skip
        mask_is_white = "A" not in opened.getbands()
        if _marks_nothing(opened):
            raise invalid(
                "mask", "The mask marks nothing: no area is transparent, or white in a mask without transparency.",
            )  # fmt: skip
    own_alpha = alpha_is_mask and mask is None and "A" in first.getbands() and not _marks_nothing(first)
    return Upload(tuple(pictures), mask, size, own_alpha, mask_is_white)


def _marks_nothing(picture: Image.Image) -> bool:
    if "A" in picture.getbands():
        return bool(picture.getchannel("A").getextrema()[0] == 255)
    return bool(picture.convert("L").getextrema()[1] == 0)


def _open(name: str, data: bytes) -> Image.Image:
    if len(data) > MAX_BYTES:
        raise invalid(name, f"Uploaded image must be less than {MAX_BYTES // 2**20} MB.")
    try:
        return decode(data, max_pixels=MAX_PIXELS)
    except BadPicture as error:
        raise ApiError(400, f"Invalid image file: {error}", code="invalid_image_file", param=name) from None
