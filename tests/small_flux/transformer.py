"""FLUX.1's transformer, small and trainable: the key names of the host's `comfy.ldm.flux.model.Flux`.

The host's own class cannot be trained with (it adds in place), so this is a second one; `tests/host/` proves that
both give the same.
"""

from __future__ import annotations

import math
import os

import torch
import torch.nn.functional as F
from torch import nn

HIDDEN, HEADS, DOUBLE, SINGLE = 192, 3, 1, 4
AXES = (8, 28, 28)  # of the 64 dimensions of a head: those that turn with text, row, column
SPAN = 16.0  # every picture reaches over so many positions, by the root of its area, whatever its tokens
CHANNELS, PATCH, TEXT_WIDTH, POOLED_WIDTH = 16, 2, 4096, 768
_TOKEN = CHANNELS * PATCH * PATCH
_HEAD = HIDDEN // HEADS
_HALVES = torch.cat((torch.arange(0, _HEAD, 2), torch.arange(1, _HEAD, 2)))
_SORTED = torch.cat(  # rows of queries, keys, values: in each head of the first two, even dimensions before odd ones
    [_HALVES + start for start in range(0, 2 * HIDDEN, _HEAD)] + [torch.arange(2 * HIDDEN, 3 * HIDDEN)]
)

Table = tuple[torch.Tensor, torch.Tensor]  # cosines and sines of every token's turn


def positions(rows: int, columns: int) -> torch.Tensor:
    """Where each token of a picture is, [rows * columns, 3]; the stand-in plugin tells the host the same."""
    step = SPAN / math.sqrt(rows * columns)
    y = SPAN / 2 + (torch.arange(rows) + 0.5 - rows / 2) * step
    x = SPAN / 2 + (torch.arange(columns) + 0.5 - columns / 2) * step
    grid = torch.stack((torch.zeros(rows, columns), y[:, None].expand(rows, columns), x.expand(rows, columns)), -1)
    return grid.reshape(-1, 3)


def patch(latent: torch.Tensor) -> torch.Tensor:
    """[batch, channels, height, width] → tokens [batch, height * width / 4, channels * 4]."""
    batch, channels, height, width = latent.shape
    cells = latent.reshape(batch, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * PATCH * PATCH)


def unpatch(tokens: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """The way back, to [batch, 16, 2 * rows, 2 * columns]."""
    cells = tokens.reshape(len(tokens), rows, columns, CHANNELS, PATCH, PATCH).permute(0, 3, 1, 4, 2, 5)
    return cells.reshape(len(tokens), CHANNELS, PATCH * rows, PATCH * columns)


class Flux(nn.Module):
    """Rectified flow: from a noisy latent to noise minus picture."""

    def __init__(self) -> None:
        super().__init__()
        self.img_in, self.txt_in = nn.Linear(_TOKEN, HIDDEN), nn.Linear(TEXT_WIDTH, HIDDEN)
        self.time_in, self.guidance_in, self.vector_in = Embedder(256), Embedder(256), Embedder(POOLED_WIDTH)
        self.double_blocks = nn.ModuleList(DoubleBlock() for _ in range(DOUBLE))
        self.single_blocks = nn.ModuleList(SingleBlock() for _ in range(SINGLE))
        self.final_layer = FinalLayer()
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, Modulation):
                nn.init.zeros_(module.lin.weight)
        for embedder in (self.time_in, self.vector_in):
            nn.init.normal_(embedder.in_layer.weight, std=0.02)
            nn.init.normal_(embedder.out_layer.weight, std=0.02)
        nn.init.normal_(self.txt_in.weight, std=1 / math.sqrt(TEXT_WIDTH))
        for last in (self.final_layer.linear, self.final_layer.adaLN_modulation[1], self.guidance_in.out_layer):
            nn.init.zeros_(last.weight)

    def forward(
        self,
        tokens: torch.Tensor,
        time: torch.Tensor,
        text: torch.Tensor,
        copies: torch.Tensor,
        pooled: torch.Tensor,
        guidance: torch.Tensor,
        rows: int,
        columns: int,
    ) -> torch.Tensor:
        """Tokens [batch, rows * columns, 64] at time [batch] (1 noise, 0 picture) → velocities of the same shape.

        Args:
            text, copies: what `Encoders.t5` gives; pooled: what `Encoders.pooled` gives.
            guidance: [batch], as FluxGuidance gives it.
        """
        kind = self.img_in.weight.dtype
        vector = self.time_in(_waves(time).to(kind)) + self.guidance_in(_waves(guidance).to(kind))
        vector = vector + self.vector_in(pooled.to(kind))
        image, words = self.img_in(tokens.to(kind)), self.txt_in(text.to(kind))
        count = words.shape[1]
        turns = _turns(rows, columns, count)
        scores = torch.cat((copies, copies.new_zeros(len(copies), rows * columns)), 1).to(kind)
        scores = scores[:, None]
        for block in self.double_blocks:
            image, words = block(image, words, vector, turns, scores)
        both = torch.cat((words, image), 1)
        for block in self.single_blocks:
            both = block(both, vector, turns, scores)
        return self.final_layer(both[:, count:], vector)


