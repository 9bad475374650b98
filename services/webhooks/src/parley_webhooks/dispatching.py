"""Who may be called now.

Any number of replicas dispatch side by side. One holds at most so many POSTs, and at most so many to one endpoint:
an endpoint that hangs uses up its own places and nobody else's. Endpoints that have failed lately have a lane of their
own, one place each, and the lanes wait for nothing of one another: a thousand that hang delay nobody who answers.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

import structlog

from parley_common.db.deliveries import Deliveries, Delivery
from parley_common.errors import ParleyError, Transient
from parley_webhooks.delivering import Courier

log = structlog.get_logger()

POLL_SECONDS = 1.0
DRAIN_SECONDS = 10.0
BATCH = 10
LINGER_SECONDS = 0.05
"""So long a place that got free waits for others, so that they are filled by one look."""

SUSPECT_WRITERS = 1
"""Answers of suspects are written down one after another: a hundred that are given up together keep nobody waiting."""


class Lane:
    """Places for POSTs, who holds them, and when to look for more."""

    def __init__(self, *, suspect: bool, parallel: int, per_endpoint: int, writers: int) -> None:
        self.suspect = suspect
        self.writing = asyncio.Semaphore(writers)
        self.woken = asyncio.Event()
        self.left_something = False
        """The last look ended for want of places, not of deliveries."""

        self._parallel = parallel
        self._per_endpoint = per_endpoint
        self._taken: Counter[str] = Counter()

    @property
    def places(self) -> int:
        return self._parallel - self._taken.total()

    def crowded(self) -> list[str]:
        """Return the endpoints that hold all the places that they may."""
        self._taken = +self._taken
        return [endpoint for endpoint, places in self._taken.items() if places >= self._per_endpoint]

    def fitting(self, due: Sequence[Delivery]) -> list[Delivery]:
        """Choose as many as there are places for, in all and of each endpoint."""
        taken, chosen = self._taken.copy(), list[Delivery]()
        for delivery in due[: self.places]:
            if taken[delivery.endpoint_id] < self._per_endpoint:
                taken[delivery.endpoint_id] += 1
                chosen.append(delivery)
        return chosen

    def take(self, endpoint_id: str) -> None:
        self._taken[endpoint_id] += 1

    def give_back(self, endpoint_id: str) -> None:
        """Free a place; look at once when half of an endpoint's places are free, else in a moment."""
        self._taken[endpoint_id] -= 1
        if not self.left_something:
            return
        if self._per_endpoint > 1 and 2 * self._taken[endpoint_id] <= self._per_endpoint:
            self.woken.set()
        else:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self.woken.set)


class Dispatcher:
    """Sends couriers with whatever is due, until it is cancelled; looks at once when it is woken."""

    def __init__(
        self,
        deliveries: Deliveries,
        courier: Courier,
        woken: asyncio.Event,
        *,
        parallel: int,
        parallel_per_endpoint: int,
    ) -> None:
        self._deliveries = deliveries
        self._courier = courier
        self._lanes = (
            Lane(suspect=False, parallel=parallel, per_endpoint=parallel_per_endpoint, writers=parallel),
            Lane(suspect=True, parallel=parallel, per_endpoint=1, writers=SUSPECT_WRITERS),
        )
        self._woken = woken
        self._running: set[asyncio.Task[None]] = set()

    async def dispatch_forever(self) -> None:
        """Start what is due, now and every second; at the end let the POSTs that have left come back."""
        try:
            async with asyncio.TaskGroup() as lanes:
                lanes.create_task(self._wake_lanes())
                for lane in self._lanes:
                    lanes.create_task(self._serve(lane))
        finally:
            await self._drain()

    async def _wake_lanes(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            for lane in self._lanes:
                lane.woken.set()

    async def _serve(self, lane: Lane) -> None:
        """Look on behalf of one lane, which waits for no other."""
        while True:
            lane.woken.clear()
            try:
                await self._start_due(lane)
            except Transient as error:
                log.warning("deliveries left for later", error=type(error).__name__)
            await _nap(lane.woken)

    async def _start_due(self, lane: Lane) -> None:
        lane.left_something = True
        while lane.places:
            asked = min(BATCH, lane.places)
            crowded = lane.crowded()
            due = await self._deliveries.due(asked, crowded, suspect=lane.suspect)
            chosen = lane.fitting(due)
            for delivery in await self._deliveries.claim(chosen) if chosen else []:
                self._start(delivery, lane)
            if len(due) < asked:
                lane.left_something = bool(crowded) or len(chosen) < len(due)
                return

    def _start(self, delivery: Delivery, lane: Lane) -> None:
        lane.take(delivery.endpoint_id)
        task = asyncio.create_task(self._deliver(delivery, lane))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _deliver(self, delivery: Delivery, lane: Lane) -> None:
        """The edge of one delivery: what breaks on our side is left to its lease, which ends."""
        try:
            posted = await self._courier.post(delivery)
            if posted is not None:
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
            lane.give_back(delivery.endpoint_id)

    async def _drain(self) -> None:
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()


async def _nap(woken: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await woken.wait()
    except TimeoutError:
        return
