"""From a submission to an order: everything that can be checked before anything is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import bodies
from .bodies import Common, Drawn, Edit, Generation, Variation
from .errors import ApiError, invalid, missing_parameter, unknown_parameter
from .rules import AUTO, DEFAULT_SIZE, DRAWN_AS, ModelRules, Operation, listed, parse_free_size, wrong_operation
from .submissions import Order, Submission
from .uploads import Upload, upload_of

_BODIES: Mapping[Operation, type[Common]] = {
    Operation.GENERATE: Generation,
    Operation.EDIT: Edit,
    Operation.VARIATION: Variation,
}
# Whoever names no model but uses what only GPT image models had means one of them (openai-1.109.1).
_GPT_ONLY = ("background", "output_format", "output_compression", "stream", "partial_images", "moderation")


def order_of(submission: Submission, find_rules: Callable[[str], ModelRules]) -> Order:
    """What the request comes to. Decodes pictures, so it is slow for large ones.

    Args:
        find_rules: the rules of a model by its name; raises ApiError if there is no such model.

    Raises:
        ApiError: the first thing wrong with it; the model before anything else, as OpenAI does.
    """
    fields = {name: value for name, value in submission.fields.items() if value is not None}
    name = fields.get("model") or _default_model(fields)
    rules = find_rules(name) if isinstance(name, str) else ModelRules()
    body = bodies.parse(_BODIES[submission.operation], fields, as_text=submission.is_form)
    if submission.operation not in rules.operations:
        raise wrong_operation(name, submission.operation)
    drawn = body if isinstance(body, Drawn) else None
    if rules.gpt and "style" in fields:
        raise unknown_parameter("style")
    if drawn and len(drawn.prompt) > rules.max_prompt:
        raise bodies.too_long("prompt", len(drawn.prompt), rules.max_prompt)
    n = body.n or 1
    if n > rules.max_n:
        raise invalid("n", f"You must provide n={rules.max_n} for this model.")
    quality = (drawn and drawn.quality) or (AUTO if rules.gpt else "standard")
    if quality not in rules.qualities:
        raise invalid("quality", f"Invalid value: '{quality}'. Supported values are: {listed(rules.qualities)}.")
    size = rules.size(body.size)
    _check_format(body, drawn, rules, n)
    upload = _upload(submission, name, rules)
    return Order(
        operation=submission.operation,
        model=name,
        prompt=drawn.prompt if drawn else "",
        size=_settled_size(size, body, upload),
        asked_quality=quality,
        style=(body.style if isinstance(body, Generation) else None) or rules.style,
        n=n,
        seed=body.seed,
        gives=_gives(body, rules, submission.operation),
        output_format=body.output_format or "png",
        compression=100 if body.output_compression is None else body.output_compression,
        background=(drawn and drawn.background) or AUTO,
        stream=bool(drawn and drawn.stream),
        partial_images=(drawn and drawn.partial_images) or 0,
        gpt=rules.gpt,
        upload=upload,
        notes=tuple(_notes(body, quality, upload)),
    )


def _default_model(fields: Mapping[str, Any]) -> str:
    return "gpt-image-1" if any(name in fields for name in _GPT_ONLY) else "dall-e-2"


def _settled_size(size: str, body: Common, upload: Upload | None) -> str:
    """Without a size an edit keeps the picture's own, but for DALL·E 2's: a square with a mask comes out at 1024x1024.

    A larger size would have FLUX draw on beyond the borders, which was not asked for.
    """
    if upload is None or (isinstance(body, Variation) and size != AUTO):
        return DEFAULT_SIZE if size == AUTO else size
    is_square_part = upload.size.width == upload.size.height and upload.has_mask
    if size == AUTO or (body.size is None and not is_square_part):
        try:
            return parse_free_size(str(upload.size))
        except ApiError as error:
            raise invalid("image", f"{error} Name a size for the result, or send another picture.") from None
    return size


def _check_format(body: Common, drawn: Drawn | None, rules: ModelRules, n: int) -> None:
    if body.output_compression not in (None, 100) and body.output_format not in ("jpeg", "webp"):
        raise invalid("output_compression", "Compression less than 100 is not supported for PNG output format.")
    if not drawn:
        return
    if drawn.background == "transparent" and (not rules.keeps_alpha or body.output_format == "jpeg"):
        raise invalid("background", "Transparent background is not supported for this model or output format.")
    if drawn.partial_images and not drawn.stream:
        raise invalid("partial_images", "'partial_images' is only supported when 'stream' is true.")
    if drawn.stream and n > 1:
        raise invalid("n", "Streaming is only supported for n=1.")


def _gives(body: Common, rules: ModelRules, operation: Operation) -> frozenset[str]:
    """What clients that say nothing look for: LangChain and LibreChat the url, the AI SDK b64_json on every edit.

    Both where one would do is no kindness: Open WebUI takes the url if there is one, and may not be let to fetch it.
    """
    if body.response_format:
        return frozenset({body.response_format})
    if rules.gpt:
        return frozenset({"b64_json"})
    return frozenset({"url", "b64_json"} if operation is Operation.EDIT else {"url"})


def _upload(submission: Submission, model: str, rules: ModelRules) -> Upload | None:
    pictures = [file.data for file in submission.files if file.name in ("image", "image[]")]
    masks = [file.data for file in submission.files if file.name == "mask"]
    if submission.operation is Operation.GENERATE:
        if submission.files:
            raise unknown_parameter(submission.files[0].name)
        return None
    if not pictures:
        raise missing_parameter("image")
    if len(pictures) > rules.max_inputs:
        raise invalid(
            "image", f"Too many images: this model takes {rules.max_inputs}, and {len(pictures)} came.",
            "array_above_max_length",
        )  # fmt: skip
    if len(masks) > 1 or (masks and submission.operation is Operation.VARIATION):
        raise invalid("mask", "Only one mask is allowed.") if len(masks) > 1 else unknown_parameter("mask")
    alpha_is_mask = submission.operation is Operation.EDIT and model.startswith("dall-e")
    return upload_of(pictures, masks[0] if masks else None, alpha_is_mask=alpha_is_mask)


def _notes(body: Common, quality: str, upload: Upload | None) -> list[str]:
    notes = []
    if quality != DRAWN_AS[quality]:
        notes.append(f"quality '{quality}' is drawn as '{DRAWN_AS[quality]}'.")
    if isinstance(body, Generation) and body.moderation == "low":
        notes.append("moderation 'low' changes nothing; the policy is that of whoever runs this ComfyUI.")
    if upload and upload.mask_is_white:
        notes.append("The mask has no transparency, so its white areas were redrawn.")
    return notes
