"""One delivery: its body written once, one signed POST, and what the answer means."""

from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import structlog

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls
from parley_common.db.deliveries import REPORT, Deliveries, Delivery, DeliveryAttempt, DeliveryStatus, Settlement
from parley_webhooks import metrics
from parley_webhooks.examples import example_payload
from parley_webhooks.reporting import Reporter
from parley_webhooks.schedule import pause_after
from parley_webhooks.sender import Answer, Sender
from parley_webhooks.settling import Ledger
from parley_webhooks.signing import Signer
from parley_webhooks.watching import Watch

log = structlog.get_logger()


@dataclass(frozen=True)
class Letter:
    """A delivery that is ready to leave."""

    delivery: Delivery
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Posted:
    """A delivery that has left, and what came back."""

    delivery: Delivery
    attempt: DeliveryAttempt
    answer: Answer


class Courier:
    """Takes a claimed delivery to its endpoint and writes down what came of it."""

    def __init__(  # noqa: PLR0913, PLR0917  # what a delivery needs on its way
        self,
        deliveries: Deliveries,
        calls: Calls,
        signer: Signer,
        reporter: Reporter,
        sender: Sender,
        watch: Watch,
    ) -> None:
        self._deliveries = deliveries
        self._ledger = Ledger(deliveries)
        self._calls = calls
        self._signer = signer
        self._reporter = reporter
        self._sender = sender
        self._watch = watch

    async def write(self, delivery: Delivery) -> Letter | None:
        """Sign the body, written now or by an earlier attempt; None when the lease has gone to somebody else."""
        written = delivery if delivery.body is not None else await self._with_body(delivery)
        if written is None or written.body is None:
            return None
        headers = await self._signer.headers(written.signed_by, written.webhook_id, now(), written.body)
        return Letter(written, written.body.encode(), headers)

    async def post(self, letter: Letter) -> Posted:
        """Post once, soon after it was signed: receivers refuse what is old."""
        at, started = now(), monotonic()
        answer = await self._sender.post(letter.delivery.url, letter.body, letter.headers)
        attempt = DeliveryAttempt(
            at=at,
            duration_seconds=round(monotonic() - started, 3),
            status_code=answer.status_code,
            error=answer.error,
            excerpt=answer.excerpt,
        )
        return Posted(letter.delivery, attempt, answer)

    async def _with_body(self, delivery: Delivery) -> Delivery | None:
        if delivery.call_id is None:
            body = example_payload(delivery.event_type).model_dump_json()
            promises = {}
        else:
            call = await self._calls.get(delivery.call_id)
            body = await self._reporter.write(call, delivery.event_type, delivery.occurred_at)
            promises = _promises(call) if delivery.event_type == REPORT else {}
        return await self._deliveries.write_body(delivery, body, **promises)

    async def settle(self, posted: Posted) -> None:
        """Write down what came of a POST; whoever has lost the lease meanwhile writes nothing."""
        delivery, attempt, answer = posted.delivery, posted.attempt, posted.answer
        tries = delivery.tries + 1
        pause = None if answer.accepted or answer.gone else pause_after(tries, answer.retry_after)
        status = _status(answer, tries_left=pause is not None)
        due = now() + pause if pause else delivery.next_attempt_at
        if not await self._ledger.settle(Settlement(delivery, attempt, status, due)):
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
            await self._watch.accepted(delivery, timedelta(seconds=attempt.duration_seconds))
            return
        await self._watch.refused(delivery, attempt.at, answer)
        if status is DeliveryStatus.FAILED and not answer.gone:
            await self._watch.gave_up(delivery)


def _promises(call: Call) -> dict[str, bool]:
    return {"promises_recording": call.awaits_recording, "promises_analysis": call.awaits_analysis}


def _status(answer: Answer, *, tries_left: bool) -> DeliveryStatus:
    if answer.accepted:
        return DeliveryStatus.DELIVERED
    return DeliveryStatus.PENDING if tries_left else DeliveryStatus.FAILED
