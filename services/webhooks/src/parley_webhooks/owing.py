"""Noting what is owed to whom; the dispatcher takes it from there."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from parley_common.clock import now
from parley_common.db.deliveries import Deliveries, Delivery, DeliveryStatus
from parley_common.db.endpoint_health import EndpointHealths
from parley_common.db.retention import Retention
from parley_common.endpoints import EndpointHealth
from parley_common.events import CallDeleted
from parley_common.ids import CallId, EventId, OwnerId
from parley_webhooks.recipients import Recipient, Recipients

log = structlog.get_logger()


@dataclass(frozen=True)
class News:
    """What has happened; without a body it is told by the call's document, when it is sent."""

    event_id: EventId
    event_type: str
    owner_id: OwnerId
    call_id: CallId | None
    occurred_at: datetime
    body: str | None = None


class Owing:
    """Turns news into deliveries to recipients; `wake` tells the dispatcher that one may be due."""

    def __init__(
        self,
        recipients: Recipients,
        healths: EndpointHealths,
        deliveries: Deliveries,
        retention: Retention,
        wake: Callable[[], None],
    ) -> None:
        self.recipients = recipients
        self._healths = healths
        self._deliveries = deliveries
        self._retention = retention
        self._wake = wake

    async def owe(self, news: News, recipients: Sequence[Recipient], due: datetime) -> None:
        """Note one delivery for each recipient; news that come again add none, nor do those of a deleted call."""
        if not recipients:
            return
        healths = await self._healths.of([recipient.endpoint_id for recipient in recipients])
        owed = list(_deliveries(news, recipients, healths, due))
        added = await self._deliveries.add(owed)
        if not await self._taken_back(news) and added:
            log.info("deliveries owed", call_id=news.call_id, event_id=news.event_id, deliveries=added)
            self._wake()

    async def hasten(self, report: Delivery) -> bool:
        """Send a report as soon as its endpoint may be called; False when it is being written at this moment."""
        health = (await self._healths.of([report.endpoint_id])).get(report.endpoint_id)
        hastened = await self._deliveries.hasten(report.delivery_id, _after_its_rest(health, now()))
        self._wake()
        return hastened

    async def is_late(self, news: News) -> bool:
        """Say whether the call's data was deleted: of it nothing is told any more but that."""
        if news.call_id is None or news.event_type == CallDeleted.name():
            return False
        return await self._retention.is_deleted(news.call_id)

    async def _taken_back(self, news: News) -> bool:
        """Take back what is owed about a call whose data was deleted meanwhile; looking first would leave a gap."""
        if news.call_id is None or not await self.is_late(news):
            return False
        await self._deliveries.withdraw(news.call_id)
        return True


def _deliveries(
    news: News, recipients: Sequence[Recipient], healths: dict[str, EndpointHealth], due: datetime
) -> Iterator[Delivery]:
    """Spare endpoints that rest; what an endpoint misses while it is off can be asked for later."""
    for recipient in recipients:
        health = healths.get(recipient.endpoint_id)
        off = health is not None and health.disabled_at is not None
        yield Delivery(
            delivery_id=f"{recipient.endpoint_id}:{news.event_id}",
            endpoint_id=recipient.endpoint_id,
            owner_id=news.owner_id,
            call_id=news.call_id,
            event_id=news.event_id,
            event_type=news.event_type,
            url=recipient.url,
            signed_by=recipient.signed_by,
            occurred_at=news.occurred_at,
            created_at=now(),
            next_attempt_at=_after_its_rest(health, due),
            status=DeliveryStatus.FAILED if off else DeliveryStatus.PENDING,
            suspect=health is not None and health.suspect,
            body=news.body,
        )


def _after_its_rest(health: EndpointHealth | None, due: datetime) -> datetime:
    return max(due, health.resting_until) if health and health.resting_until else due
