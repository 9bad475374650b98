"""Who hears what: every exchange and queue, declared once by the provision job, only looked up by the services.

parley.events      topic; the routing key is the event's
<service>.<key>    one quorum queue for each service and event; dead letters go to <queue>.dead
webhooks.journal   every public event in the order in which it was said, for one consumer at a time
parley.journal     fanout; whose journal has grown, for each replica of the api
parley.retry.<t>   one queue for each delay; when the delay is over a message goes back to the queue it came from
parley.public      topic; what integrators get, under <owner>.<event type>; their queues are the api's to make
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import aio_pika
from aio_pika.abc import AbstractChannel, ExchangeType
from pamqp.common import FieldTable

from parley_common.events import (
    PUBLIC,
    AgentLost,
    AgentReady,
    AnalysisRequested,
    CallAttemptFailed,
    CallEnded,
    CallRequested,
    CancelRequested,
    EgressEnded,
    Event,
    ParticipantLeft,
    RoomFinished,
    RoomReopened,
    TranscriptChunk,
)

EVENTS = "parley.events"
DEAD = "parley.dead"
OUTSIDE = "parley.public"
JOURNAL = "parley.journal"
JOURNAL_QUEUE = "webhooks.journal"
DELIVERY_LIMIT = 20
"""Deploys redeliver too: a low limit would dead-letter healthy messages."""

RETRY_TIERS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600))

SUBSCRIPTIONS: Mapping[str, tuple[type[Event], ...]] = {
    "dialer": (
        CallRequested,
        AgentReady,
        AgentLost,
        CallAttemptFailed,
        CancelRequested,
        CallEnded,
        ParticipantLeft,
        RoomFinished,
        RoomReopened,
    ),
    "recorder": (AgentReady, CallAttemptFailed, CallEnded, TranscriptChunk, EgressEnded, AnalysisRequested),
    "webhooks": tuple(PUBLIC.values()),
}


def queue_name(service: str, event: type[Event]) -> str:
    return f"{service}.{event.name()}"


def retry_exchange(tier: int) -> str:
    return f"parley.retry.{RETRY_TIERS[tier].total_seconds():.0f}s"


def _quorum(**arguments: str | int) -> FieldTable:
    return {"x-queue-type": "quorum", **{name.replace("_", "-"): value for name, value in arguments.items()}}


async def declare(url: str) -> None:
    """Declare everything. Safe to run again; raises when something exists with other arguments."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        await channel.declare_exchange(EVENTS, ExchangeType.TOPIC, durable=True)
        await channel.declare_exchange(DEAD, ExchangeType.DIRECT, durable=True)
        await channel.declare_exchange(OUTSIDE, ExchangeType.TOPIC, durable=True)
        await channel.declare_exchange(JOURNAL, ExchangeType.FANOUT, durable=True)
        for tier, delay in enumerate(RETRY_TIERS):
            await _declare_retry_tier(channel, retry_exchange(tier), delay)
        for service, events in SUBSCRIPTIONS.items():
            for event in events:
                await _declare_work_queue(channel, queue_name(service, event), [event.key])
        public = [event.key for event in PUBLIC.values()]
        await _declare_work_queue(channel, JOURNAL_QUEUE, public, x_single_active_consumer=True)


async def _declare_retry_tier(channel: AbstractChannel, name: str, delay: timedelta) -> None:
    exchange = await channel.declare_exchange(name, ExchangeType.FANOUT, durable=True)
    arguments = _quorum(
        x_message_ttl=round(delay.total_seconds() * 1000),
        x_dead_letter_exchange="",
        x_dead_letter_strategy="at-least-once",
        x_overflow="reject-publish",
    )
    queue = await channel.declare_queue(name, durable=True, arguments=arguments)
    await queue.bind(exchange)


async def _declare_work_queue(
    channel: AbstractChannel, name: str, routing_keys: Sequence[str], **arguments: bool
) -> None:
    dead = await channel.declare_queue(f"{name}.dead", durable=True, arguments=_quorum())
    await dead.bind(DEAD, name)
    all_arguments = _quorum(
        x_delivery_limit=DELIVERY_LIMIT,
        x_dead_letter_exchange=DEAD,
        x_dead_letter_routing_key=name,
        x_dead_letter_strategy="at-least-once",
        x_overflow="reject-publish",
        **arguments,
    )
    queue = await channel.declare_queue(name, durable=True, arguments=all_arguments)
    for routing_key in routing_keys:
        await queue.bind(EVENTS, routing_key)
