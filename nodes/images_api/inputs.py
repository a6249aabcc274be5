"""Input pictures and the mask, as files that an image endpoint accepts.

GPT models: PNG, below 50 MB each, up to 16, any shape. dall-e-2: one square PNG below 4 MB. The mask is a PNG of
the first picture's size whose alpha 0 says "edit here" (source: openai-python `image_edit_params.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from .. import pictures
from ..sizes import Size
from .errors import NotPossible, TooLarge
from .models import Model, ModelFamily

if TYPE_CHECKING:
    import torch

    from .hosted import Use
    from .plan import Plan

MAX_FILE = 50 * 10**6  # bytes, GPT models
MAX_DALLE2_FILE = 4 * 10**6
MAX_HOSTED_FILE = 20 * 10**6  # the least of what hosted services take (source: docs.bfl.ai, flux-pro-1.0-fill)
# (left, top, right, bottom) as fractions 0…1 of the square
Frame = tuple[float, float, float, float]


@dataclass(frozen=True)
class File:
    """One file of a multipart body."""

    field: str  # "image" or "mask"; at a hosted service the name of its parameter
    name: str
    data: bytes  # PNG


@dataclass(frozen=True)
class Sent:
    """The files of a request, and how to get the reply back into the input's shape."""

    files: tuple[File, ...] = ()
    frame: Frame | None = None  # where the input lies in the square that was sent; None: it is the square
    notes: tuple[str, ...] = ()

    def named(self, field: str) -> list[File]:
        return [file for file in self.files if file.field == field]


def files_for(model: Model, images: torch.Tensor, mask: torch.Tensor | None, size: Size) -> Sent:
    """Pictures (IMAGE `[B,H,W,3]`) and mask (MASK `[H,W]` or `[B,H,W]`, 1 = change) as files for `model`.

    Args:
        size: that will be asked for; dall-e-2's input is brought to it.

    Raises:
        TooLarge: a file above what the model takes.
        NotPossible: a mask that changes nothing.
    """
    if images.numel() == 0:
        raise NotPossible("No picture came to be changed; connect a batch of at least one.")
    if mask is not None and mask.numel() == 0:
        raise NotPossible("The mask has no pixels; connect a mask of the picture's size, or none.")
    opened = pictures.to_pil(images)
    notes: tuple[str, ...] = ()
    masked = None
    if mask is not None:
        planes = mask.reshape(-1, mask.shape[-2], mask.shape[-1])
        _check_mask(float(planes[0].nan_to_num().max()))
        masked = pictures.with_mask_as_alpha(opened[0], planes[0])
        if len(planes) > 1:
            notes += (f"only the first of {len(planes)} masks is used; it belongs to the first picture.",)
        if planes.shape[:0:-1] != opened[0].size:
            notes += (f"the mask is scaled to {opened[0].width}x{opened[0].height}, the picture's size.",)
    frame: Frame | None = None
    if model.family is ModelFamily.DALLE2:
        edge = size.width
        if opened[0].width != opened[0].height:
            notes += (f"dall-e-2 takes squares: the picture is padded to {edge}x{edge} and the reply cropped back.",)
        elif opened[0].width != edge:
            notes += (f"the picture is scaled to {edge}x{edge}, the size asked for.",)
        opened = [_squared(opened[0], edge)[0]]
        if masked is not None:
            masked, frame = _squared(masked, edge)
        else:
            frame = _squared(pictures.to_pil(images)[0], edge)[1]
    if masked is not None:
        # Only alpha counts in a mask; a plain colour keeps the file small.
        alpha = masked.getchannel("A")
        masked = Image.merge("RGBA", (*Image.new("RGB", masked.size).split(), alpha))
    files = [File("image", f"image-{number}.png", pictures.encode_png(one)) for number, one in enumerate(opened, 1)]
    if masked is not None:
        files.append(File("mask", "mask.png", pictures.encode_png(masked)))
    limit = MAX_DALLE2_FILE if model.family is ModelFamily.DALLE2 else MAX_FILE
    for file in files:
        if len(file.data) >= limit:
            raise TooLarge(
                f"The {file.field} is {len(file.data) / 1e6:.0f} MB as PNG and {model.name} takes less than "
                f"{limit / 1e6:.0f} MB; scale the picture down before the node."
            )
    return Sent(tuple(files), frame, notes)


