"""`python -m small_flux COMMAND`, from tests/ with the tests' Python: train, evaluate, publish, autoencoder."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
PACK = HERE.parents[1]
sys.path[:0] = [str(PACK), str(PACK / "tests")]

from comfyui import environment  # noqa: E402

RUN = Path.home() / "small-flux-run"
WEIGHTS = "flux1-dev.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m small_flux", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train", help="train, going on where the last run in the folder stopped")
    one.add_argument("--folder", type=Path, default=RUN)
    one.add_argument("--hours", type=float, default=2.0)
    one.add_argument("--init", type=Path, help="weights to begin with")
    one.add_argument("--rate", type=float, default=1e-3)
    one.add_argument("--falling", type=float, default=0.0, help="share of the time over which the rate falls to 0")
    one.add_argument("--processes", type=int, default=2)
    one.add_argument("--simple", type=int, default=60_000)
    one.add_argument("--fine", type=int, default=200_000)
    for name, what in (
        ("evaluate", "how much of held-out captions is right, by pixels"),
        ("publish", "evaluate, then put the weights where tests and demo take them from"),
    ):
        one = commands.add_parser(name, help=what)
        one.add_argument("--weights", type=Path, default=RUN / WEIGHTS)
        one.add_argument("--count", type=int, default=200)
        one.add_argument("--edge", type=int, default=8, help="tokens of a square picture's edge")
        one.add_argument("--scale", type=float, default=1.0, help="real classifier-free guidance")
        one.add_argument("--sheet", type=Path, help="where to write a sheet of pictures")
        one.add_argument("--truth", action="store_true", help="judge true renderings: the check's own error")
    one = commands.add_parser("autoencoder", help="train the decoder")
    one.add_argument("--seconds", type=float, default=240.0, help="of one core's time")
    arguments = parser.parse_args()
    {"train": train, "evaluate": evaluate, "publish": publish, "autoencoder": autoencoder}[arguments.command](arguments)


def train(arguments: argparse.Namespace) -> None:
    from .training import Plan
    from .training import train as run

    run(
        Plan(
            arguments.folder, environment.prepare().comfyui, 3600 * arguments.hours, arguments.rate,
            arguments.falling, arguments.init, arguments.processes, simple=arguments.simple, fine=arguments.fine,
        )
    )  # fmt: skip


def publish(arguments: argparse.Namespace) -> None:
    evaluate(arguments)
    shutil.copy(arguments.weights, HERE / "weights" / WEIGHTS)


def autoencoder(arguments: argparse.Namespace) -> None:
    import torch
    from safetensors.torch import save_file

    from . import autoencoder as coder

    torch.set_num_threads(1)
    trained = {name: tensor.contiguous() for name, tensor in coder.train(arguments.seconds).items()}
    save_file(trained, HERE / "weights" / "ae.safetensors", {"note": "small stand-in, trained; tests/small_flux"})


def evaluate(arguments: argparse.Namespace) -> None:
    import torch
    from safetensors.torch import load_file

    from . import evaluation, latents, world
    from .captions import caption
    from .text import Encoders
    from .transformer import Flux

    torch.set_num_threads(1)
    scenes, rng = evaluation.held_out(arguments.count), random.Random(7)
    captions = [caption(rng, one) for one in scenes]
    if arguments.truth:
        pictures = [world.smooth(one, 4 * arguments.edge, 4 * arguments.edge) for one in scenes]
    else:
        net = Flux()
        net.load_state_dict({name: tensor.float() for name, tensor in load_file(arguments.weights).items()})
        net, encoders, pictures = net.bfloat16(), Encoders(environment.prepare().comfyui), []
        for start in range(0, len(captions), 20):
            part = captions[start : start + 20]
            drawn = evaluation.sample(
                net, encoders, part, arguments.edge, arguments.edge, seed=start, scale=arguments.scale
            )
            pictures += [Image.fromarray(one) for one in latents.decode(drawn)]
    large = [one.resize((160, 160), Image.Resampling.BICUBIC) for one in pictures]
    judged = [evaluation.judge(evaluation.look(one), scene) for one, scene in zip(large, scenes, strict=True)]
    for name, (share, of) in evaluation.shares(judged).items():
        print(f"{name:12} {share:6.1%} of {of}")
    if arguments.sheet:
        _sheet(large, captions, [all(one.values()) for one in judged]).save(arguments.sheet)


def _sheet(pictures: list[Image.Image], captions: list[str], right: list[bool]) -> Image.Image:
    columns = 8
    sheet = Image.new("RGB", (columns * 170, -(-len(pictures) // columns) * 220), "white")
    pen = ImageDraw.Draw(sheet)
    for index, (picture, text, good) in enumerate(zip(pictures, captions, right, strict=True)):
        x, y = index % columns * 170, index // columns * 220
        sheet.paste(picture, (x, y))
        pen.multiline_text((x, y + 163), textwrap.fill(text, 27), "black" if good else "red", spacing=1)
    return sheet


main()
