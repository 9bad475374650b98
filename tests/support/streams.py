"""The api on a real port, and readers of its live streams."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import uvicorn
from faststream.rabbit import RabbitBroker
from httpx_sse import ServerSentEvent, aconnect_sse
from jsonschema import Draft202012Validator

from parley_common import broker
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.db.journal import Journal
from parley_common.db.retention import Retention
from parley_common.endpoints import versioned
from parley_common.events import Event, TranscriptChunk
from parley_common.ids import EventId, OwnerId
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.s3 import RecordingLinks
from parley_webhooks.journaling import Scribe
from parley_webhooks.reporting import Reporter
from parley_webhooks.schemas import schemas
from tests import factories
from tests.support.front import Client, Front
from tests.support.mailroom import BUCKET
from tests.support.stored import store

PATIENCE_SECONDS = 15.0
SCHEMAS = {name: Draft202012Validator(schema) for name, schema in schemas().items()}


class Reader:
    """Takes events from a stream one by one."""

    def __init__(self, response: httpx.Response, events: AsyncIterator[ServerSentEvent]) -> None:
        self.response = response
        self.last_event_id = ""
        self._events = events

    async def next(self) -> dict[str, Any]:
        """Wait for the next event and return its body."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                event = await anext(self._events)
                self.last_event_id = event.id
                if event.data:
                    body: dict[str, Any] = json.loads(event.data)
                    assert event.event == body["type"]
                    SCHEMAS[versioned(event.event)].validate(body)
                    return body

    async def bookmark(self) -> str:
        """Wait for the id that opens a stream of all events."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            event = await anext(self._events)
        assert not event.data
        self.last_event_id = event.id
        return event.id

    async def take(self, count: int) -> list[dict[str, Any]]:
        return [await self.next() for _ in range(count)]

    async def rest(self) -> list[dict[str, Any]]:
        """Read until the stream ends by itself."""
        taken = []
        try:
            while True:
                taken.append(await self.next())
        except StopAsyncIteration:
            return taken


@asynccontextmanager
async def reading(url: str, key: str, last_event_id: str | None = None) -> AsyncIterator[Reader]:
    """Open a stream."""
    headers = {"x-api-key": key} | ({"last-event-id": last_event_id} if last_event_id is not None else {})
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as http:  # noqa: SIM117
        async with aconnect_sse(http, "GET", url, headers=headers) as source:
            assert source.response.status_code == 200, await source.response.aread()
            async with aclosing(source.aiter_sse()) as events:
                yield Reader(source.response, events)


@asynccontextmanager
async def served(front: Front) -> AsyncIterator[str]:
    """Serve an api that runs already on a port, because only a real connection can be read bit by bit."""
    server = uvicorn.Server(uvicorn.Config(front.app, lifespan="off", log_config=None, access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)  # else the kernel keeps megabytes
        serving = asyncio.create_task(server._serve([listening]))  # noqa: SLF001  # `serve` takes signals
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving


@dataclass(frozen=True)
class Customer:
    """An owner who reads, and whose calls the test lets happen."""

    client: Client
    owner: OwnerId
    url: str
    database: Database
    scribe: Scribe

    @property
    def key(self) -> str:
        return str(self.client.http.headers["x-api-key"])

    def all(self, last_event_id: str | None = None) -> Any:
        return reading(f"{self.url}/events", self.key, last_event_id)

    def one(self, call: Call, last_event_id: str | None = None) -> Any:
        return reading(f"{self.url}/call/{call.call_id}/events", self.key, last_event_id)

    async def call(self, **overrides: Any) -> Call:
        call = factories.call(owner_id=self.owner, **overrides)
        await store(Calls(self.database), call)
        return call

    async def tell(self, *events: Event) -> None:
        for event in events:
            await self.scribe.note(event)

    async def finished(self, **overrides: Any) -> Call:
        """Have a call that is over."""
        ended: dict[str, Any] = {"status": CallStatus.BUSY, "end_reason": EndReason.BUSY, "ended_at": now()}
        return await self.call(**ended | overrides)


def chunk(call: Call, number: int, text: str = "Hello John.") -> TranscriptChunk:
    said = factories.utterance(item_id=f"item_{number}", text=text)
    return TranscriptChunk.of(
        call, event_id=EventId(f"evt_{call.call_id}_item_{number}"), seq=number, **said.model_dump()
    )


type Join = Callable[[], Awaitable[Customer]]
"""A way to make one more customer."""


async def joined(front: Front, url: str, database: Database, publishes: RabbitBroker) -> Customer:
    """Open an account at an api that is served at `url`."""
    client = await front.owner()
    email = (await client.get("/auth/check-key")).json()["data"]["user_email"]
    account = await database.get_collection("accounts").find_one({"user_email": email})
    assert account is not None
    scribe = Scribe(
        Calls(database),
        Journal(database),
        Retention(database),
        Reporter(RecordingLinks(BUCKET)),
        partial(broker.publish_growth, publishes),
    )
    return Customer(client, OwnerId(account["_id"]), url, database, scribe)
