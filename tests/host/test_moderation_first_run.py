"""The shipped moderated workflow on a fresh install, where nobody has installed NudeNet."""

from __future__ import annotations

import json

import pytest
from comfyui.environment import PACK

# Loaded before any workflow runs: as if the package were not there.
BLOCKER = """
import sys

sys.modules["nudenet"] = None
NODE_CLASS_MAPPINGS = {}
"""


@pytest.fixture(scope="module")
def host(start_comfyui):
    def prepare(installation) -> None:
        folder = installation.base / "custom_nodes" / "no_nudenet"
        folder.mkdir()
        (folder / "__init__.py").write_text(BLOCKER, "utf-8")

    return start_comfyui(prepare=prepare)


def workflow(**policy: str) -> dict:
    graph = dict(json.loads((PACK / "workflows" / "api" / "moderated-pipeline.json").read_text("utf-8")))
    (node,) = (node for node in graph.values() if node["class_type"] == "DalleFluxModerationPolicy")
    node["inputs"] |= policy
    return graph


def picture_report(run) -> dict:
    reports = [json.loads(output["text"][0]) for output in run.outputs.values() if "text" in output]
    return next(report for report in reports if report["kind"] == "image")


def saved(run) -> list:
    return [p for output in run.outputs.values() for p in output.get("images", []) if p["type"] == "output"]


def test_it_runs_saves_a_picture_and_says_what_was_not_judged_and_how_to_change_that(host):
    run = host.run(workflow(), limit_s=600)
    assert run.succeeded, run.error
    assert saved(run)
    report = picture_report(run)
    assert (report["allowed"], report["outcome"]) == (True, "review")
    (picture,) = report["images"]
    assert "sexual" in picture["cannot_judge"]
    assert [hint["kind"] for hint in picture["hints"]] == ["not_judged"]
    assert "pip install nudenet" in picture["hints"][0]["matched"]


def test_a_check_that_is_asked_for_by_name_still_fails_closed(host):
    run = host.run(workflow(image_check="local"), limit_s=600)
    assert run.succeeded, run.error
    assert not saved(run)
    report = picture_report(run)
    assert report["outcome"] == "block"
    assert report["images"][0]["errors"][0]["code"] == "missing_package"
