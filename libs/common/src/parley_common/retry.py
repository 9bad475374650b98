"""What becomes of a message whose handler failed: the error's verdict decides.

Retryable: a copy goes to the next retry tier, the original is acknowledged; after the last tier it is a dead letter.
Anything else, and a message that cannot be read: a dead letter at once. Requeued is only what a retry tier does not
take, after a pause: from RabbitMQ 4.3 a requeue is not counted, so a poison message would loop for ever.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from time import perf_counter
from typing import Any

import structlog
from aio_pika import DeliveryMode, Message
from faststream import BaseMiddleware, StreamMessage
from faststream.exceptions import AckMessage, NackMessage, RejectMessage
from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange
from prometheus_client import Histogram
from structlog.contextvars import bound_contextvars

from parley_common import topology
from parley_common.errors import ParleyError

log = structlog.get_logger()

ATTEMPT_HEADER = "x-attempt"
_BROKER_HEADERS = ("x-death", "x-first-death", "x-last-death", "x-delivery")
_PUBLISH_TIMEOUT_SECONDS = 5.0
RETURN_PAUSE_SECONDS = 1.0

MESSAGE_SECONDS = Histogram(
    "parley_message_seconds",
    "From a message's arrival at its handler to the verdict on it, by queue and verdict.",
    ["queue", "verdict"],
    buckets=(0.005, 0.025, 0.1, 0.5, 2.5, 10, 30, 90),
)


class Verdict(StrEnum):
    """What has become of a message."""

    HANDLED = "handled"
    RETRIED = "retried"
    RETURNED = "returned"
    """The retry tier could not be reached, so the broker delivers it again."""

    DEAD = "dead"


class RetryMiddleware:
    """Builds one `_Retrying` for each message; holds the connection over which copies leave."""

    def __init__(self, publishes: RabbitBroker) -> None:
        self._publishes = publishes

    def __call__(self, message: Any, /, *, context: Any) -> "_Retrying":
        return _Retrying(message, context=context, publishes=self._publishes)


class _Retrying(BaseMiddleware[Any, Any]):
    """Binds the call to the log, runs the handler, and carries out the verdict on its error."""

    def __init__(self, message: Any, /, *, context: Any, publishes: RabbitBroker) -> None:
        super().__init__(message, context=context)
        self._publishes = publishes

    async def consume_scope(
        self, call_next: Callable[[StreamMessage[Any]], Awaitable[Any]], msg: StreamMessage[Any]
    ) -> Any:
        arrived = perf_counter()
        with bound_contextvars(call_id=msg.correlation_id, event_type=msg.raw_message.type, event_id=msg.message_id):
            try:
                result = await call_next(msg)
            except (AckMessage, NackMessage, RejectMessage):
                raise
            except Exception as error:  # the top edge of every handler
                verdict = await self._judge(msg, error)
                self._count(verdict, arrived)
                raise _answer(verdict) from error
        self._count(Verdict.HANDLED, arrived)
        return result

    async def _judge(self, msg: StreamMessage[Any], error: Exception) -> Verdict:
        attempt = int(msg.headers.get(ATTEMPT_HEADER, 0))
        if not _retryable(error) or attempt >= len(topology.RETRY_TIERS):
            log.error("message dead-lettered", error=type(error).__name__, attempt=attempt, exc_info=error)
            return Verdict.DEAD
        surprise = None if isinstance(error, ParleyError) else error
        log.warning("message will be retried", error=type(error).__name__, attempt=attempt, exc_info=surprise)
        try:
            await self._send_later(msg, attempt, error)
        except Exception as failure:  # noqa: BLE001  # whatever broke the copy, the original must survive
            log.warning("retry tier unreachable, message returned", error=type(failure).__name__)
            await asyncio.sleep(RETURN_PAUSE_SECONDS)
            return Verdict.RETURNED
        return Verdict.RETRIED

    def _count(self, verdict: Verdict, arrived: float) -> None:
        MESSAGE_SECONDS.labels(self._queue_name, verdict).observe(perf_counter() - arrived)

    @property
    def _queue_name(self) -> str:
        name: str = self.context.get_local("handler_").queue.name
        return name

    async def _send_later(self, msg: StreamMessage[Any], attempt: int, error: Exception) -> None:
        raw = msg.raw_message
        kept = {name: value for name, value in raw.headers.items() if not name.startswith(_BROKER_HEADERS)}
        copy = Message(
            msg.body,
            content_type=raw.content_type,
            type=raw.type,
            message_id=raw.message_id,
            correlation_id=raw.correlation_id,
            timestamp=raw.timestamp,
            delivery_mode=DeliveryMode.PERSISTENT,
            headers=kept | {ATTEMPT_HEADER: attempt + 1, "x-last-error": type(error).__name__},
        )
        exchange = RabbitExchange(topology.retry_exchange(attempt), type=ExchangeType.FANOUT, declare=False)
        async with asyncio.timeout(_PUBLISH_TIMEOUT_SECONDS):
            await self._publishes.publish(copy, exchange=exchange, routing_key=self._queue_name)


def _answer(verdict: Verdict) -> AckMessage | RejectMessage:
    """A message whose copy waits in a retry tier is acknowledged."""
    return AckMessage() if verdict is Verdict.RETRIED else RejectMessage(requeue=verdict is Verdict.RETURNED)


def _retryable(error: Exception) -> bool:
    """An error we did not name may pass; one we named says so itself; a message that cannot be read never does."""
    return error.retryable if isinstance(error, ParleyError) else not isinstance(error, ValueError)