def sent_with(plan: Plan, images: torch.Tensor | None, mask: torch.Tensor | None) -> Sent:
    """What travels with the requests of a plan; see `files_for`."""
    if images is None:
        return Sent()
    if plan.hosting:
        return hosted_files(plan.hosting.use, images, mask)
    return files_for(plan.model, images, mask, plan.sent_size)


def hosted_files(use: Use, images: torch.Tensor, mask: torch.Tensor | None) -> Sent:
    """The same for a hosted service: PNGs, and the mask as a grey picture of the first one's size, white = change.

    Raises:
        TooLarge, NotPossible.
    """
    if images.numel() == 0:
        raise NotPossible("No picture came to be changed; connect a batch of at least one.")
    opened = [pictures.flatten(one) for one in pictures.to_pil(images)]
    files = [File(use.field_of(at), f"image-{at + 1}.png", pictures.encode_png(one)) for at, one in enumerate(opened)]
    notes: tuple[str, ...] = ()
    if mask is not None and use.mask:
        if mask.numel() == 0:
            raise NotPossible("The mask has no pixels; connect a mask of the picture's size, or none.")
        planes = mask.reshape(-1, mask.shape[-2], mask.shape[-1])
        _check_mask(float(planes[0].nan_to_num().max()))
        kept = pictures.with_mask_as_alpha(opened[0], planes[0]).getchannel("A")
        files.append(File(use.mask, "mask.png", pictures.encode_png(ImageOps.invert(kept))))
        if len(planes) > 1:
            notes += (f"only the first of {len(planes)} masks is used; it belongs to the first picture.",)
    for file in files:
        if len(file.data) >= MAX_HOSTED_FILE:
            raise TooLarge(
                f"A picture is {len(file.data) / 1e6:.0f} MB as PNG and this service takes less than "
                f"{MAX_HOSTED_FILE / 1e6:.0f} MB; scale it down before the node."
            )
    return Sent(tuple(files), notes=notes)


def _check_mask(highest: float) -> None:
    """Only what is fully transparent is edited, so a mask that is nowhere 1 would be paid for in vain."""
    if highest <= 0.0:
        raise NotPossible("The mask is empty, so there is nothing to change; paint where the picture should change.")
    if round(highest * 255) < 255:
        raise NotPossible(
            f"The mask is nowhere 1 (its highest value is {highest:.2f}) and an endpoint changes only what is masked "
            "fully; make it stronger, for example with a threshold node."
        )


def cropped_back(picture: Image.Image, frame: Frame | None) -> Image.Image:
    """Undo the padding of a dall-e-2 input on its reply."""
    if frame is None:
        return picture
    left, top, right, bottom = frame
    box = (
        round(left * picture.width), round(top * picture.height),
        round(right * picture.width), round(bottom * picture.height),
    )  # fmt: skip
    return picture.crop(box)


def _squared(picture: Image.Image, edge: int) -> tuple[Image.Image, Frame | None]:
    """The picture fitted into a square of `edge` px; padding is black and, with alpha, opaque (kept)."""
    if picture.width == picture.height:
        return picture.resize((edge, edge), Image.Resampling.LANCZOS) if picture.width != edge else picture, None
    scale = edge / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    left, top = (edge - width) // 2, (edge - height) // 2
    ground = Image.new(picture.mode, (edge, edge), (0, 0, 0, 255) if picture.mode == "RGBA" else (0, 0, 0))
    ground.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (left, top))
    return ground, (left / edge, top / edge, (left + width) / edge, (top + height) / edge)
