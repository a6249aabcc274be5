"""Run a stand-in by hand: `python -m tests.services [--kind bfl] [--port 8901] [--retired] [--latency 2]`."""

from __future__ import annotations

import argparse
import time

from . import Services
from .hosted import HOSTED


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.services", description=__doc__)
    parser.add_argument("--kind", choices=["openai", *HOSTED], default="openai")
    parser.add_argument("--port", type=int, default=8901)
    parser.add_argument("--retired", action="store_true", help="DALL·E is gone, as at OpenAI")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds of work for each request")
    options = parser.parse_args()
    services = HOSTED[options.kind]() if options.kind in HOSTED else Services()
    services.dalle_alive = services.variations = not options.retired
    services.take(options.latency)
    services.start(options.port)
    print(
        f'[stand-in]\nkind = "{options.kind}"\nbase_url = "{services.base_url}"\napi_key = "{services.key}"\n',
        flush=True,
    )
    billed = 0
    try:
        while True:
            time.sleep(0.5)
            for bill in services.bills[billed:]:
                print(f"{bill.operation} {bill.model}: ${bill.usd:.4f} for {bill.prompt[:60]!r}", flush=True)
                billed += 1
    except KeyboardInterrupt:
        print(f"would have billed ${services.billed_usd}")


if __name__ == "__main__":
    main()
