"""Text and picture encoders: true widths, since others read them, and next to nothing inside."""

from __future__ import annotations

import base64
import json
from functools import partial

from .drawing import Draw, Weights

T5_WIDTH = 4096  # Redux's projection has this width, so it must stay true
T5_HIDDEN, T5_HEADS = 128, 8
CLIP_WIDTH, CLIP_G_WIDTH = 768, 1280
CLIP_HIDDEN = 64
VISION_WIDTH = 1152
VISION_HIDDEN = 64
MISTRAL_WIDTH, QWEN_WIDTH = 5120, 2560
LANGUAGE_HIDDEN, LANGUAGE_LAYERS, LANGUAGE_VOCABULARY = 64, 4, 276


def t5(draw: Draw) -> Weights:
    """One layer of T5-XXL, whose output carries the words and their order, though nothing is trained.

    Queries and keys are 0, so attention is the bias of relative position alone: heads 0 to 3 copy the next word,
    the next but one, the one before and the one before that; heads 4 to 7 average what follows in wider and wider
    windows.
    """
    import torch

    zeros = partial(torch.zeros, dtype=torch.bfloat16)
    inner = T5_HEADS * 64
    bias = zeros(32, T5_HEADS) - 40  # by bucket: 0 the word itself, 1 … 15 those before, 17 … 31 those after
    bias[0] = -15  # where there is nothing to copy
    for head, bucket in enumerate((17, 18, 1, 2)):
        bias[bucket, head] = 0
    for head, last in enumerate((20, 24, 27, 31), 4):
        bias[17 : last + 1, head] = bias[0, head] = 0
    block = "encoder.block.0.layer"
    attention = f"{block}.0.SelfAttention"
    weights = {"shared.weight": draw.tensor(32128, T5_WIDTH, scale=1.0)}
    weights |= {f"{attention}.{name}.weight": zeros(inner, T5_WIDTH) for name in ("q", "k")}
    weights |= draw.linear(f"{attention}.v", inner, T5_WIDTH, bias=False)
    weights |= draw.linear(f"{attention}.o", T5_WIDTH, inner, bias=False)
    weights[f"{attention}.relative_attention_bias.weight"] = bias
    weights |= draw.norm(f"{block}.0.layer_norm", T5_WIDTH, bias=False)
    for name in ("wi_0", "wi_1"):
        weights[f"{block}.1.DenseReluDense.{name}.weight"] = zeros(T5_HIDDEN, T5_WIDTH)
    weights[f"{block}.1.DenseReluDense.wo.weight"] = zeros(T5_WIDTH, T5_HIDDEN)
    weights |= draw.norm(f"{block}.1.layer_norm", T5_WIDTH, bias=False)
    weights |= draw.norm("encoder.final_layer_norm", T5_WIDTH, bias=False)
    # The host tells T5-XXL from its smaller sisters by this key of its last layer.
    weights["encoder.block.23.layer.1.DenseReluDense.wi_1.weight"] = draw.tensor(1, T5_WIDTH)
    return weights


def clip_text(draw: Draw, width: int = CLIP_WIDTH, layers: int = 2) -> Weights:
    """Narrow layers of a CLIP text model, in Hugging Face's layout."""
    weights = {
        "text_model.embeddings.token_embedding.weight": draw.tensor(49408, width, scale=1.0),
        "text_model.embeddings.position_embedding.weight": draw.tensor(77, width),
    }
    weights |= encoder_layers(draw, "text_model.encoder.layers", width, CLIP_HIDDEN, layers)
    return weights | draw.norm("text_model.final_layer_norm", width)


def clip_l(draw: Draw) -> Weights:
    """CLIP-L's, untrained too: the first layer gives each word the mean of those before it, the last that of all."""
    import torch

    zeros, eye = partial(torch.zeros, dtype=torch.bfloat16), torch.eye(CLIP_WIDTH, dtype=torch.bfloat16)
    words = draw.tensor(49408, CLIP_WIDTH, scale=1.0)
    words[-2:] = 0  # the marks of beginning and end
    weights = {
        "text_model.embeddings.token_embedding.weight": words,
        "text_model.embeddings.position_embedding.weight": zeros(77, CLIP_WIDTH),
    }
    for layer in range(2):
        name = f"text_model.encoder.layers.{layer}"
        weights |= draw.norm(f"{name}.layer_norm1", CLIP_WIDTH) | draw.norm(f"{name}.layer_norm2", CLIP_WIDTH)
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            copies = layer == 0 and part in ("v_proj", "out_proj")
            weights[f"{name}.self_attn.{part}.weight"] = eye.clone() if copies else zeros(CLIP_WIDTH, CLIP_WIDTH)
            weights[f"{name}.self_attn.{part}.bias"] = zeros(CLIP_WIDTH)
        for part, out, into in (("fc1", CLIP_HIDDEN, CLIP_WIDTH), ("fc2", CLIP_WIDTH, CLIP_HIDDEN)):
            weights |= {f"{name}.mlp.{part}.weight": zeros(out, into), f"{name}.mlp.{part}.bias": zeros(out)}
    return weights | draw.norm("text_model.final_layer_norm", CLIP_WIDTH)


