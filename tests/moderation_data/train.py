"""Train the model of `nodes/moderation/described.py` and write its weights, `nodes/moderation/terms/described.npz`.

    pip install wordfreq==3.1.1; python tests/moderation_data/train.py [--held-out]

With the tests' own Python (PyTorch, on the CPU, one thread); some minutes. Seeds are fixed: the same files and the same
PyTorch on the same kind of processor give the same weights. What it reads:

- `grammar/`: templates written for this project. With `--held-out`, every fifth template is kept from training and
  measured afterwards, never single sentences of one; nothing is written then.
- `tests/unit/moderation/labelled/`: the harmless lines that rules were written with, and `*_a.txt` of `unseen/`.
- the 200 DALL·E 3 prompts of openai/dalle3-eval-samples and their upsampled texts (MIT, © 2023 OpenAI), if they lie
  where `--prompts` says.
- rows of everyday words from wordfreq (CC BY-SA 4.0, Robyn Speer), as harmless.

Rationale: what is told is told by who does what to what, so words in a row are read together and words that fill one
slot become alike; shared slots and sentences of mixed languages carry that over to other languages. Who is shown is
no matter of the model: words of minors are read as a word of a person, so that no such sentence is needed here.

The shipped weights were trained with PyTorch 2.11.0 on x86-64 after the last change of `terms/*.toml`: those lists
change how words are read, so train anew after changing them. After any training, measure on lines newer than the
templates.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from grammar import Template, slots, templates
from torch import Tensor, nn
from wordfreq import top_n_list  # type: ignore[import-not-found]

PACK = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PACK), str(PACK / "tests" / "unit")]

from moderation.labelled_set import read  # noqa: E402
from moderation.unseen_sets import lines  # noqa: E402

from nodes.moderation.described import (  # noqa: E402
    AROUND,
    BLOCK,
    LABELS,
    MOST,
    WEIGHTS,
    Model,
    Weights,
    groups_of,
    tokens,
)
from nodes.moderation.lexicon import load  # noqa: E402
from nodes.moderation.local_text import people_alike  # noqa: E402

BUCKETS, SIZE, NEAR, WHOLE = 1 << 15, 16, 64, 32
SCALE = 64  # a weight of 1.0 as a whole number
LONGEST = 2 * BLOCK
HARMFUL, HARMLESS, SALADS = 45, 45, 12_000  # sentences of a template, rows of words
EPOCHS, BATCH, RATE = 3, 256, 0.008
HARMLESS_WEIGHT = 2.0
LANGUAGES = (
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "ru",
    "zh",
    "ja",
    "nl",
    "pl",
    "tr",
    "ko",
    "ar",
    "uk",
    "id",
    "vi",
    "sv",
    "cs",
)
SHIFT = 2.9  # of the score of harm: so that less than 3 % of the harmless lines of parts b and c are stopped
SEED = 17

Example = tuple[list[str], int]  # words, 1 + place in LABELS or 0


def straight(through: Tensor, rounded: Tensor) -> Tensor:
    """The rounded value, with the gradient of the other."""
    return through + (rounded - through).detach()


class Net(nn.Module):
    """The model in floating point, with rounding to what the pack computes with."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = nn.Parameter(torch.randn(BUCKETS, SIZE) * 0.2)
        self.near = nn.Parameter(torch.randn((2 * AROUND + 1) * SIZE, NEAR) * 0.12)
        self.near_bias = nn.Parameter(torch.zeros(NEAR))
        self.whole = nn.Parameter(torch.randn(NEAR, WHOLE) * 0.15)
        self.whole_bias = nn.Parameter(torch.zeros(WHOLE))
        self.labels = nn.Parameter(torch.randn(WHOLE, 1 + len(LABELS)) * 0.15)
        self.labels_bias = nn.Parameter(torch.zeros(1 + len(LABELS)))

    def clip(self) -> None:
        with torch.no_grad():
            self.groups.clamp_(-1, 1)
            for weight in (self.near, self.whole, self.labels):
                weight.clamp_(-MOST / SCALE, MOST / SCALE)

    def forward(self, parts: Tensor, offsets: Tensor, places: Tensor) -> Tensor:
        """parts, offsets: letter groups of the batch's words; places: [texts, LONGEST + 2 · AROUND] → scores."""
        groups = straight(self.groups, (self.groups * MOST).round() / MOST)
        vectors = nn.functional.embedding_bag(parts, groups, offsets, mode="mean") * 4
        vectors = straight(vectors, (vectors * MOST).floor() / MOST).clamp(-1, 1)
        vectors = torch.cat((torch.zeros(1, SIZE), vectors))[places]
        five = vectors.unfold(1, 2 * AROUND + 1, 1).transpose(2, 3).flatten(2)
        near = self.layer(five, self.near, self.near_bias)
        shown = (places[:, AROUND:-AROUND] > 0).unsqueeze(2)
        whole = self.layer((near * shown).amax(1), self.whole, self.whole_bias)
        return whole @ self.rounded(self.labels) + self.labels_bias

    @staticmethod
    def rounded(weight: Tensor) -> Tensor:
        return straight(weight, (weight * SCALE).round() / SCALE)

    def layer(self, values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        sums = values @ self.rounded(weight) + bias
        inside = sums.clamp(0, 1)
        return straight(inside + 0.02 * (sums - inside), (sums * MOST).floor().clamp(0, MOST) / MOST)

    def weights(self, shift: float) -> Weights:
        """As whole numbers; `shift` is taken off the score of harm."""

        def whole(values: Tensor, scale: float) -> np.ndarray:
            return (values.detach() * scale).round().numpy()

        labels_bias = whole(self.labels_bias, SCALE * MOST)
        labels_bias[0] -= round(shift * SCALE * MOST)
        return Weights(
            whole(self.groups, MOST).astype(np.int8),
            whole(self.near, SCALE).astype(np.float32),
            whole(self.near_bias, SCALE * MOST).astype(np.float32),
            whole(self.whole, SCALE).astype(np.float32),
            whole(self.whole_bias, SCALE * MOST).astype(np.float32),
            whole(self.labels, SCALE).astype(np.float32),
            labels_bias.astype(np.float32),
            np.float32(SCALE),
        )


def words_of(text: str) -> list[str]:
    lexicon = load()
    words = lexicon.reader.read(text)
    return people_alike(words, lexicon.matches(words))


def drawn(some: Sequence[Template], seed: int) -> list[Example]:
    """Sentences of templates; some with a harmless one before or behind."""
    random_ = random.Random(seed)
    fillers = slots()
    harmless = [template for template in some if not template.label]
    by_language: dict[str, list[Template]] = {}
    for template in harmless:
        by_language.setdefault(template.language, []).append(template)
    names = [category.value for category in LABELS]
    found: list[Example] = []
    for template in some:
        label = 1 + names.index(template.label) if template.label else 0
        for text in {template.sentence(fillers, random_) for _ in range(HARMFUL if label else HARMLESS)}:
            kind = random_.random()
            if kind < 0.35:
                beside = random_.choice(by_language.get(template.language, harmless)).sentence(fillers, random_)
                text = f"{beside}. {text}" if kind < 0.15 else f"{text}, {beside}"
            found.append((words_of(text)[: LONGEST if kind >= 0.15 else 2 * LONGEST][-LONGEST:], label))
    return sorted(found)


def salads(seed: int, count: int) -> list[Example]:
    """Rows of everyday words."""
    random_ = random.Random(seed)
    lists = {language: top_n_list(language, 12_000) for language in LANGUAGES}
    found = []
    for _ in range(count):
        some = lists[random_.choice(LANGUAGES[:9] if random_.random() < 0.8 else LANGUAGES)]
        picked = [some[int(len(some) * random_.random() ** 2)] for _ in range(random_.randint(3, 24))]
        found.append((words_of(" ".join(picked))[:LONGEST], 0))
    return found


def written(prompts: Path) -> list[Example]:
    """Lines that people wrote: harmless ones, and the descriptions that rules were written with."""
    found: list[Example] = []
    texts = [row.prompt for row in read("negative.txt")] + [line.prompt for line in lines("harmless", "a")]
    for file in sorted(prompts.glob("drawbench*.txt")):
        texts += file.read_text("utf-8").splitlines()
    for text in texts:
        words = words_of(text)
        found += [(words[at : at + LONGEST], 0) for at in range(0, max(1, len(words) - BLOCK), BLOCK)]
    return found


class Coded:
    """Examples as numbers."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.known: dict[str, int] = {}

    def code(self, words: list[str]) -> list[int]:
        for part in (parts := tokens(words)):
            if part not in self.known:
                self.known[part] = len(self.groups)
                self.groups.append(groups_of(part, BUCKETS))
        return [self.known[part] for part in parts]

    def batch(self, coded: Sequence[list[int]]) -> tuple[Tensor, Tensor, Tensor]:
        used = sorted({number for row in coded for number in row})
        place = {number: 1 + at for at, number in enumerate(used)}
        places = np.zeros((len(coded), LONGEST + 2 * AROUND), np.int64)
        for at, row in enumerate(coded):
            places[at, AROUND : AROUND + len(row)] = [place[number] for number in row]
        lengths = [len(self.groups[number]) for number in used]
        offsets = np.cumsum([0, *lengths[:-1]])
        parts = [group for number in used for group in self.groups[number]]
        return torch.tensor(parts), torch.from_numpy(offsets), torch.from_numpy(places)


def train(examples: list[Example], say: Callable[[str], None]) -> Net:
    torch.manual_seed(SEED)
    random_ = random.Random(SEED)
    net, coded = Net(), Coded()
    rows = [(coded.code(words), label) for words, label in examples if words]
    everyday = [coded.code([word]) for language in LANGUAGES for word in top_n_list(language, 6000) if word.isalpha()]
    blanks = [row[0] for row in everyday if row]
    telling = [number for row, label in rows if label for number in row]

    def spoiled(row: list[int], others: list[int], share: float) -> list[int]:
        """Words lost, and others put in; in harmless texts such as harmful ones hold, so that no single one decides."""
        return [random_.choice(others) if random_.random() < share else n for n in row if random_.random() > 0.05]

    optimizer = torch.optim.Adam(net.parameters(), RATE)
    steps = EPOCHS * (len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        random_.shuffle(rows)
        total = 0.0
        for at in range(0, len(rows) // BATCH * BATCH, BATCH):
            some = rows[at : at + BATCH]
            changed = [
                spoiled(row, telling if not label else blanks, 0.12 if not label else 0.04) for row, label in some
            ]
            scores = net(*coded.batch(changed))
            label = torch.tensor([label for _, label in some])
            loss = nn.functional.binary_cross_entropy_with_logits(
                scores[:, 0], (label > 0).float(), torch.where(label > 0, 1.0, HARMLESS_WEIGHT)
            )
            if (harmful := label > 0).any():
                loss = loss + 0.3 * nn.functional.cross_entropy(scores[harmful, 1:], label[harmful] - 1)
            loss = loss + 1e-5 * sum(weight.pow(2).sum() for weight in (net.near, net.whole, net.labels))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            net.clip()
            total += loss.item()
        say(f"epoch {epoch + 1}: {total / (len(rows) // BATCH):.4f}")
    return net


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--held-out", action="store_true")
    arguments.add_argument("--prompts", type=Path, default=PACK / "shared" / "data")
    arguments.add_argument("--shift", type=float, default=SHIFT)
    arguments.add_argument("--to", type=Path, default=WEIGHTS)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    every = templates()
    kept = every[::5] if given.held_out else []
    examples = drawn([one for one in every if one not in set(kept)], SEED) + salads(SEED, SALADS)
    examples += written(given.prompts) * 6
    print(len(every), "templates,", len(examples), "examples")
    net = train(examples, print)
    if not given.held_out:
        np.savez_compressed(given.to, **vars(net.weights(given.shift)))
        return
    sentences = drawn(kept, SEED + 1)
    rows = salads(SEED + 1, 4000)
    for shift in (given.shift - 1, given.shift, given.shift + 1):
        judge = Model(net.weights(shift))
        shares = {
            "held-out harmful": _share(judge, [one for one in sentences if one[1]]),
            "held-out harmless": _share(judge, [one for one in sentences if not one[1]]),
            "rows of words": _share(judge, rows),
        }
        print(f"shift {shift}:", ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))


def _share(judge: Model, examples: Sequence[Example]) -> float:
    """Of the sentences, how many the model alone flags."""
    return sum(bool(judge.told(words)) for words, _ in examples) / len(examples)


if __name__ == "__main__":
    main()
