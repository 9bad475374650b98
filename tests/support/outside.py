"""The sandbox itself, served by the test's own process: somewhere between its parts a test may listen."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from aiohttp import web
from livekit import api
from pydantic import SecretStr

from parley_sandbox.app import sandbox
from parley_sandbox.settings import SandboxSettings

NOWHERE = {
    "LIVEKIT_SERVER_URL": "http://127.0.0.1:9",
    "LIVEKIT_API_KEY": "devkey",
    "LIVEKIT_API_SECRET": "a-secret-of-thirty-two-characters",
}


@dataclass
class Sandbox:
    """Where it answers, and the webhooks it has sent; each one's signature held."""

    url: str
    settings: SandboxSettings
    webhooks: list[api.WebhookEvent] = field(default_factory=list)

    async def fault(self, provider: str, **fault: Any) -> None:
        """Make a model provider misbehave."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as http:
            (await http.put(f"/providers/{provider}/fault", json=fault)).raise_for_status()

    async def hear(self, request: web.Request) -> web.Response:
        verifier = api.TokenVerifier(self.settings.livekit_api_key, self.settings.secret)
        body = await request.text()
        self.webhooks.append(api.WebhookReceiver(verifier).receive(body, request.headers["Authorization"]))
        return web.Response()


@asynccontextmanager
async def serving(port: int, webhook_port: int, given: Mapping[str, str] | None = None) -> AsyncIterator[Sandbox]:
    """Serve the sandbox; `given` names the LiveKit server and the bucket, without it there are none."""
    servers = given or NOWHERE
    known = {name.lower(): value for name, value in servers.items() if name.startswith(("LIVEKIT_", "AWS_", "S3_"))}
    settings = SandboxSettings.model_validate(
        known
        | {
            "livekit_api_secret": SecretStr(known["livekit_api_secret"]),
            "livekit_webhook_url": f"http://127.0.0.1:{webhook_port}/webhook",
        }
    )
    served = Sandbox(f"http://127.0.0.1:{port}", settings)
    ear = web.Application()
    ear.router.add_post("/webhook", served.hear)
    async with sandbox(settings) as app, _listening(ear, webhook_port), _listening(app, port):
        yield served


@asynccontextmanager
async def _listening(app: web.Application, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await asyncio.shield(runner.cleanup())
