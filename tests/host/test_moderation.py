"""The moderation gate in a real ComfyUI: what runs behind it, what is delivered, what is kept and logged."""

from __future__ import annotations

import io
import json
import shutil
import time
import urllib.error
from collections import Counter

import numpy as np
import pytest
from comfyui import samples
from comfyui.environment import PACK
from PIL import Image
from services import Services
from services.faults import Fault
from services.server import KEY

# A node that counts its executions and passes on what it gets.
COUNTING_NODE = """
from pathlib import Path

class CountRuns:
    RETURN_TYPES = ("*",)
    FUNCTION = "run"
    CATEGORY = "tests"
    INPUT_TYPES = classmethod(lambda cls: {"required": {"anything": ("*",), "label": ("STRING", {})}})
    VALIDATE_INPUTS = classmethod(lambda cls, input_types: True)

    def run(self, anything, label):
        with open(Path(__file__).with_name("runs.txt"), "a", encoding="utf-8") as file:
            file.write(label + "\\n")
        return (anything,)

NODE_CLASS_MAPPINGS = {"CountRuns": CountRuns}
"""
SECRET = "zyxwvut-quokka"  # stands for the user's own words
NAUGHTY = f"a nude man with a {SECRET}"
# A close-up of a flower that NudeNet 3.4.2 takes for something else: a real picture that is really flagged.
FLAGGED_FLOWER = "api_luma_i2v-1.webp"
GREEN, RED = 0x00FF00, 0xFF0000


@pytest.fixture(scope="module")
def services():
    with Services() as running:
        yield running


@pytest.fixture(scope="module")
def host(start_comfyui, services, environment):
    def prepare(installation) -> None:
        counting = installation.base / "custom_nodes" / "counting"
        counting.mkdir()
        (counting / "__init__.py").write_text(COUNTING_NODE, "utf-8")
        state = installation.base / "user" / "dalle_flux"
        state.mkdir(parents=True)
        (state / "endpoints.toml").write_text(
            f'[stand-in]\nbase_url = "{services.base_url}"\napi_key = "{KEY}"\ntimeout_s = 5\n', "utf-8"
        )
        shutil.copy(samples.template(environment, FLAGGED_FLOWER), installation.base / "input")

    return start_comfyui(prepare=prepare)


@pytest.fixture(autouse=True)
def nothing_planned(services):
    services.forget()


def runs(host) -> Counter[str]:
    file = host.installation.base / "custom_nodes" / "counting" / "runs.txt"
    return Counter(file.read_text("utf-8").split()) if file.exists() else Counter()


def gate(prompt: str, on_flag: str, label: str, *, replacement: str = "", policy: dict | None = None) -> dict:
    """A prompt gate with a counted branch behind its prompt and another branch beside it."""
    inputs = {"prompt": prompt, "on_flag": on_flag, "replacement": replacement}
    graph = {
        "behind": {"class_type": "CountRuns", "inputs": {"anything": ["gate", 0], "label": f"behind-{label}"}},
        "further": {"class_type": "CountRuns", "inputs": {"anything": ["behind", 0], "label": f"further-{label}"}},
        "text": {"class_type": "PreviewAny", "inputs": {"source": ["further", 0]}},
        "allowed": {"class_type": "PreviewAny", "inputs": {"source": ["gate", 1]}},
        "report": {"class_type": "PreviewAny", "inputs": {"source": ["gate", 2]}},
        "beside": {"class_type": "CountRuns", "inputs": {"anything": "x", "label": f"beside-{label}"}},
        "other": {"class_type": "PreviewAny", "inputs": {"source": ["beside", 0]}},
    }
    if policy is not None:
        graph["policy"] = policy_node(**policy)
        inputs["policy"] = ["policy", 0]
    graph["gate"] = {"class_type": "DalleFluxModeratePrompt", "inputs": inputs}
    return graph


