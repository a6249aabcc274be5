"""The host adapter: the one place that knows which ComfyUI this is.

Everything that differs between ComfyUI 0.3.75 and the newest is feature-detected here, and what rooms
need from the host (folders, progress, previews, cancelling) passes through here.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import os
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import folder_paths
from comfy_api.latest import ComfyExtension, io
from comfy_execution.graph_utils import ExecutionBlocker

from .endpoints import BUILT_IN, Endpoints
from .errors import DalleFluxError
from .state import FOLDER_NAME, STATE_ENV, State

if TYPE_CHECKING:
    from PIL import Image

CATEGORY = "DALL·E to FLUX"
T = TypeVar("T")

_SCHEMA_FIELDS = {field.name for field in dataclasses.fields(io.Schema)}


_LONGEST_NAME = 200  # bytes of a file's name without number and ending


class BadFilenamePrefix(DalleFluxError):
    """Nothing can be saved under this name."""

    code = "bad_filename_prefix"

    def __init__(self, prefix: str, why: str):
        super().__init__(
            f"No picture can be saved under filename_prefix {prefix[:60]!r} ({why}); name a file inside ComfyUI's "
            "output folder, such as dalle/%year%-%month%-%day%/picture."
        )


def extension(node_classes: list[type[io.ComfyNode]]) -> ComfyExtension:
    """The object ComfyUI's loader wants from `comfy_entrypoint`."""

    class DalleFluxExtension(ComfyExtension):
        async def get_node_list(self) -> list[type[io.ComfyNode]]:
            return node_classes

    return DalleFluxExtension()


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

    await ComfyAPI().node_replacement.register(
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


def on_prompt(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Let `change` see, and replace, the graph in API format of every POST /prompt before the host checks it."""
    from server import PromptServer

    def handler(body: dict[str, Any]) -> dict[str, Any]:
        if isinstance(body.get("prompt"), dict):
            body["prompt"] = change(body["prompt"])
        return body

    PromptServer.instance.add_on_prompt_handler(handler)


def node_types() -> Container[str]:
    """Every node type that this host has."""
    import execution

    types: Container[str] = execution.nodes.NODE_CLASS_MAPPINGS
    return types


def schema_extras(**fields: Any) -> dict[str, Any]:
    """Those schema fields that this host knows, to be passed as `io.Schema(…, **schema_extras(…))`.

    0.3.75 lacks `search_aliases`, `price_badge`, `essentials_category` and more.
    """
    return {name: value for name, value in fields.items() if name in _SCHEMA_FIELDS}


def advanced(widget: Any) -> Any:
    """Fold an input away behind the node's "advanced" button, where the frontend has one."""
    widget.extra_dict = {**(getattr(widget, "extra_dict", None) or {}), "advanced": True}
    return widget


def state() -> State:
    """The state folder of this host's user; made on first use by whoever writes."""
    override = os.environ.get(STATE_ENV)
    return State(Path(override) if override else Path(folder_paths.get_user_directory()) / FOLDER_NAME)


def endpoints() -> Endpoints:
    """The user's named endpoints, read anew each time, so that an edit needs no restart."""
    return Endpoints.read(state().endpoints_file)


def endpoints_to_choose_from() -> Endpoints:
    """For a node's lists of choices: the built-in endpoints if the user's file cannot be read, which a run will say."""
    try:
        return endpoints()
    except DalleFluxError:
        return Endpoints(dict(BUILT_IN), {}, state().endpoints_file)


def block() -> ExecutionBlocker:
    """An output value that silently keeps everything downstream of it from running."""
    return ExecutionBlocker(None)


def raise_if_cancelled() -> None:
    """Raise the host's own interrupt if the user pressed cancel."""
    import comfy.model_management

    comfy.model_management.throw_exception_if_processing_interrupted()


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


def temp_previews(node: type[io.ComfyNode], images: Any) -> list[dict[str, str]]:
    """Save an IMAGE batch to the host's temp folder for a widget to show.

    Returns:
        One `{filename, subfolder, type}` a picture, to be fetched at `/view`.
    """
    from comfy_api.latest import ui

    return ui.PreviewImage(images, cls=node).as_dict()["images"]


def temp_picture(file: object) -> Path | None:
    """Where a picture that `temp_previews` saved lies; None when it is gone or when `file` names anything else."""
    if not isinstance(file, dict) or file.get("type") != "temp" or not isinstance(file.get("filename"), str):
        return None
    folder = Path(folder_paths.get_temp_directory()).resolve()
    path = (folder / str(file.get("subfolder") or "") / file["filename"]).resolve()
    return path if path.is_relative_to(folder) and path.is_file() else None


def clip_prompt_vector(clip: Any, prompt: str) -> Any:
    """CLIP-L's projected vector of the first 77 tokens of a prompt, `[1,768]`; None without a CLIP-L inside.

    Asked of the encoder itself: a FLUX text encoder would also run T5, and leaves the projection out.
    """
    encoder = getattr(clip.cond_stage_model, "clip_l", None)
    tokens = clip.tokenize(prompt)
    if encoder is None or "l" not in tokens:
        return None
    clip.load_model()
    encoder.reset_clip_options()
    encoder.set_clip_options({"projected_pooled": True})
    try:
        return encoder.encode_token_weights(tokens["l"][:1])[1].cpu()
    finally:
        encoder.reset_clip_options()


def clip_picture_vectors(clip_vision: Any, images: Any) -> Any:
    """A CLIP_VISION's projected vector of each picture of an IMAGE batch, `[B,D]`."""
    return clip_vision.encode_image(images)["image_embeds"].cpu()


def is_cancelled() -> bool:
    """Whether the user pressed cancel; unlike `raise_if_cancelled` it leaves the host's flag as it is."""
    import comfy.model_management

    return comfy.model_management.processing_interrupted()


def show_text(node_id: str | None, text: str) -> None:
    """One line of text on the node; hosts without a browser, or too old for it, show nothing."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if node_id and server is not None and hasattr(server, "send_progress_text"):
        server.send_progress_text(text, node_id)


def output_place(filename_prefix: str, width: int, height: int) -> tuple[str, str, int]:
    """Where the host's own SaveImage would write: folder, file name without number, first free number.

    Raises:
        BadFilenamePrefix: it leads out of the output folder, or no file can have such a name.
    """
    try:
        folder, name, counter, _, _ = folder_paths.get_save_image_path(
            filename_prefix, folder_paths.get_output_directory(), width, height
        )
    except Exception as error:  # the host raises a plain one
        raise BadFilenamePrefix(filename_prefix, type(error).__name__) from None
    if not name.isprintable() or len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        raise BadFilenamePrefix(filename_prefix, "no name for a file")
    return folder, name, counter


def model_files(folders: Iterable[str]) -> Iterator[tuple[str, str, Path]]:
    """Every file in those model folders as (folder, name, path); extra_model_paths.yaml's places included."""
    for folder in folders:
        if folder in folder_paths.folder_names_and_paths:
            for name in folder_paths.get_filename_list(folder):
                if path := folder_paths.get_full_path(folder, name):
                    yield folder, name, Path(path)


def device_memory() -> int:
    """Bytes of the device that samples."""
    import comfy.model_management

    return int(comfy.model_management.get_total_memory(comfy.model_management.get_torch_device()))


def input_folder() -> Path:
    """Where users put files for workflows to read."""
    return Path(folder_paths.get_input_directory())


def flux_tokenizers() -> tuple[Any, Any]:
    """The tokenizers of FLUX.1's text encoders, T5 and CLIP-L, as this host makes them; no weights are loaded."""
    from comfy.text_encoders.flux import FluxTokenizer

    both = FluxTokenizer()
    return both.t5xxl.tokenizer, both.clip_l.tokenizer


def text_generator(clip: Any) -> Callable[[str, int, float, int], str] | None:
    """The host's own text generation with a CLIP, as `generate(text, seed, temperature, max_tokens)`.

    None where the host is older than that (0.3.75) or the encoder cannot generate, as T5 and CLIP-L cannot.
    When a text is done the encoder leaves the GPU, so that FLUX finds it empty.
    """
    if not hasattr(clip, "generate") or not hasattr(clip, "decode") or not _generates(clip):
        return None

    def generate(text: str, seed: int, temperature: float, max_tokens: int) -> str:
        tokens = clip.tokenize(text, skip_template=False, min_length=1, thinking=False)
        sampling = {"do_sample": temperature > 0, "temperature": max(temperature, 0.01), "seed": seed}
        try:
            ids = clip.generate(tokens, max_length=max_tokens, top_k=64, top_p=0.95, min_p=0.05,
                                repetition_penalty=1.05, **sampling)  # fmt: skip
            return str(clip.decode(ids))
        finally:
            _leave_gpu(clip)

    return generate


def _generates(clip: Any) -> bool:
    """True if one of the encoders in a CLIP has a language model's head to generate with."""
    model = clip.cond_stage_model
    inner = getattr(model, str(getattr(model, "clip", "")), model)
    return hasattr(getattr(inner, "transformer", inner), "generate")


def _leave_gpu(clip: Any) -> None:
    import comfy.model_management as memory

    others = [loaded for loaded in memory.current_loaded_models if loaded.model is not clip.patcher]
    memory.free_memory(1e30, clip.patcher.load_device, others)
