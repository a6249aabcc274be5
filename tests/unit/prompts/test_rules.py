"""Each rule by example: what people write for DALL·E, and what FLUX is given."""

from __future__ import annotations

import pytest

from nodes.prompts.convert import ConversionRequest, convert
from nodes.prompts.rules import in_order
from nodes.prompts.rules.negatives import POSITIVES, positive_for
from nodes.prompts.targets import PromptMode, Style, Target


def plain(prompt: str, target: Target = Target.DEV, **options) -> str:
    """The long text without style and format sentences, as the host wants it."""
    return convert(ConversionRequest(prompt, Style.NONE, "", target, **options)).t5xxl


TABLE: dict[str, list[tuple[str, str]]] = {
    "tool_call": [
        ('{"prompt": "a cat on a mat", "size": "1792x1024", "n": 1}', "a cat on a mat"),
        ('{"subject": "a fox", "lighting": "soft morning light"}', "a fox. Lighting: soft morning light"),
        ('{"scene": "a market", "colors": ["red", "gold"]}', "a market. Colors: red, gold"),
        ('{"broken": "json', '"broken": "json'),
    ],
    "markdown": [
        ("**A red** fox in *snow*", "A red fox in snow"),
        ("# Scene\n\nA lake at dawn", "Scene. A lake at dawn"),
        ("A desk with:\n- a lamp\n- two books", "A desk with: a lamp, two books"),
        ("1. A cat\n2. A dog", "A cat, A dog"),
        ("```\na lighthouse\n```", "a lighthouse"),
        ("see [the lake](https://example.com/a) at dusk", "see the lake at dusk"),
        ("a cat<br>on a mat", "a cat on a mat"),
        ("fish &amp; chips", "fish & chips"),
        ("a 3 * 4 grid of 2 * 2 tiles", "a 3 * 4 grid of 2 * 2 tiles"),
    ],
    "as_is": [
        (
            "I NEED to test how the tool works with extremely simple prompts. DO NOT add any detail, just use it "
            "AS-IS: a red cube, no shadows",
            "a red cube, no shadows",
        ),
        (
            "i need to test how the tool works with extremely simple prompts.  Do not add any detail, just use it "
            "as is\nCreate an image of a cat, 8k",
            "Create an image of a cat, 8k",
        ),
        ("My prompt has full detail so no need to add more: a cat", "a cat"),
        ("Use this prompt verbatim: create a picture of two owls", "create a picture of two owls"),
    ],
    "chat": [
        ("Hi ChatGPT! a lighthouse in fog", "a lighthouse in fog"),
        ("DALL·E, a lighthouse in fog", "a lighthouse in fog"),
        ("Prompt: a lighthouse in fog", "a lighthouse in fog"),
        ("Here is a DALL-E prompt for you: a lighthouse in fog", "a lighthouse in fog"),
        ("Sure! Here's the image prompt:\n\na lighthouse in fog", "a lighthouse in fog"),
        ("a lighthouse in fog. Thank you so much!", "a lighthouse in fog."),
        ("a lighthouse in fog, please", "a lighthouse in fog"),
        ("a lighthouse in fog. Let me know if you would like any changes!", "a lighthouse in fog."),
        ('"A lighthouse in fog at the end of a pier"', "A lighthouse in fog at the end of a pier"),
        ("/imagine prompt: a lighthouse in fog", "a lighthouse in fog"),
        ('"OPEN"', '"OPEN"'),
    ],
    "request": [
        ("Create an image of a fox", "a fox"),
        ("Please generate a picture of a fox", "a fox"),
        ("Can you draw me a fox?", "a fox?"),
        ("I want you to create a watercolor painting of a fox", "a watercolor painting of a fox"),
        ("I'd like an image of a fox", "a fox"),
        ("Generate a photo of a fox", "a photo of a fox"),
        ("A beautiful, highly detailed image of a fox", "a fox"),
        ("A photorealistic image of a fox", "A photorealistic image of a fox"),
        ("Paint a fox in a forest", "A painting of a fox in a forest"),
        ("A fox. The image should show a river.", "A fox. A river."),
        ("Make America great again poster", "Make America great again poster"),
        ("Show jumping at the county fair", "Show jumping at the county fair"),
    ],
    "other_tools": [
        ("a fox --ar 16:9 --v 6 --stylize 750", "a fox"),
        ("a fox --style raw --no people", "a fox. Empty and deserted."),
        ("a fox —ar 16:9", "a fox"),
        ("a fox — quick and clever", "a fox — quick and clever"),
        ("https://example.com/a.png a fox", "a fox"),
        ("a fox <lora:foxes_v2:0.8>", "a fox"),
        ("a fox BREAK a forest", "a fox. A forest"),
        (
            "a fox\nNegative prompt: blurry, bad hands, ugly\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42",
            "a fox. In sharp focus and with natural, correct anatomy.",
        ),
    ],
    "weights": [
        ("a (red:1.3) fox", "a red fox"),
        ("a ((red)) fox", "a red fox"),
        ("a ((red:1.2)) fox", "a red fox"),
        ("a ((very) red fox:1.1)", r"a \(very\) red fox"),
        ("a ratio of (2:1)", r"a ratio of \(2:1\)"),
        ("fox::2 forest::1", "fox, forest"),
        ("a fox (the clever one)", r"a fox \(the clever one\)"),
        ("the bible (John 3:16)", r"the bible \(John 3:16\)"),
    ],
    "size_and_quality": [
        ("a fox, 1792x1024", "a fox"),
        ("a fox in 1024 x 1792 pixels", "a fox"),
        ("a fox, 16:9 aspect ratio", "a fox"),
        ("a fox with an aspect ratio of 3:2", "a fox"),
        ("a fox, quality: hd, style: natural", "a fox"),
        ("a fox at 9:16 in the morning", "a fox at 9:16 in the morning"),
        ("a 2x4 plank", "a 2x4 plank"),
        ("style: watercolor, a fox", "style: watercolor, a fox"),
    ],
    "host_syntax": [
        ("a {red|blue} fox", "a red or blue fox"),
        ("a {red} fox", "a red fox"),
        ("a {2$$red|0.5::blue} fox", "a red or blue fox"),
        (r"the set \{a\|b\}", "the set a|b"),
        (r"a {red\|blue|green} fox", "a red|blue or green fox"),
        ("a fox __animals/wild__ here", "a fox animals wild here"),
        ('a {red|blue} fox with the words "{a|b} __c__"', 'a red or blue fox with the words "{a|b} __c__"'),
        ("a __color__ fox", "a color fox"),
        ("embedding:easynegative a fox", "embedding easynegative a fox"),
        ("a fox /* clever */ here", "a fox clever here"),
        (r"a fox \(clever\)", r"a fox \(clever\)"),
        ("a fox :)", r"a fox :\)"),
    ],
    "quality_words": [
        ("masterpiece, best quality, a fox, 8k uhd", "a fox"),
        ("a fox, highly detailed, trending on artstation", "a fox"),
        ("a fox in 4k", "a fox"),
        ("a fox in ultra high resolution", "a fox"),
        ("a 4k monitor on a desk", "a 4k monitor on a desk"),
        ("a highly detailed map of Paris", "a highly detailed map of Paris"),
        ("a masterpiece by a child", "a masterpiece by a child"),
        ("masterpiece, 8k", "masterpiece, 8k"),
        ("a fox, all in stunning 8k ultra hd resolution.", "a fox."),
    ],
    "negatives": [
        ("a street at night, no people", "a street at night, empty and deserted"),
        ("a street with no people at night", "a street, empty and deserted at night"),
        ("a street without any people or cars", "a street, empty and deserted and with quiet, empty roads"),
        ("a poster. Do not include any text or watermarks.", "a poster. Clean, unmarked surfaces."),
        ("a man with no beard", "a man, clean-shaven"),
        ("There are no clouds.", "Under a clear sky."),
        ("a shop with the sign \"OPEN\", no other text", 'a shop with the sign "OPEN", no other text'),
        (
            'a shop with the sign "OPEN", no text',
            'a shop with the sign "OPEN", with only the quoted text in the picture',
        ),
        ("a park, no people, dogs or cats", "a park, no people, dogs or cats"),
        ("a park with no people except a boy", "a park with no people except a boy"),
        ("a no-nonsense teacher who no longer smiles", "a no-nonsense teacher who no longer smiles"),
        ("a kitchen without a fridge", "a kitchen without a fridge"),
    ],
    "hex_colours": [
        ("a car in #FF0000", "a car in red"),
        ("a red (#FF0000) car", "a red car"),
        ("a wall in hex #0047AB", "a wall in cobalt blue"),
        ("#000080 curtains and #fff walls", "navy blue curtains and white walls"),
        ("we are #1 of 100", "we are #1 of 100"),
        ("issue #123 on a badge", "issue #123 on a badge"),
    ],
    "punctuation": [
        ("a fox ,, in snow ..", "a fox, in snow."),
        ("a fox. a river runs by. it is dawn.", "a fox. A river runs by. It is dawn."),
        ("a fox, e.g. a red one, vs. a wolf", "a fox, e.g. a red one, vs. a wolf"),
        ("Wait... a fox", "Wait... a fox"),
        ("a fox in a red hat] the fox grins", "a fox in a red hat. The fox grins"),
        ("A fox. [a river runs by.", "A fox. A river runs by."),
        ("a fox [in snow]", "a fox [in snow]"),
    ],
    "repetition": [
        ("A red fox sits. A red fox sits. It is dawn.", "A red fox sits. It is dawn."),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [pytest.param(*pair, id=f"{rule}-{n}") for rule, rows in TABLE.items() for n, pair in enumerate(rows)],
)
def test_the_table(before, after):
    assert plain(before) == after


def test_every_rule_has_a_name_a_reason_and_examples():
    names = [rule.name for rule in in_order]
    assert len(names) == len(set(names))
    assert all(len(rule.reason) > 30 for rule in in_order)
    assert set(names) - set(TABLE) == {"artists", "style_cue", "format_cue", "length"}, (
        "these have tests of their own below"
    )


@pytest.mark.parametrize(("rule", "before"), [(rule, rows[0][0]) for rule, rows in TABLE.items()])
def test_a_rule_says_what_it_changed(rule, before):
    report = convert(ConversionRequest(before, Style.NONE, "")).report.as_dict()
    told = {entry["rule"]: entry for entry in report["rules"]}
    assert rule in told
    assert told[rule]["reason"]
    assert all(change["before"] != change["after"] for change in told[rule]["changes"])


def test_a_name_that_the_host_takes_for_a_file_is_reported():
    done = convert(ConversionRequest('a sign "my embedding:fox"', Style.NONE, ""))
    assert "embedding" in [warning.code for warning in done.report.warnings]
    assert "embedding" not in [
        warning.code for warning in convert(ConversionRequest("embedding:fox runs")).report.warnings
    ]


def test_settings_written_in_the_prompt_are_reported():
    report = convert(ConversionRequest("a fox --ar 16:9 --seed 7, quality: hd", Style.NONE)).report.as_dict()
    assert report["asked"] == {"aspect_ratio": "16:9", "seed": "7", "quality": "hd"}
    report = convert(ConversionRequest("a fox, 1792x1024", Style.NONE)).report.as_dict()
    assert report["suggested"]["size"] == "1792x1024"


def test_what_is_not_wanted_and_has_no_positive_is_reported():
    kept = convert(ConversionRequest("a kitchen without a fridge", Style.NONE, ""))
    assert [warning.code for warning in kept.report.warnings] == ["negative_kept"]
    dropped = convert(ConversionRequest("a kitchen --no unicorns", Style.NONE, ""))
    assert dropped.t5xxl == "a kitchen"
    assert [warning.code for warning in dropped.report.warnings] == ["negative_dropped"]


def test_positives_name_nothing_that_was_not_wanted():
    for _, positive in POSITIVES:
        assert not {"no", "not", "without", "never"} & set(positive.split()), positive
    assert positive_for("people") == "empty and deserted"
    assert positive_for("unicorns") is None


def test_flux_2_keeps_hex_colours():
    assert plain("a car in #FF0000", Target.FLUX2_DEV) == "a car in #FF0000"


@pytest.mark.parametrize(
    ("prompt", "described"),
    [
        (
            "a harbor in the style of Monet",
            "a harbor in an Impressionist style, luminous, hazy, loosely brushed, oil painting",
        ),
        ("a Van Gogh style harbor", "a swirling, thickly brushed, intensely colored Post-Impressionist-style harbor"),
        ("a portrait of Frida Kahlo", "a portrait of Frida Kahlo"),
    ],
)
def test_artists_are_described_when_asked(prompt, described):
    assert plain(prompt, describe_artists=True) == described
    assert plain(prompt) == prompt


def styled(prompt: str, style: Style, size: str = "") -> str:
    return convert(ConversionRequest(prompt, style, size)).t5xxl


@pytest.mark.parametrize(
    ("prompt", "vivid", "natural"),
    [
        ("a fox", "Vivid, saturated colors and dramatic, high-contrast light.",
         "Soft natural light and true-to-life, understated colors."),
        ("a fox at sunset", "Vivid, saturated colors and strong contrast.", "True-to-life, understated colors."),
        ("a pencil sketch of a fox", "Dramatic, high-contrast light.", "Soft, understated natural light."),
        ("a fox in black and white", "Dramatic, high-contrast light.", "Soft, understated natural light."),
        ("a sepia photograph of a fox at dawn", "Strong, dramatic contrast.", "Soft, understated tones."),
        ("a fox in muted tones", "Dramatic, high-contrast light.", "Soft, understated natural light."),
        ("a Greek statue of a fox", "Dramatic, high-contrast light.", "Soft, understated natural light."),
        ("a logo of a fox", "Bold, vivid colors.", "Natural, understated colors."),
        ("a medieval painting of a fox", "Bold, vivid colors.", "Natural, understated colors."),
        ("a fox by a light pastel wall", "Vivid, saturated colors and dramatic, high-contrast light.",
         "Soft natural light and true-to-life, understated colors."),
    ],
)  # fmt: skip
def test_a_style_contradicts_nothing_the_prompt_says(prompt, vivid, natural):
    assert styled(prompt, Style.VIVID) == f"{prompt}. {vivid}"
    assert styled(prompt, Style.NATURAL) == f"{prompt}. {natural}"
    assert styled(prompt, Style.NONE) == prompt


def test_a_coloring_page_gets_no_style():
    assert styled("a coloring page of a fox", Style.VIVID) == "a coloring page of a fox"


def test_a_black_and_white_animal_is_no_black_and_white_picture():
    assert "saturated colors" in styled("a black and white panda", Style.VIVID)


@pytest.mark.parametrize(
    ("size", "cue"),
    [
        ("1792x1024", "Wide landscape composition."),
        ("1024x1792", "Tall vertical composition."),
        ("1024x1024", "Balanced square composition."),
    ],
)
def test_a_format_is_said_once(size, cue):
    once = convert(ConversionRequest("a fox.", Style.NONE, size))
    assert once.t5xxl == f"a fox. {cue}"
    assert convert(ConversionRequest(once.t5xxl, Style.NONE, size)).t5xxl == once.t5xxl


def test_a_format_in_the_prompt_stays_and_a_contradiction_is_reported():
    done = convert(ConversionRequest("a vertical poster of a fox", Style.NONE, "1792x1024"))
    assert done.t5xxl == "a vertical poster of a fox"
    assert [warning.code for warning in done.report.warnings] == ["format"]


def test_a_thing_in_the_picture_is_no_format():
    for prompt in ("a fox under a retro banner", "a fox at panoramic windows"):
        done = convert(ConversionRequest(prompt, Style.NONE, "1024x1024"))
        assert done.t5xxl == f"{prompt}. Balanced square composition."
        assert done.report.warnings == ()


def test_a_cue_follows_a_quoted_sentence_without_a_second_stop():
    done = convert(ConversionRequest('a banner that reads "Class of 69."', Style.NONE, "1024x1024"))
    assert done.t5xxl == 'a banner that reads "Class of 69." Balanced square composition.'


def test_as_is_mode_changes_nothing_but_escapes():
    done = convert(ConversionRequest("Create an image of a fox (red), no people, 8k", mode=PromptMode.AS_IS))
    assert done.t5xxl == r"Create an image of a fox \(red\), no people, 8k"
    assert done.report.mode == "as_is"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Un gato rojo sentado en una mesa con un libro (muy bonito), sin personas, 8k", "es"),
        ("Ein roter Fuchs auf einer Wiese mit dem Schild „GEÖFFNET“ und ohne Menschen", "de"),
        ("一只猫坐在垫子上，写着“你好”的牌子，没有人", "zh"),
        ("猫が「こんにちは」と書かれた看板を持っている", "ja"),
        ("قطة حمراء تجلس على سجادة", "ar"),
        ("חתול אדום יושב על שטיח", "he"),
        ("Рыжий кот сидит на столе", "ru"),
    ],
)
def test_other_languages_pass_intact(text, language):
    done = convert(ConversionRequest(text))
    assert done.text.replace(", 8k", "") == text.replace(", 8k", "")
    assert done.report.language == language
    hinted = "language" in [warning.code for warning in done.report.warnings]
    assert hinted == (language != "de"), "T5 reads German; a rewriter is suggested for what FLUX cannot read"


