"""The rules of the house that a reader of the source can check without a host."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NODE_FILES = sorted(ROOT.glob("nodes/*/nodes.py"))
LOCK = json.loads((ROOT / "tests" / "host" / "node_contract.json").read_text("utf-8"))


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
    ]


def node_classes() -> dict[str, ast.ClassDef]:
    """Classes that directly subclass io.ComfyNode, as the registry's scanner finds them."""
    return {
        node.name: node
        for file in NODE_FILES
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "io.ComfyNode" for base in node.bases)
    }


def test_the_registrys_scanner_reads_every_node_id():
    for name, node in node_classes().items():
        (schema,) = calls(node, "Schema")
        (node_id,) = [keyword.value for keyword in schema.keywords if keyword.arg == "node_id"]
        assert isinstance(node_id, ast.Constant), name
        assert node_id.value == name
    assert set(node_classes()) == set(LOCK)


@pytest.mark.parametrize("file", NODE_FILES, ids=lambda file: file.parent.name)
def test_every_output_has_a_name_that_old_hosts_show_and_no_id(file):
    """0.3.75 shows `display_name` and refuses an output whose id equals an input's."""
    for call in calls(ast.parse(file.read_text("utf-8")), "Output"):
        keywords = {keyword.arg for keyword in call.keywords}
        assert not call.args, ast.unparse(call)
        assert {"display_name", "tooltip"} <= keywords, ast.unparse(call)


def test_dependencies_are_written_once_for_people_and_once_for_the_manager():
    required = {line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()}
    project = (ROOT / "pyproject.toml").read_text("utf-8").split("dependencies = [")[1].split("]\n")[0]
    listed = set(re.findall(r'^\s*"(.*?)",$', project, re.MULTILINE))
    assert {line.replace('"', "'") for line in required if line} == listed


def test_nothing_the_host_owns_is_pinned():
    text = (ROOT / "requirements.txt").read_text("utf-8").lower()
    for owned in ("torch", "numpy", "pillow", "safetensors", "aiohttp", "scipy", "transformers"):
        assert not re.search(rf"^{owned}\b", text, re.MULTILINE)


def test_every_package_that_is_required_is_used():
    """What a user has to install is imported somewhere in the pack."""
    modules = {"arabic-reshaper": "arabic_reshaper", "python-bidi": "bidi"}
    source = "\n".join(file.read_text("utf-8") for file in ROOT.glob("nodes/**/*.py"))
    for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines():
        if name := re.match(r"[a-z0-9-]+", line.split("#")[0]):
            assert re.search(rf"^\s*(import|from) {modules.get(name[0], name[0])}\b", source, re.MULTILINE), name[0]
