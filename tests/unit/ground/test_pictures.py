import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nodes import pictures
from nodes.pictures import BadPicture


def file_of(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_formats_of_image_apis_are_read(kind):
    opened = pictures.decode(file_of(Image.new("RGB", (8, 6), "red"), kind, quality=95))
    assert (opened.mode, opened.size) == ("RGB", (8, 6))
    assert np.allclose(opened.getpixel((4, 3)), (255, 0, 0), atol=3)


def test_alpha_is_kept_and_laid_over_white_in_a_tensor():
    opened = pictures.decode(file_of(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG"))
    assert opened.mode == "RGBA"
    assert pictures.to_tensor([opened]).min() == 1.0


def test_a_palette_picture_with_transparency_becomes_rgba():
    palette = Image.new("P", (4, 4), 0)
    assert pictures.decode(file_of(palette, "PNG", transparency=0)).mode == "RGBA"


def test_16_bit_grey_is_scaled_not_clipped():
    deep = Image.fromarray(np.full((4, 4), 32768, dtype=np.uint16))
    assert pictures.decode(file_of(deep, "PNG")).getpixel((0, 0)) == (128, 128, 128)


def test_a_sideways_photo_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert pictures.decode(file_of(Image.new("RGB", (8, 4)), "JPEG", exif=exif)).size == (4, 8)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not a PNG"),
        (b"<!DOCTYPE html><html>", "look like a web page"),
        (b'{"error": 1}', "look like JSON"),
        (file_of(Image.new("RGB", (64, 64)), "PNG")[:-40], "cut short"),
        (file_of(Image.effect_noise((64, 64), 90), "JPEG")[:600], "cut short"),
        (file_of(Image.new("RGB", (4, 4)), "GIF"), "not a PNG"),
    ],
)
def test_what_is_no_whole_picture_is_refused(data, complaint):
    with pytest.raises(BadPicture, match=complaint):
        pictures.decode(data)


def test_an_image_bomb_is_refused_before_it_is_unpacked():
    bomb = file_of(Image.new("1", (14_000, 14_000)), "PNG")
    assert len(bomb) < 100_000
    with pytest.raises(BadPicture, match="megapixels"):
        pictures.decode(bomb)


def test_what_comfyui_showed_is_reduced_at_the_largest_size_without_a_second_copy(tmp_path):
    """A vote on 8192x5120 answered 500: more pixels than a stranger's picture may have."""
    resource = pytest.importorskip("resource", reason="Windows counts memory otherwise")
    file = tmp_path / "shown.png"
    Image.new("RGB", (8192, 5120), "red").save(file, compress_level=0)
    assert file.stat().st_size > pictures.MAX_BYTES
    code = (
        "import resource, sys; from pathlib import Path; from nodes import pictures\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(pictures.reduced(Path(sys.argv[1]), 512).size)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", code, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    size, grown = done.stdout.splitlines()
    assert size == "(512, 320)"
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown) * unit < 1.5 * 4 * 8192 * 5120
    assert resource


@pytest.mark.parametrize("data", [b"", b"<html>", file_of(Image.new("RGB", (64, 64)), "PNG")[:-40]])
def test_what_cannot_be_reduced_is_no_picture(tmp_path, data):
    (tmp_path / "shown.png").write_bytes(data)
    with pytest.raises(BadPicture):
        pictures.reduced(tmp_path / "shown.png", 512)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_kind_of_picture_is_reduced_to_rgb(tmp_path, mode):
    Image.new(mode, (900, 600)).save(tmp_path / "shown.png")
    small = pictures.reduced(tmp_path / "shown.png", 300)
    assert (small.mode, small.size) == ("RGB", (300, 200))


def test_too_many_pixels_are_not_opened_again(tmp_path):
    Image.new("1", (8193, 8192)).save(tmp_path / "shown.png")
    with pytest.raises(BadPicture, match="too large"):
        pictures.reduced(tmp_path / "shown.png", 512)


def test_tensor_and_picture_round_trip_to_the_bit():
    array = np.random.default_rng(1).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    batch = pictures.to_tensor([Image.fromarray(a) for a in array])
    assert batch.shape == (2, 5, 7, 3)
    assert batch.dtype == torch.float32
    assert np.array_equal(np.stack([np.asarray(p) for p in pictures.to_pil(batch)]), array)


def test_values_outside_of_the_range_do_not_wrap_around():
    batch = torch.tensor([-1.0, 2.0, float("nan"), float("inf")]).reshape(1, 1, 4, 1).expand(1, 1, 4, 3)
    (picture,) = pictures.to_pil(batch)
    assert [picture.getpixel((x, 0))[0] for x in range(4)] == [0, 255, 0, 255]


def test_pictures_of_different_sizes_are_no_batch():
    with pytest.raises(ValueError, match="one size"):
        pictures.to_tensor([Image.new("RGB", (2, 2)), Image.new("RGB", (3, 2))])


def test_where_comfyui_says_change_the_api_reads_transparent():
    mask = torch.zeros(1, 4, 4)
    mask[:, :2] = 1.0
    alpha = np.asarray(pictures.with_mask_as_alpha(Image.new("RGB", (4, 4)), mask))[..., 3]
    assert (alpha[:2] == 0).all()
    assert (alpha[2:] == 255).all()


def test_png_text_survives_unicode():
    data = pictures.encode_png(Image.new("RGB", (2, 2)), {"prompt": "un café à 3 €, 猫"})
    assert Image.open(io.BytesIO(data)).text["prompt"] == "un café à 3 €, 猫"
