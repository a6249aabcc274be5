"""The contact sheet, looked at pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from nodes.comparison.captions import captions
from nodes.comparison.lettering import Lettering, is_rtl, lacking, printable
from nodes.comparison.sheet import DARK, LIGHT, MAX_PAGE_HEIGHT, THEMES, Cell, SheetRow, draw_sheet

RED, GREEN = Image.new("RGB", (80, 80), "#ff0000"), Image.new("RGB", (80, 40), "#00ff00")
SAMPLES = {
    "Latin": "Façade Łódź ẞ “quoted” – €",
    "Cyrillic": "Съешь же ещё этих мягких французских булок",
    "Greek": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
    "Chinese": "天地玄黃 宇宙洪荒 简体字",
    "Japanese": "いろはにほへと チリヌルヲ 漢字",
    "Korean": "다람쥐 헌 쳇바퀴에 타고파",
    "Hebrew": "דג סקרן שט בים",
    "Arabic": "نص حكيم له سر قاطع",
}


def pixels_of(page: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((np.asarray(page) == colour).all(-1))


def ink(text: str, size: int = 32) -> np.ndarray:
    lettering = Lettering(size)
    picture = Image.new("L", (int(lettering.width(text)) + 20, lettering.line_height + 10))
    lettering.draw(ImageDraw.Draw(picture), (5, 5), text, "white")
    return np.asarray(picture)


def test_pictures_stand_side_by_side_in_their_own_colours_and_shapes():
    (page,) = draw_sheet(["A", "B"], [SheetRow((Cell(RED), Cell(GREEN)))], DARK, 80)
    red, green = pixels_of(page, (255, 0, 0)), pixels_of(page, (0, 255, 0))
    assert len(red) == 80 * 80
    assert len(green) == 80 * 40  # its shape is kept, nothing is stretched
    assert red[:, 1].max() < green[:, 1].min()
    middle = (red[:, 0].min() + red[:, 0].max()) / 2
    assert abs((green[:, 0].min() + green[:, 0].max()) / 2 - middle) <= 1


def test_every_pair_gets_its_row_and_long_sheets_go_on_on_pages_of_one_size():
    tall = Image.new("RGB", (64, 128), "#ff0000")
    rows = [SheetRow((Cell(tall), Cell(tall)))] * 200
    pages = draw_sheet(["A", "B"], rows, DARK, 64)
    assert len(pages) > 1
    assert len({page.size for page in pages}) == 1
    assert pages[0].height <= MAX_PAGE_HEIGHT
    assert sum(len(pixels_of(page, (255, 0, 0))) for page in pages) == 200 * 2 * 64 * 128


def test_a_missing_picture_is_said_not_repeated():
    (page,) = draw_sheet(["A", "B"], [SheetRow((Cell(RED), Cell(None)))], DARK, 80)
    assert len(pixels_of(page, (255, 0, 0))) == 80 * 80


def test_a_size_that_differs_is_warned_of_in_its_own_colour():
    warned = SheetRow((Cell(RED), Cell(GREEN, (), "80×40, A is 80×80")))
    (page,) = draw_sheet(["A", "B"], [warned], DARK, 160)
    (plain,) = draw_sheet(["A", "B"], [SheetRow((Cell(RED), Cell(GREEN)))], DARK, 160)
    amber = (0xFF, 0xB4, 0x54)
    assert len(pixels_of(page, amber)) > 8
    assert len(pixels_of(plain, amber)) == 0


@pytest.mark.parametrize("name", THEMES)
def test_themes_differ_in_ground_and_text(name):
    (page,) = draw_sheet(["Something"] * 2, [SheetRow((Cell(RED), Cell(RED)))], THEMES[name], 80)
    assert page.getpixel((0, page.height - 1)) == tuple(bytes.fromhex(THEMES[name].ground[1:]))


def luminance(colour: str) -> float:
    linear = [((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 255 / 12.92 for v in bytes.fromhex(colour[1:])]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_text_reads_well_by_the_web_guidelines(theme):
    for text in (theme.text, theme.quiet, theme.warning):
        for ground in (theme.ground, theme.card):
            lighter, darker = sorted((luminance(text), luminance(ground)), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (text, ground)


@pytest.mark.parametrize("script", SAMPLES)
def test_every_promised_script_has_its_letters(script):
    # U+0378 is no character: what the fonts draw for it is what they draw for anything they lack.
    boxes = [ink(c).tobytes() for c in ("\u0378", "\u05ff", "\u061d", "\u2eff")]
    drawn = {letter: ink(letter) for letter in set(SAMPLES[script]) - {" "}}
    for letter, picture in drawn.items():
        assert picture.max() > 128, f"{letter} is empty"
        assert picture.tobytes() not in boxes, f"{letter} is a box"


def test_letters_that_the_fonts_lack_are_named_and_boxes_stand_for_them():
    assert [lacking(sample) for sample in SAMPLES.values()] == [""] * len(SAMPLES)
    assert lacking("ก and น, ก again; हि 🦊 ❤\ufe0f") == "กนहि🦊❤"
    box = ink("\u2eff")
    assert box.max() > 128
    assert np.array_equal(ink("ก"), box)


def test_right_to_left_text_is_turned_and_arabic_letters_join():
    first, last = ink("א"), ink("אב")
    assert not np.array_equal(ink("אב"), ink("בא"))
    # The first letter of a Hebrew word stands at its right end.
    width = first.shape[1] - 20
    assert np.array_equal(last[:, -(width + 10) :][:, :width], first[:, -(width + 10) :][:, :width])
    apart = Lettering(32).width("ن") + Lettering(32).width("ص")
    assert Lettering(32).width("نص") < apart
    assert is_rtl("שלום world")
    assert not is_rtl("world שלום")


@pytest.mark.parametrize("script", SAMPLES)
@pytest.mark.parametrize("width", [60, 150, 400])
def test_wrapped_lines_fit_and_lose_nothing(script, width):
    lettering = Lettering(18)
    text = " ".join([SAMPLES[script]] * 3)
    lines = lettering.wrap(text, width, 1000)
    assert all(lettering.width(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_text_that_is_too_long_ends_in_an_ellipsis():
    lines = Lettering(18).wrap("word " * 500, 200, 3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert Lettering(18).width(lines[-1]) <= 200


def test_a_very_long_text_is_drawn_like_its_beginning():
    lettering = Lettering(18)
    for unit in ("word ", "x", "漢"):
        assert lettering.wrap(unit * 200_000, 200, 2) == lettering.wrap(unit * 200, 200, 2)
    assert lettering.wrap("a" + "\u0301" * 50_000, 200, 2) == ["á" + "\u0301" * 7 + "…"]


def test_a_word_without_spaces_is_broken_and_paragraphs_are_kept():
    lettering = Lettering(18)
    lines = lettering.wrap("x" * 300 + "\nsecond", 100, 100)
    assert all(lettering.width(line) <= 100 for line in lines)
    assert lines[-1] == "second"


def test_invisible_characters_are_left_out():
    assert printable("a\u202eb\u200bc\x00d\r\ne\tf") == "abcd\ne    f"


def test_captions_come_from_info_by_the_names_nodes_use():
    (caption,) = captions(
        '{"model": "dall-e-3", "seed": 7, "seconds": 12.34, "cost_usd": 0.04, "revised_prompt": "x"}', 1
    )
    assert caption.line == "dall-e-3 · seed 7 · 12.3 s · $0.040"
    assert caption.prompt == "x"


def test_each_picture_of_a_batch_gets_its_own_seed():
    first, second = captions('{"model": "flux1-dev", "images": [{"seed": 1}, {"seed": 2}]}', 2)
    assert (first.line, second.line) == ("flux1-dev · seed 1", "flux1-dev · seed 2")
    first, second = captions('{"model": "flux1-dev", "seeds": [3, 4]}', 2)
    assert (first.line, second.line) == ("flux1-dev · seed 3", "flux1-dev · seed 4")


@pytest.mark.parametrize(
    "info", ["", "null", "[]", "[1,2]", "{}", '{"seed": null, "model": {"a": 1}}', '{"images": 3}']
)
def test_info_without_facts_gives_no_caption_and_no_error(info):
    assert [caption.line for caption in captions(info, 2)] == ["", ""]


def test_any_other_text_is_a_caption_as_it_is():
    (caption,) = captions("drawn by hand", 1)
    assert (caption.line, caption.prompt) == ("", "drawn by hand")


def test_title_and_notes_stand_above_the_first_page_only():
    rows = [SheetRow((Cell(Image.new("RGB", (64, 128), "#ff0000")),) * 2)] * 200
    plain = draw_sheet(["A", "B"], rows, DARK, 64)
    titled = draw_sheet(["A", "B"], rows, DARK, 64, "Is FLUX good enough?", "Ten prompts.\nOf our last campaign.")
    lower = pixels_of(titled[0], (255, 0, 0))[:, 0].min() - pixels_of(plain[0], (255, 0, 0))[:, 0].min()
    assert lower >= 3 * Lettering(11).line_height
    assert pixels_of(titled[1], (255, 0, 0))[:, 0].min() == pixels_of(plain[1], (255, 0, 0))[:, 0].min()
    assert len({page.size for page in titled}) == 1
    assert titled[0].height <= MAX_PAGE_HEIGHT
    assert sum(len(pixels_of(page, (255, 0, 0))) for page in titled) == 200 * 2 * 64 * 128
