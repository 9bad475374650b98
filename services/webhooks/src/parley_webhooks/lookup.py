"""The addresses of a host, found without a thread.

The C library's lookup holds a thread until it has given up every name server, and an event loop has few of them: two
names whose server is silent keep everybody else waiting. Here a lookup is a datagram, and ends with whoever waits for
it. Hosts files are read as the C library reads them; search domains and other sources (`nsswitch.conf`) are not.
"""

import asyncio
import socket
from pathlib import Path

import dns.asyncresolver
import dns.exception

LOOKUP_TIMEOUT_SECONDS = 4.0
HOSTS = Path("/etc/hosts")


async def addresses_of(host: str) -> list[str]:
    """Return the addresses of a host, IPv4 first; none when nobody knows the name or no answer comes in time."""
    return _written(host) or _listed(host) or await _asked(host)


def _written(host: str) -> list[str]:
    """Read a host that is an address already, in any form that the C library takes for one."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
    return [str(sockaddr[0]) for *_, sockaddr in found]


def _listed(host: str) -> list[str]:
    lines = HOSTS.read_text(encoding="utf-8").lower().splitlines()
    entries = filter(None, (line.partition("#")[0].split() for line in lines))
    return [address for address, *names in entries if host.rstrip(".") in names]


async def _asked(host: str) -> list[str]:
    ipv4, ipv6 = await asyncio.gather(_records(host, "A"), _records(host, "AAAA"))
    return [*ipv4, *ipv6]


async def _records(host: str, kind: str) -> list[str]:
    """Ask the name servers; one kind of record may be refused or kept back while the other is there."""
    try:
        answer = await dns.asyncresolver.Resolver().resolve(host, kind, lifetime=LOOKUP_TIMEOUT_SECONDS)
    except dns.exception.DNSException:
        return []
    return [record.to_text() for record in answer]
