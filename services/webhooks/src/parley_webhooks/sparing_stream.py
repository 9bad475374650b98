"""A connection that reads little at a time, and not without end.

The parser of HTTP lets nobody else run while it has something to parse: interim answers without end, or chunks of one
byte, would take the process for themselves.
"""

import select
import ssl

import httpcore

READ_BYTES = 4 * 1024
ANSWER_BYTES = 128 * 1024


class SparingStream(httpcore.AsyncNetworkStream):
    """Passes on what is read in small pieces; an answer longer than ANSWER_BYTES, headers included, is broken off."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._socket = stream.get_extra_info("socket")
        self._answered = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # httpcore's interface
        data = await self._stream.read(min(max_bytes, READ_BYTES), timeout)
        self._answered += len(data)
        if self._answered > ANSWER_BYTES:
            raise httpcore.ReadError("the answer is too long")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._answered = 0
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return SparingStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> object:
        """Answer at once whether something can be read: the pool asks that of every idle connection at every POST."""
        if info == "is_readable":
            return self._is_readable()
        return self._stream.get_extra_info(info)

    def _is_readable(self) -> bool:
        descriptor = self._socket.fileno()
        if descriptor < 0:
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))
