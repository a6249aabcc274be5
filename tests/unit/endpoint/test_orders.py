"""From a request to an order: what OpenAI takes and refuses, in its words."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nodes.endpoint.contract.bodies import Generation, Moderation, parse
from nodes.endpoint.contract.errors import ApiError
from nodes.endpoint.contract.orders import order_of
from nodes.endpoint.contract.rules import Operation, rules_for
from nodes.endpoint.contract.submissions import File, Order, Submission, json_object


def picture(size: tuple[int, int] = (64, 64), mode: str = "RGB", colour: object = 0, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind)  # type: ignore[arg-type]
    return buffer.getvalue()


def generation(**fields: object) -> Order:
    return order_of(Submission(Operation.GENERATE, {"prompt": "a cat", **fields}), rules_for)


def edit(*files: File, **fields: object) -> Order:
    return order_of(Submission(Operation.EDIT, {"prompt": "a hat", **fields}, files, is_form=True), rules_for)


def refusal(call: object, *arguments: object, **fields: object) -> dict[str, object]:
    with pytest.raises(ApiError) as caught:
        call(*arguments, **fields)  # type: ignore[operator]
    return {"status": caught.value.status, **caught.value.body["error"]}


def test_what_is_left_out_is_what_openai_takes_for_it():
    order = generation()
    assert (order.model, order.size, order.quality, order.n, order.gives) == (
        "dall-e-2", "1024x1024", "standard", 1, {"url"},
    )  # fmt: skip
    assert generation(model="dall-e-3").style == "vivid"
    assert generation(background="opaque").model == "gpt-image-1"
    assert generation(model="dall-e-3", n=None, size=None, style=None) == generation(model="dall-e-3")


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"prompt": None}, "missing_required_parameter", "prompt"),
        ({"prompt": ""}, "empty_string", "prompt"),
        ({"prompt": 7}, "invalid_type", "prompt"),
        ({"prompt": "\ud800"}, "invalid_type", "prompt"),
        ({"prompt": "x" * 1001}, "string_above_max_length", "prompt"),
        ({"prompt": "x" * 4001, "model": "dall-e-3"}, "string_above_max_length", "prompt"),
        ({"prompt": "x" * 32_001, "model": "gpt-image-1"}, "string_above_max_length", "prompt"),
        ({"n": "2"}, "invalid_type", "n"),
        ({"n": True}, "invalid_type", "n"),
        ({"n": 1.5}, "invalid_type", "n"),
        ({"n": 0}, "integer_below_min_value", "n"),
        ({"n": 11}, "integer_above_max_value", "n"),
        ({"n": 2, "model": "dall-e-3"}, "invalid_value", "n"),
        ({"n": 10**4000}, "integer_above_max_value", "n"),
        ({"size": "1792x1024"}, "invalid_value", "size"),
        ({"size": "512x512", "model": "dall-e-3"}, "invalid_value", "size"),
        ({"size": "512x512", "model": "gpt-image-1"}, "invalid_value", "size"),
        ({"size": "9999x64", "model": "house-style"}, "invalid_value", "size"),
        ({"size": "nonsense", "model": "house-style"}, "invalid_value", "size"),
        ({"quality": "hd"}, "invalid_value", "quality"),
        ({"quality": "hd", "model": "gpt-image-1"}, "invalid_value", "quality"),
        ({"style": "loud", "model": "dall-e-3"}, "invalid_value", "style"),
        ({"style": "vivid", "model": "gpt-image-1"}, "unknown_parameter", "style"),
        ({"response_format": "base64"}, "invalid_value", "response_format"),
        ({"output_format": "gif"}, "invalid_value", "output_format"),
        ({"output_compression": 50}, "invalid_value", "output_compression"),
        ({"background": "transparent"}, "invalid_value", "background"),
        ({"partial_images": 2}, "invalid_value", "partial_images"),
        ({"partial_images": 4, "stream": True}, "integer_above_max_value", "partial_images"),
        ({"stream": True, "n": 2}, "invalid_value", "n"),
        ({"seed": -1}, "integer_below_min_value", "seed"),
        ({"negative_prompt": "dogs"}, "unknown_parameter", "negative_prompt"),
    ],
)
def test_what_openai_refuses_is_refused_with_its_code_and_parameter(fields, code, param):
    said = refusal(generation, **fields)
    assert (said["status"], said["code"], said["param"]) == (400, code, param)
    assert said["type"] == "invalid_request_error"
    assert len(str(said["message"])) < 400


def test_an_unknown_name_is_told_before_a_value_that_does_not_fit():
    assert refusal(generation, n=99, negative_prompt="dogs")["code"] == "unknown_parameter"


def test_the_model_is_looked_up_before_anything_else():
    def none(name: str) -> object:
        raise ApiError(404, "no", code="model_not_found")

    submission = Submission(Operation.GENERATE, {"model": "sora", "nonsense": 1})
    with pytest.raises(ApiError) as caught:
        order_of(submission, none)  # type: ignore[arg-type]
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("model", "operation", "asked", "gives"),
    [
        ("dall-e-3", "generations", None, {"url"}),
        ("gpt-image-1", "generations", None, {"b64_json"}),
        ("chatgpt-image-latest", "edits", None, {"b64_json"}),
        ("dall-e-2", "edits", None, {"url", "b64_json"}),
        ("house-style", "generations", None, {"url"}),
        ("gpt-image-1", "generations", "url", {"url"}),
        ("dall-e-2", "edits", "b64_json", {"b64_json"}),
    ],
)
def test_each_client_finds_the_form_of_picture_that_it_looks_for(model, operation, asked, gives):
    fields = {"model": model, **({"response_format": asked} if asked else {})}
    made = edit(File("image", picture()), **fields) if operation == "edits" else generation(**fields)
    assert made.gives == gives


def test_the_mask_says_what_to_redraw_by_transparency_or_by_white():
    image = File("image", picture())
    alpha = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    alpha.paste((0, 0, 0, 0), (0, 0, 32, 64))
    white = Image.new("L", (64, 64), 0)
    white.paste(255, (0, 0, 32, 64))
    masks = []
    for mask in (alpha, white):
        buffer = io.BytesIO()
        mask.save(buffer, "PNG")
        upload = edit(image, File("mask", buffer.getvalue())).upload
        assert upload
        change = upload.change()
        assert change is not None
        masks.append(change)
    assert masks[0].shape == (1, 64, 64)
    assert masks[0][0, :, :32].min() == 1.0
    assert masks[0][0, :, 32:].max() == 0.0
    assert (masks[0] == masks[1]).all()


def test_without_a_mask_dall_e_2_redraws_what_is_transparent_in_the_picture():
    see_through = Image.new("RGBA", (64, 64), (9, 9, 9, 255))
    see_through.paste((0, 0, 0, 0), (0, 0, 64, 32))
    buffer = io.BytesIO()
    see_through.save(buffer, "PNG")
    file = File("image", buffer.getvalue())
    own, later = edit(file).upload, edit(file, model="gpt-image-1").upload
    assert own
    assert later
    change = own.change()
    assert change is not None
    assert change[0, :32].min() == 1.0
    assert change[0, 32:].max() == 0.0
    assert later.change() is None


@pytest.mark.parametrize(
    ("files", "code", "param"),
    [
        ((), "missing_required_parameter", "image"),
        ((File("image", b"no picture"),), "invalid_image_file", "image"),
        ((File("image", picture()[:60]),), "invalid_image_file", "image"),
        ((File("image", picture()), File("image", picture())), "array_above_max_length", "image"),
        ((File("image", picture()), File("mask", picture((32, 32), colour=(255, 255, 255)))), "invalid_value", "mask"),
        ((File("image", picture()), File("mask", picture())), "invalid_value", "mask"),
        (
            (File("image", picture()), File("mask", picture(mode="RGBA", colour=(1, 1, 1, 255)))),
            "invalid_value",
            "mask",
        ),
        ((File("image", picture((4096, 64))),), "invalid_value", "image"),
    ],
)
def test_pictures_that_cannot_be_edited_are_refused(files, code, param):
    said = refusal(edit, *files)
    assert (said["status"], said["code"], said["param"]) == (400, code, param)


def test_an_edit_keeps_the_pictures_size_unless_dall_e_2s_square_is_meant():
    mask = picture(mode="RGBA", colour=(0, 0, 0, 0))
    assert edit(File("image", picture((96, 64)))).size == "96x64"
    assert edit(File("image", picture()), File("mask", mask)).size == "1024x1024"
    assert edit(File("image", picture()), File("mask", mask), model="gpt-image-1").size == "64x64"
    submission = Submission(Operation.VARIATION, {}, (File("image", picture()),), is_form=True)
    assert order_of(submission, rules_for).size == "1024x1024"


def test_equal_requests_have_equal_fingerprints_and_others_do_not():
    one = Submission(Operation.EDIT, {"a": 1, "b": 2}, (File("image", b"xy"),))
    assert one.fingerprint() == Submission(Operation.EDIT, {"b": 2, "a": 1}, (File("image", b"xy"),)).fingerprint()
    assert one.fingerprint() != Submission(Operation.EDIT, {"b": 2, "a": 1}, (File("image", b"x"),)).fingerprint()
    assert one.fingerprint() != Submission(Operation.VARIATION, {"a": 1, "b": 2}, (File("image", b"xy"),)).fingerprint()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff", b'{"a":' * 5000, b'"x"'], ids=range(7))
def test_a_body_that_is_no_json_object_is_one_clear_error(body):
    assert refusal(json_object, body)["status"] == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*Generation.model_fields, "input", "image", "", "é"])


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(NAMES, JSON, max_size=6))
def test_any_body_becomes_an_order_or_an_error_in_openais_shape(fields):
    for call in (
        lambda: order_of(Submission(Operation.GENERATE, fields), rules_for),
        lambda: order_of(Submission(Operation.EDIT, fields, (File("image", picture()),), True), rules_for),
        lambda: parse(Moderation, fields, as_text=False),
    ):
        said = outcome(call)
        assert said is None or (said["status"] == 400 and {"message", "type", "param", "code"} <= set(said))


def outcome(call: Callable[[], object]) -> dict[str, object] | None:
    """What a call is refused with, as it goes over the wire; None if it is not."""
    try:
        call()
    except ApiError as error:
        return {"status": error.status, **json.loads(error.as_bytes())["error"]}
    return None
