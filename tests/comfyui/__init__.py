"""A real ComfyUI for tests and the demo: where it comes from, how it is started, what it runs on.

- `environment`: a ComfyUI checkout and a Python that can run it, made on first use and kept in a cache.
- `installation`: a base directory (custom_nodes, models, input, output, user) with this pack in it.
- `server`: one running ComfyUI process and its HTTP API.
- `weights`: stand-in FLUX weights with the official file names; `stand_in_plugin`: what the host needs for them.
- `browser`: a Chromium and the canvas in it.

`environment` and `server` use the standard library alone: they run before anything is installed.
"""
