"""Everything of ours on a canvas: the pages in the sidebar, and what stands on nodes. As scripts for a page."""

from __future__ import annotations

from collections.abc import Iterator

from comfyui.browser import Canvas

_SHOWN = """[...document.querySelectorAll("[data-dalle-flux]")]
  .filter((one) => one.getBoundingClientRect().width > 0)
  .map((one) => ({ name: one.dataset.dalleFlux, all: [...one.shadowRoot.querySelectorAll("*")] }))"""
# Every text, also in tooltips and for screen readers; what is folded away, too.
TEXTS = f"""() => {_SHOWN}.flatMap(({{ all }}) => all.flatMap((one) => [
  ...[...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent.trim()),
  one.ariaLabel, one.title, one.getAttribute("placeholder")])).filter(Boolean)"""
# What is wider than its place; a field scrolls what is typed into it.
OVERFLOWING = f"""() => {_SHOWN}.flatMap(({{ name, all }}) => all
  .filter((one) => one.getBoundingClientRect().width > 0 && !one.matches("input, textarea"))
  .filter((one) => getComputedStyle(one).display !== "inline" && one.scrollWidth > one.clientWidth + 1)
  .map((one) => `${{name}} ${{one.localName}}.${{one.className}}: ${{one.textContent.slice(0, 60)}}`))"""
_TOGGLE = "(id) => app.extensionManager.sidebarTab.toggleSidebarTab(id)"
_TABS = """() => app.extensionManager.getSidebarTabs().map((tab) => tab.id)
  .filter((id) => id.startsWith("dalletoflux"))"""
# The page has its style sheet and what it asked for.
_READY = """(name) => {
  const page = document.querySelector(`[data-dalle-flux=${name}]`);
  return page?.getBoundingClientRect().width > 0 && Boolean(page.shadowRoot.querySelector("link")?.sheet);
}"""


def pages(canvas: Canvas) -> Iterator[str]:
    """Open one page of the sidebar after the other; each is closed when the next is asked for."""
    for tab in canvas.page.evaluate(_TABS):
        canvas.page.evaluate(_TOGGLE, tab)
        name = tab.removeprefix("dalletoflux.")
        canvas.page.wait_for_function(_READY, arg=name)
        canvas.settle(600)
        yield name
        canvas.page.evaluate(_TOGGLE, tab)