def policy_node(**changes) -> dict:
    inputs = {
        "preset": "DALL·E-like", "text_check": "local", "image_check": "local", "endpoint": "stand-in",
        "threshold": 0.0, "categories": "", "on_error": "block",
    }  # fmt: skip
    return {"class_type": "DalleFluxModerationPolicy", "inputs": inputs | changes}


def picture_gate(on_flag: str, label: str, images: list, *, policy: dict, cover: str = "blur") -> dict:
    return {
        "policy": policy_node(**policy),
        "gate": {
            "class_type": "DalleFluxModerateImage",
            "inputs": {"images": images, "on_flag": on_flag, "policy": ["policy", 0], "cover": cover},
        },
        "behind": {"class_type": "CountRuns", "inputs": {"anything": ["gate", 0], "label": f"behind-{label}"}},
        "counted": {"class_type": "PreviewAny", "inputs": {"source": ["behind", 0]}},
        "seen": {"class_type": "PreviewImage", "inputs": {"images": ["gate", 0]}},
        "allowed": {"class_type": "PreviewAny", "inputs": {"source": ["gate", 1]}},
        "report": {"class_type": "PreviewAny", "inputs": {"source": ["gate", 2]}},
    }


def four_pictures_the_third_red(width: int = 128) -> dict:
    def plain(colour: int, count: int) -> dict:
        inputs = {"width": width, "height": 128, "batch_size": count, "color": colour}
        return {"class_type": "EmptyImage", "inputs": inputs}

    def batch(first: str, second: str) -> dict:
        return {"class_type": "ImageBatch", "inputs": {"image1": [first, 0], "image2": [second, 0]}}

    return {
        "two": plain(GREEN, 2), "red": plain(RED, 1), "one": plain(GREEN, 1),
        "three": batch("two", "red"), "four": batch("three", "one"),
    }  # fmt: skip


def shown(run, node: str) -> str:
    assert node in run.outputs, run.error
    return run.outputs[node]["text"][0]


def pictures(host, run) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(host.view(p))).convert("RGB")) for p in run.outputs["seen"]["images"]]


def test_behind_a_blocked_prompt_nothing_runs_and_beside_it_everything_does(host):
    run = host.run(gate(NAUGHTY, "block", "a"))
    assert run.succeeded, run.error
    assert runs(host)["behind-a"] == runs(host)["further-a"] == 0
    assert runs(host)["beside-a"] == 1
    assert "text" not in run.outputs
    assert shown(run, "allowed") == "False"
    report = json.loads(shown(run, "report"))
    assert (report["outcome"], report["action"], report["blocked"]) == ("block", "block", ["sexual"])
    assert report["checks"][0]["check"] == "local"


def test_an_allowed_prompt_goes_on_unchanged(host):
    run = host.run(gate("a bloody mary cocktail in Sussex", "block", "b"))
    assert shown(run, "text") == "a bloody mary cocktail in Sussex"
    assert runs(host)["further-b"] == 1
    assert shown(run, "allowed") == "True"


def test_stop_ends_the_run_and_says_category_and_check(host):
    run = host.run(gate(NAUGHTY, "stop", "c"))
    assert not run.succeeded
    assert "sexual (check: local)" in run.error
    assert runs(host)["behind-c"] == 0


def test_a_replacement_takes_the_prompts_place_and_is_checked_too(host):
    run = host.run(gate(NAUGHTY, "replace", "d", replacement="a plain card"))
    assert shown(run, "text") == "a plain card"
    assert shown(run, "allowed") == "False"
    assert json.loads(shown(run, "report"))["action"] == "replace"
    run = host.run(gate(NAUGHTY, "replace", "e", replacement="another nude"))
    assert "sexual" in run.error
    run = host.run(gate("a tree", "replace", "f"))
    assert "fill in `replacement`" in run.error


def test_a_policy_reaches_the_gate(host):
    run = host.run(gate(NAUGHTY, "stop", "g", policy={"preset": "internal review only"}))
    report = json.loads(shown(run, "report"))
    assert (report["allowed"], report["outcome"], report["review"]) == (True, "review", ["sexual"])
    run = host.run(gate(NAUGHTY, "stop", "h", policy={"categories": "sexual/minors = off"}))
    assert "always blocks" in run.error


