"""What an owner hears of an endpoint's trouble: by mail, by the owner's other endpoints and in the journal.

Nothing notes that an owner is still to be told. A notice has its id from the failure of which it tells, each step of
telling leaves alone what is there already, and only the last one ends it: broken off anywhere, the endpoint's next
failure goes on.
"""

from datetime import datetime, timedelta

from parley_common.clock import now
from parley_common.db.deliveries import Delivery
from parley_common.db.endpoint_health import EndpointHealths
from parley_common.db.journal import Entry
from parley_common.endpoints import EndpointHealth, Notice
from parley_common.ids import EventId
from parley_webhooks.journaling import Scribe
from parley_webhooks.notices import Notices
from parley_webhooks.owing import News, Owing
from parley_webhooks.payloads import notice_payload

TELL_EVERY = timedelta(days=1)


class Teller:
    """Tells each notice once, however often it is asked to."""

    def __init__(self, healths: EndpointHealths, owing: Owing, scribe: Scribe, notices: Notices) -> None:
        self._healths = healths
        self._owing = owing
        self._scribe = scribe
        self._notices = notices

    async def tell(self, notice: Notice, delivery: Delivery, health: EndpointHealth) -> None:
        """Tell that an endpoint fails, once a day while it does, or that it is switched off."""
        moment = now()
        event_id = _event_id(notice, health, health.failing_since or delivery.created_at)
        if await self._healths.was_told(health.endpoint_id, event_id):
            return
        body = notice_payload(notice, health, moment).model_dump_json()
        news = News(
            event_id=event_id,
            event_type=notice,
            owner_id=health.owner_id,
            call_id=None,
            occurred_at=moment,
            body=body,
        )
        await self._scribe.write(
            Entry(event_id=event_id, owner_id=news.owner_id, call_id=None, event_type=notice, body=body)
        )
        others = await self._owing.recipients.listeners(health.owner_id, notice)
        await self._owing.owe(news, [one for one in others if one.endpoint_id != health.endpoint_id], moment)
        await self._notices.endpoint(notice, event_id, delivery, health)


def _event_id(notice: Notice, health: EndpointHealth, since: datetime) -> EventId:
    """Name a notice by the failure of which it tells, and by the day of it when there is one each day."""
    told = "disabled" if notice is Notice.DISABLED else f"failing_{(now() - since) // TELL_EVERY}"
    return EventId(f"evt_{health.endpoint_id}_{int(since.timestamp())}_{told}")
