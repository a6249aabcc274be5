"""Prompts in a real ComfyUI: the node, the address of its face, the tokenizers, and what the encoder makes of it."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "unit" / "prompts" / "data"
FIELDS = {"style": "none", "size": "1024x1024", "target": "FLUX.1-dev"}


def convert_and_save(prompt: str, **fields) -> dict:
    """A graph that converts and hands the four outputs to nodes whose `ui` can be read."""
    outputs = {
        str(10 + n): {"class_type": "PreviewAny", "inputs": {"source": ["1", n]}} for n in range(4)
    }  # fmt: skip
    return {"1": {"class_type": "DalleFluxPrompt", "inputs": {"prompt": prompt, **FIELDS, **fields}}, **outputs}


def outputs_of(run) -> list[list[str]]:
    assert run.succeeded, run.error
    return [run.outputs[str(10 + n)]["text"] for n in range(4)]


def test_a_prompt_is_converted(comfyui):
    t5xxl, clip_l, guidance, report = outputs_of(
        comfyui.run(convert_and_save("Create an image of a fox (red), no people", style="natural"))
    )
    assert t5xxl[0].startswith("a fox \\(red\\), empty and deserted. Soft natural light")
    assert clip_l[0].startswith("a fox \\(red\\)")
    assert float(guidance[0]) == 2.5
    told = json.loads(report[0])
    assert told["tokens"]["measured"] is True
    assert told["tokens"]["t5xxl"] > 10


def test_a_size_that_is_not_in_the_list_is_taken_and_a_wrong_one_explained(comfyui):
    assert comfyui.run(convert_and_save("a fox", size="1344x768")).succeeded
    assert "WIDTHxHEIGHT" in comfyui.run(convert_and_save("a fox", size="wide")).error


def test_frozen_texts_hold_headless(comfyui):
    frozen = json.dumps({"t5xxl": "my own (text)", "clip_l": "mine"})
    t5xxl, clip_l, _, report = outputs_of(comfyui.run(convert_and_save("a fox", frozen=frozen)))
    assert (t5xxl[0], clip_l[0]) == ("my own \\(text\\)", "mine")
    assert json.loads(report[0])["mode"] == "frozen"


def test_a_file_of_prompts_becomes_lists(comfyui):
    (comfyui.installation.base / "input" / "prompts.csv").write_text(
        'prompt,style\n"Create an image of a fox",\n"a street, no people",natural\na wolf,\n', "utf-8"
    )
    t5xxl, _, guidance, report = outputs_of(comfyui.run(convert_and_save("", file="prompts.csv", first_row=2, rows=5)))
    assert [text.split(".")[0] for text in t5xxl] == ["a street, empty and deserted", "a wolf"]
    assert [float(value) for value in guidance] == [2.5, 3.5]
    assert len(report) == 2
    assert json.loads(report[0])["warnings"] == []
    *_, report = outputs_of(comfyui.run(convert_and_save("", file="prompts.csv", first_row=2, rows=1)))
    assert "set first_row to 3" in json.loads(report[0])["warnings"][0]["message"]
    outside = comfyui.run(convert_and_save("", file="../comfyui.sqlite"))
    assert "input folder" in outside.error


def test_the_texts_go_through_the_flux_encoder(comfyui):
    graph = convert_and_save('a fox (red:1.2), {a|b}, a sign "(OPEN:1.3)"') | {
        "2": {"class_type": "DualCLIPLoader", "inputs": {
            "clip_name1": "clip_l.safetensors", "clip_name2": "t5xxl_fp16.safetensors", "type": "flux"}},
        "3": {"class_type": "CLIPTextEncodeFlux", "inputs": {
            "clip": ["2", 0], "clip_l": ["1", 1], "t5xxl": ["1", 0], "guidance": ["1", 2]}},
        "4": {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}},
    }  # fmt: skip
    run = comfyui.run(graph)
    assert run.succeeded, run.error


IN_THE_HOST = """
import json, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
from comfy.cli_args import args
args.cpu = True
from comfy.text_encoders.flux import FluxTokenizer
from nodes.prompts.convert import ConversionRequest, convert
from nodes.prompts.targets import Target
from nodes.prompts.tokens import ESTIMATE, measured