class Embedder(nn.Module):
    """A number's waves, or CLIP's text, into the vector that modulates every layer."""

    def __init__(self, into: int):
        super().__init__()
        self.in_layer, self.out_layer = nn.Linear(into, HIDDEN), nn.Linear(HIDDEN, HIDDEN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out_layer(F.silu(self.in_layer(x)))


class Modulation(nn.Module):
    """Shifts, scales and gates of a layer."""

    def __init__(self, parts: int):
        super().__init__()
        self.lin, self.parts = nn.Linear(HIDDEN, parts * HIDDEN), parts

    def forward(self, vector: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.lin(F.silu(vector))[:, None].chunk(self.parts, -1)


class Scale(nn.Module):
    """Of a root-mean-square norm over a head."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(_HEAD))


class QKNorm(nn.Module):
    """Norms of queries and keys."""

    def __init__(self) -> None:
        super().__init__()
        self.query_norm, self.key_norm = Scale(), Scale()

    def heads(self, qkv: torch.Tensor, turns: Table) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """[batch, tokens, 3 * hidden], sorted by `_SORTED` → queries, keys, values, each [batch, heads, tokens, 64]."""
        query, key, value = qkv.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        scales = (norm.scale[_HALVES] for norm in (self.query_norm, self.key_norm))
        query, key = (_turned(part, scale, *turns) for part, scale in zip((query, key), scales, strict=True))
        return query, key, value


class Attention(nn.Module):
    """Weights of one stream's attention."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj, self.norm = nn.Linear(HIDDEN, 3 * HIDDEN), nn.Linear(HIDDEN, HIDDEN), QKNorm()

    def heads(self, x: torch.Tensor, turns: Table) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.norm.heads(F.linear(x, self.qkv.weight[_SORTED], self.qkv.bias[_SORTED]), turns)


class MLP(nn.Sequential):
    """Four times as wide inside."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(HIDDEN, 4 * HIDDEN), nn.GELU(approximate="tanh"), nn.Linear(4 * HIDDEN, HIDDEN))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self[2](_gelu(self[0](x)))


class DoubleBlock(nn.Module):
    """Text and picture with weights of their own and one attention over both."""

    def __init__(self) -> None:
        super().__init__()
        self.img_mod, self.img_attn, self.img_mlp = Modulation(6), Attention(), MLP()
        self.txt_mod, self.txt_attn, self.txt_mlp = Modulation(6), Attention(), MLP()

    def forward(
        self, image: torch.Tensor, words: torch.Tensor, vector: torch.Tensor, turns: Table, scores: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        im, tm = self.img_mod(vector), self.txt_mod(vector)
        count = words.shape[1]
        ours = self.img_attn.heads(_norm(image, im[0], im[1]), tuple(turn[count:] for turn in turns))
        theirs = self.txt_attn.heads(_norm(words, tm[0], tm[1]), tuple(turn[:count] for turn in turns))
        query, key, value = (torch.cat((text, own), 2) for text, own in zip(theirs, ours, strict=True))
        seen = _attend(query, key, value, scores)
        image = image + im[2] * self.img_attn.proj(seen[:, count:])
        image = image + im[5] * self.img_mlp(_norm(image, im[3], im[4]))
        words = words + tm[2] * self.txt_attn.proj(seen[:, :count])
        return image, words + tm[5] * self.txt_mlp(_norm(words, tm[3], tm[4]))


class SingleBlock(nn.Module):
    """Text and picture as one row of tokens; attention and MLP side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(HIDDEN, 7 * HIDDEN), nn.Linear(5 * HIDDEN, HIDDEN)
        self.norm, self.modulation = QKNorm(), Modulation(3)

    def forward(self, x: torch.Tensor, vector: torch.Tensor, turns: Table, scores: torch.Tensor) -> torch.Tensor:
        shift, scale, gate = self.modulation(vector)
        within = _norm(x, shift, scale)
        heads, rest = len(_SORTED), slice(len(_SORTED), None)
        qkv = F.linear(within, self.linear1.weight[:heads][_SORTED], self.linear1.bias[:heads][_SORTED])
        mlp = _gelu(F.linear(within, self.linear1.weight[rest], self.linear1.bias[rest]))
        seen = _attend(*self.norm.heads(qkv, turns), scores)
        return x + gate * self.linear2(torch.cat((seen, mlp), -1))


class FinalLayer(nn.Module):
    """Out to the latent."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(HIDDEN, _TOKEN)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(HIDDEN, 2 * HIDDEN))

    def forward(self, x: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        shift, scale = self.adaLN_modulation(vector)[:, None].chunk(2, -1)
        return self.linear(_norm(x, shift, scale))


def _norm(x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return torch.addcmul(shift, F.layer_norm(x, (HIDDEN,), eps=1e-6), 1 + scale)


def _waves(number: torch.Tensor) -> torch.Tensor:
    frequencies = torch.exp(-math.log(10000) * torch.arange(128) / 128)
    angles = 1000 * number[:, None].float() * frequencies
    return torch.cat((angles.cos(), angles.sin()), -1)


def _turns(rows: int, columns: int, texts: int) -> Table:
    places = torch.cat((torch.zeros(texts, 3), positions(rows, columns)))
    angles = torch.cat(
        [places[:, axis, None] / 10000 ** (torch.arange(0, size, 2) / size) for axis, size in enumerate(AXES)], -1
    )
    return angles.cos(), angles.sin()


def _turned(x: torch.Tensor, scale: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """The norm of a head and its turn by position. FLUX turns neighbours; here, where it is faster, the halves."""
    full = x.float()
    full = full * torch.rsqrt(full.square().mean(-1, keepdim=True) + 1e-6) * scale.float()
    first, second = full.chunk(2, -1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), -1).to(x.dtype)


def _gelu(x: torch.Tensor) -> torch.Tensor:
    """GELU in its tanh approximation, said by a sigmoid, which is faster."""
    full = x.float()
    return (full * torch.sigmoid(1.5957691216 * (full + 0.044715 * full * full * full))).to(x.dtype)


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """PyTorch's own attention takes five times as long backwards at so few tokens."""
    batch, heads, tokens, width = query.shape
    scores = scores[:, None].expand(-1, heads, tokens, -1).reshape(batch * heads, tokens, tokens)
    query, key, value = (part.reshape(batch * heads, tokens, width) for part in (query, key, value))
    weights = torch.baddbmm(scores, query, key.transpose(1, 2), alpha=1 / math.sqrt(width)).softmax(-1)
    return torch.bmm(weights, value).view(batch, heads, tokens, width).transpose(1, 2).flatten(2)


def fuse() -> None:
    """Compile what is many small steps; training is a third faster. Needs a C++ compiler."""
    global _turned, _gelu
    os.environ.setdefault("TORCHINDUCTOR_VEC_ISA_OK", "1")  # the check takes minutes on a busy machine
    _turned, _gelu = (torch.compile(one, dynamic=True) for one in (_turned, _gelu))
