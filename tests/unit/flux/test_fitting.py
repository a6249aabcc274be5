"""Which precision is taken on a device of a stated size, and what people read where memory runs out."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.flux import files, graphs
from nodes.flux.families import Family, Identity, Part
from nodes.flux.fitting import GIB, Device, advice
from nodes.flux.headers import read_header
from nodes.flux.identify import identify
from nodes.flux.installed import Installed, Inventory, choose
from nodes.flux.loading import Connected, Wanted, loading_for

from . import zoo
from .test_graphs import Graph

KEPT = int(1.2 * GIB)  # what the host keeps free
# Sizes of real files.
SIZES = {"flux1-dev": 22.2, "flux1-dev-fp8": 11.1, "flux1-dev-Q4_K_S": 6.3, "t5xxl_fp16": 9.1, "t5xxl_fp8": 4.6}


def installed(name: str, part: Part, family: Family | None = None) -> Installed:
    gguf = "Q4" in name
    return Installed("models", name, Identity(part, family, gguf), int(SIZES.get(name, 0.3) * GIB))


EVERYTHING = Inventory(
    tuple(
        installed(name, part, Family.DEV if part is Part.TRANSFORMER else None)
        for name, part in (
            ("flux1-dev", Part.TRANSFORMER),
            ("flux1-dev-fp8", Part.TRANSFORMER),
            ("flux1-dev-Q4_K_S", Part.TRANSFORMER),
            ("t5xxl_fp16", Part.T5),
            ("t5xxl_fp8", Part.T5),
            ("clip_l", Part.CLIP_L),
            ("ae", Part.VAE),
        )
    ),
    (),
)


@pytest.mark.parametrize(
    ("gib", "model", "t5", "notes"),
    [
        (80, "flux1-dev", "t5xxl_fp16", 0),
        (32, "flux1-dev", "t5xxl_fp16", 0),
        (24, "flux1-dev", "t5xxl_fp16", 0),  # all but a little of it
        (20, "flux1-dev-fp8", "t5xxl_fp16", 1),
        (16, "flux1-dev-fp8", "t5xxl_fp16", 1),
        (12, "flux1-dev-Q4_K_S", "t5xxl_fp16", 1),
        (8, "flux1-dev-Q4_K_S", "t5xxl_fp8", 2),
        (6, "flux1-dev-Q4_K_S", "t5xxl_fp8", 2),  # nothing fits: the smallest
        (4, "flux1-dev-Q4_K_S", "t5xxl_fp8", 2),
    ],
)
def test_the_best_that_fits_is_taken_and_told(gib: int, model: str, t5: str, notes: int) -> None:
    loading = choose(EVERYTHING, [Family.DEV], device=Device(gib * GIB, KEPT))
    assert loading.transformer is not None
    assert loading.t5 is not None
    assert (loading.transformer.name, loading.t5.name) == (model, t5)
    assert len(loading.notes) == notes, loading.notes


def test_what_was_passed_over_is_told_with_both_sizes() -> None:
    (note,) = choose(EVERYTHING, [Family.DEV], device=Device(16 * GIB, KEPT)).notes
    assert note == (
        "models/flux1-dev (22.2 GB) does not fit this device (16.0 GB), so models/flux1-dev-fp8 (11.1 GB) was used."
    )


def test_where_nothing_fits_a_smaller_file_is_named_with_its_address() -> None:
    only = Inventory(tuple(file for file in EVERYTHING.usable if "fp8" not in file.name and "Q4" not in file.name), ())
    model, encoder = choose(only, [Family.DEV], device=Device(8 * GIB, KEPT)).notes
    assert "moves it in and out in pieces" in model
    assert str(files.DEV_CHECKPOINT) in model, "11 GB of it are the model"
    assert str(files.T5_FP8) in encoder


def test_without_a_device_to_think_of_the_best_is_taken() -> None:
    assert choose(EVERYTHING, [Family.DEV]).notes == ()
    loading = loading_for(EVERYTHING, Wanted((Family.DEV,)), Connected(), Device(8 * GIB, KEPT))
    assert loading.transformer is not None
    assert loading.transformer.name == "flux1-dev-Q4_K_S"


def test_of_a_checkpoint_only_its_model_has_to_fit(tmp_path: Path) -> None:
    whole = {
        **zoo.transformer(prefix="model.diffusion_model."),
        **{f"text_encoders.t5xxl.{name}": shape for name, shape in zoo.T5.items()},
        "vae.decoder.conv_in.weight": (512, 16, 3, 3),
    }
    path = zoo.safetensors(tmp_path / "all.safetensors", whole)
    identity = identify(read_header(path), path.name)
    assert identity is not None
    shapes = zoo.transformer()
    assert identity.weights == 2 * sum(rows * (columns[0] if columns else 1) for rows, *columns in shapes.values())
    assert identity.weights < path.stat().st_size / 2


@pytest.mark.parametrize(
    ("name", "part", "family", "size", "named"),
    [
        ("flux1-dev", Part.TRANSFORMER, Family.DEV, 22.2, str(files.DEV_CHECKPOINT)),
        ("flux1-dev-fp8", Part.TRANSFORMER, Family.DEV, 11.1, f"{files.DEV_GGUF}, which the pack ComfyUI-GGUF loads"),
        ("flux-2-klein-4b", Part.TRANSFORMER, Family.KLEIN_4B, 7.2, str(files.KLEIN_4B_FP8)),
        ("flux2_dev", Part.TRANSFORMER, Family.FLUX2_DEV, 35.5, "No smaller file of it is known here; "),
        ("sd35", Part.CHECKPOINT, Family.SD35_MEDIUM, 4.7, "FLUX.2-klein-4B takes less, see draw_with"),
    ],
)
def test_out_of_memory_names_what_is_smaller(name: str, part: Part, family: Family, size: float, named: str) -> None:
    told = advice(Installed("models", name, Identity(part, family), int(size * GIB)), family)
    assert named in told
    assert f"models/{name} ({size} GB)" in told
    assert "a smaller size" in told


def test_advice_stands_behind_the_model_and_only_where_there_is_some() -> None:
    loading = choose(EVERYTHING, [Family.DEV])
    told, quiet = Graph(), Graph()
    models = graphs.load(told, loading, advice="Use less.")
    assert models.model[0].type == "DalleFluxMemoryAdvice"
    assert told.only("DalleFluxMemoryAdvice")["advice"] == "Use less."
    graphs.load(quiet, loading)
    assert "DalleFluxMemoryAdvice" not in quiet.types()
