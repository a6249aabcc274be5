"""Where this host keeps things: the user's state and endpoints, pictures to save, pictures just shown."""

from __future__ import annotations

import os
from pathlib import Path

import folder_paths

from ..endpoints import BUILT_IN, Endpoints
from ..errors import DalleFluxError
from ..filenames import inside
from ..state import FOLDER_NAME, STATE_ENV, State

_LONGEST_NAME = 200  # bytes of a file's name without number and ending


class BadFilenamePrefix(DalleFluxError):
    """Nothing can be saved under this name."""

    code = "bad_filename_prefix"

    def __init__(self, prefix: str, why: str):
        super().__init__(
            f"No picture can be saved under filename_prefix {prefix[:60]!r} ({why}); name a file inside ComfyUI's "
            "output folder, such as dalle/%year%-%month%-%day%/picture."
        )


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


def input_folder() -> Path:
    """Where users put files for workflows to read."""
    return Path(folder_paths.get_input_directory())


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


def keeps_metadata() -> bool:
    """False if the host was started with --disable-metadata: nothing about a picture's origin goes into files."""
    from comfy.cli_args import args

    return not args.disable_metadata


def temp_picture(file: object) -> Path | None:
    """Where a picture that the host showed lies, by its `{filename, subfolder, type}`; None if there is none."""
    if not isinstance(file, dict) or file.get("type") != "temp":
        return None
    path = inside(Path(folder_paths.get_temp_directory()), str(file.get("subfolder") or ""), str(file.get("filename")))
    return path if path and path.is_file() else None
