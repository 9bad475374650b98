"""One delivery: its body written once, one signed POST, and what the answer means."""

from datetime import timedelta
from time import monotonic

import structlog

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.db.deliveries import REPORT, Deliveries, Delivery, DeliveryAttempt, DeliveryStatus
from parley_common.db.signing_secrets import SigningSecrets
from parley_common.s3 import Link, RecordingLinks
from parley_webhooks import metrics, signing
from parley_webhooks.examples import example_payload
from parley_webhooks.payloads import payload
from parley_webhooks.schedule import pause_after
from parley_webhooks.sender import Answer, Sender
from parley_webhooks.watching import Watch

log = structlog.get_logger()


class Courier:
    """Takes a claimed delivery to its endpoint and writes down what came of it."""

    def __init__(  # noqa: PLR0913, PLR0917  # what a delivery needs on its way
        self,
        deliveries: Deliveries,
        calls: Calls,
        secrets: SigningSecrets,
        links: RecordingLinks,
        sender: Sender,
        watch: Watch,
    ) -> None:
        self._deliveries = deliveries
        self._calls = calls
        self._secrets = secrets
        self._links = links
        self._sender = sender
        self._watch = watch

    async def deliver(self, delivery: Delivery) -> None:
        """Post once. Whoever has lost the lease meanwhile writes nothing."""
        written = delivery if delivery.body is not None else await self._with_body(delivery)
        if written is None or written.body is None:
            return
        secrets = await self._secrets.signing(written.signed_by)
        at, started = now(), monotonic()
        headers = signing.headers(secrets, written.webhook_id, at, written.body)
        answer = await self._sender.post(written.url, written.body.encode(), headers)
        attempt = DeliveryAttempt(
            at=at,
            duration_seconds=round(monotonic() - started, 3),
            status_code=answer.status_code,
            error=answer.error,
            excerpt=answer.excerpt,
        )
        await self._settle(written, attempt, answer)

    async def _with_body(self, delivery: Delivery) -> Delivery | None:
        if delivery.call_id is None:
            written = example_payload(delivery.event_type)
            promises = False
        else:
            call = await self._calls.get(delivery.call_id)
            written = payload(call, delivery.event_type, delivery.occurred_at, await self._link(call))
            promises = delivery.event_type == REPORT and call.awaits_recording
        return await self._deliveries.write_body(delivery, written.model_dump_json(), promises_recording=promises)

    async def _link(self, call: Call) -> Link | None:
        hours = call.assistant.recording_link_hours
        return await self._links.to(call.recording, timedelta(hours=hours)) if hours else None

    async def _settle(self, delivery: Delivery, attempt: DeliveryAttempt, answer: Answer) -> None:
        tries = delivery.tries + 1
        pause = None if answer.accepted or answer.gone else pause_after(tries, answer.retry_after)
        status = _status(answer, tries_left=pause is not None)
        due = now() + pause if pause else delivery.next_attempt_at
        if not await self._deliveries.settle(delivery, attempt, status, due):
            log.warning("delivery answered after its lease", call_id=delivery.call_id, delivery_id=delivery.delivery_id)
            return
        metrics.count(delivery, status)
        log.info(
            "delivery attempted",
            call_id=delivery.call_id,
            delivery_id=delivery.delivery_id,
            event_type=delivery.event_type,
            attempt=tries,
            status=status,
            status_code=answer.status_code,
            error=answer.error,
            milliseconds=round(attempt.duration_seconds * 1000),
            next_attempt_at=due.isoformat() if pause else None,
        )
        if answer.accepted:
            await self._watch.accepted(delivery)
            return
        await self._watch.refused(delivery, attempt.at, answer)
        if status is DeliveryStatus.FAILED and not answer.gone:
            await self._watch.gave_up(delivery)


def _status(answer: Answer, *, tries_left: bool) -> DeliveryStatus:
    if answer.accepted:
        return DeliveryStatus.DELIVERED
    return DeliveryStatus.PENDING if tries_left else DeliveryStatus.FAILED
