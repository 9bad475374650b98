"""Connections that cannot be led astray: resolved once, every address checked, and exactly that address dialed.

TLS still proves the name of the URL. There are no redirects and no proxies at this level, so nothing else decides
where a connection goes.
"""

import asyncio
import socket
from collections.abc import Iterable, Sequence

import httpcore

from parley_common.addresses import Network, is_listed, is_public

type SocketOptions = Iterable[httpcore.SOCKET_OPTION]

PUBLIC_PORTS = frozenset({80, 443})


class AddressRefused(httpcore.ConnectError):
    """A name leads to an address or a port where customers' endpoints cannot be."""


class PinnedNetwork(httpcore.AsyncNetworkBackend):
    """Dials only addresses that the public can dial too, and those of `allowed_networks`."""

    def __init__(self, allowed_networks: Sequence[Network]) -> None:
        self._allowed = allowed_networks
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's interface
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(host, port, local_address, socket_options)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("no connection in time") from error

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    async def _connect(
        self, host: str, port: int, local_address: str | None, socket_options: SocketOptions | None
    ) -> httpcore.AsyncNetworkStream:
        failure: httpcore.ConnectError = httpcore.ConnectError("the name has no address")
        for address in await self._resolve(host, port):
            try:
                return await self._network.connect_tcp(
                    address, port, local_address=local_address, socket_options=socket_options
                )
            except httpcore.ConnectError as error:
                failure = error
        raise failure

    async def _resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name. Raises AddressRefused when a single one is not allowed."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name does not resolve") from error
        addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        if not all(self._may_dial(address, port) for address in addresses):
            raise AddressRefused("the name leads to an address that is not public")
        return addresses

    def _may_dial(self, address: str, port: int) -> bool:
        return is_listed(address, self._allowed) or (port in PUBLIC_PORTS and is_public(address))
