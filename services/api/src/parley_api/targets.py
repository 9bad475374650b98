"""Whether a customer's URL may be kept: what can be known before its name is resolved.

The webhooks service checks the resolved addresses again, each time it connects.
"""

import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from parley_common.addresses import Network, is_allowed

_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa")


def refusal_of(url: str, allowed: Sequence[Network]) -> str | None:
    """Return why a URL is refused, or None when it may be kept."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "must be a valid URL"
    if parts.scheme not in {"http", "https"}:
        return "must be an http or https URL"
    if not host or any(character.isspace() or ord(character) < ord("!") for character in url) or "\\" in url:
        return "must be a valid URL with a host"
    if parts.username is not None or parts.password is not None:
        return "must not contain credentials"
    address = _literal(host)
    if address is not None and not is_allowed(address, allowed):
        return "must not point to a private or reserved address"
    return None if address is not None or "." in host else "must have a full host name"


def _literal(host: str) -> str | None:
    """Read an address in any form that a resolver takes: dotted, decimal, hexadecimal, octal, short, IPv6, local."""
    if host.rstrip(".") == "localhost" or host.rstrip(".").endswith(_LOCAL_SUFFIXES):
        return "127.0.0.1"
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        pass
    try:
        return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host.partition("%")[0]))
    except OSError:
        return None
