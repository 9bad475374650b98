"""A name server on loopback that the resolver is pointed to: knows what it is told, and is silent where told to be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest


@dataclass
class NameServer:
    """Gives the addresses of the names that it knows; a kind of record that is withheld is never answered for."""

    addresses: dict[str, list[str]] = field(default_factory=dict)
    silent_zone: str = "silent.test"
    withheld: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name.endswith(self.silent_zone) or kind == self.withheld:
            return None
        response = dns.message.make_response(query)
        if name not in self.addresses:
            response.set_rcode(dns.rcode.NXDOMAIN)
        found = [one for one in self.addresses.get(name, []) if (":" in one) == (kind == "AAAA")]
        if found:
            response.answer.append(dns.rrset.from_text(question.name, 0, "IN", kind, *found))
        return response


class _Served(asyncio.DatagramProtocol):
    def __init__(self, names: NameServer) -> None:
        self._names = names

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if answer := self._names.answer(dns.message.from_wire(data)):
            self._transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def name_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    """Serve names on a free port; every resolver asks there, and nowhere else."""
    names = NameServer()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Served(names), ("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
    monkeypatch.setattr(dns.asyncresolver, "Resolver", lambda: resolver)
    try:
        yield names
    finally:
        transport.close()