host = FluxTokenizer()
counts = measured(host.t5xxl.tokenizer, host.clip_l.tokenizer, host.t5xxl.tokenizer.unk_token_id)

def as_host_reads(text):
    read = host.tokenize_with_weights(text)
    weights = {weight for chunks in read.values() for chunk in chunks for _, weight in chunk}
    t5 = [token for token, _ in read["t5xxl"][0]]
    return sorted(weights), host.t5xxl.tokenizer.decode(t5, skip_special_tokens=True), len(read["l"])

literal = {}
for prompt in json.loads(sys.stdin.readline()):
    done = convert(ConversionRequest(prompt), counts)
    weights, text, chunks = as_host_reads(done.t5xxl)
    literal[prompt] = {"weights": weights, "text": text, "plain": done.text,
                       "clip_chunks": as_host_reads(done.clip_l)[2], "clip_weights": as_host_reads(done.clip_l)[0]}
exact = all(counts.clip(text) == len(host.clip_l.tokenizer(text)["input_ids"]) - 2 for text in
            ["", "Caf\\u00e9  au\\u00a0lait, it's 3.5\\n\\u732b\\u732b \\U0001f98a ok?!", "x" * 3000, "a " + "y" * 60])
worst, ratios = {"t5": 0, "clip": 0, "schnell": 0}, []
for prompt in json.loads(sys.stdin.readline()):
    done = convert(ConversionRequest(prompt), counts)
    short = convert(ConversionRequest(prompt, target=Target.SCHNELL), counts)
    worst["t5"] = max(worst["t5"], counts.t5(done.text))
    worst["schnell"] = max(worst["schnell"], counts.t5(short.text))
    worst["clip"] = max(worst["clip"], as_host_reads(done.clip_l)[2])
    exact = exact and counts.clip(prompt) == len(host.clip_l.tokenizer(prompt)["input_ids"]) - 2
    ratios.append((ESTIMATE.t5(prompt) / counts.t5(prompt), ESTIMATE.clip(prompt) / counts.clip(prompt)))
mean = [sum(pair[n] for pair in ratios) / len(ratios) for n in (0, 1)]
print(json.dumps({"exact": exact, "literal": literal, "worst": worst, "mean": mean,
                  "unknown": counts.t5_unknown("{a} \\u732b fox")}))
