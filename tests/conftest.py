"""Fixtures: a real ComfyUI, its canvas in a real Chromium, stand-ins for weights and paid services.

Every test belongs to the level whose folder it lies in: unit, growth, host or browser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from comfyui import browser as chromium
from comfyui import environment as host_environment
from comfyui import samples, weights
from comfyui.browser import Canvas
from comfyui.environment import Environment
from comfyui.installation import install
from comfyui.server import ComfyUI
from comfyui.warm import Libraries

pytest_plugins = ["services.fixtures"]

LEVELS = ("unit", "growth", "host", "browser")
HERE = Path(__file__).parent
# (newest frontend, Nodes 2.0)
FACES = {"pinned-classic": (False, False), "newest-classic": (True, False), "newest-nodes2": (True, True)}
# What takes longest begins first: no lane goes on alone when all others have ended.
LONGEST = (
    *FACES, "host/test_fleet", "host/test_images_api_served.", "host/test_workflows", "host/test_images_api_described",
    "host/test_images_api_restarted", "host/test_flux.", "host/test_moderation.", "host/test_routes",
    "host/test_images_api_killed", "host/test_images_api_clients", "browser/",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        level = item.path.relative_to(HERE).parts[0]
        if level in LEVELS:
            item.add_marker(getattr(pytest.mark, level))
    items.sort(key=lambda item: next((n for n, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST)))


def face_of(nodeid: str) -> str:
    """The one of FACES that a test is about, or an empty text."""
    return next((face for face in FACES if face in nodeid), "")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadscope`, tests of one face or else of one file run one after the other in one process."""
    if config.getoption("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Lanes(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return face_of(nodeid) or nodeid.split("::")[0]

    return Lanes(config, log)


@pytest.fixture(scope="session")
def environment() -> Environment:
    """ComfyUI's code and the Python that runs it."""
    return host_environment.prepare()


@pytest.fixture(scope="session")
def models() -> Path:
    """A models folder with stand-in FLUX weights under the official names."""
    return weights.stand_ins()


@pytest.fixture(scope="session")
def libraries() -> Iterator[Libraries]:
    """What makes a further ComfyUI start in a second."""
    loaded = Libraries()
    yield loaded
    loaded.close()


def _starter(
    environment: Environment, models: Path, factory: pytest.TempPathFactory, libraries: Libraries
) -> Iterator[Any]:
    running: list[ComfyUI] = []

    def start(
        *,
        pack_name: str = "comfyui-dalle-flux",
        models: Path = models,
        prepare: Callable[[Any], None] = lambda installation: None,
        **options: Any,
    ) -> ComfyUI:
        base = factory.mktemp("comfyui")
        installation = install(base, models, stand_ins=True, pack_name=pack_name)
        samples.put_example(environment, base / "input")
        prepare(installation)
        comfyui = ComfyUI(environment, installation, start_process=libraries.start, **options)
        running.append(comfyui)
        comfyui.start()
        return comfyui

    yield start
    for comfyui in running:
        comfyui.stop()


@pytest.fixture(scope="module")
def start_comfyui(environment, models, tmp_path_factory, libraries) -> Iterator[Callable[..., ComfyUI]]:
    """Start a ComfyUI of one's own, with the pack and the stand-in weights: `start_comfyui(variables={…}, …)`.

    Keyword arguments are those of `ComfyUI`, and `pack_name`, `models`, and `prepare`, a function that gets the
    `Installation` before the start. All are stopped at the end of the file.
    """
    yield from _starter(environment, models, tmp_path_factory, libraries)


@pytest.fixture(scope="session")
def _start_shared(environment, models, tmp_path_factory, libraries) -> Iterator[Callable[..., ComfyUI]]:
    yield from _starter(environment, models, tmp_path_factory, libraries)


@pytest.fixture(scope="session")
def comfyui(_start_shared) -> ComfyUI:
    """The ComfyUI that tests share: the pack, stand-in weights, the frontend it pins."""
    return _start_shared()


@pytest.fixture(scope="session")
def comfyui_newest_frontend(_start_shared) -> ComfyUI:
    """The same with the newest frontend."""
    return _start_shared(newest_frontend=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A running Chromium (playwright)."""
    with chromium.launch() as running:
        yield running


@pytest.fixture(scope="session")
def show_canvas(browser) -> Iterator[Callable[..., Canvas]]:
    """`show_canvas(comfyui, vue_nodes=False)`: an empty canvas, in the page of the test before if that can be reset."""
    with chromium.OnePage(browser) as page:
        yield page.show


@pytest.fixture(params=FACES)
def canvas(request, show_canvas) -> Canvas:
    """The canvas, in turn: the pinned frontend, the newest one, the newest one with Nodes 2.0."""
    newest, vue_nodes = FACES[request.param]
    host = request.getfixturevalue("comfyui_newest_frontend" if newest else "comfyui")
    return show_canvas(host, vue_nodes=vue_nodes)


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where screenshots and sheets are kept for people to look at; git ignores it."""
    folder = HERE.parent / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder
