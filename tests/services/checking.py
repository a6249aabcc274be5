"""From a request to an order: everything OpenAI checks before it starts to draw.

Order of checks as observed: key, model (retired before any other parameter), names, values.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from aiohttp import BodyPartReader, web
from PIL import Image, UnidentifiedImageError

from . import rules
from .refusals import Refusal, invalid, missing, retired, unknown_model, unknown_parameter
from .rules import IMAGE_MODELS, ImageModel

MAX_UPLOAD = 50 * 2**20  # bytes a picture, GPT models
MAX_DALLE2_UPLOAD = 4 * 2**20


@dataclass(frozen=True)
class File:
    """One file part of a multipart body."""

    name: str  # of the part
    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Order:
    """A request that passed every check."""

    operation: str
    model: ImageModel
    prompt: str
    n: int
    width: int
    height: int
    quality: str
    response_format: str
    output_format: str
    compression: int
    stream: bool
    partial_images: int
    background: str
    inputs: int  # pictures that came with it


@dataclass(frozen=True)
class Shop:
    """Which models the service has."""

    today: date
    dalle_alive: bool = True  # False: models past their shutdown date answer as OpenAI answers now
    names: Mapping[str, str] = field(default_factory=dict)  # further names, such as Azure deployments → model

    def model(self, asked: str) -> ImageModel:
        model = IMAGE_MODELS.get(self.names.get(asked, asked))
        if model is None:
            raise unknown_model(asked)
        if not self.dalle_alive and model.shutdown and model.shutdown <= self.today:
            raise retired(asked)
        return model


async def read_json(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise Refusal(415, "Unsupported content type; send application/json.", code="unsupported_content_type")
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "We could not parse the JSON body of your request.")
    return body


async def read_form(request: web.Request) -> tuple[dict[str, Any], list[File]]:
    """Text fields and file parts. A file without a file name is not a file."""
    if request.content_type != "multipart/form-data":
        raise Refusal(415, "Unsupported content type; send multipart/form-data.", code="unsupported_content_type")
    fields: dict[str, Any] = {}
    files: list[File] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or not part.name:
            raise Refusal(400, "Every part of a multipart form needs a name.")
        data = bytes(await part.read())
        if part.name in ("image", "image[]", "mask", "markup"):
            if not part.filename:
                raise invalid(part.name, f"Invalid type for '{part.name}': expected a file, but got a string instead.")
            files.append(File(part.name, part.filename, part.headers.get("Content-Type", ""), data))
        elif part.name in fields:
            raise Refusal(400, f"Duplicate parameter: '{part.name}'.", param=part.name, code="duplicate_parameter")
        else:
            fields[part.name] = data.decode()
    return fields, files


def generation(body: Mapping[str, Any], shop: Shop) -> Order:
    """`POST /images/generations`."""
    model = shop.model(_string(body, "model", default="dall-e-2"))
    for name in body:
        if name not in model.parameters:
            raise unknown_parameter(name)
    if "moderation" in body:
        _choice(body, "moderation", ("auto", "low"), "auto")
    if "style" in body:
        _choice(body, "style", ("vivid", "natural"), "vivid")
    return _order("generations", body, model, numbers_are_text=False, inputs=0)


def edit(body: Mapping[str, Any], files: list[File], shop: Shop) -> Order:
    """`POST /images/edits`."""
    model = shop.model(_string(body, "model", default="dall-e-2"))
    if not model.edits:
        raise invalid("model", "Invalid value: 'dall-e-3'. Value must be 'dall-e-2' or a GPT image model.")
    allowed = rules.DALLE2_EDIT_FIELDS if model.family == "dalle" else rules.EDIT_FIELDS
    for name in body:
        if name not in allowed:
            raise unknown_parameter(name)
    images = [file for file in files if file.name in ("image", "image[]")]
    masks = [file for file in files if file.name == "mask"]
    if not images:
        raise missing("image")
    opened = _inputs(images, model)
    if masks:
        _check_mask(masks, opened[0])
    elif model.name == "dall-e-2" and "A" not in opened[0].getbands():
        raise invalid("image", "Invalid input image - format must be in ['RGBA', 'LA', 'L'], got RGB.")
    return _order("edits", body, model, numbers_are_text=True, inputs=len(images))


def variation(body: Mapping[str, Any], files: list[File], shop: Shop) -> Order:
    """`POST /images/variations`."""
    model = shop.model(_string(body, "model", default="dall-e-2"))
    if not model.variations:
        raise invalid("model", f"Invalid value: '{model.name}'. Value must be 'dall-e-2'.")
    for name in body:
        if name not in rules.VARIATION_FIELDS:
            raise unknown_parameter(name)
    images = [file for file in files if file.name == "image"]
    if not images:
        raise missing("image")
    _inputs(images, model)
    return _order("variations", body, model, numbers_are_text=True, inputs=1)


def _inputs(files: list[File], model: ImageModel) -> list[Image.Image]:
    dalle2 = model.family == "dalle"
    if len(files) > (1 if dalle2 else 16):
        raise invalid("image", "Too many images.", "array_above_max_length")
    if len(files) > 1 and any(file.name == "image" for file in files):
        raise Refusal(400, "Duplicate parameter: 'image'. Use 'image[]' for several.", param="image")
    opened = []
    for file in files:
        if len(file.data) >= (MAX_DALLE2_UPLOAD if dalle2 else MAX_UPLOAD):
            raise invalid("image", f"Uploaded image must be less than {4 if dalle2 else 50} MB.")
        allowed = {"image/png"} if dalle2 else {"image/png", "image/jpeg", "image/webp"}
        picture = _open(file)
        if file.content_type not in allowed or f"image/{(picture.format or '').lower()}" != file.content_type:
            raise invalid(
                "image", f"Unsupported mimetype ('{file.content_type}'). Supported: {', '.join(sorted(allowed))}."
            )
        if dalle2 and picture.width != picture.height:
            raise invalid("image", "Uploaded image must be a square.")
        opened.append(picture)
    return opened


def _check_mask(masks: list[File], image: Image.Image) -> None:
    if len(masks) > 1:
        raise invalid("mask", "Only one mask is allowed.")
    mask = _open(masks[0])
    if mask.format != "PNG" or "A" not in mask.getbands():
        raise invalid("mask", "Invalid mask image format - must be a PNG with an alpha channel.")
    if mask.size != image.size:
        raise invalid("mask", "Invalid mask image format - mask size does not match image size.")


def _open(file: File) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(file.data))
        picture.load()
    except (UnidentifiedImageError, OSError):
        raise invalid(file.name, "Invalid image file or mode for image.", "invalid_image_file") from None
    return picture


def _order(operation: str, body: Mapping[str, Any], model: ImageModel, *, numbers_are_text: bool, inputs: int) -> Order:
    prompt = ""
    if operation != "variations":
        prompt = _string(body, "prompt")
        if not prompt:
            raise invalid("prompt", "Invalid 'prompt': empty string.", "empty_string")
        if len(prompt) > model.max_prompt:
            raise invalid(
                "prompt",
                f"Invalid 'prompt': string too long. Expected a string with maximum length {model.max_prompt}, but got "
                f"a string with length {len(prompt)} instead.",
                "string_above_max_length",
            )

    def integer(name: str, default: int, low: int, high: int) -> int:
        return _integer(body, name, default, low, high, numbers_are_text)

    size = _string(body, "size", default="auto" if model.family == "gpt" else "1024x1024")
    if complaint := model.size(size):
        raise invalid("size", complaint)
    width, height = (1024, 1024) if size == "auto" else map(int, size.split("x"))
    gpt = model.family == "gpt"
    quality = _choice(body, "quality", model.qualities, "auto" if gpt else "standard")
    response_format = "b64_json" if gpt else _choice(body, "response_format", ("url", "b64_json"), "url")
    background = _choice(body, "background", ("transparent", "opaque", "auto"), "auto")
    output_format = _choice(body, "output_format", ("png", "jpeg", "webp"), "png")
    if background == "transparent" and (output_format == "jpeg" or not model.transparent):
        raise invalid("background", "Transparent background is not supported for this model or output format.")
    n = integer("n", 1, 1, model.max_n)
    stream = _boolean(body, "stream", numbers_are_text)
    partial_images = integer("partial_images", 0, 0, 3)
    if partial_images and not stream:
        raise invalid("partial_images", "'partial_images' is only supported when 'stream' is true.")
    if stream and n > 1:
        raise invalid("n", "Streaming is only supported for n=1.")
    compression = integer("output_compression", 100, 0, 100)
    if compression != 100 and output_format == "png":
        raise invalid("output_compression", "Compression less than 100 is not supported for PNG output format.")
    return Order(
        operation, model, prompt, n, width, height, quality, response_format, output_format, compression, stream,
        partial_images, background, inputs,
    )  # fmt: skip


def _string(body: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if value is None:
        raise missing(name)
    if not isinstance(value, str):
        raise invalid(name, f"Invalid type for '{name}': expected a string, but got something else.", "invalid_type")
    return value


def _choice(body: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = _string(body, name, default)
    if value not in allowed:
        listed = ", ".join(f"'{one}'" for one in allowed)
        raise invalid(name, f"Invalid value: '{value}'. Supported values are: {listed}.")
    return value


def _integer(body: Mapping[str, Any], name: str, default: int, low: int, high: int, is_text: bool) -> int:
    value = body.get(name, default)
    if is_text and isinstance(value, str) and value.lstrip("-").isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(name, f"Invalid type for '{name}': expected an integer, but got something else.", "invalid_type")
    if value > high:
        raise invalid(
            name,
            f"Invalid '{name}': integer above maximum value. Expected a value <= {high}, but got {value} instead.",
            "integer_above_max_value",
        )
    if value < low:
        raise invalid(
            name,
            f"Invalid '{name}': integer below minimum value. Expected a value >= {low}, but got {value} instead.",
            "integer_below_min_value",
        )
    return value


def _boolean(body: Mapping[str, Any], name: str, is_text: bool) -> bool:
    value = body.get(name, False)
    if is_text and isinstance(value, str) and value in ("true", "false"):
        value = value == "true"
    if not isinstance(value, bool):
        raise invalid(name, f"Invalid type for '{name}': expected a boolean.", "invalid_type")
    return value
