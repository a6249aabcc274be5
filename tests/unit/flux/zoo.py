"""Small synthetic weights files: headers as real ones have them, and no data worth the name."""

from __future__ import annotations

import json
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
CHROMA: Shapes = {**transformer(), "distilled_guidance_layer.norms.0.scale": (5120,)}
SDXL: Shapes = {"model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3)}
SD_VAE: Shapes = {"decoder.conv_in.weight": (512, 4, 3, 3), "quant_conv.weight": (8, 8, 1, 1)}


def safetensors(path: Path, shapes: Shapes, *, metadata: dict[str, str] | None = None, promised: int = 0) -> Path:
    """A whole file without data, or one whose header promises `promised` bytes of it."""
    header = {
        name: {"dtype": "BF16", "shape": list(shape), "data_offsets": [0, promised]} for name, shape in shapes.items()
    }
    return raw(path, json.dumps(header | ({"__metadata__": metadata} if metadata else {})).encode())


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
