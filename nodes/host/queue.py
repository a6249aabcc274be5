"""Graphs that this process itself puts into the host's queue, beside what people queue.

A run carries no picture: a node in the graph hands its result to `deliver`, by the id of the prompt it runs in.
Everything here lives on the server's event loop but `at_start`, `deliver` and `_Listener`, which the host calls in
the thread that runs prompts.

Sources: ComfyUI 0.3.75 and 0.33 `server.py`, `execution.py`, `main.prompt_worker`, `comfy_execution/progress.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from comfy_execution.progress import ProgressHandler, add_progress_handler
from comfy_execution.utils import get_executing_context

from ..errors import DalleFluxError

if TYPE_CHECKING:
    from PIL import Image

_LOOK_S = 0.05  # how often to see whether a run has ended
_KEPT = 200  # of our runs in the host's history
_NO_WORKFLOW: Mapping[str, Any] = {"last_node_id": 0, "last_link_id": 0, "nodes": [], "links": [], "version": 0.4}
_WORKER = "prompt_worker"  # the host's one thread that runs prompts; Python names it after its function


class RunRejected(DalleFluxError):
    """The host found the graph wrong before running it."""

    code = "run_rejected"


class RunFailed(DalleFluxError):
    """The run ended with an error, or without a result."""

    code = "run_failed"

    def __init__(self, message: str, kind: str = "", node_type: str = ""):
        super().__init__(message)
        self.kind = kind  # the class of the error that a node raised, as the host writes it
        self.node_type = node_type  # of that node


class RunCancelled(DalleFluxError):
    """Somebody cancelled the run, or cleared the queue."""

    code = "run_cancelled"


class Run:
    """One graph on its way through the queue.

    Args:
        title: what ComfyUI's queue and history call it.
        workflow: the graph in canvas format, for nodes that look at it; None: there is none.
        step: called in the prompt's thread as `step(done, total, preview)` while a sampler works.
        previews: ask the host for a preview with every step.
    """

    def __init__(
        self,
        title: str,
        step: Callable[[float, float, Image.Image | None], None] | None = None,
        *,
        workflow: Mapping[str, Any] | None = None,
        previews: bool,
    ):
        loop = asyncio.get_running_loop()
        self.id = str(uuid.uuid4())
        self.title = title
        self.workflow = workflow
        self.step = step
        self.previews = previews
        self.cancelled = False
        self.listened = False  # the host tells of this run's steps
        self.began: asyncio.Future[float] = loop.create_future()  # time.monotonic() when the host took it up
        self.result: asyncio.Future[Any] = loop.create_future()  # what the graph's node delivered, or an error
        self.ended: asyncio.Future[None] = loop.create_future()  # the host is done with it
        self.watch: asyncio.Task[None] | None = None


_runs: dict[str, Run] = {}
_done: list[str] = []


async def put(run: Run, graph: Mapping[str, Any], output_node: str) -> None:
    """Queue a graph in API format; only what `output_node` needs of it is run.

    It comes after the next prompt of a person, however many of them wait.

    Raises:
        RunRejected: the host's validation refused it; said in one sentence.
    """
    server = _server()
    graph, outputs = await _validated(graph, output_node, run.id)
    extra = {
        "client_id": f"dalle-flux-{run.id}",
        "create_time": int(time.time() * 1000),
        # A job's details show its workflow's id, the only name that the frontend (1.58.1) has for a job.
        "extra_pnginfo": {"workflow": {**(run.workflow or _NO_WORKFLOW), "id": run.title}},
    }
    if run.previews:
        extra["preview_method"] = "latent2rgb"
    _runs[run.id] = run
    server.prompt_queue.put((_place(server), run.id, graph, extra, outputs, {}))
    run.watch = asyncio.get_running_loop().create_task(_watch(run))


async def check(graph: Mapping[str, Any], output_node: str) -> None:
    """Have the host look at a graph without running it.

    Raises:
        RunRejected: something in it is wrong.
    """
    await _validated(graph, output_node, str(uuid.uuid4()))


def cancel(run: Run) -> None:
    """Take a run out of the queue, or interrupt it if it is the one that runs."""
    run.cancelled = True
    queue = _server().prompt_queue
    if not queue.delete_queue_item(lambda item: item[1] == run.id):
        _interrupt(run.id)


def waiting() -> int:
    """Prompts of everybody in the host's queue, the running one included."""
    return int(_server().prompt_queue.get_tasks_remaining())


_seen_worker = False


def worker_is_alive() -> bool:
    """False once the thread that runs prompts has died: the host still answers then, and nothing runs any more."""
    global _seen_worker
    alive = any(_WORKER in thread.name for thread in threading.enumerate())
    _seen_worker = _seen_worker or alive
    return alive or not _seen_worker


def at_start() -> None:
    """Called by nodes in the prompt's thread as early as they can, any number of times."""
    run = _runs.get(running_prompt())
    if run is None:
        return
    if not run.listened:
        run.listened = True
        _on_loop(run.began, time.monotonic())
        add_progress_handler(_Listener(run))
    if run.cancelled:  # the cancel came between the queue and the start, where the host forgets it
        _interrupt(run.id)


def deliver(result: Any) -> bool:
    """Hand the result of the prompt that is running to whoever waits for it; False if it is none of ours."""
    run = _runs.get(running_prompt())
    if run is None:
        return False
    _on_loop(run.result, result)
    return True


