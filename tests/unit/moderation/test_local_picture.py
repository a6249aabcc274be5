"""The local picture check with NudeNet's real weights."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
from PIL import Image

from nodes.errors import MissingPackage
from nodes.moderation import local_picture
from nodes.moderation.categories import Category
from nodes.moderation.gate import check_pictures
from nodes.moderation.local_picture import CLASSES, LocalPictureCheck, confidences
from nodes.moderation.policy import OnError, Policy


def drawing(size: tuple[int, int] = (256, 256)) -> Image.Image:
    across, down = np.meshgrid(np.linspace(0, 255, size[0]), np.linspace(0, 255, size[1]))
    return Image.fromarray(np.stack([across, down, 255 - across], axis=-1).astype(np.uint8))


class Session:
    """The detector's output, made up: classes → confidence in the one box it reports."""

    def __init__(self, **found: float):
        self.found = found
        self.views: list[np.ndarray] = []

    def get_inputs(self):
        return [type("Input", (), {"name": "images"})]

    def run(self, _, inputs):
        (views,) = inputs.values()
        self.views.append(views)
        output = np.zeros((len(views), 4 + len(CLASSES), 10), dtype=np.float32)
        for index, (name, _) in enumerate(CLASSES):
            output[0, 4 + index, 3] = self.found.get(name, 0.0)
        return (output,)


@pytest.fixture
def detector(monkeypatch):
    def made(**found: float) -> Session:
        session = Session(**found)
        monkeypatch.setattr(local_picture, "_detector", lambda: (session, "made up"))
        return session

    return made


def test_the_real_detector_runs_and_says_the_same_twice():
    first, second = LocalPictureCheck().check(drawing()), LocalPictureCheck().check(drawing())
    assert first == second
    assert first.version == "nudenet 3.4.2"
    assert first.judges == {Category.SEXUAL}
    assert first.scores.get(Category.SEXUAL, 0.0) < 0.25


def test_our_reading_of_the_weights_agrees_with_nudenets_own():
    """The highest confidences, on noise, where the original's box suppression plays no part."""
    import onnxruntime  # noqa: F401
    from nudenet import NudeDetector

    session, _ = local_picture._detector()
    bare = NudeDetector()
    assert bare.onnx_session.get_inputs()[0].shape == session.get_inputs()[0].shape
    labels = sys.modules["nudenet.nudenet"].__dict__["__labels"]
    assert [name for name, _ in CLASSES] == labels
    view = local_picture._input(drawing((320, 320)))[None]
    theirs = bare.onnx_session.run(None, {"images": view})[0]
    ours = confidences(session, drawing((320, 320)))
    assert np.allclose(ours, theirs[0, 4:].max(axis=1), atol=1e-5)


def test_what_nudenet_itself_would_report_blocks_and_a_face_does_not(detector):
    detector(FEMALE_BREAST_EXPOSED=0.25)
    assert LocalPictureCheck().check(drawing()).scores[Category.SEXUAL] == pytest.approx(0.5)
    detector(FACE_FEMALE=0.99, FEET_EXPOSED=0.99, FEMALE_BREAST_COVERED=0.99)
    assert LocalPictureCheck().check(drawing()).scores[Category.SEXUAL] < 0.25


def test_a_covered_part_does_not_hide_an_exposed_one(detector):
    detector(FEMALE_BREAST_COVERED=0.95, FEMALE_BREAST_EXPOSED=0.6)
    assert LocalPictureCheck().check(drawing()).findings[0].rule == "nudenet/FEMALE_BREAST_EXPOSED"


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (40, 4000), (1024, 1024), (2500, 1700), (9000, 6000)])
def test_any_shape_is_looked_at_in_a_bounded_number_of_views(detector, size):
    session = detector()
    LocalPictureCheck().check(Image.new("RGB", size))
    (views,) = session.views
    assert views.shape[1:] == (3, 320, 320)
    assert len(views) <= 14
    assert (len(views) == 1) == (max(size) <= 1536 and max(size) <= 2 * min(size))


@pytest.mark.parametrize("size", [(2500, 1700), (400, 4000), (4000, 300), (1600, 1600)])
def test_parts_leave_nothing_of_the_picture_out(size):
    white = Image.new("L", size, 0)
    marked = np.zeros((size[1], size[0]), dtype=bool)
    picture = Image.merge("RGB", (white, white, white))
    boxes = []
    picture.crop = lambda box: boxes.append(box) or Image.new("RGB", (8, 8))
    list(local_picture._views(picture))
    for left, top, right, bottom in boxes:
        marked[top:bottom, left:right] = True
    assert marked.all()


@pytest.mark.parametrize("on_error", OnError)
def test_without_nudenet_the_message_says_what_to_install(monkeypatch, on_error):
    local_picture._detector.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match="pip install nudenet"):
        LocalPictureCheck().check(drawing())
    policy = Policy.from_preset()
    policy = policy.__class__(policy.name, rules=policy.rules, on_error=on_error)
    (decision,) = check_pictures([drawing()], policy, [LocalPictureCheck()])
    assert decision.allowed == (on_error is OnError.ALLOW)
    assert decision.failures[0][1].code == "missing_package"
    local_picture._detector.cache_clear()


def test_opencv_is_not_needed(monkeypatch):
    local_picture._detector.cache_clear()
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.delitem(sys.modules, "nudenet", raising=False)
    LocalPictureCheck().check(drawing())
    assert "nudenet" not in sys.modules
