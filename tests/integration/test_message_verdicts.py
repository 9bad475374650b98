"""What becomes of a message whose handler fails, on a real RabbitMQ with short retry tiers."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from faststream.rabbit import RabbitBroker, RabbitMessage
from prometheus_client import REGISTRY
from pydantic import AmqpDsn

from parley_common import broker, topology
from parley_common.errors import CallNotFound, DatabaseUnavailable
from parley_common.events import CallRequested
from parley_common.settings import RabbitSettings
from tests import factories
from tests.support.customer import until

QUEUE = topology.queue_name("dialer", CallRequested)


@pytest.fixture
async def rabbit(rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> RabbitSettings:
    """The usual topology, with two retry tiers of a second."""
    monkeypatch.setattr(topology, "RETRY_TIERS", (timedelta(seconds=1), timedelta(seconds=2)))
    await topology.declare(rabbitmq_url)
    return RabbitSettings(rabbitmq_url=AmqpDsn(rabbitmq_url))


class Handler:
    """Fails with each of the given errors in turn, then succeeds; remembers what it saw."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = deque(errors)
        self.seen: list[tuple[str, int]] = []

    def handle(self, message: RabbitMessage) -> None:
        self.seen.append((message.message_id, int(message.headers.get("x-attempt", 0))))
        if self._errors:
            raise self._errors.popleft()


@asynccontextmanager
async def consuming(rabbit: RabbitSettings, publishes: RabbitBroker, handler: Handler) -> AsyncIterator[None]:
    consumes = broker.consumer(rabbit, "dialer", publishes, {})

    @consumes.subscriber(broker.queue("dialer", CallRequested), broker.EVENTS, channel=broker.parallel(1))
    async def on_call_requested(event: CallRequested, message: RabbitMessage) -> None:
        assert event.event_id == message.message_id
        handler.handle(message)

    await consumes.start()
    yield
    await consumes.stop()


async def requested(publishes: RabbitBroker) -> str:
    event = CallRequested.of(factories.call())
    await broker.publish_event(publishes, event.model_dump(mode="json"))
    return event.event_id


async def dead_letter(rabbit: RabbitSettings) -> AbstractIncomingMessage:
    async with await aio_pika.connect(str(rabbit.rabbitmq_url)) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(f"{QUEUE}.dead")
        return await until(lambda: queue.get(no_ack=True, fail=False))


async def reached(holds: Callable[[], bool]) -> None:
    async def look() -> bool:
        return holds()

    await until(look)


def counted(verdict: str) -> float:
    labels = {"queue": QUEUE, "verdict": verdict}
    return REGISTRY.get_sample_value("parley_message_seconds_count", labels) or 0


async def test_failure_that_may_pass_is_tried_again_after_a_while_under_the_same_id(
    rabbit: RabbitSettings, publishes: RabbitBroker
) -> None:
    handler = Handler(DatabaseUnavailable("away"), DatabaseUnavailable("away"))
    retried, handled = counted("retried"), counted("handled")
    async with consuming(rabbit, publishes, handler):
        event_id = await requested(publishes)
        await reached(lambda: len(handler.seen) == 3)
        await reached(lambda: (counted("retried"), counted("handled")) == (retried + 2, handled + 1))
    assert handler.seen == [(event_id, 0), (event_id, 1), (event_id, 2)]


async def test_failure_that_never_passes_is_a_dead_letter_after_the_last_tier(
    rabbit: RabbitSettings, publishes: RabbitBroker
) -> None:
    handler = Handler(*[DatabaseUnavailable("away")] * 3)
    async with consuming(rabbit, publishes, handler):
        event_id = await requested(publishes)
        dead = await dead_letter(rabbit)
    assert (dead.message_id, dead.headers["x-attempt"], dead.headers["x-last-error"]) == (
        event_id,
        2,
        "DatabaseUnavailable",
    )
    assert len(handler.seen) == 3


async def test_error_that_trying_again_cannot_mend_is_a_dead_letter_at_once(
    rabbit: RabbitSettings, publishes: RabbitBroker
) -> None:
    handler, before = Handler(CallNotFound("no such call")), counted("dead")
    async with consuming(rabbit, publishes, handler):
        event_id = await requested(publishes)
        assert (await dead_letter(rabbit)).message_id == event_id
        await reached(lambda: counted("dead") == before + 1)
    assert handler.seen == [(event_id, 0)]


async def test_message_that_cannot_be_read_is_a_dead_letter_and_delays_nobody(
    rabbit: RabbitSettings, publishes: RabbitBroker
) -> None:
    handler = Handler()
    async with consuming(rabbit, publishes, handler):
        await publishes.publish(b"{", queue=QUEUE, message_id="evt_garbage", content_type="application/json")
        event_id = await requested(publishes)
        await reached(lambda: handler.seen == [(event_id, 0)])
        assert (await dead_letter(rabbit)).message_id == "evt_garbage"


async def test_message_is_not_lost_when_its_retry_tier_cannot_be_reached(
    rabbit: RabbitSettings, publishes: RabbitBroker
) -> None:
    handler, before = Handler(DatabaseUnavailable("away")), counted("returned")
    async with unreachable(rabbit) as nowhere, consuming(rabbit, nowhere, handler):
        event_id = await requested(publishes)
        await reached(lambda: len(handler.seen) == 2)
    assert handler.seen == [(event_id, 0), (event_id, 0)]
    assert counted("returned") == before + 1


@asynccontextmanager
async def unreachable(rabbit: RabbitSettings) -> AsyncIterator[RabbitBroker]:
    """A connection for copies that is gone."""
    made = broker.publisher(rabbit, "nowhere")
    await made.start()
    await made.stop()
    yield made
