"""What the stand-in text encoders give for a caption, computed without the host and fast enough to train with."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from comfyui.stand_in_weights.drawing import Draw
from comfyui.stand_in_weights.encoders import T5_HEADS, T5_WIDTH, clip_l, t5

LENGTH = 256  # tokens that the host pads a text for FLUX to
CLIP_LENGTH = 76  # of 77, the last being the end mark
_PADS = 3  # kept; T5's outputs are the same from the third on, since nothing else is in a head's reach
_STEP = 8  # texts of a batch are as long as a multiple of this


class Encoders:
    """T5-XXL's and CLIP-L's stand-ins."""

    def __init__(self, comfyui: Path):
        """Args: comfyui: the host's folder, for its tokenizers."""
        from transformers import CLIPTokenizerFast, T5TokenizerFast

        self._t5_words = T5TokenizerFast.from_pretrained(comfyui / "comfy" / "text_encoders" / "t5_tokenizer")
        self._clip_words = CLIPTokenizerFast.from_pretrained(comfyui / "comfy" / "sd1_tokenizer")
        weights, attention = t5(Draw("t5")), "encoder.block.0.layer.0.SelfAttention"
        self._table = weights["shared.weight"]
        self._value, self._out = weights[f"{attention}.v.weight"].float(), weights[f"{attention}.o.weight"]
        self._attention = _attention(weights[f"{attention}.relative_attention_bias.weight"].float())
        self._values: dict[int, torch.Tensor] = {}
        words = clip_l(Draw("clip_l"))["text_model.embeddings.token_embedding.weight"].float()
        self._clip = torch.nn.functional.layer_norm(words, words.shape[-1:])

    def words(self, captions: list[str]) -> tuple[list[list[int]], list[list[int]]]:
        """The captions' words for T5 and for CLIP-L, with their marks and without padding."""
        return self._t5_words(captions)["input_ids"], self._clip_words(captions)["input_ids"]

    def t5(self, captions: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """T5's output [batch, tokens, 4096] and, as a logarithm, for how many equal tokens each stands [batch, tokens].

        The pads are equal but for the first two, so one stands for the rest: added to the scores of attention, the
        logarithm makes that exact. It is -inf where a shorter caption has no token.
        """
        rows, _ = self.words(captions)
        length = -(-(max(map(len, rows)) + _PADS) // _STEP) * _STEP
        copies = torch.full((len(rows), length), -math.inf)
        words = torch.zeros(len(rows), length, dtype=torch.long)
        read = torch.zeros(len(rows), length, self._out.shape[1])
        for index, row in enumerate(rows):
            size = len(row) + _PADS
            values = torch.stack([self._value_of(word) for word in (*row, 0)]).view(len(row) + 1, T5_HEADS, 64)
            seen = self._attention[:, :size]
            seen = torch.cat((seen[:, :, : len(row)], seen[:, :, len(row) :].sum(-1, keepdim=True)), -1)
            words[index, : len(row)] = torch.tensor(row)
            read[index, :size] = (seen @ values.transpose(0, 1)).transpose(0, 1).reshape(size, -1)
            copies[index, :size] = 0
            copies[index, size - 1] = math.log(LENGTH - size + 1)
        features = torch.addmm(self._table[words.flatten()], read.bfloat16().flatten(0, 1), self._out.T)
        features *= math.sqrt(T5_WIDTH) / torch.linalg.vector_norm(features, dim=-1, keepdim=True)
        return features.view(*words.shape, T5_WIDTH), copies

    def pooled(self, captions: list[str]) -> torch.Tensor:
        """CLIP-L's pooled output [batch, 768]."""
        rows = [torch.tensor(row[:CLIP_LENGTH]) for row in self.words(captions)[1]]
        end = torch.zeros(1, self._clip.shape[1])
        return torch.nn.functional.layer_norm(
            torch.stack([torch.cat((self._clip[row], end)).mean(0) for row in rows]), end.shape[1:]
        )

    def _value_of(self, word: int) -> torch.Tensor:
        if word not in self._values:
            row = self._table[word].float()
            self._values[word] = self._value @ (row * torch.rsqrt(row.square().mean() + 1e-6))
        return self._values[word]


def _attention(bias: torch.Tensor) -> torch.Tensor:
    """T5's attention by relative position alone, [heads, query, key]; buckets as in Hugging Face's T5."""
    places = torch.arange(LENGTH)
    after = places[None] - places[:, None]
    far = after.abs()
    coarse = 8 + (torch.log(far.clamp(min=1) / 8) / math.log(128 / 8) * 8).long()
    bucket = (after > 0).long() * 16 + torch.where(far < 8, far, coarse.clamp(max=15))
    return bias[bucket].permute(2, 0, 1).softmax(-1)
