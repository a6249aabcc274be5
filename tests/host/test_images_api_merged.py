"""Requests that wait are drawn as one batch where the user's file says so."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from served_images_api import V1, call, opened, publish, state_of, until, with_lora

SIZE = "256x256"
LONG = "qx zv kj wq " * 80


@pytest.fixture(scope="module")
def host(start_comfyui):
    comfyui = start_comfyui(variables={"OMP_NUM_THREADS": "1"})  # two threads that share a core wait for each other
    publish(comfyui, "endless", with_lora(10_000))
    user_file(comfyui, "[settings]\nonly_commercial = true\n")  # FLUX.1-schnell, which takes four steps
    return comfyui


def user_file(host, text: str) -> None:
    (state_of(host) / "endpoints.toml").write_text(text + "[settings.endpoint]\nmerge = 8\n", "utf-8")


def begin(host, model: str, prompt: str, **fields: object) -> str:
    """The id of a job."""
    asked = {"operation": "generations", "model": model, "prompt": prompt, "response_format": "b64_json", **fields}
    status, job, _ = call(host, "POST", f"{V1}/jobs", asked)
    assert status == 202, job
    return str(job["id"])


def job(host, job_id: str) -> dict[str, Any]:
    return dict(call(host, "GET", f"{V1}/jobs/{job_id}")[1])


def done(host, job_id: str) -> dict[str, Any]:
    """What the job answers, once it is over."""
    return until(lambda: (said := job(host, job_id))["completed_at"] and said, 600)


def cancel(host, job_id: str) -> None:
    assert call(host, "DELETE", f"{V1}/jobs/{job_id}")[0] == 200


@contextlib.contextmanager
def busy(host):
    """Within, what is asked for waits; in the end it is drawn."""
    blockers = [begin(host, "endless", "slow", size="64x64") for _ in range(2)]
    until(lambda: job(host, blockers[0])["status"] == "in_progress")
    yield
    for blocker in blockers:
        cancel(host, blocker)


def answer(said: dict[str, Any]) -> dict[str, Any]:
    assert said["status"] == "completed", said["error"]
    return dict(said["response"])


def pixels(said: dict[str, Any]) -> list[np.ndarray]:
    return [np.asarray(opened(one["b64_json"]).convert("RGB"), np.int16) for one in answer(said)["data"]]


def in_a_batch(said: dict[str, Any]) -> bool:
    return any("one batch" in note for note in answer(said)["dalle_flux"]["notes"])


def runs(host) -> list[str]:
    """How each run of the model ended, oldest first."""
    name = "Images API: dall-e-2 for this machine"
    entries = host.get("/history?max_items=1000").values()
    ours = [one for one in entries if one["prompt"][3]["extra_pnginfo"]["workflow"]["id"] == name]
    return [one["status"]["status_str"] for one in ours]


def test_four_that_wait_are_one_run_and_each_gets_what_it_asked_for(host):
    asked = [
        {"prompt": "a red lighthouse", "seed": 1},
        {"prompt": "two grey seals on a beach", "seed": 2, "n": 2},
        {"prompt": "a bowl of plums", "seed": 3, "output_format": "webp", "output_compression": 100},
        {"prompt": "a red lighthouse", "seed": 4},
    ]
    with busy(host):
        waiting = [begin(host, "dall-e-2", size=SIZE, **one) for one in asked]
    together = [done(host, one) for one in waiting]
    assert runs(host) == ["success"]
    assert all(map(in_a_batch, together))
    for one, said in zip(asked, together, strict=True):
        alone = done(host, begin(host, "dall-e-2", size=SIZE, **one))
        assert not in_a_batch(alone)
        assert answer(said)["dalle_flux"]["seed"] == one["seed"]
        revised = [item["revised_prompt"] for item in answer(said)["data"]]
        assert revised == [item["revised_prompt"] for item in answer(alone)["data"]]
        assert one["prompt"] in revised[0]
        for ours, theirs in zip(pixels(said), pixels(alone), strict=True):
            assert np.abs(ours - theirs).max() <= (2 if "output_format" not in one else 8)  # WebP loses more
    others = pixels(together[0])[0] - pixels(together[3])[0]
    assert np.abs(others).max() > 20  # the same words from another seed are another picture


def test_who_leaves_who_is_refused_and_who_wants_another_size_change_nothing_for_the_rest(host):
    with busy(host):
        first, leaves = (begin(host, "dall-e-2", f"number {place}", size=SIZE, seed=place) for place in range(2))
        refused = {"model": "dall-e-2", "prompt": "porn, naked woman"}
        assert call(host, "POST", f"{V1}/images/generations", refused)[0] == 400
        second = begin(host, "dall-e-2", "number 2", size="512x512", seed=2)
        third, fourth = (begin(host, "dall-e-2", f"number {place}", size=SIZE, seed=place) for place in (3, 4))
        cancel(host, leaves)
    said = [done(host, one) for one in (first, second, third, fourth)]
    assert [in_a_batch(one) for one in said] == [False, False, True, True]
    assert done(host, leaves)["status"] == "cancelled"


def test_prompts_that_cannot_be_one_batch_are_drawn_one_by_one(host):
    user_file(host, "")  # FLUX.1-dev, which reads longer prompts than its encoder pads to
    with busy(host):
        before = runs(host)
        waiting = [begin(host, "dall-e-2", prompt, size=SIZE) for prompt in ("a plum", LONG)]
    said = [done(host, one) for one in waiting]
    assert not any(map(in_a_batch, said))
    assert runs(host)[len(before) :] == ["error", "success", "success"]
