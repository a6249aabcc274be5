"""The pack in a real ComfyUI: what it registers, what it costs, whom it disturbs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from comfyui import load_pack
from comfyui.environment import PACK
from comfyui.installation import copy_pack
from translations import definitions, english

LOCK = json.loads((Path(__file__).parent / "node_contract.json").read_text("utf-8"))
HEAVY = {"openai", "pydantic", "requests", "onnxruntime", "nudenet", "skimage", "httpx", "httpx2", "cv2"}


def contract(info: dict) -> dict:
    """The part of /object_info that saved workflows depend on."""

    def kind(spec: list) -> str:
        return "COMBO" if isinstance(spec[0], list) else str(spec[0])

    return {
        "title": info["display_name"],
        "required": {name: kind(spec) for name, spec in info["input"].get("required", {}).items()},
        "optional": {name: kind(spec) for name, spec in info["input"].get("optional", {}).items()},
        "outputs": {name: kind([output]) for name, output in zip(info["output_name"], info["output"], strict=True)},
    }


@pytest.fixture(scope="module")
def ours(comfyui) -> dict[str, dict]:
    return {name: info for name, info in comfyui.get("/object_info").items() if name.startswith("DalleFlux")}


def test_ids_sockets_and_types_are_for_ever(ours):
    assert {name: contract(info) for name, info in ours.items()} == LOCK


def test_every_node_is_explained(ours):
    for name, info in ours.items():
        assert info["category"].startswith("DALL·E to FLUX/"), name
        assert len(info["description"]) > 30, name
        assert (PACK / "js" / "docs" / f"{name}.md").is_file(), name
        for group in ("required", "optional"):
            for socket, spec in info["input"].get(group, {}).items():
                assert spec[1].get("tooltip"), f"{name}.{socket}"
        assert all(info["output_tooltips"]), name


def test_translators_translate_what_the_nodes_say(ours):
    assert definitions(ours) == english()["nodeDefs"], "run `python -m translations`, and translate what is new"


def test_the_hosts_log_shows_no_complaint_about_this_pack(comfyui):
    log = comfyui.log.split("got prompt")[0]  # what other tests run may well go wrong on purpose
    complaints = [
        line
        for line in log.splitlines()
        if ("WARNING" in line or "Error" in line or "Traceback" in line or "FAILED" in line)
        and "comfy_kitchen" not in line
    ]
    assert [line for line in complaints if "dalle" in line.lower()] == []
    assert "Traceback" not in log
    assert "IMPORT FAILED" not in log


def test_loading_imports_nothing_heavy(environment, tmp_path):
    copy_pack(tmp_path / "pack")
    command = [str(environment.python), load_pack.__file__, str(environment.comfyui), str(tmp_path / "pack")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert set(loaded["nodes"]) == set(LOCK)
    assert {module.split(".")[0] for module in loaded["modules"]} & HEAVY == set()


def test_the_pack_loads_under_any_folder_name_beside_a_broken_neighbour_and_without_openai(start_comfyui, tmp_path):
    hidden = tmp_path / "without_openai" / "openai.py"
    hidden.parent.mkdir()
    hidden.write_text("raise ModuleNotFoundError(\"No module named 'openai'\", name='openai')", "utf-8")

    def add_broken_neighbour(installation) -> None:
        neighbour = installation.base / "custom_nodes" / "aa_broken"
        neighbour.mkdir()
        (neighbour / "__init__.py").write_text("import there_is_no_such_package\n", "utf-8")

    comfyui = start_comfyui(
        pack_name="DALL·E to FLUX (1).2",
        prepare=add_broken_neighbour,
        variables={"PYTHONPATH": str(hidden.parent), "OPENAI_API_KEY": "sk-no-such-key"},
    )
    info = comfyui.get("/object_info")
    assert set(LOCK) <= set(info)
    assert "aa_broken" in comfyui.log

    run = comfyui.run(
        {
            "1": {"class_type": "DalleFluxGenerate", "inputs": {
                "prompt": "a red cube", "endpoint": "openai", "model": "gpt-image-2", "size": "1024x1024",
                "quality": "standard", "style": "vivid", "n": 1, "seed": 1,
            }},
            "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        }
    )  # fmt: skip
    assert not run.succeeded
    assert "pip install openai" in run.error

    run = comfyui.run(
        {
            "1": {"class_type": "DalleFluxSettings", "inputs": {
                "size": "1792x1024", "quality": "hd", "style": "vivid", "n": 1}},
            "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}},
        }
    )  # fmt: skip
    assert run.succeeded, run.error
