"""Whether a customer's URL may be kept: what can be known before its name is resolved.

The webhooks service checks the resolved addresses again, each time it connects.
"""

import re
import socket
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from parley_common.addresses import Network, is_allowed, is_listed

PUBLIC_PORTS = frozenset({80, 443})
"""Other ports are dialed only in networks that the operator has listed."""

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
"""What a name is written with; a percent sign in it means another host to every other reader."""

_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa")


def refusal_of(url: str, allowed: Sequence[Network]) -> str | None:
    """Return why a URL is refused, or None when it may be kept."""
    try:
        parts = urlsplit(url)
        host, port = _ascii(parts), parts.port
    except ValueError:
        return "must be a valid URL"
    return _refusal_of_form(url, parts) or _refusal_of_place(host, port, allowed)


def _refusal_of_form(url: str, parts: SplitResult) -> str | None:
    if parts.scheme not in {"http", "https"}:
        return "must be an http or https URL"
    if not parts.hostname or "\\" in url or any(character <= " " for character in url):
        return "must be a valid URL with a host"
    if parts.username is not None or parts.password is not None:
        return "must not contain credentials"
    return None


def _refusal_of_place(host: str, port: int | None, allowed: Sequence[Network]) -> str | None:
    address = _literal(host)
    if address is None and not _NAME.fullmatch(host):
        return "must be a valid URL with a host"
    if address is None:
        return None if allowed else _refusal_of_name(host, port)
    if not is_allowed(address, allowed):
        return "must not point to a private or reserved address"
    return None if is_listed(address, allowed) else _refusal_of_port(port)


def _refusal_of_name(host: str, port: int | None) -> str | None:
    """Judge a name where every address that it may lead to has to be public."""
    return _refusal_of_port(port) if "." in host.rstrip(".") else "must have a full host name"


def _refusal_of_port(port: int | None) -> str | None:
    return None if port is None or port in PUBLIC_PORTS else "must use port 80 or 443"


def _ascii(parts: SplitResult) -> str:
    """Write the host as a resolver would see it: full-width digits are digits there."""
    return (parts.hostname or "").encode("idna").decode()


def _literal(host: str) -> str | None:
    """Read an address in any form that a resolver takes: dotted, decimal, hexadecimal, octal, short, IPv6, local."""
    if host.rstrip(".") == "localhost" or host.rstrip(".").endswith(_LOCAL_SUFFIXES):
        return "127.0.0.1"
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except OSError:
        pass
    try:
        return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host.partition("%")[0]))
    except OSError:
        return None
