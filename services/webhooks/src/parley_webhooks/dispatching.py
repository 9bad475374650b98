"""Who may be called now.

Any number of replicas dispatch side by side. One holds at most so many POSTs, and at most so many to one endpoint:
an endpoint that hangs uses up its own places and nobody else's. Endpoints that have failed lately have places of their
own, one each, so that a thousand of them that hang delay nobody who answers.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import structlog

from parley_common.db.deliveries import Deliveries, Delivery
from parley_common.errors import ParleyError, Transient
from parley_webhooks.delivering import Courier

log = structlog.get_logger()

POLL_SECONDS = 1.0
DRAIN_SECONDS = 10.0


@dataclass
class Lane:
    """Places for POSTs, and who holds them."""

    suspect: bool
    parallel: int
    per_endpoint: int
    taken: Counter[str] = field(default_factory=Counter)

    @property
    def full(self) -> bool:
        return self.taken.total() >= self.parallel

    def crowded(self) -> list[str]:
        """Return the endpoints that hold all the places that they may."""
        self.taken = +self.taken
        return [endpoint for endpoint, places in self.taken.items() if places >= self.per_endpoint]


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
            Lane(suspect=False, parallel=parallel, per_endpoint=parallel_per_endpoint),
            Lane(suspect=True, parallel=parallel, per_endpoint=1),
        )
        self._woken = woken
        self._running: set[asyncio.Task[None]] = set()

    async def dispatch_forever(self) -> None:
        """Start what is due, now and every second; at the end let the POSTs that have left come back."""
        try:
            while True:
                self._woken.clear()
                try:
                    for lane in self._lanes:
                        await self._start_due(lane)
                except Transient as error:
                    log.warning("deliveries left for later", error=type(error).__name__)
                await self._nap()
        finally:
            await self._drain()

    async def _start_due(self, lane: Lane) -> None:
        while not lane.full:
            delivery = await self._deliveries.claim_due(excluding=lane.crowded(), suspect=lane.suspect)
            if delivery is None:
                return
            lane.taken[delivery.endpoint_id] += 1
            task = asyncio.create_task(self._deliver(delivery, lane))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _deliver(self, delivery: Delivery, lane: Lane) -> None:
        """The edge of one delivery: what breaks on our side is left to its lease, which ends."""
        try:
            await self._courier.deliver(delivery)
        except ParleyError as error:
            log.warning(
                "delivery broken off",
                call_id=delivery.call_id,
                delivery_id=delivery.delivery_id,
                error=type(error).__name__,
            )
        finally:
            lane.taken[delivery.endpoint_id] -= 1
            self._woken.set()

    async def _nap(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _drain(self) -> None:
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
