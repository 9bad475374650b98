"""Connections that cannot be led astray: resolved once, every address checked, and exactly that address dialed.

TLS still proves the name of the URL. There are no redirects and no proxies at this level, so nothing else decides
where a connection goes.
"""

import asyncio
from collections.abc import Iterable, Sequence

import httpcore

from parley_common.addresses import Network, is_listed, is_public
from parley_webhooks.lookup import addresses_of
from parley_webhooks.sender import SendError
from parley_webhooks.sparing_stream import SparingStream

type SocketOptions = Iterable[httpcore.SOCKET_OPTION]

PUBLIC_PORTS = frozenset({80, 443})


class NotDialed(httpcore.ConnectError):
    """No address was dialed: none was found, or one of them cannot be a customer's endpoint."""

    def __init__(self, reason: SendError) -> None:
        super().__init__(reason)
        self.reason = reason


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
        failure: httpcore.ConnectError = NotDialed(SendError.NAME_UNRESOLVED)
        for address in await self._resolve(host, port):
            try:
                stream = await self._network.connect_tcp(
                    address, port, local_address=local_address, socket_options=socket_options
                )
                return SparingStream(stream)
            except httpcore.ConnectError as error:
                failure = error
        raise failure

    async def _resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name. Raises NotDialed when a single one is not allowed."""
        addresses = await addresses_of(host)
        if not all(self._may_dial(address, port) for address in addresses):
            raise NotDialed(SendError.ADDRESS_REFUSED)
        return addresses

    def _may_dial(self, address: str, port: int) -> bool:
        return is_listed(address, self._allowed) or (port in PUBLIC_PORTS and is_public(address))
