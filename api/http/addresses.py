"""Addresses of clients: which of them are one client, and which are proxies that speak for others."""

import functools
from ipaddress import IPv6Address, ip_address, ip_network

CLIENT_PREFIX = 64  # bits: what one client of IPv6 gets for itself at least (RFC 6177)
MOST_CHARACTERS = 45  # of an address; a proxy may pass on anything


@functools.lru_cache(maxsize=4096)
def client_at(address: str) -> str:
    """Name the client at an address: the address itself, in IPv6 the network that the client has for itself.

    What is no address is a name like any other.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address[:MOST_CHARACTERS]
    if not isinstance(found, IPv6Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found, CLIENT_PREFIX), strict=False))


@functools.lru_cache(maxsize=4096)
def is_in(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address is one of some, or in one of some networks."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in ip_network(network, strict=False) for network in networks)
