"""Who gets what, and when it is due first."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.db.deliveries import Deliveries, Delivery
from parley_common.errors import TooEarly
from parley_common.events import CallEnded, Event, RecordingFailed, RecordingReady
from parley_webhooks.payloads import recording_undecided

log = structlog.get_logger()


class Fanout:
    """Turns an event into the deliveries that it causes; `wake` tells the dispatcher that one may be due."""

    def __init__(
        self, calls: Calls, deliveries: Deliveries, wake: Callable[[], None], recording_wait: timedelta
    ) -> None:
        self._calls = calls
        self._deliveries = deliveries
        self._wake = wake
        self._recording_wait = recording_wait

    async def owe_report(self, event: CallEnded) -> None:
        """A call is over: its report is due, after a bounded wait when its recording is still being decided."""
        call = await self._calls.get(event.call_id)
        due = event.ended_at + self._recording_wait if recording_undecided(call) else now()
        await self._owe(call, event, due)

    async def complete_report(self, event: RecordingReady | RecordingFailed) -> None:
        """The recording is decided: a report that waited for it goes out, one that went without it is followed."""
        report = await self._deliveries.report_of(event.call_id)
        if report is None:
            return
        if report.promises_recording:
            await self._owe(await self._calls.get(event.call_id), event, now())
        elif report.body is None:
            if not await self._deliveries.hasten(report.delivery_id):
                raise TooEarly("the report is being written at this moment")
            self._wake()

    async def _owe(self, call: Call, event: Event, due: datetime) -> None:
        """Note one delivery for the assistant's own endpoint; a redelivered event adds none."""
        url = call.assistant.end_call_url
        if url is None:
            return
        delivery = Delivery(
            delivery_id=f"{call.assistant_id}:{event.event_id}",
            endpoint_id=call.assistant_id,
            owner_id=call.owner_id,
            call_id=call.call_id,
            event_id=event.event_id,
            event_type=event.key.rsplit(".", 1)[0],
            url=url,
            occurred_at=event.occurred_at,
            created_at=now(),
            next_attempt_at=due,
        )
        if await self._deliveries.add(delivery):
            log.info("delivery owed", call_id=call.call_id, delivery_id=delivery.delivery_id)
            self._wake()
