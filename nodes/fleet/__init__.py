"""The Images API over many ComfyUI processes, on Ray Serve. Nothing here imports ComfyUI but `routes`.

    client → Serve's proxy (edge) → ingress: one process or several → replica: one process per ComfyUI → ComfyUI
                                    the very code of `nodes/endpoint`   supervises it                    with this pack

What was decided, and why:

- The ingress is `nodes/endpoint` itself, with its keys, limits, idempotency keys, jobs, webhooks, published workflows
  and fair queue. One keeps its state in a folder; several share a PostgreSQL (`postgres`), by the same statements.
  Only what draws is another: `scheduler.Drawer` is `FleetDrawer` here, and this ComfyUI's own queue there. So there is
  one contract and one place to change it.
- A ComfyUI of the fleet is an ordinary one with this pack. One address more (`routes`) takes an order that was checked
  and gives back encoded pictures: what costs processor time, reading, judging and encoding pictures, stays where the
  GPU is.
- A replica lives and dies with its ComfyUI: if one ends or hangs, the replica ends, and Serve starts another one. Serve
  has the back-off and the counting; there is no second supervisor.
- Ray's request router API chooses the replica (`router`), by which weights it holds.
"""
