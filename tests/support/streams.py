"""The api on a real port, and readers of its live streams."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import uvicorn
from httpx_sse import ServerSentEvent, aconnect_sse

from tests.support.front import Front

PATIENCE_SECONDS = 15.0


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
        serving = asyncio.create_task(server._serve([listening]))  # noqa: SLF001  # `serve` takes signals
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving
