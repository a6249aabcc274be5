"""The pictures the service sells: plain, quick to make, told apart by their colour."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

from PIL import Image, ImageDraw

from .faults import Fault


def draw(prompt: str, width: int, height: int, serial: int) -> Image.Image:
    """A picture whose colours come from the prompt and from how many were sold before it."""
    colour = hashlib.sha256(f"{prompt}{serial}".encode()).digest()
    picture = Image.new("RGB", (width, height), (colour[0], colour[1], colour[2]))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((width // 4, height // 4, 3 * width // 4, 3 * height // 4), fill=(colour[3], colour[4], colour[5]))
    pen.text((8, 8), f"{serial}", fill=(255, 255, 255))
    return picture


def encode(picture: Image.Image, kind: str = "png", compression: int = 100) -> bytes:
    buffer = io.BytesIO()
    quick = {"compress_level": 1, "compress_type": zlib.Z_RLE}
    options = {"png": quick, "jpeg": {"quality": compression}, "webp": {"quality": compression}}[kind]
    picture.save(buffer, kind.upper(), **options)
    return buffer.getvalue()


def spoil(picture: Image.Image, fault: Fault, size: str) -> bytes:
    """The picture as some misbehaving service would send it."""
    match fault:
        case Fault.IMAGE_BOMB:
            return bomb(30_000, 30_000)
        case Fault.NOT_AN_IMAGE:
            return b"<html>Sorry, no picture today.</html>"
        case Fault.CUT_IMAGE:
            noisy = Image.effect_noise(picture.size, 64).convert("RGB")
            data = encode(noisy)
            return data[: len(data) // 2]
        case Fault.WRONG_SIZE:
            width, height = map(int, size.split("x"))
            return encode(picture.resize((width, height)))
        case Fault.JPEG:
            return encode(picture, "jpeg", 90)
        case Fault.WEBP:
            return encode(picture, "webp", 90)
        case Fault.ALPHA:
            clear = picture.convert("RGBA")
            clear.putalpha(0)
            return encode(clear)
        case Fault.BLACK:
            return encode(Image.new("RGB", picture.size))
        case Fault.SIXTEEN_BIT:
            buffer = io.BytesIO()
            Image.new("I;16", picture.size, 0x8000).save(buffer, "PNG")
            return buffer.getvalue()
    raise AssertionError(fault)


def bomb(width: int, height: int) -> bytes:
    """A valid PNG head that claims width x height pixels, with a few bytes of data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(width * 3 + 1) * 64)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
