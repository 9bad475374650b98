"""A customer as the product sees one: a key, an assistant, a trunk, an endpoint that gets reports."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

import httpx

from parley_local.parts import HOST
from parley_local.world import World

PATIENCE_SECONDS = 60.0
LOG_LINE_LENGTH = 400
CARTESIA = {"assistant_tts_model": "cartesia", "assistant_tts_voice_id": "f786b574-daa5-4673-aa0c-cbe3e8534c02"}
SARVAM = {"assistant_tts_model": "sarvam", "assistant_tts_speaker": "shubh"}

TRUNK = {
    "trunk_name": "main",
    "trunk_address": "sip.example.com",
    "trunk_numbers": ["+15550009999"],
    "trunk_auth_username": "ada",
    "trunk_auth_password": "s3cret-s3cret",
    "trunk_type": "twilio",
}


class Customer:
    """Talks to the API and to the sandbox over HTTP, as anybody could."""

    def __init__(self, world: World) -> None:
        self.name = f"customer-{secrets.token_hex(4)}"
        self.world = world
        self.api = httpx.AsyncClient(base_url=f"http://{HOST}:{world.ports.port}", timeout=20, trust_env=False)
        self.sandbox = httpx.AsyncClient(
            base_url=f"http://{HOST}:{world.ports.sandbox_port}", timeout=20, trust_env=False
        )
        self.trunk_id = ""
        self._calls: list[str] = []

    async def __aenter__(self) -> Self:
        body = {"user_name": "Ada", "user_email": f"{self.name}@example.com"}
        self.api.headers["x-api-key"] = (await self.post("/auth/create-key", body))["api_key"]
        secret = (await self.get("/auth/webhook-secret"))["secret"]
        await self.sandbox.put(f"/receiver/{self.name}/behaviour", json={"secret": secret})
        self.trunk_id = await self.trunk()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.api.aclose()
        await self.sandbox.aclose()

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        return _data(await self.api.post(path, json=body))

    async def get(self, path: str) -> Any:
        return _data(await self.api.get(path))

    async def assistant(self, voice: dict[str, str] = CARTESIA, **fields: Any) -> str:
        body = {
            "assistant_name": "Support Agent",
            "assistant_description": "Helps with orders.",
            "assistant_prompt": "You help {{ name }} with an order.",
            "assistant_start_instruction": 'Say "Hello {{ name }}, how can I help?"',
            "assistant_end_call_url": f"{self.sandbox.base_url}/receiver/{self.name}".replace(
                "//receiver", "/receiver"
            ),
            **voice,
            **fields,
        }
        assistant_id: str = (await self.post("/assistant/create", body))["assistant_id"]
        return assistant_id

    async def call(self, number: str, assistant_id: str | None = None, **fields: Any) -> str:
        """Place a call to the sandbox's number that ends in these four digits."""
        body = {
            "assistant_id": assistant_id or await self.assistant(),
            "trunk_id": self.trunk_id,
            "to_number": f"+1555000{number}",
            "call_service": "twilio",
            "metadata": {"name": "John"},
            **fields,
        }
        call_id: str = (await self.post("/call/outbound", body))["call_id"]
        self._calls.append(call_id)
        return call_id

    async def cancel(self, call_id: str) -> str:
        """Cancel a call and return the status that the answer tells."""
        status: str = (await self.post(f"/call/{call_id}/cancel", {}))["call_status"]
        return status

    async def trunk(self, **limits: Any) -> str:
        """Make another trunk, with limits."""
        trunk_id: str = (await self.post("/sip/create-outbound-trunk", {**TRUNK, "trunk_limits": limits}))["trunk_id"]
        return trunk_id

    async def behave(self, **behaviour: Any) -> None:
        """Make the customer's own endpoint misbehave."""
        (await self.sandbox.put(f"/receiver/{self.name}/behaviour", json=behaviour)).raise_for_status()

    async def deliveries(self, call_id: str) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = (await self.sandbox.get(f"/receiver/{self.name}")).json()
        return [delivery for delivery in received if delivery["body"]["data"].get("call_id") == call_id]

    async def report(self, call_id: str) -> dict[str, Any]:
        """Wait for the call's report and return its data."""
        deliveries = await until(lambda: self.deliveries(call_id))
        data: dict[str, Any] = deliveries[-1]["body"]["data"]
        return data

    async def invites(self, call_id: str) -> list[dict[str, Any]]:
        room_name = (await self.get(f"/call/{call_id}"))["room_name"]
        found: list[dict[str, Any]] = (await self.sandbox.get("/calls", params={"room": room_name})).json()
        return found

    async def words_after(self, call_id: str, turns: int) -> list[str]:
        """Wait until so many turns were spoken, and return them."""

        async def spoken() -> list[str] | None:
            said = (await self.get(f"/call/{call_id}"))["transcripts"]
            return [turn["text"] for turn in said] if len(said) >= turns else None

        return await until(spoken)

    def log(self) -> list[str]:
        """Return what all services logged about this customer's calls, in their order, without the long tails."""
        lines = (line for name in self.world.parts for line in self.world.log(name).splitlines())
        ours = [line for line in lines if any(call_id in line for call_id in self._calls)]
        return [line[:LOG_LINE_LENGTH] for line in sorted(ours, key=lambda line: line.partition('"timestamp"')[2])]

    async def until_status(self, call_id: str, *statuses: str) -> dict[str, Any]:
        async def reached() -> dict[str, Any] | None:
            call: dict[str, Any] = await self.get(f"/call/{call_id}")
            return call if call["call_status"] in statuses else None

        return await until(reached)


async def until[T](look: Callable[[], Awaitable[T | None]], patience: float = PATIENCE_SECONDS) -> T:
    """Look until there is something to see."""
    end = time.monotonic() + patience
    while not (seen := await look()):
        if time.monotonic() > end:
            raise TimeoutError(f"nothing seen within {patience:.0f} s")
        await asyncio.sleep(0.1)
    return seen


def _data(response: httpx.Response) -> Any:
    response.raise_for_status()
    envelope = response.json()
    assert envelope["success"], envelope["message"]
    return envelope["data"]
