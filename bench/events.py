"""Events: publishing and consuming through our middleware, against aio-pika with confirms at the same prefetch.

Both sides send the same persistent event to the same quorum queue with the same number in flight, and both parse it.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from faststream.rabbit import RabbitBroker

from bench.results import Result, of_rates
from bench.world import virtual_host
from parley_common import broker, topology
from parley_common.events import CallRequested
from parley_common.settings import RabbitSettings
from parley_common.worker import publishing_to
from parley_local.world import World
from tests import factories

ROUNDS = 5
MESSAGES = 2000
IN_FLIGHT = 50

type Publish = Callable[[dict[str, Any]], Awaitable[object]]


class Arrivals:
    """Counts events, and takes the time from the first to the last of a round."""

    def __init__(self) -> None:
        self._count = 0
        self._started = 0.0
        self._all = asyncio.Event()

    def one(self, event: CallRequested) -> None:
        if self._count == 0:
            self._started = time.perf_counter()
        self._count += bool(event.call_id)
        if self._count == MESSAGES:
            self._all.set()

    async def rate(self) -> float:
        await self._all.wait()
        return MESSAGES / (time.perf_counter() - self._started)


async def measure(world: World) -> list[Result]:
    """Publish and consume in rounds, Parley and aio-pika taking turns."""
    ours: list[tuple[float, float]] = []
    raw: list[tuple[float, float]] = []
    async with virtual_host(world) as url:
        settings = RabbitSettings.model_validate({"rabbitmq_url": url})
        publishes = broker.publisher(settings, "bench")
        async with publishing_to(publishes), await aio_pika.connect(url) as connection:
            exchange = await (await connection.channel()).get_exchange(topology.EVENTS)
            for _ in range(ROUNDS):
                rate = await _published(lambda event: broker.publish_event(publishes, event))
                ours.append((rate, await _consumed_by_parley(settings, publishes)))
                rate = await _published(lambda event: _publish_raw(exchange, event))
                raw.append((rate, await _consumed_raw(connection)))
    return [
        of_rates(f"events: publish, {IN_FLIGHT} in flight", [p for p, _ in ours], [p for p, _ in raw], at_least=0.65),
        of_rates(f"events: consume, prefetch {IN_FLIGHT}", [c for _, c in ours], [c for _, c in raw], at_least=0.45),
    ]


async def _published(publish: Publish) -> float:
    events = iter([CallRequested.of(factories.call()).model_dump(mode="json") for _ in range(MESSAGES)])

    async def one_after_another() -> None:
        for event in events:
            await publish(event)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(one_after_another())
    return MESSAGES / (time.perf_counter() - started)


async def _publish_raw(exchange: aio_pika.abc.AbstractExchange, event: dict[str, Any]) -> None:
    message = aio_pika.Message(
        json.dumps(event).encode(),
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=event["event_id"],
        type=event["type"],
        correlation_id=event["call_id"],
    )
    await exchange.publish(message, event["type"], mandatory=False)


async def _consumed_by_parley(settings: RabbitSettings, publishes: RabbitBroker) -> float:
    arrivals = Arrivals()
    consumes = broker.consumer(settings, "dialer", publishes, {"arrivals": arrivals})

    @consumes.subscriber(broker.queue("dialer", CallRequested), broker.EVENTS, channel=broker.parallel(IN_FLIGHT))
    async def on_call_requested(event: CallRequested, arrivals: Annotated[Arrivals, broker.Given()]) -> None:
        arrivals.one(event)

    await consumes.start()
    try:
        return await arrivals.rate()
    finally:
        await consumes.stop()


async def _consumed_raw(connection: aio_pika.abc.AbstractConnection) -> float:
    arrivals = Arrivals()

    async def on_message(message: AbstractIncomingMessage) -> None:
        arrivals.one(CallRequested.model_validate_json(message.body))
        await message.ack()

    async with connection.channel() as channel:
        await channel.set_qos(IN_FLIGHT)
        queue = await channel.get_queue(topology.queue_name("dialer", CallRequested))
        tag = await queue.consume(on_message)
        rate = await arrivals.rate()
        await queue.cancel(tag)
        return rate
