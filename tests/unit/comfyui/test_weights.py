"""The stand-in weights that the host tests run on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from comfyui import weights

pytest.importorskip("torch")
pytest.importorskip("safetensors")


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def two_small_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names = ["diffusion_models/flux1-dev.safetensors", "loras/my-brand-style.safetensors"]
    recipes = {name: recipe for name, recipe in weights._recipes().items() if name in names}
    monkeypatch.setattr(weights, "_recipes", lambda: recipes)
    return names


def test_the_same_bytes_are_made_each_time(tmp_path: Path, two_small_files: list[str]) -> None:
    first, second = (weights.make(tmp_path / name, progress=lambda text: None) for name in ("a", "b"))
    assert [digest(file) for file in first] == [digest(file) for file in second]
    assert digest(first[0]) != digest(first[1])


def test_a_complete_folder_is_left_alone(tmp_path: Path, two_small_files: list[str]) -> None:
    said: list[str] = []
    file = weights.make(tmp_path, progress=said.append)[0]
    before = file.stat().st_mtime_ns
    weights.make(tmp_path, progress=said.append)
    assert file.stat().st_mtime_ns == before
    assert len(said) == 1


def test_an_unfinished_folder_is_finished(tmp_path: Path, two_small_files: list[str]) -> None:
    file = weights.make(tmp_path, progress=lambda text: None)[0]
    whole = digest(file)
    (tmp_path / weights._MARKER).unlink()
    file.write_bytes(b"cut short")
    weights.make(tmp_path, progress=lambda text: None)
    assert digest(file) == whole


def test_a_stand_in_is_never_taken_for_the_real_thing(tmp_path: Path, two_small_files: list[str]) -> None:
    weights.make(tmp_path, progress=lambda text: None)
    assert weights.real_weights(tmp_path) == {}


def test_files_of_true_size_are_found(tmp_path: Path) -> None:
    vae = tmp_path / "vae" / "ae.safetensors"
    vae.parent.mkdir()
    with vae.open("wb") as file:
        file.truncate(335_304_388)
    assert weights.real_weights(tmp_path) == {"vae/ae.safetensors": vae}
