"""The bodies of requests, as pydantic models: their fields, types and limits, and the OpenAPI schemas in one.

What depends on the model (its sizes, how long a prompt) is in `rules`; what depends on several fields in `orders`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from .errors import ApiError, invalid, missing_parameter, unknown_parameter
from .rules import MAX_PICTURES

MAX_SEED = 2**64 - 1
_LONGEST_NAME = 200

Name = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)]
Quality = Literal["standard", "hd", "low", "medium", "high", "xhigh", "max", "auto"]


class Body(BaseModel):
    """No field that it does not name; null counts as left out."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Common(Body):
    """What all three image operations take."""

    model: Name | None = Field(None, description="A model that GET /models lists. Left out: dall-e-2.")
    n: int | None = Field(None, ge=1, le=MAX_PICTURES, description="How many pictures; dall-e-3 draws 1.")
    size: Annotated[str, Field(max_length=40)] | None = Field(None, description="WIDTHxHEIGHT, or auto.")
    response_format: Literal["url", "b64_json"] | None = Field(
        None, description="Left out: b64_json for gpt-image names, url for others, both for edits of others."
    )
    user: Annotated[str, Field(max_length=512)] | None = Field(None, description="Who asks, in the caller's words.")
    seed: int | None = Field(
        None, ge=0, le=MAX_SEED, description="Extension. Picture number i is drawn from seed + i; left out: chosen."
    )
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: int | None = Field(None, ge=0, le=100, description="For jpeg and webp; left out: 100.")


class Drawn(Common):
    """What takes a prompt."""

    prompt: Annotated[str, Field(min_length=1, max_length=32_000)]
    quality: Quality | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    stream: bool | None = Field(None, description="Answer with server-sent events.")
    partial_images: int | None = Field(None, ge=0, le=3, description="Previews while drawing, with stream.")
    safety_identifier: Annotated[str, Field(max_length=512)] | None = None


class Generation(Drawn):
    """`POST images/generations`."""

    style: Literal["vivid", "natural"] | None = None
    moderation: Literal["low", "auto"] | None = Field(
        None, description="Taken and without effect: the policy is that of whoever runs this ComfyUI."
    )


class Edit(Drawn):
    """`POST images/edits`, beside its files `image` (or `image[]`) and `mask`."""

    input_fidelity: Literal["high", "low"] | None = Field(None, description="Taken and without effect.")


class Variation(Common):
    """`POST images/variations`, beside its file `image`."""


class TextPart(Body):
    type: Literal["text"]
    text: str


class ImageUrl(Body):
    url: str


class ImagePart(Body):
    type: Literal["image_url"]
    image_url: ImageUrl


class Moderation(Body):
    """`POST moderations`."""

    input: str | list[str] | list[Annotated[TextPart | ImagePart, Field(discriminator="type")]]
    model: Name | None = None


_Body = TypeVar("_Body", bound=Body)


def parse(kind: type[_Body], fields: Mapping[str, Any], *, as_text: bool) -> _Body:
    """A body of this kind.

    Args:
        as_text: the fields come from a form, where numbers are text.

    Raises:
        ApiError: in OpenAI's words.
    """
    try:
        return kind.model_validate(dict(fields), strict=not as_text)
    except pydantic.ValidationError as error:
        raise _complaint(error.errors(include_url=False)) from None


_EXPECTED = {
    "int_type": "an integer", "int_parsing": "an integer", "int_from_float": "an integer", "bool_type": "a boolean",
    "bool_parsing": "a boolean", "string_type": "a string", "string_unicode": "a string of valid Unicode",
    "list_type": "an array", "dict_type": "an object", "model_type": "an object", "int_parsing_size": "an integer",
}  # fmt: skip
_GOT = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal number", list: "an array",
        dict: "an object", type(None): "null"}  # fmt: skip


def _complaint(errors: Any) -> ApiError:
    """The first error as OpenAI would say it: unknown names before values that do not fit."""
    errors = sorted(errors, key=lambda error: (error["type"] != "extra_forbidden", error["type"] != "missing"))
    error = errors[0]
    name = str(error["loc"][0])[:_LONGEST_NAME] if error["loc"] else None
    said, limits = error["input"], error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return unknown_parameter(str(name))
        case "missing" if len(error["loc"]) == 1:
            return missing_parameter(str(name))
        case "literal_error":
            values = str(limits["expected"]).replace(" or ", " and ")
            return invalid(name, f"Invalid value: {_quoted(said)}. Supported values are: {values}.")
        case "greater_than_equal":
            return _beyond(name, said, f"below minimum value. Expected a value >= {limits['ge']}", "below_min")
        case "less_than_equal":
            return _beyond(name, said, f"above maximum value. Expected a value <= {limits['le']}", "above_max")
        case "string_too_long":
            return too_long(str(name), len(said), limits["max_length"])
        case "string_too_short":
            return invalid(name, f"Invalid '{name}': empty string.", "empty_string")
    if wanted := _EXPECTED.get(error["type"]):
        got = _GOT.get(type(said), "something else")
        message = f"Invalid type for '{name}': expected {wanted}, but got {got} instead."
        return invalid(name, message, "invalid_type")
    return invalid(name, f"Invalid '{name}': {error['msg']}.")


def too_long(name: str, length: int, limit: int) -> ApiError:
    return invalid(
        name,
        f"Invalid '{name}': string too long. Expected a string with maximum length {limit}, but got a string with "
        f"length {length} instead.",
        "string_above_max_length",
    )


def _beyond(name: str | None, said: object, why: str, code: str) -> ApiError:
    return invalid(name, f"Invalid '{name}': integer {why}, but got {_quoted(said)} instead.", f"integer_{code}_value")


def _quoted(said: object) -> str:
    if isinstance(said, str):
        return f"'{said[:60]}'"
    return str(said) if isinstance(said, int) and said.bit_length() < 200 else "something else"
