"""The defaults of every service: logs, traces, health, readiness, metrics, background tasks, graceful stop."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import stamina
import structlog
import uvicorn
from aiormq.exceptions import AMQPError
from faststream.rabbit import RabbitBroker
from prometheus_client import make_asgi_app
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from parley_common import logs, telemetry
from parley_common.settings import HttpSettings, TelemetrySettings

log = structlog.get_logger()

type Check = Callable[[], Awaitable[object]]
"""Raises, or returns False, when its part is missing."""

CHECK_TIMEOUT_SECONDS = 2.0
KEEP_ALIVE_SECONDS = 75
"""Longer than clients and proxies keep a connection, so that none sends into one that is being closed."""

ANSWERS_SECONDS = 10
"""How long answers that are under way may take at the end; a client that reads nothing would hold the process."""


def run(service: str, make_app: Callable[[], ASGIApp]) -> None:
    """Start a service and serve until SIGTERM; this is all that a `__main__` does.

    The exit code is 0 after a graceful stop, and 1 when the service did not come up or its background work broke.
    """
    settings = TelemetrySettings()
    logs.configure(service, settings.log_level)
    telemetry.configure(service, settings)
    http = HttpSettings()
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it once more when all is stopped
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(),
            host=http.host,
            port=http.port,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=ANSWERS_SECONDS,
            log_config=None,
            access_log=False,
            server_header=False,
        )
    )
    server.run()
    if not server.started or server.lifespan.shutdown_failed:
        sys.exit(1)


def health_routes(checks: Mapping[str, Check]) -> list[BaseRoute]:
    """Build /health (the process lives), /ready (names of what is missing) and /metrics."""

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        missing = await missing_parts(checks)
        return JSONResponse({"missing": missing}, status_code=503 if missing else 200)

    return [Route("/health", health), Route("/ready", ready), Mount("/metrics", make_asgi_app())]


async def missing_parts(checks: Mapping[str, Check]) -> list[str]:
    """Run all checks at once, each within CHECK_TIMEOUT_SECONDS, and name those that failed."""

    async def passes(check: Check) -> bool:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                return await check() is not False
        except Exception:  # noqa: BLE001  # a check may fail in any way; that it failed is the answer
            return False

    results = await asyncio.gather(*(passes(check) for check in checks.values()))
    return [name for name, passed in zip(checks, results, strict=True) if not passed]


def consuming(broker: RabbitBroker) -> Check:
    """Check that consumers run and the broker answers; a broker that failed to start does not pass."""

    async def check() -> bool:
        return broker.running and all(s.running for s in broker.subscribers) and await broker.ping(1.0)

    return check


def worker_app(
    assemble: Callable[[AsyncExitStack], Awaitable[Sequence[Coroutine[Any, Any, None]]]],
    checks: Mapping[str, Check],
) -> Starlette:
    """Make the process of one worker: `assemble` opens what it needs and returns what runs in the background."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            background = await assemble(stack)
            await stack.enter_async_context(running(background))
            yield

    return Starlette(routes=health_routes(checks), lifespan=lifespan)


@asynccontextmanager
async def running(background: Sequence[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run coroutines beside the service until its end; one that breaks ends the service, to be started anew."""
    tasks = [asyncio.create_task(_or_stop(coroutine)) for coroutine in background]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for broken in (end for end in ends if isinstance(end, Exception)):
        raise broken


async def _or_stop(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("background work broke, service stops")
        signal.raise_signal(signal.SIGTERM)
        raise


@asynccontextmanager
async def consuming_from(broker: RabbitBroker) -> AsyncIterator[None]:
    """Start the consumers in the background, however long RabbitMQ is away; stop them gracefully."""
    consumes = asyncio.Event()

    async def start() -> None:
        async for attempt in stamina.retry_context(on=(AMQPError, OSError), attempts=None, timeout=None, wait_max=5):
            with attempt:
                await broker.start()
        consumes.set()

    try:
        async with running([start()]):
            try:
                yield
            finally:
                with suppress(TimeoutError):  # half a connection could not be closed
                    async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                        await consumes.wait()
    finally:
        await broker.stop()


@asynccontextmanager
async def publishing_to(broker: RabbitBroker) -> AsyncIterator[None]:
    """Connect in the background, so that a service comes up while RabbitMQ is down."""
    starting = asyncio.create_task(broker.start())
    try:
        yield
    finally:
        await asyncio.wait([starting], timeout=CHECK_TIMEOUT_SECONDS)  # half a connection could not be closed
        starting.cancel()
        await broker.stop()