"""
LITERALS = [
    "a fox (red)",
    "a fox (red:1.3) by a ((blue)) lake",
    'a sign "(OPEN:1.3)" above a door',
    "((((a (fox:2))",
    "a smile :) and a frown :(",
]


@pytest.fixture(scope="module")
def host_says(comfyui, environment, tmp_path_factory) -> dict:
    """Our conversion beside the host's own tokenizers, in the host's Python."""
    from comfyui.installation import copy_pack

    script = tmp_path_factory.mktemp("tokens") / "ask.py"
    pack = script.parent / "pack"
    script.write_text(IN_THE_HOST, "utf-8")
    copy_pack(pack)
    # The host has a module `nodes`, too; ours is reached first and the host's is not needed here.
    texts = [line for name in ("drawbench", "drawbench_upsampled") for line in
             (DATA / f"{name}.txt").read_text("utf-8").splitlines()]  # fmt: skip
    done = subprocess.run(
        [str(environment.python), str(script), str(pack), str(environment.comfyui)],
        input=json.dumps(LITERALS) + "\n" + json.dumps(texts) + "\n",
        capture_output=True, text=True, cwd=script.parent, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_literal_parentheses_stay_literal_and_without_weight(host_says):
    for prompt, read in host_says["literal"].items():
        assert read["weights"] == [1.0], prompt
        assert read["clip_weights"] == [1.0], prompt
        assert read["text"].replace(" ", "") == read["plain"].replace(" ", ""), prompt
        assert read["clip_chunks"] == 1, prompt


def test_all_400_texts_fit_the_encoders(host_says):
    assert host_says["worst"]["t5"] <= 512
    assert host_says["worst"]["schnell"] <= 256
    assert host_says["worst"]["clip"] == 1, "one chunk of CLIP-L is all that FLUX uses"


def test_clip_tokens_counted_by_word_are_those_of_the_whole_text(host_says):
    assert host_says["exact"]


def test_the_estimate_without_a_host_is_near(host_says):
    t5, clip = host_says["mean"]
    assert 1.0 <= t5 <= 1.3
    assert 1.0 <= clip <= 1.3


def test_what_t5_cannot_read_is_counted(host_says):
    assert host_says["unknown"] >= 2


def test_the_face_is_served_before_anything_runs(comfyui):
    shown = comfyui.post("/dalle_flux/prompt", {"prompt": "Create an image of a fox (old), 8k", **FIELDS})
    assert shown["t5xxl"].startswith("a fox \\(old\\)")
    assert shown["report"]["tokens"]["measured"] is True
    assert {rule["rule"] for rule in shown["report"]["rules"]} >= {"request", "quality_words"}
    assert len(shown["key"]) == 64


@pytest.mark.parametrize("body", [[], {"style": "loud"}, {"size": "wide"}, {"target": 3}, {"frozen": '{"t5xxl": 3}'}])
def test_a_bad_question_is_answered_with_a_sentence(comfyui, body):
    with pytest.raises(urllib.error.HTTPError) as refused:
        comfyui.post("/dalle_flux/prompt", body)
    assert refused.value.code == 400
    answer = json.loads(refused.value.read())
    assert answer["error"].endswith(".")
    assert "Traceback" not in answer["error"]


@pytest.mark.parametrize("shape", ["no cars" + " " * 1_000, "no ((a:1"], ids=["blanks", "brackets"])
def test_others_are_answered_while_a_megabyte_is_converted(comfyui, shape):
    """The canvas sends a prompt whenever a node appears, so a workflow can bring texts of any shape and number."""
    asked = {"prompt": "a fox with " + shape * (1_000_000 // len(shape)), **FIELDS}
    comfyui.post("/dalle_flux/prompt", asked)
    with ThreadPoolExecutor(24) as pool:
        converted = [pool.submit(comfyui.post, "/dalle_flux/prompt", asked) for _ in range(40)]
        answered = 0
        while not all(one.done() for one in converted):
            comfyui.get("/queue")
            answered += 1
    assert all(one.result()["t5xxl"] for one in converted)
    assert answered > 2


def test_a_rewriter_without_its_server_says_what_to_start(comfyui):
    (comfyui.installation.base / "user" / "dalle_flux").mkdir(parents=True, exist_ok=True)
    graph = convert_and_save("a fox", rewriter=["5", 0]) | {
        "5": {"class_type": "DalleFluxRewriterEndpoint", "inputs": {
            "endpoint": "ollama", "model": "qwen3:4b", "temperature": 0.7, "seed": 1}},
    }  # fmt: skip
    run = comfyui.run(graph)
    assert "start that program" in run.error


def test_cancel_ends_the_wait_for_a_rewriter_that_never_answers(comfyui):
    named = comfyui.installation.base / "user" / "dalle_flux" / "endpoints.toml"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        named.parent.mkdir(parents=True, exist_ok=True)
        named.write_text(f'[silent]\nbase_url = "http://127.0.0.1:{silent.getsockname()[1]}/v1"\n', "utf-8")
        try:
            graph = convert_and_save("an otter", rewriter=["5", 0]) | {
                "5": {"class_type": "DalleFluxRewriterEndpoint", "inputs": {
                    "endpoint": "silent", "model": "mute", "temperature": 0.7, "seed": 1}},
            }  # fmt: skip
            queued = comfyui.queue(graph)
            silent.settimeout(60)
            asked, _ = silent.accept()
            with asked:
                comfyui.post("/interrupt", {})
                assert "execution_interrupted" in comfyui.wait(queued, limit_s=20).messages
        finally:
            named.unlink()


def test_an_encoder_that_cannot_generate_is_told_apart(comfyui):
    graph = convert_and_save("a fox", rewriter=["5", 0]) | {
        "2": {"class_type": "DualCLIPLoader", "inputs": {
            "clip_name1": "clip_l.safetensors", "clip_name2": "t5xxl_fp16.safetensors", "type": "flux"}},
        "5": {"class_type": "DalleFluxRewriterLocal", "inputs": {"clip": ["2", 0], "temperature": 0.7, "seed": 1}},
    }  # fmt: skip
    assert "cannot generate text" in comfyui.run(graph).error
