"""A run in this host: threads beside it, progress, text on the node, cancelling, and graphs on their way in."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import threading
import time
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from comfy_api.latest import io
from comfy_execution.graph_utils import ExecutionBlocker

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")


def block() -> ExecutionBlocker:
    """An output value that silently keeps everything downstream of it from running."""
    return ExecutionBlocker(None)


def raise_if_cancelled() -> None:
    """Raise the host's own interrupt if the user pressed cancel."""
    import comfy.model_management

    comfy.model_management.throw_exception_if_processing_interrupted()


def is_cancelled() -> bool:
    """Whether the user pressed cancel; unlike `raise_if_cancelled` it leaves the host's flag as it is."""
    import comfy.model_management

    return comfy.model_management.processing_interrupted()


@dataclasses.dataclass
class Progress:
    """How far a thread is, written by the thread; and whether anybody still wants its result."""

    done: float = 0.0
    total: float = 0.0
    cancelled: bool = False

    def at(self, done: float, total: float) -> None:
        """Between two steps.

        Raises:
            Abandoned: the user pressed cancel, and nobody waits any more.
        """
        self.done, self.total = done, total
        if self.cancelled:
            raise Abandoned


class Abandoned(Exception):
    """Ends a thread whose result nobody waits for."""


async def in_thread(work: Callable[[], T], progress: Progress | None = None) -> T:
    """Run `work` beside the event loop, with the running node's bar at `progress`.

    A cancel ends the wait within a moment and sets `progress.cancelled`, for `work` to look at between its steps.
    """
    progress = progress or Progress()
    # Not asyncio's own threads: the host ends its loop with each run, and that would wait for them.
    ended: Future[T] = Future()
    ended.set_running_or_notify_cancel()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            ended.set_result(context.run(work))
        except BaseException as error:
            ended.set_exception(error)

    threading.Thread(target=run, name="dalle_flux work", daemon=True).start()
    waiting = asyncio.wrap_future(ended)
    shown = (0.0, 0.0)
    try:
        while not waiting.done():
            await asyncio.wait([waiting], timeout=0.2)
            raise_if_cancelled()
            now = (progress.done, progress.total)
            if now != shown:
                shown = now
                await show_progress(*now)
        return waiting.result()
    finally:
        progress.cancelled = True
        waiting.cancel()


async def show_progress(value: float, total: float, preview: Image.Image | None = None) -> None:
    """Move the progress bar of the node that is running; `preview` appears on the node."""
    from comfy_api.latest import ComfyAPI

    # 0.3.75's asynchronous ComfyAPI() lacks the attribute `execution`; the class is there on every host.
    await ComfyAPI.Execution().set_progress(value, total, preview_image=preview)


def show_text(node_id: str | None, text: str) -> None:
    """One line of text on the node; hosts without a browser, or too old for it, show nothing."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if node_id and server is not None and hasattr(server, "send_progress_text"):
        server.send_progress_text(text, node_id)


def when_finished(node_id: str | None, then: Callable[[float], None]) -> None:
    """Call `then` with the seconds from now until the running node, and all it expands into, has run; not on errors."""
    from comfy_execution.progress import ProgressHandler, add_progress_handler

    begun = time.monotonic()

    class Finish(ProgressHandler):
        def finish_handler(self, finished: str, state: object, prompt_id: str) -> None:
            if finished == node_id:
                then(time.monotonic() - begun)

    add_progress_handler(Finish(f"dalle_flux {node_id}"))


def on_prompt(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Let `change` see, and replace, the graph in API format of every POST /prompt before the host checks it."""
    from server import PromptServer

    def handler(body: dict[str, Any]) -> dict[str, Any]:
        if isinstance(body.get("prompt"), dict):
            body["prompt"] = change(body["prompt"])
        return body

    PromptServer.instance.add_on_prompt_handler(handler)  # type: ignore[attr-defined]


def node_types() -> Container[str]:
    """Every node type that this host has."""
    import execution

    types: Container[str] = execution.nodes.NODE_CLASS_MAPPINGS  # type: ignore[attr-defined]
    return types


async def register_replacement(
    old: str,
    new: str,
    *,
    widgets: Sequence[str],
    inputs: Mapping[str, str],
    values: Mapping[str, Any],
    outputs: Mapping[int, int],
) -> bool:
    """Tell the host that node `new` takes over from the node `old` that it no longer has.

    Args:
        widgets: the old node's widgets in the order in which the canvas format stores their values.
        inputs: old input → new input; the host looks every one of them up in graphs sent to /prompt.
        values: new input → value to set.
        outputs: old output's place → new output's place.

    Returns:
        False on a host without a node-replacement registry, such as 0.3.75.
    """
    if not hasattr(io, "NodeReplace"):
        return False
    from comfy_api.latest import ComfyAPI

    await ComfyAPI().node_replacement.register(  # type: ignore[attr-defined]
        io.NodeReplace(
            new_node_id=new,
            old_node_id=old,
            old_widget_ids=list(widgets),
            input_mapping=[{"new_id": name, "set_value": value} for name, value in values.items()]
            + [{"new_id": after, "old_id": before} for before, after in inputs.items()],
            output_mapping=[{"old_idx": before, "new_idx": after} for before, after in outputs.items()],
        )
    )
    return True
