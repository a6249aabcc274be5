"""Files from a browser: in pieces, carried on where they stopped, and nowhere but in their folder."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest

from nodes.archive.uploads import FOLDER, BadUpload, add, received

DATA = bytes(range(256)) * 40
NAME = "1-2-my export.zip"


def test_a_file_comes_in_pieces_and_carries_on(tmp_path):
    assert received(tmp_path, NAME, len(DATA)) == 0
    assert add(tmp_path, NAME, len(DATA), 0, DATA[:4000]) == 4000
    assert received(tmp_path, NAME, len(DATA)) == 4000
    assert not (tmp_path / FOLDER / NAME).exists()
    assert add(tmp_path, NAME, len(DATA), 0, DATA[:4000]) == 4000, "a piece that came twice is left out"
    assert add(tmp_path, NAME, len(DATA), 9000, DATA[9000:]) == 4000, "a piece too early, too"
    assert add(tmp_path, NAME, len(DATA), 4000, DATA[4000:]) == len(DATA)
    assert (tmp_path / FOLDER / NAME).read_bytes() == DATA
    assert received(tmp_path, NAME, len(DATA)) == len(DATA)
    assert [file.name for file in (tmp_path / FOLDER).iterdir()] == [NAME]


def test_more_than_was_announced_is_refused(tmp_path):
    with pytest.raises(BadUpload, match="long"):
        add(tmp_path, NAME, 10, 0, DATA)


@pytest.mark.parametrize(
    "name", ["../x.zip", "a/b.zip", "x.py", "x.zip.part", "/etc/x.zip", "C:\\x.zip", "", "x" * 300 + ".zip", ".."]
)
def test_only_plain_names_of_known_kinds_are_taken(tmp_path, name):
    with pytest.raises(BadUpload, match="is not taken"):
        add(tmp_path, name, len(DATA), 0, DATA)
    assert list(tmp_path.rglob("*")) == []


def test_a_full_disk_is_said_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 2**30))
    with pytest.raises(BadUpload, match="no room"):
        add(tmp_path, NAME, len(DATA), 0, DATA[:100])
    assert list(tmp_path.rglob("*.part")) == []
