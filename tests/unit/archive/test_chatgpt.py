"""ChatGPT's exports: both layouts, every wrapping, who made what, and which words belong to which picture."""

from __future__ import annotations

import hashlib
import json
import zlib

import pytest
from chatgpt_exports import Export, ordinary, png, webp

from nodes.archive import items, matching
from nodes.archive.chatgpt import asset_ids


def in_archive(archive) -> dict[str, dict]:
    page = items.search(archive.state, limit=1000)
    assert page.total == len(page.items)
    keys = ("maker", "match", "prompt", "revised_prompt", "conversation")
    return {item.id: {key: getattr(item, key) for key in keys} for item in page.items}


def only(archive, query: str = "") -> items.Item:
    (item,) = items.search(archive.state, query).items
    return item


WRAPPINGS = {
    "folder": lambda export, place: export.as_folder(place / "export"),
    "zip": lambda export, place: export.as_zip(place / "export.zip"),
    "zip of zips": lambda export, place: export.as_zip_of_zips(place / "export.zip"),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("layout", ["2023", "2026"])
def test_every_picture_comes_in_with_its_maker_and_both_prompts(archive, expected, layout, wrapping):
    export = ordinary(layout)
    path = WRAPPINGS[wrapping](export, archive.input)
    done = archive.take(path.name)
    held = sum(one.held for one in export.pictures)
    assert (done["state"], done["error"]) == ("done", None)
    assert {name: done[name] for name in ("found", "added", "known", "missing", "unmatched", "unreadable")} == {
        "found": held, "added": held, "known": 0, "missing": 1, "unmatched": 1, "unreadable": 0,
    }  # fmt: skip
    assert in_archive(archive) == expected(export)
    for one in export.pictures:
        if one.held:
            assert archive.state.kept(hashlib.sha256(one.data).hexdigest()).read_bytes() == one.data


def test_importing_twice_adds_nothing(archive):
    path = ordinary("2026").as_zip(archive.input / "export.zip").name
    first, second = archive.take(path), archive.take(path)
    assert (second["found"], second["added"], second["known"]) == (first["found"], 0, first["found"])
    assert items.search(archive.state).total == first["added"]
    assert items.search(archive.state, "fox OR lighthouse").total == 0  # OR is a word like any other
    found = [items.search(archive.state, word).total for word in ("watercolour", "photo", "sketch", "draw")]
    assert found[-1] >= max(found[:-1])


def test_what_the_export_names_and_does_not_hold_is_listed_with_its_words(archive):
    export = Export("2026")
    (lost,) = export.dalle3(held=False)
    export.dalle3()
    done = archive.take(export.as_folder(archive.input / "e").name)
    (finding,) = archive.imports.findings(done["id"], "missing", 0, 10)
    assert (finding["name"], finding["maker"]) == (lost.asset, "dall-e-3")
    assert (finding["prompt"], finding["revised_prompt"]) == (lost.prompt, lost.revised_prompt)


def test_a_picture_without_words_is_kept_and_gets_them_when_a_later_import_knows_them(archive):
    export = Export("2023")
    (picture,) = export.dalle3()
    (archive.input / "alone").mkdir()
    (archive.input / "alone" / "some name.png").write_bytes(picture.data)
    assert archive.take("alone")["unmatched"] == 1
    assert only(archive).maker == "unknown"
    done = archive.take(export.as_zip(archive.input / "e.zip").name)
    assert (done["added"], done["known"]) == (0, 1)
    item = only(archive, "numbered")
    assert (item.maker, item.revised_prompt) == ("dall-e-3", picture.revised_prompt)
    archive.take("alone")
    assert only(archive).revised_prompt == picture.revised_prompt


def test_a_picture_that_a_user_sends_back_stays_dalles(archive):
    for sent_back_first in (False, True):
        export = Export("2026", seed=int(sent_back_first))
        if sent_back_first:
            data = png(5)
            export.upload(data=data)
            export.dalle3(data=data)
        else:
            (made,) = export.dalle3()
            export.upload(data=made.data)
        path = export.as_folder(archive.input / f"e{sent_back_first}").name
        archive.take(path)
    assert {item.maker for item in items.search(archive.state).items} == {"dall-e-3"}


def test_dalle_metadata_without_prompt_and_seed_is_no_dalle_3(archive):
    export = Export("2026")
    export.gpt_image()
    archive.take(export.as_folder(archive.input / "e").name)
    item = only(archive)
    assert item.maker == "gpt-image"
    assert item.revised_prompt.startswith("A ")


def test_an_early_call_with_several_prompts_gives_each_picture_its_own(archive):
    export = Export("2023")
    made = export.dalle3(n=2)
    for node in export.conversations[0]["mapping"].values():
        message = node["message"] or {}
        if message.get("recipient") == "dalle.text2im":
            message["content"] = {"content_type": "text", "parts": [json.dumps({"prompts": ["first", "second"]})]}
        for part in (message.get("content") or {}).get("parts", []):
            if isinstance(part, dict):
                part["metadata"]["dalle"]["prompt"] = ""
    archive.take(export.as_folder(archive.input / "e").name)
    words = {item.id: item.revised_prompt for item in items.search(archive.state).items}
    assert [words[hashlib.sha256(one.data).hexdigest()] for one in made] == ["first", "second"]


def test_pictures_of_regenerated_answers_come_in_too(archive):
    export = Export("2026")
    conversation = export.conversation()
    export.dalle3(conversation)
    conversation["current_node"] = "root"  # another branch
    export.dalle3(conversation)
    assert archive.take(export.as_folder(archive.input / "e").name)["added"] == 2


def test_a_webp_is_a_webp_whatever_it_is_called(archive):
    export = Export("2023")
    export.dalle3(data=webp(3))
    archive.take(export.as_zip(archive.input / "e.zip").name)
    item = only(archive)
    assert (item.format, item.size) == ("WEBP", "24x16")


@pytest.mark.parametrize(
    ("name", "asset"),
    [
        ("dalle-generations/file-3lZoyAbCdEfGhIjKlMnOpQrS-0b6f2c1e-5a3d-4b1c-9d2e-1f2a3b4c5d6e.webp",
         "file-3lZoyAbCdEfGhIjKlMnOpQrS"),
        ("file-3lZoy-holiday photo.final.png", "file-3lZoy"),
        ("user-x/file_00ff00ff-0b6f2c1e-5a3d-4b1c-9d2e-1f2a3b4c5d6e.png", "file_00ff00ff"),
        ("file-3lZoy.dat", "file-3lZoy"),
    ],
)  # fmt: skip
def test_a_files_name_says_its_id(name, asset):
    assert asset in asset_ids(name)


def ambiguous(export: Export, count: int, same_words: bool) -> None:
    """Pictures of one size in bytes and pixels, whose files are named by nothing that the texts know."""
    about = {"prompt": "draw it again", "revised_prompt": "The same fox."} if same_words else {}
    for number in range(count):
        export.dalle3(**about)
        export.pictures[-1].name = f"dalle-generations/{number:08x}-0000-4000-8000-000000000000.webp"
        export.pictures[-1].match = "size" if same_words else "none"


def test_files_without_ids_are_matched_by_generation_then_by_bytes(archive, expected):
    export = Export("2023")
    (by_generation,) = export.dalle3(match="gen_id")
    by_generation.name = f"dalle-generations/{by_generation.gen_id}.webp"
    for padding in range(1, 40):
        export.dalle3(padding=padding, match="size", name=f"dalle-generations/{padding:08x}.webp")
    archive.take(export.as_zip(archive.input / "e.zip").name)
    assert in_archive(archive) == expected(export)
    assert {item.confidence for item in items.search(archive.state, "match:size").items} == {0.9}


def test_where_words_cannot_be_told_apart_none_are_given(archive):
    export = Export("2023")
    ambiguous(export, 5, same_words=False)
    done = archive.take(export.as_folder(archive.input / "e").name)
    assert (done["found"], done["unmatched"], done["missing"]) == (5, 5, 5)


def test_where_all_say_the_same_it_does_not_matter_which(archive):
    export = Export("2023")
    ambiguous(export, 5, same_words=True)
    done = archive.take(export.as_folder(archive.input / "e").name)
    assert (done["found"], done["unmatched"], done["missing"]) == (5, 0, 0)
    assert {item.confidence for item in items.search(archive.state).items} == {matching.SEVERAL_ALIKE}


def test_the_same_bytes_in_another_shape_are_another_picture(archive):
    export = Export("2023")
    (wide,) = export.dalle3(size=(24, 16), match="size", name="a.png")
    (high,) = export.dalle3(size=(16, 24), match="size", name="b.png")
    longer = max(len(wide.data), len(high.data))
    for one in (wide, high):
        one.data += bytes(longer - len(one.data))
    for node in [node for talk in export.conversations for node in talk["mapping"].values()]:
        for part in ((node["message"] or {}).get("content") or {}).get("parts", []):
            if isinstance(part, dict):
                part["size_bytes"] = longer
    archive.take(export.as_folder(archive.input / "e").name)
    words = {item.id: item.prompt for item in items.search(archive.state).items}
    assert [words[hashlib.sha256(one.data).hexdigest()] for one in (wide, high)] == [wide.prompt, high.prompt]


def test_a_diagram_that_a_program_drew_is_a_programs(archive):
    export = Export("2023")
    conversation = export.conversation()
    export.dalle3(conversation)
    for node in conversation["mapping"].values():
        if (node["message"] or {}).get("author", {}).get("role") == "tool":
            pointer = node["message"]["content"]["parts"][0]["asset_pointer"]
            shown = {"message_type": "image", "image_url": pointer, "width": 24, "height": 16}
            node["message"]["author"]["name"] = "python"
            node["message"]["content"] = {"content_type": "execution_output", "text": ""}
            node["message"]["metadata"]["aggregate_result"] = {"messages": [shown, {"message_type": "stream"}, 7]}
    archive.take(export.as_zip(archive.input / "e.zip").name)
    assert (only(archive).maker, only(archive).match) == ("code", "id")


def test_content_credentials_stay_in_the_picture_and_are_told(archive):
    plain = png(4)
    box = b"jumb....jumdc2pa\0"
    chunk = len(box).to_bytes(4, "big") + b"caBX" + box + zlib.crc32(b"caBX" + box).to_bytes(4, "big")
    signed = plain[:33] + chunk + plain[33:]
    export = Export("2026")
    export.dalle3(data=signed)
    export.dalle3(data=png(5))
    archive.take(export.as_zip(archive.input / "e.zip").name)
    told = {item.id: item.has_c2pa for item in items.search(archive.state).items}
    sha256 = hashlib.sha256(signed).hexdigest()
    assert told.pop(sha256) is True
    assert list(told.values()) == [False]
    assert archive.state.kept(sha256).read_bytes() == signed


def test_chinese_words_are_found(archive):
    export = Export("2026")
    export.dalle3(prompt="画一只红色的狐狸", revised_prompt="A red fox, Füchse, Ελλάδα")
    export.dalle3(prompt="something else", revised_prompt="else")
    archive.take(export.as_zip(archive.input / "e.zip").name)
    for query in ("狐狸", "红色的", "fuchse", "ελλάδα", '"red fox"', "-else", "fox -something"):
        assert only(archive, query).prompt.startswith("画"), query
    assert items.search(archive.state, "色红").total == 0
