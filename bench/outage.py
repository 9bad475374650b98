"""The event path under faults: the broker is killed while events are published.

What was confirmed before has to be there after; the time until the next confirm is compared with a bare aio-pika
connection that tries again without pause.
"""

import asyncio
import logging
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
from aiormq.exceptions import AMQPError
from faststream.rabbit import RabbitBroker

from bench.results import Result
from bench.world import virtual_host
from parley_common import broker, topology
from parley_common.errors import BrokerUnavailable
from parley_common.events import CallRequested
from parley_common.settings import RabbitSettings
from parley_common.worker import publishing_to
from parley_local.world import World
from tests import factories

ROUNDS = 3
IN_FLIGHT = 20
BEFORE_THE_KILL = 500
PAUSE_SECONDS = 0.05
CONFIRMED_WITHIN_SECONDS = 120.0
SETTLED_AFTER_SECONDS = 15.0
"""A queue of RabbitMQ 3.10 that is killed seconds after it was declared may never have a leader again (seen twice)."""


class Publishing:
    """Publishes without end and remembers what the broker has confirmed."""

    def __init__(self, publishes: RabbitBroker) -> None:
        self._publishes = publishes
        self.confirmed: dict[str, float] = {}

    async def forever(self) -> None:
        while True:
            event = CallRequested.of(factories.call())
            try:
                await broker.publish_event(self._publishes, event.model_dump(mode="json"))
                self.confirmed[event.event_id] = time.time()
            except BrokerUnavailable:
                await asyncio.sleep(PAUSE_SECONDS)

    def first_after(self, moment: float) -> float:
        return min(at for at in self.confirmed.values() if at > moment)

    async def until_confirmed(self, events: int) -> None:
        async with asyncio.timeout(CONFIRMED_WITHIN_SECONDS):
            while len(self.confirmed) < events:  # noqa: ASYNC110  # counted by many tasks
                await asyncio.sleep(PAUSE_SECONDS)


async def measure(world: World) -> list[Result]:
    """Kill the broker some times, and count in the end."""
    for name in ("aio_pika", "aiormq"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # each failed attempt would be a line
    ours: list[float] = []
    bare: list[float] = []
    async with virtual_host(world) as url:
        await asyncio.sleep(SETTLED_AFTER_SECONDS)
        publishes = broker.publisher(RabbitSettings.model_validate({"rabbitmq_url": url}), "bench")
        async with publishing_to(publishes), _publishing(publishes) as publishing:
            for _ in range(ROUNDS):
                await publishing.until_confirmed(len(publishing.confirmed) + BEFORE_THE_KILL)
                await asyncio.to_thread(world.kill, "rabbitmq")
                killed_at = time.time()
                async with asyncio.timeout(CONFIRMED_WITHIN_SECONDS):
                    bare.append(await _confirmed_bare(url) - killed_at)
                await publishing.until_confirmed(len(publishing.confirmed) + 1)
                ours.append(publishing.first_after(killed_at + PAUSE_SECONDS) - killed_at)
        lost = set(publishing.confirmed) - await _kept(url)
    subject, floor = statistics.median(ours), statistics.median(bare)
    return [
        Result("outage: confirmed events lost in a kill of the broker", f"{len(lost)} of {len(publishing.confirmed)}",
               demand="0", met=not lost),
        Result("outage: kill of the broker to the next confirm", f"p50 {subject:.1f} s, worst {max(ours):.1f} s",
               f"p50 {floor:.1f} s", subject / floor),
    ]  # fmt: skip


@asynccontextmanager
async def _publishing(publishes: RabbitBroker) -> AsyncIterator[Publishing]:
    publishing = Publishing(publishes)
    tasks = [asyncio.create_task(publishing.forever()) for _ in range(IN_FLIGHT)]
    try:
        yield publishing
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _confirmed_bare(url: str) -> float:
    """Return when a bare client that only tries again has its first event confirmed."""
    while True:
        try:
            async with asyncio.timeout(broker.CONFIRM_TIMEOUT_SECONDS), await aio_pika.connect(url) as connection:
                exchange = await (await connection.channel()).get_exchange(topology.EVENTS)
                await exchange.publish(aio_pika.Message(b"{}"), CallRequested.key)
                return time.time()
        except (AMQPError, OSError, TimeoutError):
            await asyncio.sleep(PAUSE_SECONDS)


async def _kept(url: str) -> set[str | None]:
    """Take all events out of the queue and return their ids."""
    kept: set[str | None] = set()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(topology.queue_name("dialer", CallRequested))
        while message := await queue.get(no_ack=True, fail=False):
            kept.add(message.message_id)
    return kept
