"""Somebody who reads a subscription with nothing but its address."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractQueueIterator
from aiormq.exceptions import AMQPError
from yarl import URL

from parley_common import topology
from parley_common.ids import OwnerId

PATIENCE_SECONDS = 10.0


async def declare_exchanges(url: str) -> None:
    """Declare what integrators' queues and the api's streams are bound to, and none of the services' queues."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_exchange(topology.OUTSIDE, aio_pika.ExchangeType.TOPIC, durable=True)
        await channel.declare_exchange(topology.JOURNAL, aio_pika.ExchangeType.FANOUT, durable=True)


def user_of(address: str) -> str:
    """Return the name of the user, which is the queue's too."""
    return URL(address).user or ""


def owner_of(address: str) -> OwnerId:
    """Return whose events an address leads to."""
    return OwnerId(user_of(address).split(".")[1])


async def waiting(address: str) -> list[str]:
    """Take what waits in a queue, and return the ids."""
    async with await aio_pika.connect(address) as connection:
        queue = await (await connection.channel()).get_queue(user_of(address))
        found = []
        while message := await queue.get(fail=False):
            await message.ack()
            found.append(message.message_id or "")
    return found


async def connected(address: str) -> aio_pika.Connection:
    """Connect; an attempt that is refused is closed, or aio-pika closes it when no event loop runs any more."""
    connection = aio_pika.Connection(URL(address))
    try:
        await connection.connect()
    except BaseException:
        await connection.close()
        raise
    return connection


async def opens(address: str) -> bool:
    """Say whether an address leads to its queue."""
    try:
        async with await connected(address) as connection:
            await (await connection.channel()).get_queue(user_of(address))
    except (AMQPError, ConnectionError):
        return False
    return True


class Integrator:
    """Takes events one by one and acknowledges each."""

    def __init__(self, messages: AbstractQueueIterator) -> None:
        self._messages = messages

    async def message(self) -> AbstractIncomingMessage:
        async with asyncio.timeout(PATIENCE_SECONDS):
            message = await anext(self._messages)
        await message.ack()
        return message

    async def next(self) -> dict[str, Any]:
        """Wait for the body of an event."""
        body: dict[str, Any] = json.loads((await self.message()).body)
        return body


@asynccontextmanager
async def reading(address: str) -> AsyncIterator[Integrator]:
    async with await aio_pika.connect(address) as connection:
        channel = await connection.channel()
        await channel.set_qos(10)
        queue = await channel.get_queue(user_of(address))
        async with queue.iterator() as messages:
            yield Integrator(messages)
