"""RabbitMQ as Parley uses it: two connections a service, confirmed publishing, one queue for each event it hears.

Consuming and publishing never share a connection: under a memory alarm the broker stops reading from publishers,
and acknowledgements on the same socket would stop too.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiormq.exceptions import AMQPError, ChannelInvalidStateError
from fast_depends.library import CustomField
from faststream import ContextRepo
from faststream.exceptions import IncorrectState
from faststream.rabbit import Channel, ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit.opentelemetry import RabbitTelemetryMiddleware
from yarl import URL

from parley_common import topology
from parley_common.errors import BrokerUnavailable, PublishUnconfirmed
from parley_common.events import Event
from parley_common.ids import OwnerId
from parley_common.retry import RetryMiddleware
from parley_common.settings import RabbitSettings
from parley_common.subscriptions import public_key
from parley_common.telemetry import tracing_enabled

EVENTS = RabbitExchange(topology.EVENTS, type=ExchangeType.TOPIC, declare=False)
OUTSIDE = RabbitExchange(topology.OUTSIDE, type=ExchangeType.TOPIC, declare=False)
JOURNAL = RabbitExchange(topology.JOURNAL, type=ExchangeType.FANOUT, declare=False)
CONFIRM_TIMEOUT_SECONDS = 5.0
HEARTBEAT_SECONDS = 10


def publisher(settings: RabbitSettings, service: str) -> RabbitBroker:
    """Make the connection that only publishes; it starts even while RabbitMQ is down, and connects later."""
    return RabbitBroker(
        _url(settings, f"{service}.publish"),
        default_channel=Channel(on_return_raises=True),
        fail_fast=False,
        reconnect_interval=1.0,
        logger=None,
        middlewares=[RabbitTelemetryMiddleware()] if tracing_enabled() else [],
    )


def consumer(
    settings: RabbitSettings, service: str, publishes: RabbitBroker, context: Mapping[str, object]
) -> RabbitBroker:
    """Make the connection that only consumes; failures go to retry tiers or dead letters over `publishes`.

    What stands in `context` reaches a handler as `name: Annotated[Type, Given()]`.
    """
    return RabbitBroker(
        _url(settings, f"{service}.consume"),
        reconnect_interval=1.0,
        graceful_timeout=30.0,
        context=ContextRepo(dict(context)),
        logger=None,
        middlewares=[*([RabbitTelemetryMiddleware()] if tracing_enabled() else []), RetryMiddleware(publishes)],
    )


class Given(CustomField):
    """Hands to a handler what its broker's context holds under the parameter's name.

    FastStream's `Context()` does so in a worker thread, because its `use` is no coroutine: one hop for each message.
    Raises KeyError when the context holds no such name.
    """

    param_name: str

    def __init__(self) -> None:
        super().__init__(cast=False)

    async def use(self, /, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]  # the base knows no coroutine
        context: ContextRepo = kwargs["context__"]
        return {**kwargs, self.param_name: context.resolve(self.param_name)}


def queue(service: str, event: type[Event]) -> RabbitQueue:
    return RabbitQueue(topology.queue_name(service, event), declare=False)


def parallel(handlers: int) -> Channel:
    """Let this many deliveries of one queue be in hand at once, on a channel of their own."""
    return Channel(prefetch_count=handlers)


async def publish_event(
    broker: RabbitBroker, event: Mapping[str, Any], *, trace: Mapping[str, str] | None = None
) -> None:
    """Publish one event and wait for the broker's confirm. Raises PublishUnconfirmed or BrokerUnavailable.

    Events that nobody hears are fine, hence not mandatory.
    """
    async with _confirming():
        await broker.publish(
            dict(event),
            exchange=EVENTS,
            routing_key=event["type"],
            message_id=event["event_id"],
            message_type=event["type"],
            correlation_id=event["call_id"],
            headers=dict(trace or {}),
            persist=True,
            mandatory=False,
        )


async def publish_outside(broker: RabbitBroker, event: Event, body: str) -> None:
    """Publish what integrators get of an event, JSON, and wait for the confirm; raises as `publish_event` does."""
    async with _confirming():
        await broker.publish(
            body,
            exchange=OUTSIDE,
            routing_key=public_key(event.owner_id, event.name()),
            message_id=event.event_id,
            message_type=event.name(),
            correlation_id=event.call_id,
            timestamp=event.occurred_at,
            content_type="application/json",
            persist=True,
            mandatory=False,
        )


async def publish_growth(broker: RabbitBroker, owner: OwnerId) -> None:
    """Tell every replica of the api that an owner's journal has grown. Raises as `publish_event` does."""
    async with _confirming():
        await broker.publish({"owner_id": owner}, exchange=JOURNAL, mandatory=False)


@asynccontextmanager
async def _confirming() -> AsyncIterator[None]:
    """Bound the wait for a confirm, and name what goes wrong.

    A connection that dies of missed heartbeats raises CancelledError in a task that nobody cancelled (aiormq 7.2); it
    is turned into an error here.
    """
    try:
        async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS):
            yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise PublishUnconfirmed("the connection was lost before the confirm") from error
    except TimeoutError as error:
        raise PublishUnconfirmed("no confirm in time") from error
    except (AMQPError, ChannelInvalidStateError, ConnectionError, IncorrectState) as error:
        raise BrokerUnavailable("the broker cannot be reached") from error


def _url(settings: RabbitSettings, name: str) -> str:
    query = {"heartbeat": str(HEARTBEAT_SECONDS), "name": f"{name}@{socket.gethostname()}"}
    return str(URL(str(settings.rabbitmq_url)).update_query(query))
