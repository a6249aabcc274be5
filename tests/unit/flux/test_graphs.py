"""The graphs that the nodes expand into, step by step. Host tests compare them with the official templates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from nodes.flux import graphs
from nodes.flux.batches import batches_for
from nodes.flux.families import Family, Identity, Part
from nodes.flux.graphs import Models, Texts
from nodes.flux.installed import Installed, Loading
from nodes.flux.loading import Connected
from nodes.flux.noise import SeededNoise
from nodes.flux.settings import SamplingSettings, canvas_for, settings_for
from nodes.sizes import Size


@dataclass
class Built:
    type: str
    inputs: dict[str, Any]

    def out(self, index: int) -> tuple[Built, int]:
        return (self, index)


@dataclass
class Graph:
    """Remembers what is added; stands where the host's GraphBuilder stands."""

    nodes: list[Built] = field(default_factory=list)

    def node(self, class_type: str, id: str | None = None, **inputs: Any) -> Built:
        self.nodes.append(Built(class_type, inputs))
        return self.nodes[-1]

    def types(self) -> list[str]:
        return [node.type for node in self.nodes]

    def only(self, class_type: str) -> dict[str, Any]:
        (node,) = [node for node in self.nodes if node.type == class_type]
        return node.inputs


MODELS = Models("model", "clip", "vae")
TEXTS = Texts("long", "short")


def file(part: Part, name: str, *, gguf: bool = False) -> Installed:
    return Installed("folder", name, Identity(part, Family.DEV, gguf), 1)


def drawn(settings: SamplingSettings, *batches: tuple[int, ...]) -> Graph:
    graph = Graph()
    graphs.text_to_images(graph, MODELS, settings, TEXTS, batches)
    return graph


def test_the_schedule_of_dev_is_shifted_for_the_size_drawn() -> None:
    graph = drawn(settings_for("1792x1024", "hd", "natural", 1), (7,))
    assert graph.only("ModelSamplingFlux") == {
        "model": "model", "max_shift": 1.15, "base_shift": 0.5, "width": 1792, "height": 1024,
    }  # fmt: skip
    assert graph.only("BasicScheduler")["steps"] == 50
    assert graph.only("CLIPTextEncodeFlux") == {"clip": "clip", "clip_l": "short", "t5xxl": "long", "guidance": 2.5}
    assert graph.only("RandomNoise") == {"noise_seed": 7}


def test_schnell_is_not_shifted_and_takes_four_steps() -> None:
    graph = drawn(settings_for("1024x1024", "standard", "vivid", 1, Family.SCHNELL), (7,))
    assert "ModelSamplingFlux" not in graph.types()
    assert graph.only("BasicScheduler")["steps"] == 4


def test_a_batch_starts_from_one_noise_a_seed() -> None:
    graph = drawn(settings_for("512x512", "standard", "vivid", 3), (1, 2, 3))
    assert graph.only("SamplerCustomAdvanced")["noise"] == SeededNoise((1, 2, 3))
    assert graph.only("EmptySD3LatentImage")["batch_size"] == 3


def test_split_batches_are_joined_in_order() -> None:
    graph = drawn(settings_for("512x512", "standard", "vivid", 3), (1, 2), (3,))
    assert graph.types().count("SamplerCustomAdvanced") == 2
    joined = graph.only("ImageBatch")
    assert joined["image1"][0].inputs["samples"][0].inputs["noise"] == SeededNoise((1, 2))


@pytest.mark.parametrize(
    ("size", "last"),
    [("1024x1024", "VAEDecode"), ("1000x1000", "ImageCrop"), ("256x256", "ImageScale"), ("3840x2160", "ImageScale")],
)
def test_pictures_come_back_at_the_size_asked_for(size: str, last: str) -> None:
    graph = drawn(settings_for(size, "standard", "vivid", 1), (1,))
    assert graph.types()[-1] == last
    if last != "VAEDecode":
        result = graph.nodes[-1].inputs
        assert f"{result['width']}x{result['height']}" == size


def test_a_crop_takes_as_much_from_both_sides() -> None:
    crop = drawn(settings_for("1000x1010", "standard", "vivid", 1), (1,)).only("ImageCrop")
    assert (crop["x"], crop["y"]) == (4, 7)


def test_loaders_are_added_only_for_what_is_not_connected() -> None:
    graph = Graph()
    files = Loading(
        Family.DEV,
        file(Part.TRANSFORMER, "m"),
        None,
        file(Part.T5, "t"),
        file(Part.CLIP_L, "c"),
        file(Part.VAE, "v"),
    )
    models = graphs.load(graph, files, Connected(clip=["9", 1]))
    assert graph.types() == ["UNETLoader", "VAELoader"]
    assert models.clip == ["9", 1]


def test_a_checkpoint_loads_all_three() -> None:
    graph = Graph()
    models = graphs.load(graph, Loading(Family.DEV, checkpoint=file(Part.CHECKPOINT, "all")))
    assert graph.types() == ["CheckpointLoaderSimple"]
    assert [models.model[1], models.clip[1], models.vae[1]] == [0, 1, 2]


