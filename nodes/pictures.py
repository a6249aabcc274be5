"""Pictures between ComfyUI tensors, Pillow and bytes. Every conversion of the pack happens here.

ComfyUI's IMAGE is a float tensor `[B,H,W,3]` in 0…1, its MASK `[B,H,W]` in 0…1 with 1 = change
(source: ComfyUI `nodes.LoadImage`).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from .errors import DalleFluxError

if TYPE_CHECKING:
    import torch

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_BYTES = 64 * 2**20  # an API picture of 3840x2160 stays well below
MAX_PIXELS = 40_000_000  # four times the largest size an image API offers
MAX_OWN_PIXELS = 2**26  # 8192x8192, of a file that ComfyUI wrote itself; 4 bytes each while it is open


BROKEN_METADATA = "dalle_flux_broken_metadata"  # in `Image.info`: what the file says about the picture is not used


class BadPicture(DalleFluxError):
    """Bytes that are no whole, ordinary picture, or more of it than is safe to open."""

    code = "bad_picture"


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, formats: Sequence[str] = FORMATS) -> Image.Image:
    """Open untrusted bytes as a picture, upright, in mode RGB or RGBA, 8 bits a channel.

    Args:
        data: a whole PNG, JPEG or WebP file.
        max_pixels: refuse more than this before anything is unpacked.
        formats: Pillow's names of what is taken.

    Raises:
        BadPicture: other bytes, a truncated file, too many pixels.
    """
    if len(data) > MAX_BYTES:
        raise BadPicture(
            f"The picture file has {len(data) / 2**20:.0f} MB, more than the {MAX_BYTES // 2**20} MB allowed."
        )
    try:
        picture: Image.Image = Image.open(io.BytesIO(data), formats=list(formats))
    except Image.DecompressionBombError:
        raise BadPicture(f"The picture has more than the {max_pixels / 1e6:.0f} megapixels allowed.") from None
    except Exception:
        if (plain := _without_words(data)) != data:
            return _noted(decode(plain, max_pixels=max_pixels))
        raise BadPicture(f"These {len(data)} bytes are not a PNG, JPEG or WebP picture{_looks_like(data)}.") from None
    width, height = picture.size
    if width * height > max_pixels:
        raise BadPicture(f"The picture is {width}x{height}, more than the {max_pixels / 1e6:.0f} megapixels allowed.")
    try:
        picture.load()
    except Exception:
        if (plain := _without_words(data)) != data:
            return _noted(decode(plain, max_pixels=max_pixels))
        raise BadPicture(f"The {picture.format} picture is damaged or cut short; get it again.") from None
    try:
        picture = ImageOps.exif_transpose(picture)
    except Exception:  # Pillow raises all sorts; the pixels are good, and may have been paid for
        picture.info.pop("exif", None)
        _noted(picture)
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        grey = np.asarray(picture, dtype=np.float32)
        picture = Image.fromarray((grey / 257.0).clip(0, 255).round().astype(np.uint8))
    transparent = "A" in picture.getbands() or "transparency" in picture.info
    return picture.convert("RGBA" if transparent else "RGB")


def reduced(file: Path, edge: int) -> Image.Image:
    """A picture file that ComfyUI wrote, in mode RGB, made smaller until neither edge exceeds `edge` pixels.

    Read from the disk piece by piece: no second copy at full size, of bytes or of pixels, comes into being.

    Raises:
        BadPicture: no PNG, JPEG or WebP, a damaged one, or more than `MAX_OWN_PIXELS`.
    """
    try:
        with Image.open(file, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_OWN_PIXELS:
                raise BadPicture(f"The picture is {picture.width}x{picture.height}, too large to be opened again.")
            picture.load()
            picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
            return flatten(picture)
    except BadPicture:
        raise
    except Exception:
        raise BadPicture(f"The file {file.name} is not a whole PNG, JPEG or WebP picture.") from None


def flatten(picture: Image.Image, background: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    """Lay a picture with alpha over a plain background; returns mode RGB, and a picture that has it as it is."""
    if picture.mode == "RGB":
        return picture
    if "A" not in picture.getbands():
        return picture.convert("RGB")
    rgba = picture.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, (*background, 255))
    return Image.alpha_composite(ground, rgba).convert("RGB")


def to_tensor(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """Pillow pictures of one size → IMAGE `[B,H,W,3]` float32 0…1; alpha is laid over white.

    Raises:
        ValueError: no pictures, or pictures of different sizes.
    """
    import torch

    if len({picture.size for picture in pictures}) != 1:
        raise ValueError("a batch holds at least one picture, all of one size")
    arrays = [np.asarray(flatten(picture), dtype=np.float32) / 255.0 for picture in pictures]
    return torch.from_numpy(np.stack(arrays))


def to_pil(images: torch.Tensor) -> list[Image.Image]:
    """IMAGE `[B,H,W,C]` or one picture `[H,W,C]`, C = 1, 3 or 4, float 0…1 → Pillow L, RGB or RGBA, one a picture.

    Values are clipped to 0…1 and rounded; NaN counts as 0.
    """
    return [Image.fromarray(array) for array in to_bytes_arrays(images)]


def to_bytes_arrays(images: torch.Tensor) -> Iterable[np.ndarray]:
    """IMAGE → one `uint8` array a picture, `[H,W,C]` or `[H,W]` for one channel."""
    batch = images.unsqueeze(0) if images.ndim == 3 else images
    for picture in batch:
        array = np.nan_to_num(picture.detach().cpu().float().numpy(), nan=0.0, posinf=1.0, neginf=0.0)
        pixels = np.rint(array.clip(0.0, 1.0) * 255.0).astype(np.uint8)
        yield pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def encode_png(picture: Image.Image, text: dict[str, str] | None = None, *, level: int = 4) -> bytes:
    """Pillow → PNG bytes, with `text` in its text chunks.

    Args:
        level: zlib's. Of a noisy picture 1 takes three quarters of the time and a tenth more bytes than 4 (measured).
    """
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=info, compress_level=level)
    return buffer.getvalue()


def with_mask_as_alpha(picture: Image.Image, mask: torch.Tensor) -> Image.Image:
    """ComfyUI's mask rule → the Images API's: mask 1 (change) becomes alpha 0 (edit here).

    Source: openai-python `image_edit_params.py`, "fully transparent areas … indicate where image should be edited".

    Args:
        picture: any mode.
        mask: `[H,W]` or `[1,H,W]` float 0…1; scaled to the picture if its size differs.

    Returns:
        The picture in mode RGBA.
    """
    plane = mask.detach().cpu().float().reshape(mask.shape[-2], mask.shape[-1]).numpy()
    alpha = Image.fromarray(np.rint((1.0 - np.nan_to_num(plane).clip(0.0, 1.0)) * 255.0).astype(np.uint8))
    if alpha.size != picture.size:
        alpha = alpha.resize(picture.size, Image.Resampling.BILINEAR)
    result = flatten(picture).convert("RGBA")
    result.putalpha(alpha)
    return result


def _noted(picture: Image.Image) -> Image.Image:
    picture.info[BROKEN_METADATA] = True
    return picture


def _without_words(png: bytes) -> bytes:
    """A PNG without what is said about it (texts, EXIF, profiles): Pillow raises on some, and the pixels are good.

    Other files come back as they are.
    """
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        return png
    kept, at = [png[:8]], 8
    while at + 12 <= len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(png[at:end])
        at = end
    return b"".join(kept)


def _looks_like(data: bytes) -> str:
    head = data[:64].lstrip().lower()
    if head.startswith((b"<!doctype", b"<html")):
        return "; they look like a web page"
    if head.startswith((b"{", b"[")):
        return "; they look like JSON"
    return ""