def test_of_a_batch_of_four_only_the_flagged_one_is_covered(host):
    policy = {"image_check": "openai"}
    run = host.run(four_pictures_the_third_red() | picture_gate("replace", "i", ["four", 0], policy=policy))
    assert run.succeeded, run.error
    seen = pictures(host, run)
    assert len(seen) == 4
    assert [bool((picture == (0, 255, 0)).all()) for picture in seen] == [True, True, False, True]
    assert (seen[2] == (0, 0, 0)).all(axis=-1).any(), "the caption"
    assert shown(run, "allowed") == "False"
    outcomes = [picture["outcome"] for picture in json.loads(shown(run, "report"))["images"]]
    assert outcomes == ["allow", "allow", "block", "allow"]


def test_drop_lets_the_allowed_pictures_go_on_and_block_none(host):
    policy = {"image_check": "openai"}
    run = host.run(four_pictures_the_third_red(136) | picture_gate("drop", "j", ["four", 0], policy=policy))
    assert len(pictures(host, run)) == 3
    run = host.run(four_pictures_the_third_red(144) | picture_gate("block", "k", ["four", 0], policy=policy))
    assert run.succeeded, run.error
    assert runs(host)["behind-k"] == 0
    assert "seen" not in run.outputs
    assert shown(run, "allowed") == "False"
    run = host.run(four_pictures_the_third_red(152) | picture_gate("stop", "l", ["four", 0], policy=policy))
    assert "Picture 3 of 4" in run.error


def test_the_local_detector_flags_a_real_picture_and_passes_another(host):
    load = {"load": {"class_type": "LoadImage", "inputs": {"image": FLAGGED_FLOWER}}}
    run = host.run(load | picture_gate("replace", "m", ["load", 0], policy={}, cover="plain"))
    assert run.succeeded, run.error
    report = json.loads(shown(run, "report"))
    assert report["blocked"] == ["sexual"]
    assert report["images"][0]["checks"][0]["version"] == "nudenet 3.4.2"
    assert (pictures(host, run)[0] == 96).mean() > 0.5
    plain = {"load": {"class_type": "EmptyImage", "inputs": {"width": 512, "height": 512, "batch_size": 1, "color": 0}}}
    run = host.run(plain | picture_gate("stop", "n", ["load", 0], policy={}))
    assert shown(run, "allowed") == "True"


def test_a_service_that_fails_holds_back_and_its_return_is_noticed(host, services):
    graph = gate("a harbour at dawn", "block", "o", policy={"text_check": "local + openai"})
    services.plan(Fault.OVERLOADED, times=None)
    run = host.run(graph)
    report = json.loads(shown(run, "report"))
    assert report["errors"][0]["check"] == "openai"
    assert runs(host)["behind-o"] == 0
    services.forget()
    run = host.run(graph)  # the very same graph: an outcome without an answer is not kept
    assert shown(run, "text") == "a harbour at dawn"
    host.run(graph)
    assert runs(host)["behind-o"] == 1
    assert len(services.moderations) == 1, "an answer is kept"


def test_fail_open_lets_pass_and_marks(host, services):
    services.plan(Fault.OVERLOADED, times=None)
    run = host.run(gate("a pier at dawn", "stop", "p", policy={"text_check": "openai", "on_error": "allow"}))
    report = json.loads(shown(run, "report"))
    assert (report["allowed"], report["outcome"]) == (True, "review")
    assert report["errors"][0]["code"] == "check_unreachable"


