"""What the papers say about the tree, and the workflows of the code's host, is held against the tree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MAP = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`((?:nodes|js|tests|workflows|\.github)/[^`\s]*|[\w.]+\.(?:toml|md|txt))`", MAP)))
ELSEWHERE = {"endpoints.toml"}  # the user's own


@pytest.mark.parametrize("name", [name for name in NAMED if name not in ELSEWHERE])
def test_every_file_that_the_map_names_is_there(name):
    assert (ROOT / name).exists()


def test_the_map_shows_every_room_and_at_least_twenty_changes():
    rooms = {path.parent.name for path in ROOT.glob("nodes/*/__init__.py")}
    drawn = set(re.findall(r"^ {6}(\w+)/", MAP, re.MULTILINE))
    assert drawn == rooms
    assert len(re.findall(r"^\| .* \|$", MAP, re.MULTILINE)) - 1 >= 20


def test_the_change_log_names_the_version_that_would_be_published():
    (version,) = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("file", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda file: file.stem)
def test_actions_of_others_are_pinned_to_a_commit_and_get_no_more_than_they_need(file):
    text = file.read_text("utf-8")
    used = re.findall(r"uses: (\S+)", text)
    assert used
    for action in used:
        assert action.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
    assert "permissions:\n  contents: read" in text


def test_nothing_is_published_before_all_tests_have_passed():
    text = (ROOT / ".github" / "workflows" / "publish.yml").read_text("utf-8")
    assert "uses: ./.github/workflows/test.yml" in text
    assert "needs: test" in text
    assert text.index("needs: test") < text.index("secrets.REGISTRY_ACCESS_TOKEN")
    assert "workflow_call" in (ROOT / ".github" / "workflows" / "test.yml").read_text("utf-8")


def test_lock_files_name_no_place_to_download_from():
    for lock in ROOT.glob("tests/**/package-lock.json"):
        if "node_modules" not in lock.parts:
            assert not re.search(r"https?://(?!(www\.)?(github\.com|opencollective\.com))", lock.read_text("utf-8"))


def test_commands_print_on_a_console_that_knows_no_arrows():
    code = "import sys; sys.argv = ['run.py']; import run; run.__doc__ = '→ ≤ · 猫'; run.main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "tests",
        env={"PYTHONIOENCODING": "cp1252", "SYSTEMROOT": "C:\\Windows"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert "→ ≤ · 猫".encode() in done.stdout
