"""Pictures that are taken out again: with their words, files and reproductions, and nothing of anybody else's."""

from __future__ import annotations

import csv
import json

import pytest
import torch
from chatgpt_exports import Export, ordinary

from nodes.archive import exports, items, migration
from nodes.archive.deleting import ItemInUse, delete, notes, remove_files
from nodes.archive.items import NoSuchItem
from nodes.archive.migration_report import write
from nodes.archive.reproductions import of_item, store
from nodes.archive.tables import MIGRATIONS, ROOM
from nodes.archive.thumbnails import place, thumbnail

PLAN = migration.read_plan(None)


@pytest.fixture
def export(archive) -> Export:
    made = ordinary("2026", turns=5)
    archive.take(made.as_zip(archive.input / "e.zip").name)
    return made


def first(archive, query: str = "maker:dall-e-3"):
    return items.search(archive.state, query).items[0]


def draw(archive, item_id: str, shade: float = 0.5) -> str:
    return store(archive.state, item_id, torch.full((1, 8, 8, 3), shade), "a fox", "{}", "")[0]


def files(archive) -> set[str]:
    return {file.name for file in archive.state.images.rglob("*") if file.is_file()}


def test_an_item_goes_with_its_words_its_files_and_its_reproductions_and_leaves_a_note(archive, export):
    item, before = first(archive), files(archive)
    total = items.search(archive.state).total
    drawn, small = draw(archive, item.id), thumbnail(archive.state, item.id)
    note = delete(archive.state, item.id)
    assert (note["id"], note["maker"], note["bytes"], note["reproductions"]) == (item.id, "dall-e-3", item.bytes, 1)
    assert list(notes(archive.state)) == [note]
    assert item.words not in json.dumps(note)
    assert files(archive) == before - {item.id, drawn}
    assert not small.exists()
    assert items.search(archive.state).total == total - 1
    assert item.id not in {one.id for one in items.search(archive.state, item.words.split()[0]).items}
    assert of_item(archive.state, item.id) == []
    with pytest.raises(NoSuchItem):
        delete(archive.state, item.id)
    (row,) = csv.DictReader("".join(exports.deletions_csv(archive.state, "")).removeprefix("\ufeff").splitlines())
    assert row["id"] == item.id


def test_the_import_that_brought_it_still_says_so_and_brings_it_again(archive, export):
    before = archive.imports.all()[0]
    item = first(archive)
    delete(archive.state, item.id)
    assert archive.imports.get(before["id"]) == before
    again = archive.take("e.zip")
    assert (again["added"], again["known"]) == (1, before["found"] - 1)
    assert first(archive, f"id:{item.id}").words == item.words
    assert archive.state.kept(item.id).is_file()


def test_a_picture_that_something_else_needs_stays_on_the_disk(archive, export):
    one, other = items.search(archive.state, "maker:dall-e-3").items[:2]
    shared = draw(archive, one.id)
    assert draw(archive, other.id) == shared
    delete(archive.state, one.id)
    assert archive.state.kept(shared).is_file()
    delete(archive.state, other.id)
    assert not archive.state.kept(shared).exists()


def test_pictures_that_were_paid_for_or_voted_on_stay_on_the_disk(archive, export):
    paid, voted = items.search(archive.state, "maker:dall-e-3").items[:2]
    tables = "CREATE TABLE images_api_calls (image_sha256 TEXT);\nCREATE TABLE comparison_votes (sides TEXT);\n"
    with archive.state.database("elsewhere", (tables,)) as database:
        database.execute("INSERT INTO images_api_calls VALUES (?)", (paid.id,))
        database.execute("INSERT INTO comparison_votes VALUES (?)", (json.dumps([{"kept": voted.id}]),))
    for item in (paid, voted):
        delete(archive.state, item.id)
        assert archive.state.kept(item.id).is_file()


@pytest.mark.parametrize("state", ["running", "paused", "tried"])
def test_no_picture_goes_while_a_migration_holds_it(archive, export, state):
    item = first(archive)
    begun = migration.create(archive.state, f"id:{item.id}", PLAN, 0)
    with archive.state.database(ROOM, MIGRATIONS) as database:
        database.execute("UPDATE archive_migrations SET state = ?", (state,))
    with pytest.raises(ItemInUse, match="cancel it"):
        delete(archive.state, item.id)
    assert archive.state.kept(item.id).is_file()
    migration.change(archive.state, begun, "cancel")
    delete(archive.state, item.id)


def test_a_report_leaves_out_what_was_deleted_since(archive, export, tmp_path):
    one, other = items.search(archive.state, "maker:dall-e-3").items[:2]
    begun = migration.create(archive.state, f"id:{one.id}", PLAN, 0)
    drawn = [draw(archive, item.id, place / 2) for place, item in enumerate((one, other))]
    with archive.state.database(ROOM, MIGRATIONS) as database:
        database.execute("DELETE FROM archive_migration_items")
        database.executemany(
            "INSERT INTO archive_migration_items (migration, place, item, state, pictures) VALUES (?, ?, ?, 'done', ?)",
            [(begun, place, item.id, json.dumps([drawn[place]])) for place, item in enumerate((one, other))],
        )
        database.execute("UPDATE archive_migrations SET state = 'done'")
    delete(archive.state, one.id)
    page = write(archive.state, begun, tmp_path / "report")[0].read_text("utf-8")
    assert page.count("<figure") == 2


def test_files_wait_for_a_running_import_which_keeps_files_before_their_rows(archive, export):
    item = first(archive)
    with archive.state.database(ROOM, MIGRATIONS) as database:
        database.execute("UPDATE archive_imports SET state = 'running'")
    delete(archive.state, item.id)
    assert archive.state.kept(item.id).is_file()
    with archive.state.database(ROOM, MIGRATIONS) as database:
        database.execute("UPDATE archive_imports SET state = 'done'")
    remove_files(archive.state)
    assert not archive.state.kept(item.id).exists()


def test_a_file_that_cannot_be_removed_now_is_removed_later(archive, export, monkeypatch):
    item = first(archive)

    def refuse(*_, **__):
        raise PermissionError("somebody is looking at it")

    with monkeypatch.context() as during:
        during.setattr("pathlib.Path.unlink", refuse)
        delete(archive.state, item.id)
    assert archive.state.kept(item.id).is_file()
    archive.imports.carry_on()
    assert not archive.state.kept(item.id).exists()
    assert not place(archive.state, item.id).exists()


def test_nothing_is_drawn_beside_an_item_that_went_meanwhile(archive, export, monkeypatch):
    item = first(archive)
    monkeypatch.setattr("nodes.archive.reproductions.get", lambda *_: (item, delete(archive.state, item.id))[0])
    with pytest.raises(NoSuchItem):
        draw(archive, item.id)
