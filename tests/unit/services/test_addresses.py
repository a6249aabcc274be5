"""Where a reply may send us: every special-purpose block is refused, whole."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.endpoints import Endpoint
from nodes.services.addresses import Unsafe, check_own_address, is_public
from nodes.services.client import WrongKind, open_client

# IANA's registries of special-purpose addresses, multicast and what was given back; and what clouds keep for their own.
SPECIAL = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32", "192.0.0.10/32", "192.0.0.170/31", "192.0.0.192/32", "192.0.2.0/24",
    "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32", "168.63.129.16/32",
    "169.254.169.254/32", "100.100.100.200/32",
    "::/128", "::1/128", "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
    "100:0:0:1::/64", "2001::/23", "2001::/32", "2001:1::1/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48",
    "2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16",
    "3fff::/20", "5f00::/16", "fc00::/7", "fd00:ec2::254/128", "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from([ipaddress.ip_network(block) for block in SPECIAL]), st.integers(0))
def test_no_address_of_a_special_block_is_public(block, offset):
    for number in (0, block.num_addresses - 1, offset % block.num_addresses):
        assert not is_public(block[number])


@settings(deadline=None)
@given(st.ip_addresses(v=4, network="10.0.0.0/8"), st.sampled_from(["::ffff:{}", "::{}", "64:ff9b::{}"]))
def test_a_private_address_cannot_hide_in_a_longer_one(inner, form):
    assert not is_public(ipaddress.ip_address(form.format(inner)))


@pytest.mark.parametrize("address", ["8.8.8.8", "20.60.1.1", "2606:4700::1111", "2a00:1450::1", "192.0.1.1"])
def test_the_open_internet_is_public(address):
    assert is_public(ipaddress.ip_address(address))


BFL = Endpoint("bfl", "https://api.bfl.ai/v1", kind="bfl")
OWN_PROXY = Endpoint("mine", "http://127.0.0.1:9000/v1", kind="bfl")


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://api.bfl.ai/v1/get_result?id=1", BFL),
        ("https://api.us4.bfl.ai/v1/get_result?id=1", BFL),
        ("https://API.EU.BFL.AI:443/v1/get_result?id=1", BFL),
        ("http://127.0.0.1:9000/v1/get_result?id=1", OWN_PROXY),
    ],
)
def test_the_key_goes_to_the_endpoint_and_to_the_documented_hosts_of_its_kind(url, endpoint):
    assert check_own_address(url, endpoint, (".bfl.ai",)) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.bfl.ai/v1/get_result", "https://api.bfl.ai.evil.example/v1", "https://evilbfl.ai/v1", "",
        "https://evil.example/.bfl.ai", "https://api.bfl.ai:8443/v1", "https://x:y@api.bfl.ai/v1", "https://bfl.ai@evil.io",
        "https://evil.example\\@api.bfl.ai/v1", "file:///etc/passwd", "http://127.0.0.1:9000/v1", "https://[::1]/.bfl.ai",
    ],
)  # fmt: skip
def test_the_key_goes_nowhere_else(url):
    with pytest.raises(Unsafe):
        check_own_address(url, BFL, (".bfl.ai",))


@pytest.mark.parametrize("kind", ["bfl", "fal", "replicate", "stability"])
def test_a_service_that_only_draws_is_not_asked_as_an_llm(kind):
    with pytest.raises(WrongKind, match="draws pictures and does nothing else"):
        open_client(Endpoint("there", "https://example.com", kind=kind), "gpt-5")
