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

from .environment import package, say
from .server import ComfyUI, Run

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
EMPTY: dict[str, Any] = {"nodes": [], "links": [], "last_node_id": 0, "last_link_id": 0, "version": 0.4}
# Resolves after ten frames in which neither the document nor the view of the canvas changed; at the latest at a limit.
_STILL = """(limit) => new Promise((done) => {
  const view = () => `${window.app?.canvas?.ds?.scale} ${window.app?.canvas?.ds?.offset}`;
  let seen = view(), changed = false, frames = 0;
  const watch = new MutationObserver(() => { changed = true; });
  const everything = { subtree: true, childList: true, attributes: true, characterData: true };
  const within = [...document.querySelectorAll("*")].map((element) => element.shadowRoot).filter(Boolean);
  for (const root of [document, ...within]) watch.observe(root, everything);
  const end = () => { watch.disconnect(); frames = Infinity; done(); };
  const look = () => {
    const current = view();
    frames = changed || current !== seen ? 0 : frames + 1;
    [seen, changed] = [current, false];
    if (frames < 10) requestAnimationFrame(look);
    else end();
  };
  setTimeout(end, limit);  // a page in the background draws no frames
  requestAnimationFrame(look);
})"""
# Back to one empty, unnamed workflow, with nothing open beside it and nothing left of runs.
_RESET = """([empty, storage]) => Promise.race([(async () => {
  const { workflow, sidebarTab, toast, bottomPanel } = window.app.extensionManager;
  if (document.fullscreenElement) await document.exitFullscreen();
  if (sidebarTab.activeSidebarTabId) sidebarTab.toggleSidebarTab(sidebarTab.activeSidebarTabId);
  if (bottomPanel?.bottomPanelVisible) bottomPanel.toggleBottomPanel();
  toast.removeAll?.();
  toast.dismissAll?.();
  document.activeElement?.blur?.();
  await window.app.loadGraphData(empty);
  for (const tab of [...workflow.openWorkflows])
    if (tab !== workflow.activeWorkflow) await workflow.closeWorkflow(tab);
  window.app.nodeOutputs = {};
  window.app.nodePreviewImages = {};
  window.app.canvas.ds.reset();
  for (const key of Object.keys(localStorage)) if (!(key in storage)) localStorage.removeItem(key);
})(), new Promise((_, fail) => setTimeout(() => fail(new Error("no reset within 30 s")), 30_000))])"""
# What one test could hand on to the next; equal for all pages in which nothing is left of a test.
_TRACES = """() => {
  const { graph, canvas, extensionManager: manager } = window.app;
  const shown = (element) => element.getBoundingClientRect().width > 0;
  const native = (name, value) => typeof value === "function" && !`${value}`.includes("[native code]") && name;
  const replaced = (holder) => Object.getOwnPropertyNames(holder).filter((name) => {
    const found = Object.getOwnPropertyDescriptor(holder, name);
    return found && "value" in found && native(name, found.value);
  });
  return {
    nodes: graph.nodes.length, links: [...(graph.links?.values?.() ?? [])].length, groups: graph.groups.length,
    subgraphs: graph.subgraphs?.size ?? 0, inside: canvas.graph === graph, selected: canvas.selectedItems?.size ?? 0,
    view: [canvas.ds.scale, ...canvas.ds.offset],
    tabs: manager.workflow.openWorkflows.length, sidebar: manager.sidebarTab.activeSidebarTabId ?? "",
    dialogs: [...document.querySelectorAll("[role=dialog], [role=menu], .p-dialog, .comfy-modal, .litecontextmenu")]
      .filter(shown).map((element) => element.className),
    beside: [...document.body.children].filter(shown).map((element) => element.tagName + element.id).sort(),
    ours: [...document.querySelectorAll("[data-dalle-flux]")].filter(shown).map((element) => element.dataset.dalleFlux),
    outputs: Object.keys(window.app.nodeOutputs ?? {}).length,
    previews: Object.keys(window.app.nodePreviewImages ?? {}).length,
    full_screen: Boolean(document.fullscreenElement), size: [innerWidth, innerHeight],
    storage: Object.keys(localStorage).filter((key) => /dalle/i.test(key)),
    globals: Object.keys(window).sort(), replaced: [...replaced(window), ...replaced(URL)].sort(),
  };
}"""
AXE = "axe-playwright-python==0.1.8"  # brings axe-core 4.12.1; only that file of it is used
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
    """ComfyUI's canvas in one page, which several tests may use one after the other: see `reset`.

    Args:
        vue_nodes: Nodes 2.0 (setting `Comfy.VueNodes.Enabled`) instead of the classic canvas.
    """

    def __init__(
        self, browser: Any, comfyui: ComfyUI, *, vue_nodes: bool = False, size: tuple[int, int] = (1600, 1000)
    ):
        self.comfyui = comfyui
        self.complaints: list[str] = []  # console errors and warnings, and uncaught exceptions
        self.vue_nodes = vue_nodes
        self._size = {"width": size[0], "height": size[1]}
        self.page = browser.new_page(viewport=self._size)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("console", self._console)
        try:
            self.open()
            self._complaints_of_opening = list(self.complaints)
            self._storage = self.page.evaluate("() => ({ ...localStorage })")
            self._empty()
            self._clean = self.traces()
        except BaseException:
            self.close()
            raise

    def _console(self, message: Any) -> None:
        url = message.location.get("url", "")
        asks_the_internet = "Failed to load resource" in message.text and not url.startswith(self.comfyui.url)
        if message.type in ("error", "warning") and not asks_the_internet:
            self.complaints.append(f"{message.type}: {message.text} ({url})")

    def open(self) -> None:
        """Load, or reload, the frontend and wait until the canvas is ready."""
        # Kept by the host for all its pages, and read by a page when it opens.
        self.comfyui.post("/api/settings", {
            "Comfy.VueNodes.Enabled": self.vue_nodes,
            "Comfy.TutorialCompleted": True,
            "Comfy.Release.Status": "skipped",
            "Comfy.Workflow.ShowMissingModelsWarning": True,
            "Comfy.Workflow.ShowMissingNodesWarning": True,
        })  # fmt: skip
        self.page.goto(self.comfyui.url, wait_until="domcontentloaded")
        self.page.wait_for_function(
            "() => window.app && window.app.graph && window.app.extensionManager", timeout=60_000
        )
        self.page.wait_for_function("() => Object.keys(window.LiteGraph?.registered_node_types ?? {}).length > 50")
        self.settle(500)

    def settle(self, limit_ms: int) -> None:
        """Wait until the page stands still; at most `limit_ms`, for some pages never do."""
        self.page.evaluate(_STILL, limit_ms)

    def reset(self) -> bool:
        """Make the page as good as a newly opened one; False where something is left that only a new page ends."""
        for _ in range(3):  # menus, dialogs, and what they were opened from
            if not self.open_dialogs():
                break
            self.page.keyboard.press("Escape")
            self.settle(300)
        self._empty()
        if self.comfyui.get("/queue")["queue_running"]:
            self.comfyui.post("/queue", {"clear": True})
            self.comfyui.post("/interrupt", {})
        self.complaints[:] = self._complaints_of_opening
        return self.traces() == self._clean

    def _empty(self) -> None:
        self.page.set_viewport_size(self._size)
        self.page.context.clear_permissions()
        self.page.mouse.move(2, 2)
        self.page.evaluate(_RESET, [EMPTY, self._storage])
        self.settle(500)

    def traces(self) -> dict[str, Any]:
        """Everything in the page that tests are known to change, whoever changed it."""
        return dict(self.page.evaluate(_TRACES))

    def close(self) -> None:
        self.page.close()

    def refresh_nodes(self) -> None:
        """Read the nodes' definitions again, as the key R does: what the user's files offer may have changed."""
        self.page.evaluate("() => window.app.refreshComboInNodes()")

    def load(self, workflow: dict[str, Any]) -> None:
        """Open a workflow in canvas format, as dropping the file does."""
        self.page.evaluate("workflow => window.app.loadGraphData(workflow)", workflow)
        self.settle(500)

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
        self.settle(700)

    def show_node(self, node_type: str) -> None:
        """Select the first node of this type and fill the view with it."""
        self.page.evaluate(
            """(type) => { const node = window.app.graph.nodes.find((n) => n.type === type);
               window.app.canvas.selectNodes([node]); }""",
            node_type,
        )
        self.fit_view()

    def barriers(self, selector: str) -> list[str]:
        """What axe-core finds against WCAG 2.1 A and AA in one element and its shadow; nothing else is looked at."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate((package(AXE) / "axe_playwright_python" / "axe.min.js").read_text("utf-8"))
        found = self.page.evaluate(
            """async (selector) => {
              const runOnly = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] };
              const { violations } = await axe.run({ include: [[selector]] }, { runOnly });
              delete window.axe;  // a test leaves no global behind
              return violations.flatMap(({ id, nodes }) => nodes.map((node) =>
                `${id}: ${node.target.flat().at(-1)} ${node.failureSummary}`));
            }""",
            selector,
        )
        return list(found)

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
        for _ in range(int(limit_s * 5)):
            ended = {key: entry for key, entry in self.comfyui.get("/history").items() if key not in before}
            if ended:
                self.settle(500)  # the last messages reach the page
                return Run(*ended.popitem())
            self.page.wait_for_timeout(200)
        raise TimeoutError(f"the run had not ended after {limit_s:.0f} s")


class OnePage:
    """At most one page, handed from test to test as long as it is as good as new. Use as a context manager."""

    def __init__(self, browser: Any):
        self._browser = browser
        self._canvas: Canvas | None = None

    def __enter__(self) -> OnePage:
        return self

    def __exit__(self, *_: object) -> None:
        if self._canvas:
            self._canvas.close()

    def show(self, comfyui: ComfyUI, *, vue_nodes: bool = False) -> Canvas:
        """An empty canvas of this host; the page of the call before if it shows the same and can be reset."""
        from playwright.sync_api import Error

        if self._canvas:
            if (self._canvas.comfyui, self._canvas.vue_nodes) == (comfyui, vue_nodes):
                with contextlib.suppress(Error):  # such as a page that has crashed
                    if self._canvas.reset():
                        return self._canvas
            self._canvas.close()
            self._canvas = None
        self._canvas = Canvas(self._browser, comfyui, vue_nodes=vue_nodes)
        return self._canvas
