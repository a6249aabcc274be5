"""The comparison's numbers against scikit-image in the same run, and what a sheet costs. Target: at most half.

scikit-image has no MS-SSIM; on its side it is put together from its own SSIM at five sizes, which is what one would
do with it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.filters import laplace
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.transform import downscale_local_mean

from nodes.comparison.align import Align
from nodes.comparison.captions import Caption
from nodes.comparison.compare import CompareRequest, Side, compare
from nodes.comparison.metrics import measure, numbers

RUNS = 3


def scene(edge: int, seed: int) -> torch.Tensor:
    """A smooth picture with texture, `[H,W,3]` float32 0…1."""
    torch.manual_seed(seed)
    coarse = torch.rand(1, 3, edge // 16, edge // 16)
    smooth = torch.nn.functional.interpolate(coarse, size=(edge, edge), mode="bicubic")[0].movedim(0, -1)
    return (smooth + torch.randn(edge, edge, 3) * 0.03).clamp(0, 1).contiguous()


def with_scikit_image(a: np.ndarray, b: np.ndarray) -> None:
    peak_signal_noise_ratio(a, b, data_range=1)
    deltaE_ciede2000(rgb2lab(a), rgb2lab(b)).mean()
    for picture in (a, b):
        laplace(picture.mean(-1)).var()
    for _ in range(5):
        structural_similarity(
            a, b, data_range=1, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        a, b = (downscale_local_mean(picture, (2, 2, 1)) for picture in (a, b))


def seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    print("metrics, median of 3                |  ours s | scikit-image s | ratio (target ≤ 0.50)")
    for title, edge, count in (("one pair of 1024²", 1024, 2), ("A against three, 2048²", 2048, 4)):
        first, *others = [scene(edge, seed) for seed in range(count)]
        pairs = [(first.numpy(), other.numpy()) for other in others]
        numbers(*pairs[0])  # imports and fonts are not what is measured

        def ours(pairs: list = pairs) -> None:
            for pair in pairs:
                numbers(*pair)

        def theirs(pairs: list = pairs) -> None:
            for pair in pairs:
                with_scikit_image(*pair)

        mine, reference = seconds(ours), seconds(theirs)
        print(f"{title:<35} | {mine:7.2f} | {reference:14.2f} | {mine / reference:.2f}")
    print("\nsheet with heat maps, no numbers    |       s")
    for title, edge, count, batch in (("2 pictures 1024²", 1024, 2, 1), ("4 pictures 2048²", 2048, 4, 1)):
        sides = [
            Side(slot, slot, scene(edge, at).unsqueeze(0).repeat(batch, 1, 1, 1), [Caption(text="word " * 60)] * batch)
            for at, slot in enumerate("abcd"[:count])
        ]
        request = CompareRequest(sides, Align.FIT, measure=False)
        print(f"{title:<35} | {seconds(lambda request=request: compare(request, measure)):7.2f}")


if __name__ == "__main__":
    main()
