"""The bridge: events of the webhooks service's queue passed on to integrators, against aio-pika doing the same.

Both sides take the same events from the same quorum queue with the same prefetch, write the same body, publish it with
confirms to parley.public, where one subscription's queue gets it, and acknowledge. Parley also looks in the database
for endpoints that want the event; there are none.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from faststream.rabbit import RabbitBroker

from bench.results import Result, of_rates
from bench.world import mongo_of, virtual_host
from parley_common import broker, topology
from parley_common.db import connect
from parley_common.db.indexes import create_indexes
from parley_common.events import CallRinging, Event
from parley_common.settings import RabbitSettings
from parley_common.subscriptions import public_key
from parley_common.worker import publishing_to
from parley_local.world import World
from parley_webhooks.handlers import router
from parley_webhooks.payloads import event_payload
from parley_webhooks.rabbit_bridge import RabbitBridge
from tests import factories
from tests.support.mailroom import Mailroom, opened

ROUNDS = 5
MESSAGES = 1000
PREFETCH = 20
"""As the handler of this event has it."""

QUEUE = topology.queue_name("webhooks", CallRinging)
SUBSCRIBED = "int.bench"
DATABASE = "bench_bridge"


class Passed:
    """Counts what was passed on, and takes the time from the first to the last of a round."""

    def __init__(self) -> None:
        self._count = 0
        self._started = 0.0
        self._all = asyncio.Event()

    def one(self) -> None:
        if self._count == 0:
            self._started = time.perf_counter()
        self._count += 1
        if self._count == MESSAGES:
            self._all.set()

    async def rate(self) -> float:
        await self._all.wait()
        return (MESSAGES - 1) / (time.perf_counter() - self._started)


class CountingBridge:
    """The bridge itself, counted."""

    def __init__(self, publishes: RabbitBroker) -> None:
        self._bridge = RabbitBridge(publishes)
        self.passed = Passed()

    async def pass_on(self, event: Event, body: str) -> None:
        await self._bridge.pass_on(event, body)
        self.passed.one()


async def measure(world: World) -> list[Result]:
    """Pass on in rounds, Parley and aio-pika taking turns."""
    ours, raw = [], []
    async with virtual_host(world) as url:
        settings = RabbitSettings.model_validate({"rabbitmq_url": url})
        publishes = broker.publisher(settings, "bench")
        bridge = CountingBridge(publishes)
        async with (
            publishing_to(publishes),
            await aio_pika.connect(url) as connection,
            _mailroom(world, bridge) as room,
        ):
            channel = await connection.channel()
            await _subscribe(channel)
            for _ in range(ROUNDS):
                await _fill(channel)
                ours.append(await _by_parley(settings, publishes, room, bridge))
                await _fill(channel)
                raw.append(await _by_aio_pika(connection))
    return [of_rates(f"bridge: consume and pass on, prefetch {PREFETCH}", ours, raw)]


async def _subscribe(channel: AbstractChannel) -> None:
    queue = await channel.declare_queue(SUBSCRIBED, durable=True, arguments={"x-queue-type": "quorum"})
    await queue.bind(topology.OUTSIDE, public_key(factories.call().owner_id, "#"))


async def _fill(channel: AbstractChannel) -> None:
    await (await channel.get_queue(SUBSCRIBED)).purge()
    events = [CallRinging.of(factories.call()) for _ in range(MESSAGES)]
    async with asyncio.TaskGroup() as group:
        for event in events:
            message = _message(event, event.model_dump_json(), event.key)
            group.create_task(channel.default_exchange.publish(message, QUEUE))


def _message(event: Event, body: str, event_type: str) -> aio_pika.Message:
    return aio_pika.Message(
        body.encode(),
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=event.event_id,
        type=event_type,
        correlation_id=event.call_id,
    )


async def _by_parley(
    settings: RabbitSettings, publishes: RabbitBroker, mailroom: Mailroom, bridge: CountingBridge
) -> float:
    bridge.passed = Passed()
    consumes = broker.consumer(settings, "webhooks", publishes, {"fanout": mailroom.fanout})
    consumes.include_router(router)
    await consumes.start()
    try:
        return await bridge.passed.rate()
    finally:
        await consumes.stop()


async def _by_aio_pika(connection: aio_pika.abc.AbstractConnection) -> float:
    passed = Passed()
    async with connection.channel() as takes, connection.channel() as gives:
        exchange = await gives.get_exchange(topology.OUTSIDE)

        async def on_message(message: AbstractIncomingMessage) -> None:
            event = CallRinging.model_validate_json(message.body)
            body = event_payload(event).model_dump_json()
            await exchange.publish(
                _message(event, body, event.name()), public_key(event.owner_id, event.name()), mandatory=False
            )
            await message.ack()
            passed.one()

        await takes.set_qos(PREFETCH)
        queue = await takes.get_queue(QUEUE)
        tag = await queue.consume(on_message)
        rate = await passed.rate()
        await queue.cancel(tag)
        return rate


@asynccontextmanager
async def _mailroom(world: World, bridge: CountingBridge) -> AsyncIterator[Mailroom]:
    async with connect(mongo_of(world, DATABASE)) as database:
        await database.client.drop_database(DATABASE)
        await create_indexes(database)
        async with opened(database, bridge=bridge) as mailroom:
            yield mailroom
        await database.client.drop_database(DATABASE)
