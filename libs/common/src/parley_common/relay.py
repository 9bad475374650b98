"""The relay: takes events out of call documents and publishes them, at least once, with the same id every time."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta

import structlog
from faststream.rabbit import RabbitBroker

from parley_common.broker import publish_event
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.db.outbox import RELAY_LEASE, PendingEvents
from parley_common.errors import PublishUnconfirmed, Transient
from parley_common.ids import CallId

log = structlog.get_logger()

SWEEP_INTERVAL_SECONDS = 1.0
STALE_AFTER = timedelta(seconds=2)
LEASE_SHARE = 0.8
"""Publishing stops well inside the lease, so that two relays never publish one call's events side by side."""


class Relay:
    """Publishes what a write has put into a call's outbox: at once after the write, by the sweeper after a crash."""

    def __init__(self, calls: Calls, broker: RabbitBroker) -> None:
        self._calls = calls
        self._broker = broker
        self._running: set[asyncio.Task[None]] = set()

    async def flush(self, call_id: CallId) -> None:
        """Publish until the outbox is empty. Raises Transient when the broker or the database is away."""
        await self._empty(await self._calls.outbox.lease(call_id))

    def flush_soon(self, call_id: CallId) -> None:
        """Flush without waiting; what fails is left to the sweeper."""
        self._begin(call_id, self.flush(call_id))

    def publish_soon(self, pending: PendingEvents) -> None:
        """Publish what an insert has leased to us, without waiting; what fails is left to the sweeper."""
        self._begin(pending.call_id, self._empty(pending))

    async def drain(self) -> None:
        """Wait for flushes that were started and not awaited."""
        await asyncio.gather(*self._running)

    async def sweep_forever(self) -> None:
        """Publish what a crash or an outage left behind; any number of replicas may do so at once."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_SECONDS)
            try:
                for call_id in await self._calls.outbox.stale(now() - STALE_AFTER):
                    await self.flush(call_id)
            except Exception as error:  # noqa: BLE001  # a sweeper that ended would leave events behind for ever
                log.warning("outbox sweep interrupted", error=type(error).__name__)

    async def _empty(self, leased: PendingEvents | None) -> None:
        while leased is not None and not await self._publish(leased):
            leased = await self._calls.outbox.lease(leased.call_id)

    async def _publish(self, pending: PendingEvents) -> bool:
        """Publish what is leased to us; False when newer events have come meanwhile."""
        published: list[str] = []
        try:
            async with asyncio.timeout(RELAY_LEASE.total_seconds() * LEASE_SHARE):
                for event in pending.events:
                    await publish_event(self._broker, event, trace=pending.trace)
                    published.append(event["event_id"])
        except TimeoutError as error:
            raise PublishUnconfirmed("the events were not confirmed within their lease") from error
        finally:
            emptied = await self._calls.outbox.settle(pending.call_id, published)
        return emptied

    def _begin(self, call_id: CallId, publishing: Coroutine[None, None, object]) -> None:
        task = asyncio.create_task(_quietly(call_id, publishing))
        self._running.add(task)
        task.add_done_callback(self._running.discard)


async def _quietly(call_id: CallId, publishing: Coroutine[None, None, object]) -> None:
    try:
        await publishing
    except Transient as error:
        log.warning("event left to the sweeper", call_id=call_id, error=type(error).__name__)
