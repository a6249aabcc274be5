"""A Chromium, and ComfyUI's canvas in it, driven through the frontend's own `window.app`."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .environment import say
from .server import ComfyUI, Run

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)


def chromium() -> str | None:
    """Path of an installed Chromium-like browser; CHROMIUM names one by hand."""
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), *(p for p in PLACES if Path(p).is_file())]
    return next((path for path in found if path), None)


def install_chromium() -> None:
    """Get a browser: from Debian's packages where this may be done, else Playwright's own download."""
    if chromium():
        return
    say("Installing Chromium")
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "chromium"],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


@contextlib.contextmanager
def launch() -> Iterator[Any]:
    """A running browser (playwright's `Browser`)."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Canvas:
    """ComfyUI's canvas in one page.

    Args:
        vue_nodes: Nodes 2.0 (setting `Comfy.VueNodes.Enabled`) instead of the classic canvas.
    """

    def __init__(
        self, browser: Any, comfyui: ComfyUI, *, vue_nodes: bool = False, size: tuple[int, int] = (1600, 1000)
    ):
        self.comfyui = comfyui
        self.complaints: list[str] = []  # console errors and warnings, and uncaught exceptions
        comfyui.post("/api/settings", {
            "Comfy.VueNodes.Enabled": vue_nodes,
            "Comfy.TutorialCompleted": True,
            "Comfy.Release.Status": "skipped",
            "Comfy.Workflow.ShowMissingModelsWarning": True,
            "Comfy.Workflow.ShowMissingNodesWarning": True,
        })  # fmt: skip
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("console", self._console)
        self.open()

    def _console(self, message: Any) -> None:
        url = message.location.get("url", "")
        asks_the_internet = "Failed to load resource" in message.text and not url.startswith(self.comfyui.url)
        if message.type in ("error", "warning") and not asks_the_internet:
            self.complaints.append(f"{message.type}: {message.text} ({url})")

    def open(self) -> None:
        """Load, or reload, the frontend and wait until the canvas is ready."""
        self.page.goto(self.comfyui.url, wait_until="domcontentloaded")
        self.page.wait_for_function(
            "() => window.app && window.app.graph && window.app.extensionManager", timeout=60_000
        )
        self.page.wait_for_function("() => Object.keys(window.LiteGraph?.registered_node_types ?? {}).length > 50")
        self.page.wait_for_timeout(500)

    def close(self) -> None:
        self.page.close()

    def load(self, workflow: dict[str, Any]) -> None:
        """Open a workflow in canvas format, as dropping the file does."""
        self.page.evaluate("workflow => window.app.loadGraphData(workflow)", workflow)
        self.page.wait_for_timeout(500)

    def add(self, node_type: str, at: tuple[int, int] = (100, 100)) -> int:
        """Put a node on the canvas; returns its id."""
        return int(
            self.page.evaluate(
                """([type, at]) => { const node = LiteGraph.createNode(type); node.pos = at;
                   window.app.graph.add(node); return node.id; }""",
                [node_type, list(at)],
            )
        )

    def fit_view(self) -> None:
        """Show the whole graph; the classic canvas hides widgets that are out of sight or very small."""
        self.page.evaluate("() => window.app.extensionManager.command.execute('Comfy.Canvas.FitView')")
        self.page.wait_for_timeout(700)

    def show_node(self, node_type: str) -> None:
        """Select the first node of this type and fill the view with it."""
        self.page.evaluate(
            """(type) => { const node = window.app.graph.nodes.find((n) => n.type === type);
               window.app.canvas.selectNodes([node]); }""",
            node_type,
        )
        self.fit_view()

    def unknown_nodes(self) -> list[str]:
        """Types of the nodes on the canvas that this ComfyUI does not have."""
        return list(
            self.page.evaluate(
                """() => window.app.graph.nodes.filter(n => n.has_errors && !LiteGraph.registered_node_types[n.type])
                   .map(n => n.type)"""
            )
        )

    def open_dialogs(self) -> list[str]:
        """Texts of the dialogs that stand in the user's way, such as the one about missing nodes or models."""
        return list(
            self.page.evaluate(
                """() => [...document.querySelectorAll("[role=dialog], .p-dialog, .comfy-modal")]
                   .filter(d => d.getBoundingClientRect().width > 0).map(d => d.innerText.slice(0, 300))"""
            )
        )

    def serialize(self) -> dict[str, Any]:
        """The canvas format of what is open, as the file that saving it makes."""
        return dict(self.page.evaluate("() => JSON.parse(JSON.stringify(window.app.graph.serialize()))"))

    def to_api(self) -> dict[str, Any]:
        """The API format of what is open, as the frontend itself makes it."""
        return dict(self.page.evaluate("async () => (await window.app.graphToPrompt()).output"))

    def queue(self, *, limit_s: float = 180.0) -> Run:
        """Press run and wait for the end, good or bad."""
        before = set(self.comfyui.get("/history"))
        self.page.evaluate("() => window.app.queuePrompt(0)")
        for _ in range(int(limit_s * 2)):
            ended = {key: entry for key, entry in self.comfyui.get("/history").items() if key not in before}
            if ended:
                self.page.wait_for_timeout(500)  # the last messages reach the page
                return Run(*ended.popitem())
            self.page.wait_for_timeout(500)
        raise TimeoutError(f"the run had not ended after {limit_s:.0f} s")