def test_emoji_and_direction_marks_stay():
    text = "a family 👨‍👩‍👧 waving 👋🏽 under \u202bשלום\u202c"
    assert plain(text) == text
    assert "unreadable" in [warning.code for warning in convert(ConversionRequest(text)).report.warnings]


def test_guidance_follows_target_and_style():
    def guidance(target: Target, style: Style) -> float | None:
        return convert(ConversionRequest("a fox", style, "", target)).guidance

    assert guidance(Target.DEV, Style.VIVID) == 3.5
    assert guidance(Target.DEV, Style.NATURAL) == 2.5
    assert guidance(Target.SCHNELL, Style.VIVID) is None
    assert guidance(Target.FILL, Style.NATURAL) == 30.0
    assert guidance(Target.FLUX2_DEV, Style.VIVID) == 4.0


def test_an_empty_prompt_stays_empty_and_says_so():
    done = convert(ConversionRequest("  \n "))
    assert (done.t5xxl, done.clip_l) == ("", "")
    assert [warning.code for warning in done.report.warnings] == ["empty"]


UNITS = ["meter", "m", "cm", "feet", "mm", "tile", "piece", "person", "km", "inch"]
NOUNS = ["football field", "carpet", "grid of dots", "room", "truck", "monitor on a desk", "picture frame", "jigsaw"]


