"""Keys for all ingresses that share a database; `nodes.endpoint.keys` makes those of one `endpoints.toml`.

python -m nodes.fleet.keys postgresql://user@host/name add laptop --pictures-per-day 500
"""

from __future__ import annotations

import sys

from ..endpoint import keys
from .postgres import Postgres


def main(arguments: list[str]) -> int:
    """The command: the database, then as for `nodes.endpoint.keys`."""
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    keeper = Postgres(arguments[0])
    try:
        return keys.main(arguments[1:], keys.SharedBook(keeper))
    finally:
        keeper.close()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
