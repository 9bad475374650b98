"""Who may be called now.

Any number of replicas dispatch side by side. One holds at most so many POSTs, and at most so many to one endpoint:
an endpoint that hangs uses up its own places and nobody else's.
"""

import asyncio
from collections import Counter

import structlog

from parley_common.db.deliveries import Deliveries, Delivery
from parley_common.errors import ParleyError, Transient
from parley_webhooks.delivering import Courier

log = structlog.get_logger()

POLL_SECONDS = 1.0
DRAIN_SECONDS = 10.0


class Dispatcher:
    """Sends couriers with whatever is due, until it is cancelled."""

    def __init__(self, deliveries: Deliveries, courier: Courier, *, parallel: int, parallel_per_endpoint: int) -> None:
        self._deliveries = deliveries
        self._courier = courier
        self._parallel = parallel
        self._parallel_per_endpoint = parallel_per_endpoint
        self._woken = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._places: Counter[str] = Counter()

    def wake(self) -> None:
        """Look for due deliveries at once instead of at the next poll."""
        self._woken.set()

    async def dispatch_forever(self) -> None:
        """Start what is due, now and every second; at the end let the POSTs that have left come back."""
        try:
            while True:
                self._woken.clear()
                try:
                    await self._start_due()
                except Transient as error:
                    log.warning("deliveries left for later", error=type(error).__name__)
                await self._nap()
        finally:
            await self._drain()

    async def _start_due(self) -> None:
        while len(self._running) < self._parallel:
            delivery = await self._deliveries.claim_due(excluding=self._crowded())
            if delivery is None:
                return
            self._places[delivery.endpoint_id] += 1
            task = asyncio.create_task(self._deliver(delivery))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        """The edge of one delivery: what breaks on our side is left to its lease, which ends."""
        try:
            await self._courier.deliver(delivery)
        except ParleyError as error:
            log.warning("delivery broken off", delivery_id=delivery.delivery_id, error=type(error).__name__)
        finally:
            self._places[delivery.endpoint_id] -= 1
            self.wake()

    def _crowded(self) -> list[str]:
        self._places = +self._places
        return [endpoint for endpoint, taken in self._places.items() if taken >= self._parallel_per_endpoint]

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
