"""The archive as files again: the originals to the byte, tables, and what may be done with the pictures."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile

import pytest
import torch
from chatgpt_exports import Export, ordinary

from nodes.archive import exports, items
from nodes.archive.items import NoSuchItem
from nodes.archive.reproductions import of_item, store
from nodes.archive.rights import rights
from nodes.archive.thumbnails import thumbnail
from nodes.comparison.votes import read_vote
from nodes.comparison.votes import store as cast
from nodes.pictures import BadPicture


@pytest.fixture
def export(archive) -> Export:
    made = ordinary("2026", turns=5)
    made.dalle3(made.conversation("=cmd()"), prompt="=HYPERLINK(1)", revised_prompt='a "fox", and\nmore')
    archive.take(made.as_zip(archive.input / "e.zip").name)
    return made


def test_the_zip_holds_every_original_to_the_byte_and_three_tables(archive, export):
    data = b"".join(exports.pictures_zip(archive.state, ""))
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        assert made.testzip() is None
        pictures = [made.read(name) for name in made.namelist() if name.startswith("pictures/")]
        lines = made.read("items.jsonl").decode().splitlines()
        rows = list(csv.DictReader(io.StringIO(made.read("items.csv").decode("utf-8-sig"))))
        audit = list(csv.DictReader(io.StringIO(made.read("audit.csv").decode("utf-8-sig"))))
    held = {one.data for one in export.pictures if one.held}
    assert set(pictures) == held
    assert {json.loads(line)["id"] for line in lines} == {hashlib.sha256(one).hexdigest() for one in held}
    assert len(rows) == len(audit) == len(held)
    assert all(not cell.startswith("=") for row in (*rows, *audit) for cell in row.values())
    assert all(row["statement"] for row in audit)


def test_an_export_of_the_archive_can_be_imported_again(archive, export, tmp_path):
    data = b"".join(exports.pictures_zip(archive.state, ""))
    (archive.input / "again.zip").write_bytes(data)
    done = archive.take("again.zip")
    held = sum(one.held for one in export.pictures)
    assert (done["added"], done["known"], done["missing"]) == (0, held, 0)
    fresh = type(archive)(tmp_path / "fresh")
    (fresh.input / "again.zip").write_bytes(data)
    done = fresh.take("again.zip")
    said = ("id", "maker", "prompt", "revised_prompt", "conversation", "created")
    known = {item.id: item for item in items.search(archive.state, limit=99).items}
    for item in items.search(fresh.state, limit=99).items:
        if item.prompt:
            assert [getattr(item, name) for name in said] == [getattr(known[item.id], name) for name in said]
    assert done["added"] == held


def test_only_what_is_searched_for_is_exported(archive, export):
    lines = list(exports.items_jsonl(archive.state, "maker:upload"))
    assert len(lines) == sum(one.maker == "upload" for one in export.pictures)


def test_rights_are_told_by_maker_and_time(archive, export):
    said = {item.maker: rights(item).statement for item in items.search(archive.state, limit=99).items}
    assert "owns the output" in said["dall-e-3"]
    assert "does not know" in said["upload"]
    assert "Nothing is known" in said["unknown"]
    assert len(set(said.values())) >= 3


def test_new_pictures_stand_beside_the_old_ones_and_once(archive, export):
    item = items.search(archive.state, "maker:dall-e-3").items[0]
    images = torch.rand(2, 8, 8, 3)
    for _ in range(2):
        kept = store(archive.state, item.id, images, "drawn \0 from", '{"model": "FLUX.1-dev"}', "no json")
    assert len(kept) == 2
    made = of_item(archive.state, item.id)
    assert [one["picture"] for one in made] == kept
    assert (made[0]["info"], made[0]["metrics"]) == ({"model": "FLUX.1-dev"}, "no json")
    assert items.get(archive.state, item.id).reproductions == 2
    sides = [{"slot": slot, "label": slot, "width": 8, "height": 8} for slot in "ab"]
    cast(archive.state, read_vote({"comparison": "c1", "pair": 1, "choice": "b", "sides": sides}))
    store(archive.state, item.id, images[:1], "", "", '{"comparison": "c1"}')
    assert [vote["choice"] for vote in of_item(archive.state, item.id)[0]["votes"]] == ["b"]
    (line,) = [json.loads(line) for line in exports.items_jsonl(archive.state, "is:reproduced")]
    assert len(line["reproductions"]) == 2
    with pytest.raises(NoSuchItem):
        store(archive.state, "x", images, "", "", "")


def test_a_thumbnail_is_made_once_and_only_of_what_is_in_the_archive(archive, export):
    item = items.search(archive.state, "maker:dall-e-3").items[0]
    file = thumbnail(archive.state, item.id)
    assert file.read_bytes()[8:12] == b"WEBP"
    assert thumbnail(archive.state, item.id) == file
    for wrong in ("x", archive.state.keep(b"private")):
        with pytest.raises(NoSuchItem):
            thumbnail(archive.state, wrong)
    archive.state.kept(item.id).write_bytes(b"damaged")
    file.unlink()
    with pytest.raises(BadPicture):
        thumbnail(archive.state, item.id)
