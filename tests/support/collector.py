"""Who is told of spans: an OpenTelemetry collector on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DEADLINE_SECONDS = 30.0


class Collector:
    """Receives spans over OTLP/HTTP."""

    def __init__(self) -> None:
        self._traces: set[tuple[str, str]] = set()
        self._news = asyncio.Event()

    async def receive(self, request: web.Request) -> web.Response:
        told = ExportTraceServiceRequest.FromString(await request.read())
        for of_service in told.resource_spans:
            (name,) = (a.value.string_value for a in of_service.resource.attributes if a.key == "service.name")
            self._traces |= {(name, span.trace_id.hex()) for scope in of_service.scope_spans for span in scope.spans}
        self._news.set()
        return web.Response()

    async def until_seen(self, services: set[str], trace_id: str) -> None:
        """Wait until all of these services have told spans of the trace."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not {(name, trace_id) for name in services} <= self._traces:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def collecting(port: int) -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield collector
    await runner.cleanup()
