"""Exports made to do harm, and damaged ones: nothing is written where it should not be, and what is whole comes in."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from chatgpt_exports import Export, ordinary, png

from nodes.archive import items, source
from nodes.archive.json_stream import CutShort, objects
from nodes.archive.picture_files import look
from nodes.archive.places import BadArchiveSettings, ForbiddenPlace, NothingThere, find, folders


def zipped(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o120777 << 16
            archive.writestr(info, target)
    return path.name


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_names_that_lead_out_of_a_zip_lead_nowhere(archive, tmp_path):
    names = [
        "../../slip.png",
        "/etc/slip.png",
        "C:\\slip.png",
        "..\\slip.png",
        "\\\\server\\slip.png",
        "a\0b.png",
        "x" * 9000,
    ]
    path = zipped(archive.input / "e.zip", {name: png(number) for number, name in enumerate(names)})
    before = {name for name in everything_below(tmp_path) if not name.startswith("state")}
    done = archive.take(path)
    assert (done["state"], done["found"]) == ("done", len(names))
    assert {name for name in everything_below(tmp_path) if not name.startswith("state")} == before
    assert not Path("/etc/slip.png").exists()


def test_links_are_not_followed_and_are_named(archive, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(1))
    path = zipped(archive.input / "e.zip", {"a.png": png(2)}, {"b.png": str(secret)})
    done = archive.take(path)
    assert (done["found"], done["unreadable"]) == (1, 1)
    folder = archive.input / "f"
    folder.mkdir()
    try:
        (folder / "b.png").symlink_to(secret)
        (folder / "all").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pytest.skip("this system lets nobody make links")
    done = archive.take("f")
    assert (done["found"], done["unreadable"]) == (0, 2)
    assert "link" in archive.imports.findings(done["id"], "unreadable", 0, 10)[0]["why"]


def test_a_zip_that_would_fill_the_disk_is_refused(archive):
    bomb = archive.input / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("conversations.json", bytes(200 * 2**20))
    done = archive.take("bomb.zip")
    assert done["state"] == "failed"
    assert "times its size" in done["error"]


def test_bombs_in_zips_count_together(archive):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.json", bytes(60 * 2**20))
    path = zipped(archive.input / "e.zip", {"part1.zip": inner.getvalue(), "part2.zip": inner.getvalue()})
    done = archive.take(path)
    assert done["state"] == "failed"
    assert "times its size" in done["error"]


def test_zips_are_opened_two_deep_and_no_deeper(archive):
    data = png(1)
    for _ in range(4):
        outer = io.BytesIO()
        with zipfile.ZipFile(outer, "w") as made:
            made.writestr("inner.zip" if data[:2] == b"PK" else "a.png", data)
        data = outer.getvalue()
    (archive.input / "e.zip").write_bytes(data)
    done = archive.take("e.zip")
    assert (done["found"], done["unreadable"]) == (0, 1)


def test_a_million_files_are_refused_before_they_are_listed(archive):
    """The end of a zip says how long its list is; the list itself would be as many objects in memory."""
    count = 10**6
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * count
    large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (archive.input / "e.zip").write_bytes(directory + large + locator + end)
    tracemalloc.start()
    done = archive.take("e.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done["state"] == "failed"
    assert "250,000 files" in done["error"]
    assert peak < 20 * 2**20


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\3\4" + bytes(100), b"\0" * 70_000], ids=range(4))
def test_what_is_no_zip_fails_with_a_sentence(archive, data):
    (archive.input / "e.zip").write_bytes(data)
    done = archive.take("e.zip")
    assert done["state"] == "failed"
    assert "no whole zip" in done["error"]


def test_a_zip_cut_short_anywhere_never_hangs_or_crashes(archive, tmp_path):
    whole = ordinary("2026", turns=2).as_zip(tmp_path / "whole.zip").read_bytes()
    for length in range(0, len(whole), len(whole) // 12):
        (archive.input / "cut.zip").write_bytes(whole[:length])
        assert archive.take("cut.zip")["state"] == "failed"


def test_damaged_files_in_a_zip_are_named_and_the_rest_comes_in(archive, expected):
    export = ordinary("2026", turns=3)
    path = export.as_zip(archive.input / "e.zip")
    data = bytearray(path.read_bytes())
    victim = export.pictures[0]
    at = data.index(f"{victim.asset}.dat".encode()) + len(victim.asset) + 40
    data[at : at + 200] = bytes(200)
    path.write_bytes(bytes(data))
    done = archive.take(path.name)
    assert (done["state"], done["unreadable"]) == ("done", 1)
    answers = expected(export)
    del answers[hashlib.sha256(victim.data).hexdigest()]
    assert {item.id for item in items.search(archive.state, limit=999).items} == set(answers)


def test_damaged_conversations_cost_only_themselves(archive, monkeypatch):
    monkeypatch.setattr("nodes.archive.importing.MOST_VALUES", 10_000)
    export = ordinary("2023", turns=4)
    texts = [json.dumps(one) for one in export.conversations]
    deep = '{"title": ' + "[" * 200_000 + "]" * 200_000 + "}"
    many = '{"title": [' + "{}," * 20_000 + "{}]}"
    broken = '{"title": nothing}'
    odd = ['{"mapping": 7}', '{"mapping": {"a": 7}}', "[]", "7", '"{"', "{}", '{"mapping": {"a": {"message": []}}}']
    mixed = [*texts[:2], deep, many, broken, *odd, *texts[2:]]
    folder = export.as_folder(archive.input / "e")
    (folder / "conversations.json").write_text("[" + ", ".join(mixed) + "]", "utf-8")
    done = archive.take("e")
    assert (done["state"], done["unreadable"]) == ("done", 3)
    assert done["unmatched"] == 1
    (folder / "conversations.json").write_text("[" + ", ".join(mixed)[:-9], "utf-8")
    done = archive.take("e")
    assert (done["state"], done["unreadable"]) == ("done", 4)


def test_messages_in_a_circle_end(archive):
    export = Export("2023")
    export.dalle3()
    mapping = export.conversations[0]["mapping"]
    for node in mapping.values():
        if (node["message"] or {}).get("author", {}).get("role") == "user":
            node["message"]["author"]["role"] = "assistant"
    first, *_, last = mapping
    mapping[first]["parent"] = last
    assert archive.take(export.as_folder(archive.input / "e").name)["found"] == 1


ODD_TEXTS = [
    "<img src=x onerror=alert(1)>",
    "\0nul",
    "\ud83d",
    "a" * 2_000_000,
    "'; DROP TABLE archive_items; --",
    "\u202eevil",
]


@pytest.mark.parametrize("odd", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_odd_texts_are_texts(archive, odd):
    export = Export("2026")
    export.dalle3(export.conversation(odd), prompt=odd, revised_prompt=odd)
    path = export.as_folder(archive.input / "e")
    done = archive.take(path.name)
    assert (done["state"], done["added"]) == ("done", 1)
    (item,) = items.search(archive.state).items
    assert len(item.prompt) <= 100_000
    json.dumps(items.as_json(item)).encode()
    items.to_json(item).encode()


ODD_SEARCHES = (
    ['"', '""', "*", "AND", "NOT", "a OR", "NEAR(", "col:x", "-", "--", "prompt:", ":", "( ) ^ + -x", "'", "\0",
     "\ud800", "title:\"", "é ü 猫", "🦊", "id:0000", "a" * 1999, "x " * 49]
)  # fmt: skip


def test_no_search_text_is_an_error_of_the_index(archive):
    archive.take(ordinary("2026", turns=1).as_folder(archive.input / "e").name)
    for query in ODD_SEARCHES:
        items.search(archive.state, query)


@pytest.mark.parametrize(
    "query", ["maker:nobody", "size:big", "after:tomorrow", "is:nice", "match:?", "id:xyz", "x " * 60]
)
def test_a_filter_that_makes_no_sense_is_told(archive, query):
    with pytest.raises(items.DalleFluxError, match=r"choose one of|write it like|which has|shorten"):
        items.search(archive.state, query)


@pytest.mark.parametrize(
    "data", [png(1)[:20], b"\x89PNG\r\n\x1a\n" + b"\xff" * 50, b"GIF89a", b"RIFF\0\0\0\0WEBP", b"\xff\xd8\xff"]
)
def test_a_picture_without_a_whole_head_is_named_and_not_kept(archive, data):
    assert look(data) is None
    (archive.input / "e").mkdir()
    (archive.input / "e" / "a.png").write_bytes(data)
    done = archive.take("e")
    assert (done["found"], done["unreadable"]) == (0, 1)


def test_a_web_page_called_png_is_no_picture(archive):
    (archive.input / "e").mkdir()
    (archive.input / "e" / "a.png").write_bytes(b"<svg onload=alert(1)>")
    (archive.input / "e" / "b.exe").write_bytes(png(1))
    assert archive.take("e")["found"] == 1


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 2**20])
def test_objects_are_cut_out_of_any_json_wherever_the_pieces_end(monkeypatch, piece):
    monkeypatch.setattr("nodes.archive.json_stream._PIECE", piece)
    wanted = [{"a": 'x"}]\\'}, {"b": {"c": [{}, [], "{"]}}, {"d": "\\\\"}, {"e": "ü\u2028"}]
    array = json.dumps([7, wanted[0], [], *wanted[1:2], "}", *wanted[2:]], ensure_ascii=False).encode()
    lines = "\n".join(json.dumps(one) for one in wanted).encode()
    for data in (array, lines):
        assert [json.loads(one or b"") for one in objects(io.BytesIO(data))] == wanted
    assert [one and len(one) for one in objects(io.BytesIO(array), longest=20)] == [18, None, None, None] or piece
    for cut in range(1, len(array)):
        found = []
        with pytest.raises(CutShort):
            found.extend(objects(io.BytesIO(array[:cut])))
        assert all(one is not None for one in found)


def test_an_object_too_long_is_passed_over_without_being_kept():
    long = b'[{"a": "' + b'\\"x' * 3_000_000 + b'"}, {"b": 1}]'
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    assert list(objects(io.BytesIO(long), longest=2**20)) == [None, b'{"b": 1}']
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < 32 * 2**20, peak


def test_an_endless_text_without_an_object_can_be_cancelled():
    class Cancelled(Exception):
        pass

    def look() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        list(objects(io.BytesIO(b"[" * 2**20), look=look))


# Where may be imported from


@pytest.mark.parametrize(
    "path",
    ["../outside", "/etc", "/etc/passwd", "C:\\Windows", "\\\\server\\share", "//server/share", "a/../../outside", "",
     " ", "link", "file:///etc/passwd", "e\0.zip", "NUL"],
)  # fmt: skip
def test_only_the_input_folder_and_named_folders_are_imported_from(tmp_path, path):
    place, named = tmp_path / "input", tmp_path / "named"
    for folder in (place, named, tmp_path / "outside"):
        folder.mkdir()
    if os.name != "nt":
        (place / "link").symlink_to(tmp_path / "outside")
        (named / "link").symlink_to(tmp_path / "outside")
        with pytest.raises(ForbiddenPlace, match="input folder"):
            find(str(named / "link"), place, [named])
    if path != "link" or os.name != "nt":
        with pytest.raises(ForbiddenPlace, match="input folder"):
            find(path, place, [named])
    with pytest.raises(ForbiddenPlace):
        find(str(named) + "/../outside", place, [named])
    with pytest.raises(ForbiddenPlace):
        find(str(tmp_path / "named2"), place, [named])
    with pytest.raises(NothingThere):
        find("no such file", place, [named])
    assert find(str(named), place, [named]) == named.resolve()


def test_the_folders_stand_in_the_users_own_file(tmp_path):
    assert folders({}) == []
    assert folders({"archive": {"folders": [str(tmp_path)]}}) == [tmp_path]
    for wrong in ({"folders": "x"}, {"folders": ["relative"]}, {"folder": []}, 7):
        with pytest.raises(BadArchiveSettings, match=r"settings\.archive"):
            folders({"archive": wrong})


def test_too_large_a_picture_is_named(archive, monkeypatch):
    monkeypatch.setattr("nodes.archive.importing.LARGEST_PICTURE", 1000)
    (archive.input / "e").mkdir()
    (archive.input / "e" / "a.png").write_bytes(png(1, padding=2000))
    (archive.input / "e" / "b.png").write_bytes(png(2, 4, 4))
    done = archive.take("e")
    assert (done["found"], done["unreadable"]) == (1, 1)


def test_too_many_files_in_a_folder_are_refused(archive, monkeypatch):
    monkeypatch.setattr(source, "MOST_FILES", 3)
    archive_folder = ordinary("2026", turns=3).as_folder(archive.input / "e")
    assert archive.take(archive_folder.name)["state"] == "failed"
