"""The check "local" for pictures: NudeNet's detector, on the CPU, with the weights that come in its package.

An optional extra: `pip install nudenet` (MIT, 12 MB of weights, brings onnxruntime). It judges `sexual` and
nothing else; violence, hate, age or persons it does not see. Source: nudenet 3.4.2 `nudenet/nudenet.py`
and `320n.onnx` (YOLOv8n, 18 classes, 320 x 320).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..errors import MissingPackage
from .categories import Category
from .decision import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

EDGE = 320  # pixels the detector looks at
# Pictures with a longer edge are looked at in parts too. Not smaller ones: on 179 ordinary pictures, parts of
# 1024 x 1024 doubled the false alarms.
TILE_FROM = 1536
MAX_TILES = 12
LARGEST = 4096  # pixels; longer edges are reduced first, so that a huge picture costs no more than a large one
# NudeNet drops what it is less than 0.25 sure of, so that is where its opinion begins: it becomes 0.5 here.
SURE = 0.5
# Class, in the detector's own order → how much of `sexual` it is. Covered parts are seen on any clothed person.
CLASSES: tuple[tuple[str, float], ...] = (
    ("FEMALE_GENITALIA_COVERED", 0.3),
    ("FACE_FEMALE", 0.0),
    ("BUTTOCKS_EXPOSED", 0.9),
    ("FEMALE_BREAST_EXPOSED", 1.0),
    ("FEMALE_GENITALIA_EXPOSED", 1.0),
    ("MALE_BREAST_EXPOSED", 0.24),
    ("ANUS_EXPOSED", 1.0),
    ("FEET_EXPOSED", 0.0),
    ("BELLY_COVERED", 0.0),
    ("FEET_COVERED", 0.0),
    ("ARMPITS_COVERED", 0.0),
    ("ARMPITS_EXPOSED", 0.0),
    ("FACE_MALE", 0.0),
    ("BELLY_EXPOSED", 0.2),
    ("MALE_GENITALIA_EXPOSED", 1.0),
    ("ANUS_COVERED", 0.24),
    ("FEMALE_BREAST_COVERED", 0.15),
    ("BUTTOCKS_COVERED", 0.2),
)


class LocalPictureCheck:
    """Judges pictures with NudeNet's detector; deterministic."""

    name = "local"

    def check(self, picture: Image.Image) -> Verdict:
        """Judge one picture, mode RGB.

        Raises:
            MissingPackage: nudenet or onnxruntime is not installed.
        """
        session, version = _detector()
        best = confidences(session, picture)
        findings = []
        for (name, weight), confidence in zip(CLASSES, best, strict=True):
            score = weight * min(1.0, confidence / SURE)
            if score >= 0.05:
                findings.append(Finding(Category.SEXUAL, round(score, 4), f"nudenet/{name}"))
        findings.sort(key=lambda finding: -finding.score)
        scores = {Category.SEXUAL: findings[0].score} if findings else {}
        return Verdict(self.name, version, frozenset({Category.SEXUAL}), scores, findings=tuple(findings))


def confidences(session: Any, picture: Image.Image) -> list[float]:
    """The detector's highest confidence for each of CLASSES, anywhere in the picture.

    Boxes do not matter here, so nothing is suppressed: a covered part never hides an exposed one.
    """
    views = np.stack([_input(view) for view in _views(picture)])
    (output,) = session.run(None, {session.get_inputs()[0].name: views})
    best = output[:, 4 : 4 + len(CLASSES), :].max(axis=(0, 2))
    return [float(confidence) for confidence in best]


@cache
def _detector() -> tuple[Any, str]:
    # Not imported: nudenet imports OpenCV, which is not needed here.
    try:
        package = importlib.util.find_spec("nudenet")
    except (ImportError, ValueError):
        package = None
    if package is None or package.origin is None:
        raise MissingPackage("nudenet", "The local picture check")
    try:
        import onnxruntime
    except ImportError:
        raise MissingPackage("onnxruntime", "The local picture check") from None
    weights = Path(package.origin).parent / "320n.onnx"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    return session, f"nudenet {importlib.metadata.version('nudenet')}"


def _views(picture: Image.Image) -> Iterator[Image.Image]:
    """The whole picture, and overlapping square parts of a large or very long one, so that small people count."""
    if max(picture.size) > LARGEST:
        picture = picture.reduce(math.ceil(max(picture.size) / LARGEST))
    yield picture
    width, height = picture.size
    short, long = sorted(picture.size)
    if long <= TILE_FROM and long <= 2 * short:
        return
    # Two rows of a normal picture, one row along a strip; tiles overlap by a third.
    tile = max(short if long > 2 * short else math.ceil(long * 0.6), 1)
    columns, rows = _starts(width, tile), _starts(height, tile)
    boxes = [(x, y, min(x + tile, width), min(y + tile, height)) for y in rows for x in columns]
    step = math.ceil(len(boxes) / MAX_TILES)
    if step > 1:  # an extreme strip: fewer and longer parts, none left out
        tile *= step
        columns, rows = _starts(width, tile), _starts(height, tile)
        boxes = [(x, y, min(x + tile, width), min(y + tile, height)) for y in rows for x in columns][: MAX_TILES + 1]
    for box in boxes:
        yield picture.crop(box)


def _starts(length: int, tile: int) -> list[int]:
    if length <= tile:
        return [0]
    count = math.ceil((length - tile) / (tile * 2 / 3)) + 1
    return [round(index * (length - tile) / (count - 1)) for index in range(count)]


def _input(view: Image.Image) -> np.ndarray:
    """`[3,320,320]` float32 0…1: scaled as people see it, padded right and below with black as in training."""
    scale = EDGE / max(view.size)
    size = max(1, round(view.width * scale)), max(1, round(view.height * scale))
    small = view.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    canvas: np.ndarray = np.zeros((EDGE, EDGE, 3), dtype=np.float32)
    canvas[: size[1], : size[0]] = np.asarray(small, dtype=np.float32) / 255.0
    return np.transpose(canvas, (2, 0, 1))
