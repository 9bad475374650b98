"""A customer's endpoint: a real HTTP server on loopback that keeps what it gets and answers as told."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

DEADLINE_SECONDS = 10.0


@dataclass(frozen=True)
class Posted:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Endpoint:
    """Answers `statuses` one after the other, then 200; holds answers back while `gate` is closed."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b"ok"
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    posted: list[Posted] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def received(self, count: int = 1) -> list[Posted]:
        """Wait until so many requests have come."""
        async with asyncio.timeout(DEADLINE_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: len(self.posted) >= count)
        return self.posted

    async def _handle(self, request: web.Request) -> web.Response:
        async with self._arrived:
            self.posted.append(
                Posted({name.lower(): value for name, value in request.headers.items()}, await request.read())
            )
            self._arrived.notify_all()
        await self.gate.wait()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers=self.headers, body=self.answer)


@asynccontextmanager
async def endpoint(tls: ssl.SSLContext | None = None) -> AsyncIterator[Endpoint]:
    """Serve an endpoint on a free port; it answers at once until its gate is closed."""
    served = Endpoint()
    served.gate.set()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served._handle)  # noqa: SLF001  # one file, one concept
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    served.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/reports"
    try:
        yield served
    finally:
        await runner.cleanup()
