"""Every public event in its owner's journal, from which live streams are read."""

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

import stamina
import structlog

from parley_common.db import Calls
from parley_common.db.journal import Entry, Journal
from parley_common.db.retention import Retention
from parley_common.errors import Transient
from parley_common.events import Event
from parley_common.ids import OwnerId
from parley_webhooks.payloads import TOLD_BY_THE_CALL, event_payload
from parley_webhooks.reporting import Reporter

log = structlog.get_logger()

PATIENCE_SECONDS = 600.0
"""So long an event waits for the database in its place; sent to a retry tier it would lose it."""


class Scribe:
    """Writes events down in the order in which they come; `ring` tells readers that there is more to read."""

    def __init__(
        self,
        calls: Calls,
        journal: Journal,
        retention: Retention,
        reporter: Reporter,
        ring: Callable[[OwnerId], Awaitable[None]],
    ) -> None:
        self._calls = calls
        self._journal = journal
        self._retention = retention
        self._reporter = reporter
        self._ring = ring
        self._turns: WeakValueDictionary[OwnerId, asyncio.Lock] = WeakValueDictionary()

    async def note(self, event: Event) -> None:
        """Write down what happened to a call, after whatever was told before; told again, it stands there once."""
        async with self._turns.setdefault(event.owner_id, asyncio.Lock()):
            async for attempt in stamina.retry_context(
                on=Transient, attempts=None, timeout=PATIENCE_SECONDS, wait_max=5.0
            ):
                with attempt:
                    await self.write(await self._entry(event))

    async def write(self, entry: Entry) -> None:
        """Write an entry down; a reader who does not hear of it looks by itself, a little later."""
        added = await self._journal.append(entry)
        if entry.call_id is not None and await self._retention.is_deleted(entry.call_id):
            await self._journal.blank(entry.call_id)  # it came late; looking first would leave a gap
        if not added:
            return
        try:
            await self._ring(entry.owner_id)
        except Transient as error:
            log.warning("readers not told", call_id=entry.call_id, error=type(error).__name__)

    async def _entry(self, event: Event) -> Entry:
        return Entry(
            event_id=event.event_id,
            owner_id=event.owner_id,
            call_id=event.call_id,
            event_type=event.name(),
            body=await self._body(event),
        )

    async def _body(self, event: Event) -> str:
        if type(event) not in TOLD_BY_THE_CALL:
            return event_payload(event).model_dump_json()
        call = await self._calls.get(event.call_id)
        return await self._reporter.write(call, event.name(), event.occurred_at)
