"""The circuit breaker: what an endpoint's answers mean for everything else that it is owed.

One failure makes an endpoint suspect, and so does one answer that was long in coming: it is posted to one at a time,
apart from the others, until it has accepted something quickly. Several failures in a row let it rest, longer each time,
until a single delivery has gone through. One that has failed for a day is its owner's business, one that has failed for
days is switched off.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from parley_common.clock import now
from parley_common.db.deliveries import Deliveries, Delivery
from parley_common.db.endpoint_health import EndpointHealths
from parley_common.endpoints import DisabledReason, EndpointHealth, Notice
from parley_webhooks.notices import Notices
from parley_webhooks.schedule import LONGEST_RETRY_AFTER
from parley_webhooks.sender import Answer
from parley_webhooks.telling import TELL_EVERY, Teller

log = structlog.get_logger()

SLOW_AFTER = timedelta(seconds=2)
"""An endpoint that takes longer to accept holds a place for longer than others should wait for one."""

TRIP_AFTER = 5
RESTS = (
    timedelta(seconds=5),
    timedelta(seconds=15),
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=2),
    timedelta(minutes=5),
)
"""How long an endpoint rests after the fifth failure in a row, the sixth, and so on; the last goes on."""

DISABLE_AFTER = timedelta(days=5)


class Watch:
    """Keeps the health of endpoints by what they answer."""

    def __init__(self, healths: EndpointHealths, deliveries: Deliveries, teller: Teller, notices: Notices) -> None:
        self._healths = healths
        self._deliveries = deliveries
        self._teller = teller
        self._notices = notices

    async def allowed(self, due: Sequence[Delivery]) -> list[Delivery]:
        """Leave out what is due to endpoints that are off, and give it up: whoever was to do so may have died."""
        healths = await self._healths.of({delivery.endpoint_id for delivery in due})
        off = {health.endpoint_id for health in healths.values() if health.disabled_at is not None}
        for endpoint_id in off:
            await self._deliveries.give_up(endpoint_id)
        return [delivery for delivery in due if delivery.endpoint_id not in off]

    async def accepted(self, delivery: Delivery, took: timedelta) -> None:
        """An endpoint that was suspect has proved itself, one that was slow has become so."""
        if took > SLOW_AFTER:
            await self._healths.note_slow(delivery.endpoint_id, delivery.owner_id)
            if not delivery.suspect:
                await self._deliveries.mark(delivery.endpoint_id, suspect=True)
                log.info("endpoint slow", owner_id=delivery.owner_id, endpoint_id=delivery.endpoint_id)
        elif delivery.suspect:
            await self._healths.recover(delivery.endpoint_id)
            await self._deliveries.mark(delivery.endpoint_id, suspect=False)
            log.info("endpoint recovered", owner_id=delivery.owner_id, endpoint_id=delivery.endpoint_id)

    async def refused(self, delivery: Delivery, began_at: datetime, answer: Answer) -> None:
        """Count the failure, and draw what follows from it."""
        health = await self._healths.note_failure(delivery.endpoint_id, delivery.owner_id, began_at)
        if health.disabled_at is not None:
            await self._deliveries.give_up(delivery.endpoint_id)
            return
        failing_for = now() - (health.failing_since or began_at)
        if answer.gone:
            await self._disable(delivery, health, DisabledReason.GONE)
        elif failing_for >= DISABLE_AFTER:
            await self._disable(delivery, health, DisabledReason.FAILING)
        else:
            await self._spare(delivery, health, answer)
            if failing_for >= TELL_EVERY:
                await self._teller.tell(Notice.FAILING, delivery, health)

    async def gave_up(self, delivery: Delivery) -> None:
        """The last attempt of a delivery has failed."""
        await self._notices.delivery_failed(delivery)

    async def _spare(self, delivery: Delivery, health: EndpointHealth, answer: Answer) -> None:
        """Let it rest for as long as its failures, its answer or an answer before say, whichever is longest."""
        if not delivery.suspect:
            await self._deliveries.mark(health.endpoint_id, suspect=True)
        moment = now()
        rest = max(rest_after(health.failures), min(answer.asked_rest, LONGEST_RETRY_AFTER))
        until = max(moment + rest, health.resting_until or moment)
        if until > moment:
            await self._healths.rest(health.endpoint_id, until)
            await self._deliveries.hold(health.endpoint_id, until)

    async def _disable(self, delivery: Delivery, health: EndpointHealth, reason: DisabledReason) -> None:
        """Tell before it is off: afterwards nothing is posted any more that could remind of it."""
        disabled = health.model_copy(update={"disabled_at": now(), "disabled_reason": reason})
        await self._teller.tell(Notice.DISABLED, delivery, disabled)
        await self._healths.disable(health.endpoint_id, health.owner_id, reason)
        await self._deliveries.give_up(health.endpoint_id)


def rest_after(failures: int) -> timedelta:
    """Return how long an endpoint rests after so many failures in a row."""
    return RESTS[min(failures - TRIP_AFTER, len(RESTS) - 1)] if failures >= TRIP_AFTER else timedelta(0)
