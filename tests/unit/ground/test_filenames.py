"""File names from requests and workflows, judged as text."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from nodes.filenames import inside, stays_inside

OUTSIDE = [
    r"\\evil\share\a.png", "//evil/share/a.png", r"/\evil\share", r"\/evil/share", r"\\?\UNC\evil\share",
    r"\??\UNC\evil\share", r"\\?\C:\a", r"\\.\pipe\x", r"C:\a.png", "C:a.png", "c:/a.png", r"\a.png", "/a.png",
    "..", "../a.png", r"..\a.png", "a/../../b", r"a\..\..\b", "a/..", "...", ".. /a", " /a", "a/. ./b",
    "a.png:stream", "a.png::$DATA", "NUL", "nul.png", "a/CON", r"a\com1.txt", "LPT9", "AUX .png", "COM¹",
    "CONIN$", "a\0.png", "a\n.png", "\x1b[2J.png", "a\u202egnp.exe", "\ud800.png",
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_could_lead_out_on_any_system_is_refused(name, tmp_path):
    assert not stays_inside(name)
    assert inside(tmp_path, name) is None
    assert inside(tmp_path, "sub", name) is None
    assert inside(tmp_path, name, "a.png") is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a.png",
        "sub/a.png",
        r"sub\a.png",
        "dalle/année 2026/猫.png",
        "..a",
        "新しい　表.csv",
        "👩‍🎨 a\xa0b.png",
        "a..b",
        "console.png",
    ],
)
def test_an_ordinary_name_is_taken(name, tmp_path):
    assert stays_inside(name)
    if os.name != "nt":
        assert inside(tmp_path, name) == tmp_path.resolve() / name


PIECES = some.sampled_from(
    ["a", "..", ".", "/", "\\", "C:", ":", "evil", "?", "UNC", "NUL", " ", "\0", "%2e", "\ud800", "é"]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.lists(PIECES, max_size=8).map("".join))
def test_whatever_is_taken_stays_below_by_the_rules_of_both_systems(name):
    if stays_inside(name):
        windows = PureWindowsPath(r"C:\temp") / name
        assert windows.is_relative_to(r"C:\temp")
        assert ".." not in windows.parts
        assert not PureWindowsPath(name).drive
        assert (PurePosixPath("/temp") / name).is_relative_to("/temp")


def test_a_refused_name_is_never_looked_at(monkeypatch, tmp_path):
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("the disk or the network was asked")

    for call in ("resolve", "stat", "exists", "is_file"):
        monkeypatch.setattr(Path, call, asked)
    assert inside(tmp_path, r"\\evil\share", "a.png") is None


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_that_leads_out_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "out").symlink_to(tmp_path)
    (tmp_path / "folder" / "circle").symlink_to(tmp_path / "folder" / "circle")
    assert inside(tmp_path / "folder", "out/a.png") is None
    assert inside(tmp_path / "folder", "circle/a.png") in (None, tmp_path.resolve() / "folder" / "circle" / "a.png")


@pytest.mark.parametrize("name", ["a" * 256, "猫" * 86, "a/" * 2500 + "a"])
def test_a_name_that_is_too_long_for_a_disk_is_refused(name, tmp_path):
    assert inside(tmp_path, name) is None
