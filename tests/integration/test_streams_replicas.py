"""Live streams as they really run: several replicas of the api and of the writers, through deaths and outages."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from faststream.rabbit import RabbitBroker

from parley_common.broker import publish_event
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.events import CallAnswered, CallEnded, CallRinging, TranscriptChunk
from parley_common.ids import EventId, OwnerId
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.relay import Relay
from parley_local.world import World
from tests import factories
from tests.processes import Service, service
from tests.support.customer import until
from tests.support.envelope import data_of
from tests.support.stored import store
from tests.support.streams import reading
from tests.support.wire import Wire, wire_to

STORY = ["call.requested", "call.ringing", "call.answered", "transcript.chunk", "transcript.chunk", "call.ended"]
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Town:
    """Where services are started and calls happen."""

    environment: dict[str, str]
    port: Callable[[], int]
    logs: Path
    calls: Calls
    database: Database
    publishes: RabbitBroker

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Service]:
        """Start a replica of the api; without LiveKit it serves, but is not ready."""
        log = self.logs / f"api-{secrets.token_hex(2)}.log"
        async with service("parley_api", self.environment, self.port(), log, ready=False) as running:

            async def answers() -> bool:
                async with httpx.AsyncClient(trust_env=False) as http:
                    try:
                        return (await http.get(f"{running.url}/health")).is_success
                    except httpx.TransportError:
                        return False

            await until(answers)
            yield running

    def webhooks(self) -> Any:
        return service("parley_webhooks", self.environment, self.port(), self.logs / "webhooks.log")

    async def join(self, api: Service) -> tuple[str, OwnerId]:
        """Open an account, and return its key and id."""
        body = {"user_name": "Ada", "user_email": f"{secrets.token_hex(6)}@example.com"}
        async with httpx.AsyncClient(trust_env=False) as http:
            key = data_of(await http.post(f"{api.url}/auth/create-key", json=body))["api_key"]
        account = await self.database.get_collection("accounts").find_one({"user_email": body["user_email"]})
        assert account is not None
        return key, OwnerId(account["_id"])

    async def call(self, owner: OwnerId) -> Call:
        """Have a call happen, from its request to its end."""
        call = factories.call(owner_id=owner, status=CallStatus.DIALING, attempts=[factories.attempt()])
        call = call.model_copy(update={"assistant": factories.assistant(recording_enabled=False, end_call_url=None)})
        relay = Relay(self.calls, self.publishes)
        await store(self.calls, call)
        await self.calls.note(call.call_id, CallRinging)
        await self.calls.advance(call.call_id, CallStatus.IN_PROGRESS, CallAnswered, answered_at=now())
        await relay.flush(call.call_id)
        for number in (1, 2):
            said = factories.utterance(item_id=f"item_{number}").model_dump()
            name = EventId(f"evt_{call.call_id}_item_{number}")
            chunk = TranscriptChunk.of(call, event_id=name, seq=number, **said)
            await publish_event(self.publishes, chunk.model_dump(mode="json"))
        reason = EndReason.CALLEE_HANGUP
        await self.calls.advance(
            call.call_id, CallStatus.COMPLETED, CallEnded, end_reason=reason, ended_at=now(), sip_status_code=200
        )
        await relay.flush(call.call_id)
        return call


@pytest.fixture
def town(
    environment: dict[str, str],
    database: Database,
    publishes: RabbitBroker,
    unused_tcp_port_factory: Callable[[], int],
    tmp_path: Path,
) -> Town:
    return Town(environment, unused_tcp_port_factory, tmp_path, Calls(database), database, publishes)


@pytest.fixture
async def line(town: Town, infrastructure: World) -> AsyncIterator[Wire]:
    """The line over which the services reach RabbitMQ."""
    async with wire_to(infrastructure.ports.rabbitmq_port) as wire:
        vhost = urlsplit(town.environment["RABBITMQ_URL"]).path
        town.environment["RABBITMQ_URL"] = f"amqp://guest:guest@127.0.0.1:{wire.port}{vhost}"
        yield wire


def stories(bodies: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return what was told of each call, in the order in which it was told."""
    told: dict[str, list[str]] = {}
    for body in bodies:
        told.setdefault(body["data"]["call_id"], []).append(body["type"])
    return told


async def test_every_replica_tells_every_call_in_order_whoever_writes_and_one_takes_over_from_the_other(
    town: Town,
) -> None:
    async with town.api() as one, town.api() as other, town.webhooks() as first, town.webhooks():
        key, owner = await town.join(one)
        async with reading(f"{one.url}/events", key, "start") as here, reading(f"{other.url}/events", key) as there:
            await there.bookmark()
            calls = [await town.call(owner) for _ in range(5)]
            early = await here.take(10)
            await first.kill()
            calls += await asyncio.gather(*(town.call(owner) for _ in range(5)))
            count = len(calls) * len(STORY)
            seen_there = await there.take(count)
        async with reading(f"{other.url}/events", key, here.last_event_id) as resumed:
            seen_here = early + await resumed.take(count - len(early))
        async with reading(f"{other.url}/call/{calls[0].call_id}/events", key) as one_call:
            assert [body["type"] for body in await one_call.rest()] == STORY
    assert stories(seen_there) == {call.call_id: STORY for call in calls}
    assert seen_here == seen_there


async def test_streams_outlast_rabbitmq_and_lose_nothing(town: Town, line: Wire) -> None:
    async with town.api() as api, town.webhooks():
        key, owner = await town.join(api)
        async with reading(f"{api.url}/events", key, "start") as reader:
            before = await town.call(owner)
            seen = await reader.take(len(STORY))
            line.cut()
            during = await town.call(owner)
            await line.lay()
            seen += await reader.take(len(STORY))
    assert stories(seen) == {call.call_id: STORY for call in (before, during)}


async def test_api_stops_in_time_with_streams_open_and_ends_them_properly(town: Town) -> None:
    async with town.api() as api, town.api() as other, town.webhooks():
        key, owner = await town.join(api)
        await town.call(owner)
        with socket.create_connection(("127.0.0.1", urlsplit(api.url).port)) as idle:
            idle.sendall(f"GET /events HTTP/1.1\r\nhost: api\r\nx-api-key: {key}\r\n\r\n".encode())
            async with reading(f"{api.url}/events", key, "start") as reader:
                seen = await reader.take(2)
                api.process.terminate()
                seen += await reader.rest()
            async with asyncio.timeout(STOP_SECONDS):
                assert await api.process.wait() == 0
        async with reading(f"{other.url}/events", key, reader.last_event_id) as resumed:
            seen += await resumed.take(len(STORY) - len(seen))
    assert [body["type"] for body in seen] == STORY