@pytest.mark.parametrize(
    "numbers", ["200 x 300", "1024x1024", "1920×1080", "4 x 4", "512 X 512", "1000x2000", "256x256"]
)
def test_what_is_measured_keeps_its_measures(numbers):
    for noun in NOUNS:
        for unit in ["", *UNITS]:
            prompt = f"A {numbers} {unit} {noun}".replace("  ", " ")
            assert plain(prompt) == prompt
    for unit in UNITS:
        for prompt in (
            f"a field of {numbers} {unit}",
            f"a wall, {numbers} {unit}, in fog",
            f"a field ({numbers} {unit})",
        ):
            assert plain(prompt).replace("\\", "") == prompt


@pytest.mark.parametrize(
    "prompt",
    [
        "a 3:2 ratio of sheep to goats", "a rug, size 200x300", "a rug 300 x 400", "paint mixed in a 3:2 ratio",
        "a box of 1024 x 768 x 512 mm", "a 16:9 format television", "a crowd of 1000x1000 people",
        "a clock at 16:9 in the morning", "John 3:16 in the ratio of gold",
    ],
)  # fmt: skip
def test_numbers_that_are_no_size_of_a_picture_stay(prompt):
    assert plain(prompt) == prompt
    assert convert(ConversionRequest(prompt, Style.NONE, "")).report.asked == {}


