"""Who may talk to our addresses: pages of this ComfyUI and programs, but no page of another site.

ComfyUI compares Origin and Host only where Host is a loopback name, so it lets two kinds of foreign page in: one
whose own name was made to point to this machine (DNS rebinding), which may then read everything, and any page that
asks a ComfyUI in the local network. `guarded` refuses both for every route of a table, whoever adds to it later.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp import web

from .errors import DalleFluxError
from .languages import in_their_language
from .replies import BadRequest, refuse

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Refuse = Callable[[int, str, str], web.Response]

JSON_ONLY = ("application/json",)
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


class Names(NamedTuple):
    """Host names, asked for only when a request needs them; `*` stands for any characters."""

    own: Callable[[], Iterable[str]]  # that this machine goes by
    allowed: Callable[[], Iterable[str]]  # that the user named, such as a proxy's


class Foreign(DalleFluxError):
    """The request comes from a page of another site, or cannot be told from such."""

    code = "foreign_request"


def guarded(
    routes: Iterable[web.AbstractRouteDef],
    names: Names,
    *,
    accepts: Sequence[str] = JSON_ONLY,
    refuse: Refuse = refuse,
) -> list[web.RouteDef]:
    """The same routes, each looking at the request before its handler does, and refusing in the asker's language.

    Args:
        names: beside IP addresses and names of the loopback, which need no naming.
        accepts: the media types of bodies.
        refuse: makes the answer from status, code and sentence.
    """
    return [
        web.RouteDef(route.method, route.path, _guarded(route.handler, names, accepts, refuse), route.kwargs)
        for route in routes
        if isinstance(route, web.RouteDef)
    ]


def check(request: web.Request, names: Names, accepts: Sequence[str] = JSON_ONLY) -> None:
    """Look at a request's head.

    Raises:
        Foreign: its Host is no name of this machine, its Origin another site, or the browser says so itself.
        BadRequest: a body of another kind, or an address with characters that no text has.
    """
    host, port = _own_name(request.headers.getall("Host", []), names)
    if origins := request.headers.getall("Origin", []):
        _check_origin(" ".join(origins), host, port, names)
    if request.headers.get("Sec-Fetch-Site", "").lower() == "cross-site":
        raise Foreign("This request was made by another site; open ComfyUI itself and ask there.")
    if request.method in ("POST", "PUT", "PATCH") and request.content_type not in accepts:
        raise BadRequest(f"The request must be sent as {' or '.join(accepts)}.")
    texts = [*request.query.keys(), *request.query.values(), *request.match_info.values()]
    if any(_NO_TEXT.search(text) for text in texts):
        raise BadRequest("The address holds characters that no text has; write it again.")


def _guarded(handler: Handler, names: Names, accepts: Sequence[str], refuse: Refuse) -> Handler:
    @functools.wraps(handler)
    async def look_first(request: web.Request) -> web.StreamResponse:
        try:
            check(request, names, accepts)
            reply = await handler(request)
        except BadRequest as error:
            reply = refuse(400, error.code, str(error))
        except Foreign as error:
            reply = refuse(403, error.code, str(error))
        return in_their_language(request, reply)

    return look_first


def _own_name(hosts: Sequence[str], names: Names) -> tuple[str, int | None]:
    """(name, port or None) of the Host header.

    Any IP address will do: a page that was loaded from an address cannot be made to point elsewhere, and in a
    container or behind a port forwarding nobody in here knows the address that people use.
    """
    try:
        host, port = _place(f"//{hosts[0]}") if len(hosts) == 1 else ("", None)
    except ValueError:
        host, port = "", None
    if _is_address(host):
        return host, port
    if not _HOST_NAME.fullmatch(host):
        raise Foreign("This request names no host that could be this ComfyUI.")
    if host == "localhost" or host.endswith(".localhost"):
        return host, port
    if not _matches(host, names.own()) and not _matches(host, names.allowed()):
        raise Foreign(f"This ComfyUI does not know itself as '{host[:100]}'{_if_yours(host)}")
    return host, port


def _check_origin(origin: str, host: str, port: int | None, names: Names) -> None:
    """Raise Foreign unless a page of that origin is ComfyUI's own or that of a proxy which the user named."""
    try:
        scheme, _, place = origin.partition("://")
        page, page_port = _place(f"//{place}")
    except ValueError:
        scheme = page = ""
    default = {"http": 80, "https": 443}.get(scheme)
    if default and page:
        if page == host and port in (None, page_port or default):  # proxies often pass on a Host without its port
            return
        if _matches(page, names.allowed()):
            return
    raise Foreign(f"This request comes from a page of another site{_if_yours(page)}")


def _if_yours(host: str) -> str:
    if not _HOST_NAME.fullmatch(host):
        return "; only ComfyUI's own pages may ask."
    return (
        f'; if you reach ComfyUI by the name {host[:100]}, add the line allowed_hosts = ["{host[:100]}"] under '
        "[settings] in endpoints.toml."
    )


def _place(url: str) -> tuple[str, int | None]:
    """(lower-case name without a last dot, port or None).

    Raises:
        ValueError: that is no address, or it holds more than a name and a port.
    """
    parts = urlsplit(url)
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        raise ValueError("more than a name and a port")
    return (parts.hostname or "").removesuffix("."), parts.port


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _matches(host: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(host, pattern.lower()) for pattern in patterns)