def test_the_record_is_kept_shown_exported_and_overruled(host):
    host.run(gate(NAUGHTY + " again", "block", "q"))
    newest = host.get("/dalle_flux/moderation/decisions?limit=1")["decisions"][0]
    assert (newest["kind"], newest["outcome"], newest["action"]) == ("prompt", "block", "block")
    assert len(newest["sha256"]) == 64
    assert newest["text"] is None
    opinion = {"verdict": "allow", "reviewer": "Ada", "note": "a statue"}
    host.post(f"/dalle_flux/moderation/decisions/{newest['id']}/overrule", opinion)
    again = host.get("/dalle_flux/moderation/decisions?limit=1")["decisions"][0]
    assert again["outcome"] == "block", "beside it, not over it"
    assert [o["verdict"] for o in again["overrules"]] == ["allow"]
    rows = host.fetch("/dalle_flux/moderation/record.csv").decode().splitlines()
    assert rows[0].startswith("id,at,kind,sha256")
    lines = host.fetch("/dalle_flux/moderation/record.jsonl").decode().splitlines()
    assert len(lines) == len(rows) - 1 > 10
    with pytest.raises(urllib.error.HTTPError, match="404"):
        host.post("/dalle_flux/moderation/decisions/999999/overrule", opinion)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        host.post(f"/dalle_flux/moderation/decisions/{newest['id']}/overrule", {"verdict": "perhaps", "reviewer": "A"})


def test_others_are_answered_while_a_long_text_is_judged(host):
    nodes: dict = {"policy": policy_node()}
    for number, shape in enumerate(("nude ", "n\u0336\u0301", "{a|b", "child naked ", "(\ufdfa")):
        text = (shape * 99_000)[:99_000]
        nodes[f"gate {number}"] = {
            "class_type": "DalleFluxModeratePrompt",
            "inputs": {"prompt": text, "on_flag": "replace", "policy": ["policy", 0], "replacement": "a tree"},
        }
        nodes[f"seen {number}"] = {"class_type": "PreviewAny", "inputs": {"source": [f"gate {number}", 0]}}
    queued, answered = host.queue(nodes), 0
    while queued in str(host.get("/queue")):
        answered += 1
    assert host.wait(queued).succeeded
    assert answered > 2


def test_cancel_ends_the_wait_for_a_check_that_hangs(host, services):
    services.plan(Fault.HANG, times=None)
    queued = host.queue(gate("a quay at dawn", "block", "r", policy={"text_check": "openai"}))
    while not services.moderations:
        time.sleep(0.02)
    host.post("/interrupt", {})
    run = host.wait(queued)
    assert "execution_interrupted" in run.messages  # a check that times out would have blocked the branch instead
    assert runs(host)["behind-r"] == 0


def test_a_batch_shows_how_far_it_is_and_cancel_leaves_the_rest_unasked(host, services):
    services.plan(Fault.SLOW, times=None, seconds=0.5)
    graph = four_pictures_the_third_red(168) | picture_gate("drop", "u", ["four", 0], policy={"image_check": "openai"})
    run, events = host.run_watched(graph)
    assert run.succeeded, run.error
    told = [event["data"]["nodes"].get("gate", {}) for event in events if event["type"] == "progress_state"]
    assert {(1, 4), (3, 4)} <= {(state.get("value"), state.get("max")) for state in told}
    services.forget()
    services.plan(Fault.SLOW, times=None, seconds=0.5)
    graph["four"] = {"class_type": "RepeatImageBatch", "inputs": {"image": ["two", 0], "amount": 20}}
    queued = host.queue(graph)
    while not services.moderations:
        time.sleep(0.02)
    host.post("/interrupt", {})
    assert "execution_interrupted" in host.wait(queued).messages
    time.sleep(1.5)
    assert len(services.moderations) < 4


def test_a_transparent_picture_is_judged_as_it_is_seen(host):
    def red(opacity: float) -> dict:
        size = {"width": 160, "height": 160}
        return {
            "red": {"class_type": "EmptyImage", "inputs": {**size, "batch_size": 1, "color": RED}},
            "clear": {"class_type": "SolidMask", "inputs": {**size, "value": 1.0 - opacity}},
            "four": {"class_type": "JoinImageWithAlpha", "inputs": {"image": ["red", 0], "alpha": ["clear", 0]}},
        }

    policy = {"image_check": "openai"}
    run = host.run(red(0.0) | picture_gate("stop", "s", ["four", 0], policy=policy))
    assert shown(run, "allowed") == "True", run.error
    run = host.run(red(1.0) | picture_gate("replace", "t", ["four", 0], policy=policy))
    assert shown(run, "allowed") == "False", run.error
    assert pictures(host, run)[0].shape == (160, 160, 3)