@pytest.mark.parametrize(
    ("prompt", "after", "asked"),
    [
        ("a fox at a resolution of 1920x1080.", "a fox.", {"size": "1920x1080"}),
        ("A 1920x1080 wallpaper of a fox", "A wallpaper of a fox", {"size": "1920x1080"}),
        ("a 16:9 aspect ratio photo of a fox", "a photo of a fox", {"aspect_ratio": "16:9"}),
        ("a fox, 500x500px", "a fox", {"size": "500x500"}),
        ("a fox (1024x1024)", "a fox", {"size": "1024x1024"}),
        ("a fox, size: 1024x1024, snow", "a fox, snow", {"size": "1024x1024"}),
        ("1024x1024", "1024x1024", {}),
    ],
)
def test_a_size_that_is_taken_is_told(prompt, after, asked):
    done = convert(ConversionRequest(prompt, Style.NONE, ""))
    assert (done.t5xxl, done.report.asked) == (after, asked)
    assert bool(done.report.changes) == bool(asked), "and stands among the changes"


@pytest.mark.parametrize(
    "negative",
    [
        "zero traffic lights", "without glasses of wine", "no hair on top", "no hair clips", "no car park",
        "no text messages", "no cloud formations", "no people mover", "no cars with headlights",
        "no people on the left",
        "no tree house", "no rain coat", "no light bulbs", "no people's faces", "no house-plants", "no shadow’s edge",
        "no building taller than a church", "no clouds above the hill", "no frills", "no cap of snow",
        "no trees/bushes", "no windows or doors", "no people, except for a boy", "no people - except a boy",
        "no people (except a boy)",
        "no water, waves or foam",
    ],
)  # fmt: skip
def test_only_a_noun_that_ends_the_phrase_is_turned(negative):
    for prompt in (f"a place, {negative}", f"a place {negative} in fog, at dawn", f"A place. {negative.capitalize()}."):
        done = convert(ConversionRequest(prompt, Style.NONE, ""))
        assert done.t5xxl.replace("\\", "") == prompt
        assert {warning.code for warning in done.report.warnings} == {"negative_kept"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a poster, no text, watermarks, signature", "a poster, clean, unmarked surfaces"),
        ("a pier, no people, cars or text",
         "a pier, empty and deserted, with quiet, empty roads and clean, unmarked surfaces"),
        ("a lake with no waves and a boat", "a lake, with mirror-calm water and a boat"),
        ("a street, no cars, a building in fog", "a street, with quiet, empty roads, a building in fog"),
        ("a street, no people, lights glowing in the windows", "a street, empty and deserted, lights glowing in the "
         "windows"),
        ("a photo (no people)", r"a photo \(empty and deserted\)"),
        ("a man without a hat, smiling", "a man without a hat, smiling"),
        ("no rain, no fog", "In dry weather and in crisp, clear air"),
        ("a pier with no human figures while the sun sets", "a pier, empty and deserted while the sun sets"),
    ],
)  # fmt: skip
def test_a_list_is_turned_as_a_whole_or_not_at_all(before, after):
    assert plain(before) == after


def test_a_prompt_longer_than_flux_can_read_is_read_in_part_and_says_so():
    done = convert(ConversionRequest("A fox runs. " * 5_000 + "THE END", Style.NONE, ""))
    assert "length" in [change.rule for change in done.report.changes]
    assert any(part.endswith("THE END") for part in done.report.left_out)
    assert "shortened" in [warning.code for warning in done.report.warnings]
    long_quote = convert(ConversionRequest('"OPEN" ' * 10_000, Style.NONE, ""))
    assert long_quote.report.tokens.t5xxl <= 512


@pytest.mark.parametrize("text", ['{"a":' * 600 + "1" + "}" * 600, "[" * 5_000 + "]" * 5_000, '{"prompt": "\\ud800"}',
                                  '{"prompt": "a fox \\udc00", "size": "\\ud800"}', "a fox \ud800"])  # fmt: skip
def test_what_is_no_text_in_a_prompt_harms_nothing(text):
    done = convert(ConversionRequest(text, frozen=""))
    done.report.json().encode()
    done.t5xxl.encode()
    done.clip_l.encode()
