"""Small synthetic weights files: headers as real ones have them, and no data worth the name."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

Shapes = dict[str, tuple[int, ...]]


def transformer(*, channels: int = 16, guidance: bool = True, prefix: str = "") -> Shapes:
    shapes: Shapes = {
        "img_in.weight": (3072, channels * 4),
        "txt_in.weight": (3072, 4096),
        "vector_in.in_layer.weight": (3072, 768),
        "double_blocks.0.img_attn.qkv.weight": (9216, 3072),
    }
    if guidance:
        shapes["guidance_in.in_layer.weight"] = (3072, 256)
    return {prefix + name: shape for name, shape in shapes.items()}


T5: Shapes = {
    "shared.weight": (32128, 4096),
    "encoder.block.23.layer.1.DenseReluDense.wi_1.weight": (10240, 4096),
}
CLIP_L: Shapes = {"text_model.embeddings.token_embedding.weight": (49408, 768)}
VAE: Shapes = {"decoder.conv_in.weight": (512, 16, 3, 3)}
REDUX: Shapes = {"redux_down.weight": (4096, 12288)}
VISION: Shapes = {"vision_model.embeddings.position_embedding.weight": (729, 1152)}
CHECKPOINT: Shapes = {
    **transformer(prefix="model.diffusion_model."),
    **{f"text_encoders.t5xxl.transformer.{name}": shape for name, shape in T5.items()},
    **{f"vae.{name}": shape for name, shape in VAE.items()},
}
FLUX2: Shapes = {
    "img_in.weight": (6144, 128),
    "txt_in.weight": (6144, 15360),
    "double_blocks.0.img_attn.qkv.weight": (18432, 6144),
    "double_stream_modulation_img.lin.weight": (36864, 6144),
}
KLEIN: Shapes = {**FLUX2, "img_in.weight": (3072, 128), "txt_in.weight": (3072, 7680)}
MISTRAL: Shapes = {"tekken_model": (19_000_000,), "model.embed_tokens.weight": (131072, 5120)}
OTHER_MISTRAL: Shapes = {"model.embed_tokens.weight": (131072, 5120)}
CHROMA: Shapes = {**transformer(), "distilled_guidance_layer.norms.0.scale": (5120,)}
HIDREAM: Shapes = {
    "x_embedder.proj.weight": (2560, 64),
    "caption_projection.0.linear.weight": (2560, 4096),
    "double_stream_blocks.0.block.attn1.to_q.weight": (2560, 2560),
}
SD35: Shapes = {
    "model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight": (7296, 2432),
    "model.diffusion_model.context_embedder.weight": (2432, 4096),
}
QWEN_IMAGE: Shapes = {"img_in.weight": (3072, 64), "txt_in.weight": (3072, 3584), "txt_norm.weight": (3584,)}
WAN: Shapes = {"patch_embedding.weight": (5120, 16, 1, 2, 2), "blocks.0.self_attn.q.weight": (5120, 5120)}
LUMINA2: Shapes = {"cap_embedder.1.weight": (2304, 2304), "noise_refiner.0.attention.qkv.weight": (3840, 2304)}
HUNYUAN_VIDEO: Shapes = {
    "img_in.proj.weight": (3072, 16, 1, 2, 2),
    "txt_in.input_embedder.weight": (3072, 4096),
    "vector_in.in_layer.weight": (3072, 768),
    "double_blocks.0.img_attn_qkv.weight": (9216, 3072),
}
LONGCAT: Shapes = {**transformer(), "txt_in.weight": (3072, 3584)}
LONGCAT.pop("vector_in.in_layer.weight")
PRUNED: Shapes = {
    **transformer(),
    **{f"double_blocks.{block}.img_attn.qkv.weight": (9216, 3072) for block in range(8)},
}
CONTROLNET: Shapes = {**transformer(), "controlnet_blocks.0.weight": (3072, 3072)}
NF4: Shapes = {**transformer(), "double_blocks.0.img_attn.qkv.weight.quant_state.bitsandbytes__nf4": (80,)}
SCALED_FP8: Shapes = {
    **transformer(), "scaled_fp8": (2,), "double_blocks.0.img_attn.qkv.scale_weight": (1,),
}  # fmt: skip


def t5(vocabulary: int = 32128, width: int = 4096, blocks: int = 24) -> Shapes:
    return {
        "shared.weight": (vocabulary, width),
        f"encoder.block.{blocks - 1}.layer.1.DenseReluDense.wi_1.weight": (width * 5 // 2, width),
    }


LONG_CLIP: Shapes = {**CLIP_L, "text_model.embeddings.position_embedding.weight": (248, 768)}
CLIP_G: Shapes = {
    "text_model.embeddings.token_embedding.weight": (49408, 1280),
    "text_model.encoder.layers.31.mlp.fc1.weight": (5120, 1280),
}
CLIP_VISION: Shapes = {**CLIP_L, "vision_model.embeddings.position_embedding.weight": (257, 1024)}
SIGLIP_TEXT: Shapes = {"text_model.embeddings.token_embedding.weight": (32000, 768)}
SIGLIP_224: Shapes = {"vision_model.embeddings.position_embedding.weight": (256, 1152)}
FLUX2_VAE: Shapes = {
    "decoder.conv_in.weight": (512, 32, 3, 3), "post_quant_conv.weight": (32, 32, 1, 1), "bn.running_mean": (128,),
}  # fmt: skip
QUANTISED_VAE: Shapes = {**VAE, "post_quant_conv.weight": (16, 16, 1, 1)}
VIDEO_VAE: Shapes = {"decoder.conv_in.weight": (512, 16, 3, 3, 3)}
WAN_VAE: Shapes = {"decoder.conv1.weight": (384, 16, 3, 3, 3), "decoder.middle.0.residual.0.gamma": (384, 1, 1, 1)}
TINY_VAE: Shapes = {"taesd_decoder.1.weight": (64, 16, 3, 3)}
SDXL: Shapes = {"model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3)}
_UNET = "model.diffusion_model."
SDXL_BASE: Shapes = {
    f"{_UNET}input_blocks.0.0.weight": (320, 4, 3, 3),
    f"{_UNET}label_emb.0.0.weight": (1280, 2816),
    f"{_UNET}input_blocks.8.1.transformer_blocks.0.attn2.to_k.weight": (1280, 2048),
    f"{_UNET}output_blocks.8.0.in_layers.0.weight": (640,),
    "conditioner.embedders.1.model.token_embedding.weight": (49408, 1280),
    "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
}
SDXL_INPAINT: Shapes = {**SDXL_BASE, f"{_UNET}input_blocks.0.0.weight": (320, 9, 3, 3)}
SDXL_REFINER: Shapes = {**SDXL_BASE, f"{_UNET}label_emb.0.0.weight": (1536, 2560)}
SDXL_SMALL: Shapes = {name: shape for name, shape in SDXL_BASE.items() if "output_blocks.8" not in name}
PLAYGROUND: Shapes = {**SDXL_BASE, "edm_mean": (1, 4, 1, 1)}
SD_VAE: Shapes = {"decoder.conv_in.weight": (512, 4, 3, 3), "quant_conv.weight": (8, 8, 1, 1)}


def safetensors(
    path: Path, shapes: Shapes, *, metadata: dict[str, str] | None = None, promised: int = 0, dtype: str = "BF16"
) -> Path:
    """A whole file as the library writes one, its data a hole in the file; or one that promises data and has none."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    each, end = (1 if dtype.startswith("F8") else 2), 0
    if promised:
        rest = promised - each * sum(math.prod(shape) for shape in shapes.values())
        shapes = {**shapes, "the rest": (rest // each,)}
    for name, shape in shapes.items():
        start, end = end, end + each * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    raw(path, json.dumps(header).encode())
    if not promised:
        with path.open("ab") as file:
            file.truncate(file.tell() + end)
    return path


def raw(path: Path, header: bytes, *, length: int | None = None, data: bytes = b"") -> Path:
    """Any bytes in the place of the header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
    return path


def gguf(path: Path, architecture: str, shapes: Shapes, *, version: int = 3) -> Path:
    """A GGUF file without data."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    values = text("general.architecture") + struct.pack("<I", 8) + text(architecture)
    values += text("some.list") + struct.pack("<IIQ", 9, 4, 3) + struct.pack("<3I", 1, 2, 3)
    tensors = b"".join(
        text(name)
        + struct.pack("<I", len(shape))
        + struct.pack(f"<{len(shape)}Q", *reversed(shape))
        + struct.pack("<IQ", 8, 0)
        for name, shape in shapes.items()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", version, len(shapes), 2) + values + tensors)
    return path
