"""Calling an address that somebody else chose, without being made to call a machine of this network."""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import string
from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from retrieval.errors import InputError

_SECONDS = 10.0
_AS_IT_IS = string.punctuation      # of an address; all else but letters and digits of ASCII is sent as %XX
# NAT64 (RFC 6052) and the IPv4-compatible form of RFC 4291: the last 32 bits are an IPv4 address.
_ENDING_IN_IPV4 = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96")))
# NAT64 within one network (RFC 8215), which places the IPv4 address as it likes: older Pythons call it global.
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_address(url: str) -> SplitResult:
    """The parts of an http or https address. Raises InputError for any other."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        port, parts = -1, urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or port == -1:
        raise InputError("A webhook is an address such as https://example.org/hook, without a name or password in it.")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise InputError("A webhook is one address without spaces.")
    return parts


def allowed_address(host: str, port: int, *, networks: Sequence[str]) -> str:
    """The network address to call for a name: a public one, or one of the given private networks.

    Raises InputError when any address of the name is another: it could be the next one that is used. OSError when the name
    is not known, which may pass.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise InputError(f"The webhook's host {host} is not the name of one.") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    allowed = [ipaddress.ip_network(network) for network in networks]
    for address in addresses:
        if not _is_public(address) and not any(address in network for network in allowed):
            raise InputError(f"The webhook's host {host} lies in a private network: start the service with --webhook-network.")
    return str(addresses[0])


def post(url: str, event: dict[str, Any], *, networks: Sequence[str]) -> int:
    """Send an event as JSON; the status of the answer. Redirects are not followed.

    Raises InputError for an address that may not be called, OSError when it cannot be reached.
    """
    parts = check_address(url)
    try:
        return _send(parts, json.dumps(event, ensure_ascii=False).encode(), networks)
    except (OSError, http.client.HTTPException) as error:
        raise OSError(f"{parts.hostname} does not answer: {error}") from error


def _send(parts: SplitResult, body: bytes, networks: Sequence[str]) -> int:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    # The address that was looked at is the address that is called: a name could mean another one a moment later.
    connected = socket.create_connection((allowed_address(host, port, networks=networks), port), timeout=_SECONDS)
    try:
        if parts.scheme == "https":
            connected = ssl.create_default_context().wrap_socket(connected, server_hostname=host)
        connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        connection.sock = connected
        target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_AS_IT_IS)
        connection.request("POST", target, body, {"Content-Type": "application/json", "User-Agent": "wenshi"})
        return connection.getresponse().status
    finally:
        connected.close()


def _is_public(address: _Address) -> bool:
    """An address that stands for others is public where all of them are."""
    return address not in _LOCAL_NAT64 and all(one.is_global and not one.is_multicast for one in _meant_by(address))


def _meant_by(address: _Address) -> list[_Address]:
    """An address, and the IPv4 addresses that a gateway or the system itself may turn it into."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:     # the same, written otherwise
        return [address.ipv4_mapped]
    meant: list[_Address] = [address, *(address.teredo or ())]
    if address.sixtofour is not None:
        meant.append(address.sixtofour)
    if any(address in network for network in _ENDING_IN_IPV4):
        meant.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return meant
