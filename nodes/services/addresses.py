"""Which addresses a reply may send us to: the open internet by https, and the endpoint's own origin.

The list is our own. Python's `is_global` differs between versions and passes much that no picture lives at.
Source: IANA's registries of special-purpose addresses; beyond them what clouds use for their own (168.63.129.16).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..endpoints import Endpoint

_DENIED_4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "168.63.129.16/32",
    )
)  # fmt: skip
# All that is given to the public lies in 2000::/3; what is not public in there, and what holds an IPv4 address:
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_DENIED_6 = tuple(
    ipaddress.IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20")
)


_MOST_LETTERS = 2000  # of an address that is written down


class Unsafe(Exception):
    """An address that must not be opened; the text says what it is, to follow "points to"."""


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """True if the address belongs to the open internet."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in _DENIED_4)
    return address in _PUBLIC_6 and not any(address in block for block in _DENIED_6)


def check_address(url: str, endpoint: Endpoint) -> SplitResult:
    """Refuse what can be refused without asking the network.

    Raises:
        Unsafe: not https and not the endpoint's own origin, or an address literal that is not public.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise Unsafe("an address that cannot be read") from None
    if "\\" in url or not url.isprintable() or " " in url:  # programs do not agree on what host this is
        raise Unsafe("an address that cannot be read")
    if parts.username or parts.password:
        raise Unsafe("an address with a password in it")
    if parts.scheme not in ("http", "https") or not host:
        raise Unsafe(f"an address that begins with '{parts.scheme[:20]}:'")
    if is_own_origin(parts, endpoint):
        return parts
    if parts.scheme != "https":
        raise Unsafe(f"an unencrypted address at {host[:80]}")
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return parts
    if not is_public(literal):
        raise Unsafe(f"an address in a private network ({host})")
    return parts


def check_own_address(url: str, endpoint: Endpoint, hosts: Sequence[str]) -> str:
    """An address from a reply that may get the key: at the endpoint itself, or at a host that its provider documents.

    Args:
        hosts: names by https; one that begins with a dot stands for all below it.

    Raises:
        Unsafe: anywhere else.
    """
    if len(url) > _MOST_LETTERS:
        raise Unsafe("an address that is longer than any")
    parts = check_address(url, endpoint)
    if is_own_origin(parts, endpoint):
        return url
    host = (parts.hostname or "").lower()
    if parts.port in (None, 443) and any(host == one or (one[0] == "." and host.endswith(one)) for one in hosts):
        return url
    raise Unsafe(f"{host[:80]}, which does not belong to the endpoint")


def is_own_origin(parts: SplitResult, endpoint: Endpoint) -> bool:
    """Whether scheme, host and port are those that the user wrote down for the endpoint."""
    own = urlsplit(endpoint.base_url)
    ports = {"http": 80, "https": 443}
    return (parts.scheme, parts.hostname, parts.port or ports.get(parts.scheme)) == (
        own.scheme, own.hostname, own.port or ports.get(own.scheme),
    )  # fmt: skip


async def public_addresses(parts: SplitResult) -> list[str]:
    """All addresses of a host; one private among them and none is used.

    Raises:
        Unsafe; OSError: there is no such host.
    """
    host, port = parts.hostname or "", parts.port or 443
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # no name that could be asked for
        raise Unsafe("an address that cannot be read") from None
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not addresses or not all(is_public(ipaddress.ip_address(address)) for address in addresses):
        raise Unsafe(f"{host[:80]}, which lies in a private network")
    return addresses


class Pinned:
    """Resolves every name to the addresses that were checked (an `aiohttp.abc.AbstractResolver`)."""

    def __init__(self, addresses: list[str]):
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[dict[str, Any]]:
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass
