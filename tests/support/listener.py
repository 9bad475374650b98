"""Somebody else who hears every event on a broker."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from aio_pika.abc import AbstractQueueIterator

from parley_common import topology

PATIENCE_SECONDS = 10.0


class Listener:
    """Takes events one by one, in the order in which they came."""

    def __init__(self, messages: AbstractQueueIterator) -> None:
        self._messages = messages

    async def next(self) -> dict[str, Any]:
        """Wait for an event."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            message = await anext(self._messages)
        event: dict[str, Any] = json.loads(message.body)
        assert message.message_id == event["event_id"]
        assert message.routing_key == event["type"]
        return event


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Listener]:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(topology.EVENTS, "#")
        async with queue.iterator(no_ack=True) as messages:
            yield Listener(messages)
