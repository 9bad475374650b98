"""Who may be called now.

Any number of replicas dispatch side by side. One holds at most so many POSTs, at most so many to one endpoint, and a
share for one owner. Owners take turns: whoever holds fewest places gets the next one, whatever the others are owed.
Endpoints that have failed lately, or are slow, have a lane of their own, one place each, and the lanes wait for nothing
of one another: a thousand that hang delay nobody who answers. News wakes only the lane of those who answer, or each
event for one of them would have the backlog of the others read.
"""

import asyncio
from functools import partial

import structlog

from parley_common.db.deliveries import Deliveries, Delivery
from parley_common.errors import ParleyError, Transient
from parley_webhooks.delivering import Courier
from parley_webhooks.lanes import Lane
from parley_webhooks.watching import Watch

log = structlog.get_logger()

DRAIN_SECONDS = 10.0
BATCH = 10
LINGER_SECONDS = 0.05
SUSPECT_LINGER_SECONDS = 0.25
"""So long a place that got free waits for others, so that they are filled by one look."""

SUSPECT_WRITERS = 1
"""What suspects are told and answer is written one after another: a hundred that go out together, or are given up
together, keep nobody waiting."""


class Dispatcher:
    """Sends couriers with whatever is due, until it is cancelled; looks at once when there is news."""

    def __init__(  # noqa: PLR0913  # how much goes out at once, and by what
        self,
        deliveries: Deliveries,
        watch: Watch,
        courier: Courier,
        news: asyncio.Event,
        *,
        parallel: int,
        parallel_per_endpoint: int,
    ) -> None:
        self._deliveries = deliveries
        self._watch = watch
        self._courier = courier
        self._lanes = (
            Lane(
                suspect=False,
                parallel=parallel,
                per_endpoint=parallel_per_endpoint,
                writers=parallel,
                batch=BATCH,
                linger=LINGER_SECONDS,
                news=news,
            ),
            Lane(
                suspect=True,
                parallel=parallel,
                per_endpoint=1,
                writers=SUSPECT_WRITERS,
                batch=parallel,
                linger=SUSPECT_LINGER_SECONDS,
                news=asyncio.Event(),
            ),
        )
        self._running: set[asyncio.Task[None]] = set()

    async def dispatch_forever(self) -> None:
        """Start what is due, now and every second; at the end let the POSTs that have left come back."""
        try:
            async with asyncio.TaskGroup() as lanes:
                for lane in self._lanes:
                    lanes.create_task(self._serve(lane))
        finally:
            await self._drain()

    async def _serve(self, lane: Lane) -> None:
        """Look on behalf of one lane, which waits for no other."""
        while True:
            try:
                await self._start_due(lane)
            except Transient as error:
                log.warning("deliveries left for later", error=type(error).__name__)
            await lane.rung()

    async def _start_due(self, lane: Lane) -> None:
        lane.left_something = True
        waiting = await lane.owed(partial(self._deliveries.owners_due, suspect=lane.suspect))
        while owners := lane.next_in_turn(waiting, asked := min(lane.batch, lane.free)):
            due = await self._deliveries.due(owners, asked, lane.crowded(), suspect=lane.suspect)
            chosen = await self._watch.allowed(lane.fitting(due)) if due else []
            for delivery in await self._deliveries.claim(chosen) if chosen else []:
                self._start(delivery, lane)
            if len(chosen) == len(due) < asked:
                waiting.difference_update(owners)
            if lane.is_outdated():  # a long backlog of others would keep news waiting
                lane.freed.set()
                return
        lane.left_something = bool(waiting or lane.crowded())

    def _start(self, delivery: Delivery, lane: Lane) -> None:
        lane.take(delivery)
        task = asyncio.create_task(self._deliver(delivery, lane))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _deliver(self, delivery: Delivery, lane: Lane) -> None:
        """The edge of one delivery: what breaks on our side is left to its lease, which ends."""
        try:
            async with lane.writing:
                letter = await self._courier.write(delivery)
            if letter is not None:
                posted = await self._courier.post(letter)
                async with lane.writing:
                    await self._courier.settle(posted)
        except ParleyError as error:
            log.warning(
                "delivery broken off",
                call_id=delivery.call_id,
                delivery_id=delivery.delivery_id,
                error=type(error).__name__,
            )
        finally:
            lane.give_back(delivery)

    async def _drain(self) -> None:
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
