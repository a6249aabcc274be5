"""Small synthetic weights files: headers as real ones have them, and no data worth the name."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

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
KLEIN_9B: Shapes = {**FLUX2, "img_in.weight": (4096, 128), "txt_in.weight": (4096, 12288)}


def qwen3(width: int = 2560) -> Shapes:
    return {
        "model.embed_tokens.weight": (151936, width),
        "model.layers.0.self_attn.q_norm.weight": (128,),
        "model.layers.0.post_attention_layernorm.weight": (width,),
    }


QWEN3_VL: Shapes = {**qwen3(), "model.visual.merger.linear_fc2.weight": (2560, 4096)}
QWEN25: Shapes = {
    "model.embed_tokens.weight": (152064, 3584), "model.layers.0.self_attn.k_proj.bias": (512,),
}  # fmt: skip
GEMMA3: Shapes = {
    **qwen3(), "model.embed_tokens.weight": (262208, 2560), "model.layers.0.post_feedforward_layernorm.weight": (2560,),
}  # fmt: skip
Z_IMAGE: Shapes = {
    "cap_embedder.1.weight": (3840, 2560), "layers.0.attention.qkv.weight": (11520, 3840),
    "x_embedder.weight": (3840, 64),
}  # fmt: skip
MISTRAL: Shapes = {"tekken_model": (19_000_000,), "model.embed_tokens.weight": (131072, 5120)}
OTHER_MISTRAL: Shapes = {"model.embed_tokens.weight": (131072, 5120)}
CHROMA: Shapes = {**transformer(), "distilled_guidance_layer.norms.0.scale": (5120,)}
HIDREAM: Shapes = {
    "x_embedder.proj.weight": (2560, 64),
    "caption_projection.0.linear.weight": (2560, 4096),
    "double_stream_blocks.0.block.attn1.to_q.weight": (2560, 2560),
}


def mmdit(
    width: int = 2432, blocks: int = 38, *, second: bool = False, normed: bool = True, prefix: str = ""
) -> Shapes:
    """Stable Diffusion 3 and 3.5; medium 3.5 has a second attention in its first blocks, 3 norms no queries."""
    shapes: Shapes = {
        "x_embedder.proj.weight": (width, 16, 2, 2),
        "context_embedder.weight": (width, 4096),
        **{f"joint_blocks.{block}.x_block.attn.qkv.weight": (3 * width, width) for block in range(blocks)},
        "joint_blocks.0.context_block.attn.qkv.weight": (3 * width, width),
    }
    shapes |= {"joint_blocks.0.x_block.attn.ln_q.weight": (64,)} if normed else {}
    shapes |= {"joint_blocks.0.x_block.attn2.qkv.weight": (3 * width, width)} if second else {}
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


def sd35(encoders: bool = True, **kind: Any) -> Shapes:
    """The checkpoint."""
    shapes = mmdit(prefix="model.diffusion_model.", **kind) | {
        "first_stage_model.decoder.conv_in.weight": (512, 16, 3, 3)
    }
    return shapes | ({"text_encoders.clip_g.transformer.text_projection.weight": (1280, 1280)} if encoders else {})


MEDIUM = {"width": 1536, "blocks": 24, "second": True}
SD3: Shapes = sd35(width=1536, blocks=24, normed=False)
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
    each, end = {"F32": 4, "BF16": 2}.get(dtype, 1), 0
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
