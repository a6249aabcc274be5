"""Real pictures, prompts and graphs that ship with ComfyUI; read from its package, never copied here.

Source: comfyui-workflow-templates, which ComfyUI requires: graphs saved by the real canvas, and for
`api_openai_dall_e_3_t2i` the picture that DALL·E 3 made of its prompt. Newer hosts have archived those; then the
version that host 0.3.75 requires is fetched from PyPI.
"""

from __future__ import annotations

import json
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import environment as host_environment
from .environment import Environment

DALLE3_GRAPH = "api_openai_dall_e_3_t2i.json"
DALLE3_PICTURE = "api_openai_dall_e_3_t2i-1.webp"
FLUX_GRAPH = "flux_dev_full_text_to_image.json"
# Newer hosts keep the graphs apart from the pictures, in the last of these.
_PACKAGES = (
    "comfyui_workflow_templates_media_api", "comfyui_workflow_templates_media_image", "comfyui_workflow_templates_json",
)  # fmt: skip
_ARCHIVED = "comfyui-workflow-templates-media-api==0.3.14"


@lru_cache
def _template_folders(python: Path) -> tuple[Path, ...]:
    code = (
        "import importlib.util as u; "
        f"[print(s.submodule_search_locations[0]) for n in {_PACKAGES!r} if (s := u.find_spec(n))]"
    )
    lines = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout.splitlines()
    return tuple(Path(line) / "templates" for line in lines)


def template(environment: Environment, name: str) -> Path:
    """Path of a file that ships with ComfyUI's workflow templates."""
    for folder in _template_folders(environment.python):
        if (folder / name).is_file():
            return folder / name
    archived = host_environment.package(_ARCHIVED) / _PACKAGES[0] / "templates" / name
    if archived.is_file():
        return archived
    raise FileNotFoundError(name)


def graph(environment: Environment, name: str) -> dict[str, Any]:
    """A shipped graph in canvas format."""
    return dict(json.loads(template(environment, name).read_text("utf-8")))


def dalle3_prompt(environment: Environment) -> str:
    """The prompt of the genuine DALL·E 3 picture `DALLE3_PICTURE`."""
    nodes = graph(environment, DALLE3_GRAPH)["nodes"]
    return str(next(node for node in nodes if node["type"] == "OpenAIDalle3")["widgets_values"][0])


def put_example(environment: Environment, input_folder: Path) -> None:
    """Every git checkout of ComfyUI has input/example.png; the one in the wheel lost it, so draw one."""
    own = environment.comfyui / "input" / "example.png"
    target = input_folder / "example.png"
    if own.is_file():
        target.write_bytes(own.read_bytes())
        return
    code = (
        "import sys; from PIL import Image; "
        "x = Image.linear_gradient('L'); y = x.rotate(90); z = Image.radial_gradient('L'); "
        "Image.merge('RGB', (x, y, z)).resize((768, 512)).save(sys.argv[1])"
    )
    subprocess.run([str(environment.python), "-c", code, str(target)], check=True)
