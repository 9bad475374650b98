"""The api in this process on real databases, and clients that speak to it over its HTTP interface."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from starlette.types import ASGIApp

from parley_api.app import make_app
from parley_api.services import Services
from parley_api.settings import ApiSettings
from tests.fakes.trunks import FakeTrunks

ASSISTANT: dict[str, Any] = {
    "assistant_name": "Support Agent",
    "assistant_description": "Helps with orders.",
    "assistant_prompt": "You help {{ name }} with an order.",
    "assistant_tts_model": "cartesia",
    "assistant_tts_voice_id": "f786b574-daa5-4673-aa0c-cbe3e8534c02",
    "assistant_start_instruction": 'Say "Hello {{ name }}, how can I help?"',
    "assistant_end_call_url": "https://customer.example.com/calls",
}
TRUNK: dict[str, Any] = {
    "trunk_name": "Main line",
    "trunk_address": "sip.example.com:5060",
    "trunk_numbers": ["+15550001111"],
    "trunk_auth_username": "user",
    "trunk_auth_password": "hidden-password",
    "trunk_type": "twilio",
}
ENDPOINT: dict[str, Any] = {"endpoint_url": "https://customer.example.com/events"}

SUBSCRIPTION: dict[str, Any] = {"subscription_name": "crm-sync"}


class Client:
    """Somebody who speaks to the api, with a key or without."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def send(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.http.request(method, path, json=body, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.send("POST", path, body, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.send("GET", path, **options)

    async def assistant(self, **fields: Any) -> str:
        return str((await self._made("/assistant/create", ASSISTANT | fields))["assistant_id"])

    async def trunk(self, **fields: Any) -> str:
        return str((await self._made("/sip/create-outbound-trunk", TRUNK | fields))["trunk_id"])

    async def endpoint(self, **fields: Any) -> str:
        return str((await self._made("/endpoints", ENDPOINT | fields))["endpoint_id"])

    async def delivery(self, endpoint_id: str) -> str:
        """Have an example owed to an endpoint."""
        return str((await self._made(f"/endpoints/{endpoint_id}/test", {}))["delivery_id"])

    async def subscription(self, **fields: Any) -> str:
        """Subscribe, and return the address."""
        return str((await self._made("/subscriptions", SUBSCRIPTION | fields))["amqp_url"])

    async def order(self, **fields: Any) -> dict[str, Any]:
        """Make an assistant and a trunk, and return the body of a call with them."""
        body = {"to_number": "+15550000200", "call_service": "twilio", "metadata": {"name": "John"}}
        return body | {"assistant_id": await self.assistant(), "trunk_id": await self.trunk()} | fields

    async def call(self, **fields: Any) -> dict[str, Any]:
        return await self._made("/call/outbound", await self.order(**fields))

    async def _made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self.post(path, body)
        response.raise_for_status()
        data: dict[str, Any] = response.json()["data"]
        return data


@dataclass(frozen=True)
class Front:
    """A running api: who speaks to it, what it works with, and the LiveKit that it believes in."""

    app: FastAPI
    asgi: ASGIApp
    trunks: FakeTrunks
    clients: AsyncExitStack

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    async def stranger(self) -> Client:
        transport = httpx.ASGITransport(self.asgi)
        http = httpx.AsyncClient(transport=transport, base_url="http://api.test")
        return Client(await self.clients.enter_async_context(http))

    async def owner(self) -> Client:
        """Open an account and return a client that uses its key."""
        client = await self.stranger()
        body = {"user_name": "Ada", "user_email": f"{secrets.token_hex(8)}@example.com", "org_name": "Engines"}
        response = await client.post("/auth/create-key", body)
        response.raise_for_status()
        client.http.headers["x-api-key"] = response.json()["data"]["api_key"]
        return client


@asynccontextmanager
async def serving(settings: ApiSettings) -> AsyncIterator[Front]:
    trunks = FakeTrunks()
    app = make_app(settings, trunks.connect)
    async with LifespanManager(app) as manager, AsyncExitStack() as clients:
        yield Front(app, manager.app, trunks, clients)
