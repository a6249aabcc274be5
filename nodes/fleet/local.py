"""A Ray of its own on this machine, for one application."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import edge

# Ray tells nobody that it is used here, and its proxies take no orders from clients' headers.
VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    edge.VARIABLE: edge.MIDDLEWARES,
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_DEDUP_LOGS": "0",
}
PACK = Path(__file__).resolve().parents[2]
_ATTEMPTS = 4
STORE_BYTES = 256 * 2**20  # of shared memory; pictures on their way


def prepare() -> None:
    """Set what Ray's processes inherit. Before Ray is imported."""
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(PACK), *filter(None, [os.environ.get("PYTHONPATH")])])


@contextlib.contextmanager
def running(application: Any, host: str, port: int, *, gpus: float = 0.0) -> Iterator[None]:
    """Within, the application answers there.

    Args:
        gpus: that all of it needs, together.
    """
    import ray
    from ray import serve
    from ray.serve.config import HTTPOptions

    from .comfyui import sweep

    _start_ray()
    try:
        there = ray.cluster_resources().get("GPU", 0.0)
        if there < gpus:
            raise SystemExit(f"The fleet needs {gpus:g} GPUs, and Ray finds {there:g} here; see --replicas and --gpus.")
        serve.start(http_options=HTTPOptions(host=host, port=port), logging_config={"log_level": "WARNING"})
        serve.run(application, name="dalle-flux", route_prefix="/")
        yield
    finally:
        ray.shutdown()  # ends every process of it at once; the ComfyUIs end with those
        sweep()


def _start_ray() -> None:
    """Ray gives its own processes 30 s, which is too little for a machine that has much to do; so it may try again."""
    import ray

    for attempt in range(_ATTEMPTS):
        try:
            # Logical cores: on two real ones, Ray would wait for room for its own processes.
            ray.init(
                address="local", num_cpus=max(8, os.cpu_count() or 1), include_dashboard=False,
                object_store_memory=STORE_BYTES, _node_ip_address="127.0.0.1",
                log_to_driver=bool(os.environ.get("DALLE_FLUX_FLEET_LOGS")),
            )  # fmt: skip
            return
        except Exception as error:
            ray.shutdown()
            if "timed out" not in str(error) or attempt == _ATTEMPTS - 1:
                raise
