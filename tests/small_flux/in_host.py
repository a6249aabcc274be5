"""How far the host's own T5, CLIP-L, FLUX and TAESD are from what is trained with; prints JSON, largest differences.

`python -m small_flux.in_host COMFYUI`, with tests/ in PYTHONPATH.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from comfyui.stand_in_weights.drawing import Draw
from comfyui.stand_in_weights.encoders import clip_l, t5
from safetensors.torch import load_file

from . import autoencoder, latents, transformer
from .text import LENGTH, Encoders

CAPTIONS = [
    "A red circle to the left of a blue square.",
    "three foxes on green. Vivid, saturated colors. Wide landscape.",
]
WEIGHTS = Path(__file__).parent / "weights"


def differences(comfyui: Path) -> dict[str, float]:
    sys.path.insert(0, str(comfyui))
    sys.argv = [sys.argv[0], "--cpu"]
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.clip_model
    import comfy.ldm.flux.model
    import comfy.ops
    import comfy.taesd.taesd
    import comfy.text_encoders.t5

    operations, encoders = comfy.ops.manual_cast, Encoders(comfyui)
    folder = comfyui / "comfy"

    def config(name: str, **small: int) -> dict[str, Any]:
        return {**json.loads((folder / name).read_text("utf-8")), **small}

    large = config("text_encoders/t5_config_xxl.json", num_layers=1, num_heads=8, d_ff=128)
    reader = comfy.text_encoders.t5.T5(large, torch.float32, "cpu", operations)
    reader.load_state_dict({key: value.float() for key, value in t5(Draw("t5")).items() if ".23." not in key})
    small = config("sd1_clip_config.json", num_hidden_layers=2, intermediate_size=64)
    pooler = comfy.clip_model.CLIPTextModel(small, torch.float32, "cpu", operations)
    pooler.load_state_dict({key: value.float() for key, value in clip_l(Draw("clip_l")).items()}, strict=False)
    ours = transformer.Flux()
    ours.load_state_dict({key: value.float() for key, value in load_file(WEIGHTS / "flux1-dev.safetensors").items()})
    theirs = comfy.ldm.flux.model.Flux(
        image_model="flux", in_channels=16, out_channels=16, vec_in_dim=768, context_in_dim=4096,
        hidden_size=transformer.HIDDEN, mlp_ratio=4.0, num_heads=transformer.HEADS, depth=transformer.DOUBLE,
        depth_single_blocks=transformer.SINGLE, axes_dim=list(transformer.AXES), theta=10000, patch_size=2,
        qkv_bias=True, guidance_embed=True, operations=operations, dtype=torch.float32, device="cpu",
    )  # fmt: skip
    theirs.load_state_dict(ours.state_dict())
    rows, columns = 9, 16
    places = transformer.positions(rows, columns)
    theirs.process_img = lambda x, **_: (transformer.patch(x), places.expand(len(x), -1, -1))
    torch.manual_seed(0)
    noisy, moment, guidance = torch.randn(2, 16, 18, 32), torch.tensor([0.3, 0.9]), torch.tensor([3.5, 3.5])
    with torch.no_grad():
        words = encoders.words(CAPTIONS)
        text = reader(torch.tensor([row + [0] * (LENGTH - len(row)) for row in words[0]]), None)[0]
        pooled = pooler(torch.tensor([row + [49407] * (77 - len(row)) for row in words[1]]))[3]
        mine, copies = encoders.t5(CAPTIONS)
        kept = (copies > -1).sum(1)
        read = [(mine[index, :count].float() - text[index, :count]).abs().max() for index, count in enumerate(kept)]
        drawn = transformer.unpatch(
            ours(
                transformer.patch(noisy),
                moment,
                mine.float(),
                copies,
                encoders.pooled(CAPTIONS),
                guidance,
                rows,
                columns,
            ),
            rows,
            columns,
        )
        picture = torch.rand(1, 3, 64, 64)
        means = torch.nn.functional.avg_pool2d(picture, 4).permute(0, 2, 3, 1)
        eye = comfy.taesd.taesd
        return {
            "t5": float(max(read)),
            "clip_l": float((pooled - encoders.pooled(CAPTIONS)).abs().max()),
            "flux": float((theirs(noisy.clone(), moment, text, pooled, guidance) - drawn).abs().max()),
            "encoder": float((_encoded(eye, picture) - latents.encode(means * 255)).abs().max()),
        }


def _encoded(taesd: Any, picture: torch.Tensor) -> torch.Tensor:
    """As the host encodes and scales it, with TAESD at our width."""
    conv = taesd.conv
    narrow = autoencoder.WIDTH
    taesd.conv = lambda into, out, **options: conv(
        *(narrow if channels == 64 else channels for channels in (into, out)), **options
    )
    model = taesd.TAESD(latent_channels=16)
    taesd.conv = conv
    model.load_state_dict(load_file(WEIGHTS / "ae.safetensors"))
    return (model.encode(picture * 2 - 1) - autoencoder.SHIFT) * autoencoder.SCALE


if __name__ == "__main__":
    print(json.dumps(differences(Path(sys.argv[1]))))