def test_an_nf4_checkpoint_is_loaded_by_the_pack_that_brings_its_loader() -> None:
    graph = Graph()
    all_in_one = Installed("checkpoints", "nf4", Identity(Part.CHECKPOINT, Family.DEV, nf4=True), 1)
    graphs.load(graph, Loading(Family.DEV, checkpoint=all_in_one))
    assert graph.only("CheckpointLoaderNF4") == {"ckpt_name": "nf4"}


def test_gguf_files_are_loaded_by_the_pack_that_brings_them() -> None:
    graph = Graph()
    files = Loading(Family.DEV, file(Part.TRANSFORMER, "m.gguf", gguf=True), None, file(Part.T5, "t", gguf=True),
                    file(Part.CLIP_L, "c"), file(Part.VAE, "v"))  # fmt: skip
    graphs.load(graph, files)
    assert graph.types() == ["UnetLoaderGGUF", "DualCLIPLoaderGGUF", "VAELoader"]


def test_flux2_is_drawn_as_its_template_draws() -> None:
    graph = drawn(settings_for("1792x1024", "standard", "vivid", 2, Family.FLUX2_DEV), (1, 2))
    assert graph.types() == [
        "CLIPTextEncode", "FluxGuidance", "BasicGuider", "KSamplerSelect", "Flux2Scheduler", "EmptyFlux2LatentImage",
        "SamplerCustomAdvanced", "VAEDecode",
    ]  # fmt: skip
    assert graph.only("CLIPTextEncode") == {"clip": "clip", "text": "long"}
    assert graph.only("FluxGuidance")["guidance"] == 4.0
    assert graph.only("Flux2Scheduler") == {"steps": 20, "width": 1792, "height": 1024}
    assert graph.only("EmptyFlux2LatentImage") == {"width": 1792, "height": 1024, "batch_size": 2}


def test_flux2_is_shown_every_picture_in_their_order_at_about_a_megapixel() -> None:
    pictures = torch.stack([torch.full((100, 400, 3), shade) for shade in (0.1, 0.5, 0.9)])
    graph = Graph()
    settings = settings_for("400x100", "standard", "vivid", 1, Family.FLUX2_DEV)
    graphs.by_reference(graph, MODELS, settings, TEXTS, [(7,)], pictures)
    shown = [node.inputs for node in graph.nodes if node.type == "ImageScale"][:3]
    assert [round(float(one["image"].mean()), 1) for one in shown] == [0.1, 0.5, 0.9]
    assert {(one["width"], one["height"]) for one in shown} == {(2048, 512)}
    references = [node for node in graph.nodes if node.type == "ReferenceLatent"]
    assert references[0].inputs["conditioning"][0].type == "FluxGuidance"
    assert [one.inputs["conditioning"][0] for one in references[1:]] == references[:2]
    assert graph.only("BasicGuider")["conditioning"][0] is references[2]


def test_sdxl_is_drawn_as_its_template_draws_with_what_is_not_wanted_apart() -> None:
    graph = Graph()
    settings = settings_for("1792x1024", "standard", "vivid", 2, Family.SDXL)
    graphs.text_to_images(graph, MODELS, settings, Texts("wanted", "", "unwanted"), [(1, 2)])
    guider = graph.only("CFGGuider")
    assert guider["positive"][0].inputs["text"] == "wanted"
    assert guider["negative"][0].inputs["text"] == "unwanted"
    assert guider["cfg"] == 8.0
    assert graph.only("BasicScheduler")["scheduler"] == "normal"
    assert graph.only("EmptyLatentImage") == {"width": 1344, "height": 768, "batch_size": 2}
    assert graph.only("SamplerCustomAdvanced")["noise"] == SeededNoise((1, 2))
    assert graph.types()[-1] == "ImageScale"


def test_flux2_loads_its_one_encoder_as_such() -> None:
    graph = Graph()
    files = Loading(Family.FLUX2_DEV, file(Part.TRANSFORMER, "m"), vae=file(Part.FLUX2_VAE, "v"),
                    text_encoder=file(Part.MISTRAL, "t"))  # fmt: skip
    graphs.load(graph, files)
    assert graph.types() == ["UNETLoader", "CLIPLoader", "VAELoader"]
    assert graph.only("CLIPLoader") == {"clip_name": "t", "type": "flux2", "device": "default"}


def test_one_batch_when_memory_allows_and_equal_shares_when_not() -> None:
    canvas = canvas_for(Size(1024, 1024))
    seeds = tuple(range(10))
    assert batches_for(seeds, canvas, 80 * 2**30) == (seeds,)
    assert [len(batch) for batch in batches_for(seeds, canvas, 24 * 2**30)] == [5, 5]
    assert [len(batch) for batch in batches_for(seeds, canvas, 2**30)] == [1] * 10
    assert sum(batches_for(seeds, canvas, 12 * 2**30), ()) == seeds


def test_each_picture_of_a_batch_starts_as_if_it_were_alone() -> None:
    torch = pytest.importorskip("torch")
    latent = {"samples": torch.zeros(3, 16, 8, 8)}
    batch = SeededNoise((5, 6, 7)).generate_noise(latent)
    assert batch.shape == latent["samples"].shape
    for index, seed in enumerate((5, 6, 7)):
        alone = SeededNoise((seed,)).generate_noise({"samples": latent["samples"][:1]})
        assert torch.equal(batch[index], alone[0])
    assert not torch.equal(batch[0], batch[1])
