"""A line to a server that a test can freeze, cut or refuse."""

import asyncio
from asyncio import Server, StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Wire:
    """Passes bytes both ways; frozen, it passes nothing and stays open."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._lines: set[StreamWriter] = set()
        self._server: Server | None = None
        self._refusals = 0
        self.port = 0

    async def lay(self) -> None:
        """Begin to take lines, at the same port as before."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse_once(self) -> None:
        """Answer the next request as a front does that finds no server."""
        self._refusals += 1

    @property
    def has_refused(self) -> bool:
        return self._refusals == 0

    def freeze(self) -> None:
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        """End every line, and take no new one."""
        if self._server is not None:
            self._server.close()
        self.thaw()
        for line in self._lines:
            line.transport.abort()

    async def _carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self._refusals:
            await reader.readuntil(b"\r\n\r\n")
            self._refusals -= 1
            writer.write(_UNAVAILABLE)
            await writer.drain()
            writer.close()
            return
        answers, asks = await asyncio.open_connection("127.0.0.1", self._target)
        self._lines |= {writer, asks}
        await asyncio.gather(self._pass(reader, asks), self._pass(answers, writer))

    async def _pass(self, source: StreamReader, target: StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await source.read(65536):
                await self._flowing.wait()
                target.write(chunk)
                await target.drain()
        target.close()


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    wire = Wire(port)
    await wire.lay()
    yield wire
    wire.cut()
