"""Wires the api."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from parley_api import errors
from parley_api.assistants import endpoints as assistant_endpoints
from parley_api.calls import endpoints as call_endpoints
from parley_api.envelope import Failure
from parley_api.keys import endpoints as key_endpoints
from parley_api.livekit import endpoints as livekit_endpoints
from parley_api.requests import RequestMiddleware
from parley_api.services import Services, assemble
from parley_api.settings import ApiSettings
from parley_api.trunks import endpoints as trunk_endpoints
from parley_api.trunks import livekit_gateway
from parley_common import broker
from parley_common.db import connect
from parley_common.db.mongo import ping
from parley_common.telemetry import tracing_enabled
from parley_common.worker import Check, health_routes, publishing_to, running

DESCRIPTION = """Places phone calls that an AI voice agent holds.

Every answer is `{"success", "message", "data"}`. Get a key from `POST /auth/create-key`, send it as `x-api-key` or as
`Authorization: Bearer`. Every answer carries `x-request-id`.
"""
ERRORS: dict[int | str, dict[str, object]] = {
    status: {"model": Failure, "description": text}
    for status, text in {
        400: "The request contradicts what is there",
        401: "Invalid or missing API key",
        404: "Not found",
        409: "Conflict",
        422: "A field is wrong; `data.errors` names it",
        429: "Too many requests",
        503: "Temporarily unavailable",
    }.items()
}


def make_app(settings: ApiSettings | None = None) -> ASGIApp:
    settings = settings or ApiSettings()
    checks: dict[str, Check] = {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            services = await _open(stack, settings, checks)
            app.state.services = services
            await stack.enter_async_context(running([services.relay.sweep_forever()]))
            yield
            await services.mailer.drain()
            await services.relay.drain()

    app = FastAPI(
        title="Parley",
        version="1.0.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        responses=ERRORS,
        middleware=[Middleware(RequestMiddleware, max_body_bytes=settings.max_body_bytes)],
        redoc_url=None,
    )
    for endpoints in (key_endpoints, assistant_endpoints, trunk_endpoints, call_endpoints, livekit_endpoints):
        app.include_router(endpoints.router)
    app.router.routes.extend(health_routes(checks))
    errors.install(app)
    if tracing_enabled():
        FastAPIInstrumentor.instrument_app(app)
    return app


async def _open(stack: AsyncExitStack, settings: ApiSettings, checks: dict[str, Check]) -> Services:
    """Connect to everything; neither RabbitMQ nor LiveKit has to be there."""
    database = await stack.enter_async_context(connect(settings.mongo))
    gateway = await stack.enter_async_context(livekit_gateway.connect(settings.livekit))
    publishes = broker.publisher(settings.rabbit, "api")
    await stack.enter_async_context(publishing_to(publishes))
    checks.update(database=lambda: ping(database), broker=lambda: publishes.ping(1.0), livekit=gateway.reachable)
    return assemble(settings, database, publishes, gateway)
