"""Who gets what, and when it is due first."""

from datetime import timedelta

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.db.deliveries import Deliveries, Delivery
from parley_common.errors import TooEarly
from parley_common.events import AnalysisFailed, AnalysisReady, CallEnded, Event, RecordingFailed, RecordingReady
from parley_webhooks.bridge import Bridge
from parley_webhooks.owing import News, Owing
from parley_webhooks.payloads import event_payload
from parley_webhooks.reporting import Reporter

type Addition = RecordingReady | RecordingFailed | AnalysisReady | AnalysisFailed
"""What a report may wait for, and what follows a report that did not."""


class Fanout:
    """Turns an event into the deliveries that it causes.

    An assistant's end-call URL gets the report of each call, and what came too late for it: a recording, an analysis.
    Endpoints get every event that they have asked for. Integrators on RabbitMQ get the same bodies over the bridge, at
    once: what is late follows. Deliveries are noted first: one that cannot be passed on comes again and adds none.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # whom it tells, and of what
        self,
        calls: Calls,
        deliveries: Deliveries,
        owing: Owing,
        bridge: Bridge,
        reporter: Reporter,
        report_wait: timedelta,
    ) -> None:
        self._calls = calls
        self._deliveries = deliveries
        self._owing = owing
        self._bridge = bridge
        self._reporter = reporter
        self._report_wait = report_wait

    async def tell(self, event: Event) -> None:
        """Something happened during a call: those who listen hear it at once."""
        body = event_payload(event).model_dump_json()
        news = _news(event, body)
        if await self._owing.is_late(news):
            return
        listeners = await self._owing.recipients.listeners(event.owner_id, news.event_type)
        await self._owing.owe(news, listeners, now())
        await self._bridge.pass_on(event, body)

    async def owe_report(self, event: CallEnded) -> None:
        """A call is over: its report is due, after a bounded wait when more may be known soon."""
        call = await self._calls.get(event.call_id)
        due = event.occurred_at + self._report_wait if _is_incomplete(call) else now()
        news, own = _news(event), await self._owing.recipients.end_call_url(call)
        listeners = await self._owing.recipients.listeners(event.owner_id, news.event_type)
        await self._owing.owe(news, [own, *listeners] if own else listeners, due)
        await self._pass_on_report(call, event)

    async def complete_report(self, event: Addition) -> None:
        """Something is decided: reports that waited only for it go out, one that went without it is followed."""
        call, news = await self._calls.get(event.call_id), _news(event)
        recipients = await self._owing.recipients.listeners(event.owner_id, news.event_type)
        own = await self._owing.recipients.end_call_url(call)
        too_early = False
        for report in await self._deliveries.reports_of(event.call_id):
            if own and report.endpoint_id == own.endpoint_id and _promises(report, event):
                recipients.append(own)
            too_early |= report.body is None and not await self._will_tell(report, call)
        await self._owing.owe(news, recipients, now())
        await self._pass_on_report(call, event)
        if too_early:
            raise TooEarly("a report is being written at this moment")

    async def _will_tell(self, report: Delivery, call: Call) -> bool:
        """Say whether a report without a body will tell of it; one that is being written may have looked before."""
        return not report.is_leased if _is_incomplete(call) else await self._owing.hasten(report)

    async def _pass_on_report(self, call: Call, event: CallEnded | Addition) -> None:
        if call.deletion is not None:
            return
        await self._bridge.pass_on(event, await self._reporter.write(call, event.name(), event.occurred_at))


def _is_incomplete(call: Call) -> bool:
    """Whether a recording, an analysis, or the last words that a lost agent heard may come yet."""
    return call.awaits_recording or call.awaits_analysis or call.lost_an_agent


def _promises(report: Delivery, event: Addition) -> bool:
    """Whether a report that was written said that this would follow."""
    is_analysis = isinstance(event, AnalysisReady | AnalysisFailed)
    return report.promises_analysis if is_analysis else report.promises_recording


def _news(event: Event, body: str | None = None) -> News:
    return News(
        event_id=event.event_id,
        event_type=event.name(),
        owner_id=event.owner_id,
        call_id=event.call_id,
        occurred_at=event.occurred_at,
        body=body,
    )
