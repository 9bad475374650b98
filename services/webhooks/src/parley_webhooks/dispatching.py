"""Who may be called now.

Any number of replicas dispatch side by side. One holds at most so many POSTs, at most so many to one endpoint, and at
most half of them for one owner: an endpoint that hangs uses up its own places, and an owner of many never all of them.
Endpoints that have failed lately have a lane of their own, one place each, and the lanes wait for nothing of one
another: a thousand that hang delay nobody who answers.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from typing import Self

import structlog

from parley_common.db.deliveries import Deliveries, Delivery, Excluded
from parley_common.errors import ParleyError, Transient
from parley_webhooks.delivering import Courier

log = structlog.get_logger()

POLL_SECONDS = 1.0
DRAIN_SECONDS = 10.0
BATCH = 10
LINGER_SECONDS = 0.05
"""So long a place that got free waits for others, so that they are filled by one look."""

OWNERS_SHARE = 0.5
"""So much of a lane may one owner's endpoints hold together."""

SUSPECT_WRITERS = 1
"""Answers of suspects are written down one after another: a hundred that are given up together keep nobody waiting."""


class Places:
    """So many in all, to one endpoint, and to all endpoints of one owner."""

    def __init__(self, parallel: int, per_endpoint: int, per_owner: int) -> None:
        self._parallel = parallel
        self._limits = {"endpoint_id": per_endpoint, "owner_id": per_owner}
        self._taken: dict[str, Counter[str]] = {field: Counter() for field in self._limits}

    def copy(self) -> Self:
        return deepcopy(self)

    @property
    def free(self) -> int:
        return self._parallel - self._taken["endpoint_id"].total()

    def crowded(self) -> Excluded:
        """Return who holds all the places that they may."""
        self._taken = {field: +taken for field, taken in self._taken.items()}
        return {
            field: [name for name, places in taken.items() if places >= self._limits[field]]
            for field, taken in self._taken.items()
        }

    def take(self, delivery: Delivery) -> bool:
        """Take a place for a delivery; False when there is none for it."""
        names = {field: getattr(delivery, field) for field in self._limits}
        if self.free <= 0 or any(self._taken[field][name] >= self._limits[field] for field, name in names.items()):
            return False
        for field, name in names.items():
            self._taken[field][name] += 1
        return True

    def give_back(self, delivery: Delivery) -> None:
        for field, taken in self._taken.items():
            taken[getattr(delivery, field)] -= 1

    def half_free(self, endpoint_id: str) -> bool:
        """Whether half of an endpoint's places are free; of a single one it is never said."""
        limit = self._limits["endpoint_id"]
        return limit > 1 and 2 * self._taken["endpoint_id"][endpoint_id] <= limit


class Lane:
    """Places for POSTs, who holds them, and when to look for more."""

    def __init__(self, *, suspect: bool, parallel: int, per_endpoint: int, per_owner: int, writers: int) -> None:
        self.suspect = suspect
        self.writing = asyncio.Semaphore(writers)
        self.woken = asyncio.Event()
        self.left_something = False
        """The last look ended for want of places, not of deliveries."""

        self._places = Places(parallel, per_endpoint, per_owner)

    @property
    def free(self) -> int:
        return self._places.free

    def crowded(self) -> Excluded:
        return self._places.crowded()

    def fitting(self, due: Sequence[Delivery]) -> list[Delivery]:
        """Choose as many as there are places for, in all, of each endpoint and of each owner."""
        after = self._places.copy()
        return [delivery for delivery in due if after.take(delivery)]

    def take(self, delivery: Delivery) -> None:
        self._places.take(delivery)

    def give_back(self, delivery: Delivery) -> None:
        """Free a place; look at once when half of an endpoint's places are free, else in a moment."""
        self._places.give_back(delivery)
        if not self.left_something:
            return
        if self._places.half_free(delivery.endpoint_id):
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
        per_owner = max(1, round(parallel * OWNERS_SHARE))
        self._lanes = (
            Lane(
                suspect=False,
                parallel=parallel,
                per_endpoint=parallel_per_endpoint,
                per_owner=per_owner,
                writers=parallel,
            ),
            Lane(suspect=True, parallel=parallel, per_endpoint=1, per_owner=per_owner, writers=SUSPECT_WRITERS),
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
        while lane.free > 0:
            asked = min(BATCH, lane.free)
            crowded = lane.crowded()
            due = await self._deliveries.due(asked, crowded, suspect=lane.suspect)
            chosen = lane.fitting(due)
            for delivery in await self._deliveries.claim(chosen) if chosen else []:
                self._start(delivery, lane)
            if len(due) < asked:
                lane.left_something = any(crowded.values()) or len(chosen) < len(due)
                return

    def _start(self, delivery: Delivery, lane: Lane) -> None:
        lane.take(delivery)
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
            lane.give_back(delivery)

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
