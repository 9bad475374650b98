"""Wires the api."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from prometheus_client import make_asgi_app
from starlette.middleware import Middleware

from parley_api import errors, health
from parley_api.assistants import endpoints as assistant_endpoints
from parley_api.calls import endpoints as call_endpoints
from parley_api.documentation import DESCRIPTION, ERRORS
from parley_api.endpoints import endpoints as webhook_endpoints
from parley_api.keys import endpoints as key_endpoints
from parley_api.livekit import endpoints as livekit_endpoints
from parley_api.requests import RequestMiddleware
from parley_api.services import Services, assemble
from parley_api.settings import ApiSettings
from parley_api.streams import endpoints as stream_endpoints
from parley_api.streams import readers
from parley_api.subscriptions import endpoints as subscription_endpoints
from parley_api.subscriptions import management
from parley_api.trunks import endpoints as trunk_endpoints
from parley_api.trunks import livekit_gateway
from parley_api.trunks.gateway import TrunkGateway
from parley_common import broker
from parley_common.db import connect
from parley_common.db.mongo import ping
from parley_common.settings import LiveKitSettings
from parley_common.telemetry import tracing_enabled
from parley_common.worker import Check, consuming_from, publishing_to, running

type ConnectGateway = Callable[[LiveKitSettings], AbstractAsyncContextManager[TrunkGateway]]


def make_app(settings: ApiSettings | None = None, connect_gateway: ConnectGateway = livekit_gateway.connect) -> FastAPI:
    """Make the api; what stands in the environment is read when it starts to serve."""
    settings = settings or ApiSettings()
    checks: dict[str, Check] = {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            services = await _open(stack, settings, connect_gateway, checks)
            app.state.services = services
            await stack.enter_async_context(running([services.relay.sweep_forever()]))
            yield
            await services.mailer.drain()
            await services.relay.drain()

    app = FastAPIOffline(
        title="Parley",
        version="1.0.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        responses=ERRORS,
        middleware=[Middleware(RequestMiddleware, max_body_bytes=settings.max_body_bytes)],
        redoc_url=None,
        static_url="/docs/assets",
        swagger_ui_parameters={"persistAuthorization": True},
    )
    for endpoints in (
        key_endpoints,
        assistant_endpoints,
        trunk_endpoints,
        call_endpoints,
        webhook_endpoints,
        subscription_endpoints,
        stream_endpoints,
        livekit_endpoints,
    ):
        app.include_router(endpoints.router)
    app.include_router(health.router(checks))
    app.mount("/metrics", make_asgi_app())
    errors.install(app)
    if tracing_enabled():
        FastAPIInstrumentor.instrument_app(app)
    return app


async def _open(
    stack: AsyncExitStack, settings: ApiSettings, connect_gateway: ConnectGateway, checks: dict[str, Check]
) -> Services:
    """Connect to everything; neither RabbitMQ, its management nor LiveKit has to be there."""
    database = await stack.enter_async_context(connect(settings.mongo))
    gateway = await stack.enter_async_context(connect_gateway(settings.livekit))
    publishes = broker.publisher(settings.rabbit, "api")
    await stack.enter_async_context(publishing_to(publishes))
    manages = await stack.enter_async_context(management.connect(settings.rabbit, settings.integrators))
    checks.update(database=lambda: ping(database), broker=lambda: publishes.ping(1.0), livekit=gateway.reachable)
    services = assemble(settings, database, publishes, gateway, manages)
    consumes = broker.consumer(settings.rabbit, "api", publishes, {"readers": services.readers})
    consumes.include_router(readers.router())
    await stack.enter_async_context(consuming_from(consumes))
    return services