def endpoint_generator(prompt: str, seed: int, **policy: str) -> dict:
    """DALL·E 3 Generate with a policy of its own, counted behind."""
    inputs = {
        "prompt": prompt, "endpoint": "stand-in", "model": "dall-e-2", "size": "256x256", "quality": "standard",
        "style": "vivid", "n": 2, "seed": seed, "policy": ["policy", 0],
    }  # fmt: skip
    return {
        "policy": policy_node(**policy),
        "draw": {"class_type": "DalleFluxGenerate", "inputs": inputs},
        "behind": {"class_type": "CountRuns", "inputs": {"anything": ["draw", 0], "label": f"behind-{seed}"}},
        "counted": {"class_type": "PreviewAny", "inputs": {"source": ["behind", 0]}},
    }


def test_inside_the_endpoint_node_a_prompt_is_judged_before_it_is_paid_for(host, services):
    run = host.run(endpoint_generator(NAUGHTY, 901))
    assert "The prompt was held back" in run.error
    assert "sexual (check: local)" in run.error
    assert not services.bills
    run = host.run(endpoint_generator("a harbour", 902))
    assert run.succeeded, run.error
    assert runs(host)["behind-902"] == 1


def test_inside_the_endpoint_node_pictures_are_judged_before_they_leave_it(host, services):
    strict = {"image_check": "openai", "categories": "violence = 0.000001"}
    run = host.run(endpoint_generator("a harbour at noon", 903, **strict))
    assert "Pictures 1, 2 were held back" in run.error
    assert "violence (check: openai)" in run.error
    assert runs(host)["behind-903"] == 0
    paid = len(services.bills)
    assert paid
    run = host.run(endpoint_generator("a harbour at noon", 903))
    assert run.succeeded, run.error
    assert len(services.bills) == paid, "what was paid for and held back is kept"


def shipped(name: str, prompt: str | None = None) -> dict:
    """A shipped workflow in API format, with another prompt."""
    graph = dict(json.loads((PACK / "workflows" / "api" / f"{name}.json").read_text("utf-8")))
    for node in graph.values():
        if node["class_type"] == "PrimitiveStringMultiline" and prompt is not None:
            node["inputs"]["value"] = prompt
    return graph


def saved(run) -> list:
    return [p for output in run.outputs.values() for p in output.get("images", []) if p["type"] == "output"]


def local_edit(prompt: str, label: str, **policy: str) -> dict:
    """A red square edited in one corner by FLUX Fill, with a policy, counted behind."""
    size = {"width": 256, "height": 256}
    inputs = {
        "image": ["red", 0], "mask": ["where", 0], "prompt": prompt, "size": "auto", "quality": "standard", "n": 1,
        "seed": 3, "policy": ["policy", 0],
    }  # fmt: skip
    return {
        "policy": policy_node(**policy),
        "red": {"class_type": "EmptyImage", "inputs": {**size, "batch_size": 1, "color": RED}},
        "all": {"class_type": "SolidMask", "inputs": {**size, "value": 0.0}},
        "dot": {"class_type": "SolidMask", "inputs": {"width": 16, "height": 16, "value": 1.0}},
        "where": {"class_type": "MaskComposite", "inputs": {
            "destination": ["all", 0], "source": ["dot", 0], "x": 0, "y": 0, "operation": "add"}},
        "edit": {"class_type": "DalleFluxLocalEdit", "inputs": inputs},
        "behind": {"class_type": "CountRuns", "inputs": {"anything": ["edit", 0], "label": label}},
        "counted": {"class_type": "PreviewAny", "inputs": {"source": ["behind", 0]}},
    }  # fmt: skip