class _Listener(ProgressHandler):
    """Tells of steps, and has the host make previews while the run asks for them."""

    def __init__(self, run: Run):
        super().__init__("dalle_flux")
        self._run = run
        self._method: Any = None
        if run.previews:
            self._ask_for_previews()

    def _ask_for_previews(self) -> None:
        """On hosts where a prompt cannot ask for itself: the method of the whole host, until this prompt is over."""
        import latent_preview
        from comfy.cli_args import LatentPreviewMethod, args

        if not hasattr(latent_preview, "set_preview_method") and args.preview_method == LatentPreviewMethod.NoPreviews:
            self._method, args.preview_method = args.preview_method, LatentPreviewMethod.Latent2RGB

    def update_handler(self, node_id, value, max_value, state, prompt_id, image=None) -> None:  # type: ignore[no-untyped-def]
        """An error in here would end the prompt."""
        if self._run.cancelled:
            _interrupt(self._run.id)
        elif self._run.step and max_value > 1:
            with contextlib.suppress(Exception):
                self._run.step(float(value), float(max_value), image[1] if image else None)

    def reset(self) -> None:
        """The next prompt begins."""
        if self._method is not None:
            from comfy.cli_args import args

            args.preview_method, self._method = self._method, None


def _server() -> Any:
    from server import PromptServer

    return PromptServer.instance  # type: ignore[attr-defined]


async def _validated(graph: Mapping[str, Any], output_node: str, prompt_id: str) -> tuple[dict[str, Any], list[str]]:
    """A copy of the graph as the host would run it, and the nodes to run."""
    import execution

    copied = copy.deepcopy(dict(graph))  # validation writes into it
    if hasattr(_server(), "node_replace_manager"):
        _server().node_replace_manager.apply_replacements(copied)
    valid, error, outputs, node_errors = (await execution.validate_prompt(prompt_id, copied, [output_node]))[:4]
    if not valid:
        raise RunRejected(_why(error, node_errors))
    return copied, outputs


def running_prompt() -> str:
    """The id of the prompt that runs this node; an empty text outside of one."""
    context = get_executing_context()
    return context.prompt_id if context else ""


def _on_loop(future: asyncio.Future[Any], value: Any) -> None:
    def settle() -> None:
        if not future.done():
            future.set_result(value)

    _server().loop.call_soon_threadsafe(settle)


def _place(server: Any) -> float:
    """Where to put a prompt: lower numbers go first. Behind the first one that waits, before all others."""
    with server.prompt_queue.mutex:
        numbers = sorted(item[0] for item in server.prompt_queue.queue)
    if numbers:
        return float(numbers[0]) + 0.5
    number, server.number = server.number, server.number + 1
    return float(number)


def _interrupt(prompt_id: str) -> None:
    """Interrupt this prompt and no other: the flag is the host's only one, so look and set under the queue's lock."""
    import execution

    queue = _server().prompt_queue
    with queue.mutex:
        if any(item[1] == prompt_id for item in queue.currently_running.values()):
            execution.nodes.interrupt_processing()  # type: ignore[attr-defined]


async def _watch(run: Run) -> None:
    """Wait until the host is done with a run, and settle what nothing was delivered for."""
    queue = _server().prompt_queue
    while True:
        await asyncio.wait([run.result], timeout=_LOOK_S)
        if run.result.done():
            await asyncio.sleep(_LOOK_S / 5)
        with queue.mutex:
            entry = queue.history.get(run.id)
            known = any(item[1] == run.id for item in [*queue.queue, *queue.currently_running.values()])
        if entry is not None or not known:
            break
        if not worker_is_alive():
            entry = {"status": {"messages": [["execution_error", {"exception_message": _STOPPED}]]}}
            break
    await asyncio.sleep(0)  # what was delivered last has come through now
    if not run.result.done():
        run.result.set_exception(_ending(run, entry))
        run.result.exception()  # seen, if nobody waits any more
    run.ended.set_result(None)
    _forget(run)


_STOPPED = "ComfyUI's thread that runs prompts has died, so nothing is drawn any more; restart ComfyUI."


def _ending(run: Run, entry: Mapping[str, Any] | None) -> DalleFluxError:
    """Why a run ended without a result."""
    status = (entry or {}).get("status") or {}
    messages = {name: data for name, data in status.get("messages", [])}
    if failed := messages.get("execution_error"):
        message, kind, node = (
            str(failed.get(name, "")).strip() for name in ("exception_message", "exception_type", "node_type")
        )
        return RunFailed(message, kind, node)
    if run.cancelled or entry is None or "execution_interrupted" in messages:
        return RunCancelled("The run was cancelled, here or in ComfyUI's queue.")
    return RunFailed(
        "The workflow ended without a picture: something in it kept the branch of its response node from running."
    )


def _forget(run: Run) -> None:
    del _runs[run.id]
    _done.append(run.id)
    while len(_done) > _KEPT:
        _server().prompt_queue.delete_history_item(_done.pop(0))


def _why(error: Any, node_errors: Any) -> str:
    """The host's validation error as one sentence."""
    for node, found in (node_errors or {}).items():
        for one in found.get("errors", []):
            where = f"node {node} ({found.get('class_type')})"
            return f"ComfyUI refuses the workflow at {where}: {one.get('message')}: {one.get('details')}."
    return f"ComfyUI refuses the workflow: {error.get('message')} {error.get('details', '')}".strip()