def clip_g(draw: Draw, layers: int) -> Weights:
    """Narrow layers of OpenCLIP's ViT-bigG text model, in OpenCLIP's own layout."""
    width = 1280
    weights = {
        "token_embedding.weight": draw.tensor(49408, width, scale=1.0),
        "positional_embedding": draw.tensor(77, width),
        "text_projection": draw.tensor(width, width),
    }
    for layer in (f"transformer.resblocks.{index}" for index in range(layers)):
        weights |= draw.norm(f"{layer}.ln_1", width) | draw.norm(f"{layer}.ln_2", width)
        weights[f"{layer}.attn.in_proj_weight"] = draw.tensor(3 * width, width)
        weights[f"{layer}.attn.in_proj_bias"] = draw.tensor(3 * width)
        weights |= draw.linear(f"{layer}.attn.out_proj", width, width)
        weights |= draw.linear(f"{layer}.mlp.c_fc", CLIP_HIDDEN, width)
        weights |= draw.linear(f"{layer}.mlp.c_proj", width, CLIP_HIDDEN)
    return weights | draw.norm("ln_final", width)


def vision(draw: Draw) -> Weights:
    """Two narrow layers of SigLIP's vision model."""
    weights = {
        "vision_model.embeddings.patch_embedding.weight": draw.tensor(VISION_WIDTH, 3, 14, 14),
        "vision_model.embeddings.patch_embedding.bias": draw.tensor(VISION_WIDTH),
        "vision_model.embeddings.position_embedding.weight": draw.tensor(729, VISION_WIDTH),
    }
    weights |= encoder_layers(draw, "vision_model.encoder.layers", VISION_WIDTH, VISION_HIDDEN)
    weights |= draw.norm("vision_model.post_layernorm", VISION_WIDTH)
    # The host recognises the model by this key of a late layer.
    return weights | draw.norm("vision_model.encoder.layers.22.layer_norm1", VISION_WIDTH, bias=False)


def encoder_layers(draw: Draw, prefix: str, width: int, hidden: int, layers: int = 2) -> Weights:
    weights: Weights = {}
    for layer in (f"{prefix}.{index}" for index in range(layers)):
        weights |= draw.norm(f"{layer}.layer_norm1", width) | draw.norm(f"{layer}.layer_norm2", width)
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            weights |= draw.linear(f"{layer}.self_attn.{part}", width, width)
        weights |= draw.linear(f"{layer}.mlp.fc1", hidden, width) | draw.linear(f"{layer}.mlp.fc2", width, hidden)
    return weights


def redux(draw: Draw) -> Weights:
    return draw.linear("redux_up", 3 * T5_WIDTH, VISION_WIDTH) | draw.linear("redux_down", T5_WIDTH, 3 * T5_WIDTH)


def _language_layers(draw: Draw, width: int) -> Weights:
    weights: Weights = {}
    for layer in (f"model.layers.{index}" for index in range(LANGUAGE_LAYERS)):
        for part in ("q", "k", "v"):
            weights |= draw.linear(f"{layer}.self_attn.{part}_proj", 128, width, bias=False)
        weights |= draw.linear(f"{layer}.self_attn.o_proj", width, 128, bias=False)
        for part in ("gate", "up"):
            weights |= draw.linear(f"{layer}.mlp.{part}_proj", LANGUAGE_HIDDEN, width, bias=False)
        weights |= draw.linear(f"{layer}.mlp.down_proj", width, LANGUAGE_HIDDEN, bias=False)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights |= draw.norm(f"{layer}.{norm}", width, bias=False)
    return weights


def qwen(draw: Draw) -> Weights:
    """Four narrow layers of Qwen 3 4B; `stand_in_plugin` folds its tokenizer's numbers into so small a vocabulary."""
    weights = {"model.embed_tokens.weight": draw.tensor(LANGUAGE_VOCABULARY, QWEN_WIDTH, scale=1.0)}
    for layer in (f"model.layers.{index}" for index in range(LANGUAGE_LAYERS)):
        weights |= draw.norm(f"{layer}.self_attn.q_norm", 128, bias=False)
        weights |= draw.norm(f"{layer}.self_attn.k_norm", 128, bias=False)
    return weights | _language_layers(draw, QWEN_WIDTH)


def mistral(draw: Draw) -> Weights:
    """Four narrow layers of Mistral Small 3, and a vocabulary of single bytes in the format of its tokenizer."""
    import torch

    marks = [f"<SPECIAL_{rank}>" for rank in range(20)]
    marks[:5] = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
    marks[17:19] = ["[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"]
    tokens = {
        "config": {"default_vocab_size": LANGUAGE_VOCABULARY, "default_num_special_tokens": len(marks)},
        "vocab": [{"rank": n, "token_bytes": base64.b64encode(bytes([n])).decode()} for n in range(256)],
        "special_tokens": [{"rank": rank, "token_str": mark} for rank, mark in enumerate(marks)],
    }
    weights = {
        "tekken_model": torch.tensor(list(json.dumps(tokens).encode()), dtype=torch.uint8),
        "model.embed_tokens.weight": draw.tensor(LANGUAGE_VOCABULARY, MISTRAL_WIDTH, scale=1.0),
    }
    return weights | _language_layers(draw, MISTRAL_WIDTH)