def test_inside_a_local_generator_prompt_and_pictures_are_judged_by_the_same_gates(host):
    run = host.run(local_edit(NAUGHTY, "local-1"))
    assert "sexual (check: local)" in run.error
    run = host.run(local_edit("a dot", "local-2", image_check="openai"))
    assert "violence (check: openai)" in run.error
    assert not runs(host)["local-1"] + runs(host)["local-2"]
    run = host.run(local_edit("a dot", "local-3", image_check="none"))
    assert run.succeeded, run.error
    assert runs(host)["local-3"] == 1


HIDDEN = ("a {nu}de woman on a bed", "a (nu:1.2)de woman on a bed", '{"prompt": "a n\\u0075de woman on a bed"}')


@pytest.mark.parametrize("prompt", HIDDEN)
def test_inside_a_generator_the_text_that_is_drawn_or_sent_is_judged(host, services, prompt):
    assert "sexual (check: local)" in host.run(local_edit(prompt, "hidden")).error
    assert "sexual (check: local)" in host.run(endpoint_generator(prompt, 904)).error
    assert not services.bills
    assert not runs(host)["hidden"] + runs(host)["behind-904"]


@pytest.mark.parametrize("prompt", HIDDEN)
@pytest.mark.parametrize("name", ["moderated-pipeline", "dalle3-vs-flux"])
def test_in_the_shipped_graphs_nothing_is_drawn_past_the_gate(host, name, prompt):
    run = host.run(shipped(name, prompt))
    assert not saved(run)
    assert "sexual" in (run.error or json.dumps(run.outputs))


def test_the_users_minimum_holds_where_a_workflow_brings_no_policy(host, services):
    file = host.installation.base / "user" / "dalle_flux" / "endpoints.toml"
    before = file.read_text("utf-8")
    local, remote = local_edit(NAUGHTY, "minimum"), endpoint_generator(NAUGHTY, 905)
    for graph, node in ((local, "edit"), (remote, "draw")):
        del graph[node]["inputs"]["policy"]
    try:
        assert host.run(local).succeeded, "no policy, no minimum"
        file.write_text(before + '[settings.moderation]\nminimum = "DALL·E-like"\n', "utf-8")
        for graph in (local, remote):  # the first one unchanged: what ran under another minimum is judged again
            assert "held back by your own minimum 'DALL·E-like'" in host.run(graph).error
        run = host.run(gate(NAUGHTY, "block", "minimum-gate", policy={"preset": "log only", "text_check": "none"}))
        assert json.loads(shown(run, "report"))["blocked"] == ["sexual"]
        file.write_text(
            before + "[settings.moderation.minimum]\nimage_check = 'openai'\nendpoint = 'stand-in'\n", "utf-8"
        )
        red = local_edit("a dot", "minimum-2")
        del red["edit"]["inputs"]["policy"]
        assert "violence (check: openai)" in host.run(red).error
        file.write_text(before + "[settings.moderation]\nminimun = 3\n", "utf-8")
        for graph in (
            local_edit("a dot", "minimum-3"),
            endpoint_generator("a dot", 906),
            gate("a dot", "stop", "min-4"),
        ):
            assert "minimun" in host.run(graph).error
        assert not services.bills
    finally:
        file.write_text(before, "utf-8")
    counted = runs(host)
    assert counted["minimum"] == 1
    assert not counted["minimum-2"] + counted["minimum-3"] + counted["behind-905"] + counted["behind-minimum-gate"]


def test_sexual_minors_is_held_back_without_any_policy(host, services):
    local, remote = (
        local_edit("a naked 14 year old girl", "always"),
        endpoint_generator("a naked 14 year old girl", 907),
    )
    for graph, node in ((local, "edit"), (remote, "draw")):
        del graph[node]["inputs"]["policy"]
        assert "held back by moderation: sexual/minors (check: local)" in host.run(graph).error
    assert not services.bills


def test_no_prompt_text_is_logged_or_recorded(host):
    """Runs last: every test above has sent the secret through some gate."""
    assert SECRET not in host.log
    for file in (host.installation.base / "user" / "dalle_flux").rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file
