"""Events leave a call's outbox at least once, under one id, in order, and are removed after the confirm."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from faststream.rabbit import RabbitBroker
from pydantic import AmqpDsn

from parley_common import broker
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.db.outbox import RELAY_LEASE
from parley_common.errors import BrokerUnavailable
from parley_common.events import CallRequested, CallRinging
from parley_common.lifecycle import CallStatus
from parley_common.relay import STALE_AFTER, Relay
from parley_common.settings import RabbitSettings
from parley_common.worker import publishing_to, running
from tests import factories
from tests.support.listener import Listener, listening
from tests.support.stored import store


@pytest.fixture
def calls(database: Database) -> Calls:
    return Calls(database)


@pytest.fixture
async def listener(rabbit: RabbitSettings) -> AsyncIterator[Listener]:
    async with listening(str(rabbit.rabbitmq_url)) as opened:
        yield opened


async def requested(calls: Calls) -> Call:
    call = factories.call(trace={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    await store(calls, call)
    return call


async def stored(database: Database, call: Call) -> dict[str, Any]:
    document = await database.get_collection("calls").find_one({"_id": call.call_id})
    assert document is not None
    return dict(document)


async def crash_left_it(database: Database, call: Call) -> None:
    """Make an outbox as old as one that nobody will empty but the sweeper."""
    facts = {"outbox_at": now() - 2 * STALE_AFTER}
    await database.get_collection("calls").update_one({"_id": call.call_id}, {"$set": facts})


async def test_events_are_published_in_order_and_removed(
    calls: Calls, database: Database, publishes: RabbitBroker, listener: Listener
) -> None:
    call = await requested(calls)
    await calls.advance(call.call_id, CallStatus.STARTING, CallRinging)
    await Relay(calls, publishes).flush(call.call_id)
    assert [(await listener.next())["seq"] for _ in range(2)] == [1, 2]
    document = await stored(database, call)
    assert document["outbox"] == []
    assert not {"outbox_at", "relay_until"} & set(document)


async def test_crash_between_publish_and_removal_publishes_the_same_id_again(
    calls: Calls, publishes: RabbitBroker, listener: Listener
) -> None:
    call = await requested(calls)
    pending = await calls.outbox.lease(call.call_id)
    assert pending is not None
    await broker.publish_event(publishes, pending.events[0])  # and here it dies, its lease runs out
    await calls.outbox.settle(call.call_id, [])
    await Relay(calls, publishes).flush(call.call_id)
    first, again = await listener.next(), await listener.next()
    assert first == again


async def test_leased_outbox_is_left_alone_until_the_lease_is_over(calls: Calls, database: Database) -> None:
    call = await requested(calls)
    assert await calls.outbox.lease(call.call_id) is not None
    assert await calls.outbox.lease(call.call_id) is None
    over = {"relay_until": now() - RELAY_LEASE}
    await database.get_collection("calls").update_one({"_id": call.call_id}, {"$set": over})
    assert await calls.outbox.lease(call.call_id) is not None


async def test_first_event_of_a_call_is_published_by_who_stored_it_together_with_what_came_meanwhile(
    calls: Calls, database: Database, publishes: RabbitBroker, listener: Listener
) -> None:
    call = factories.call()
    first = await calls.insert(call, CallRequested)
    await calls.advance(call.call_id, CallStatus.STARTING, CallRinging)
    relay = Relay(calls, publishes)
    await relay.flush(call.call_id)
    assert len((await stored(database, call))["outbox"]) == 2, "somebody else published what was leased"
    relay.publish_soon(first)
    await relay.drain()
    assert [(await listener.next())["seq"] for _ in range(2)] == [1, 2]
    assert (await stored(database, call))["outbox"] == []


async def test_event_that_comes_during_a_publication_is_not_lost(
    calls: Calls, publishes: RabbitBroker, listener: Listener
) -> None:
    call = await requested(calls)
    pending = await calls.outbox.lease(call.call_id)
    assert pending is not None
    await calls.advance(call.call_id, CallStatus.STARTING, CallRinging)
    assert not await calls.outbox.settle(call.call_id, [pending.events[0]["event_id"]])
    await Relay(calls, publishes).flush(call.call_id)
    assert (await listener.next())["seq"] == 2


async def test_many_relays_at_once_publish_each_event_once(
    calls: Calls, publishes: RabbitBroker, listener: Listener
) -> None:
    call, last = await requested(calls), await requested(calls)
    await asyncio.gather(*(Relay(calls, publishes).flush(call.call_id) for _ in range(8)))
    await Relay(calls, publishes).flush(last.call_id)
    assert [(await listener.next())["call_id"] for _ in range(2)] == [call.call_id, last.call_id]


async def test_sweeper_publishes_what_a_crash_left_behind(
    calls: Calls, database: Database, publishes: RabbitBroker, listener: Listener
) -> None:
    left = [await requested(calls) for _ in range(3)]
    for call in left:
        await crash_left_it(database, call)
    async with running([Relay(calls, publishes).sweep_forever(), Relay(calls, publishes).sweep_forever()]):
        told = [await listener.next() for _ in left]
    assert {event["call_id"] for event in told} == {call.call_id for call in left}


async def test_sweeper_goes_on_after_an_error_that_nobody_foresaw(
    calls: Calls, database: Database, publishes: RabbitBroker, listener: Listener
) -> None:
    call = await requested(calls)
    await crash_left_it(database, call)
    relay = ClumsyRelay(calls, publishes)
    async with running([relay.sweep_forever()]):
        assert (await listener.next())["call_id"] == call.call_id
    assert relay.stumbles == 1


class ClumsyRelay(Relay):
    """Falls once."""

    stumbles = 0

    async def flush(self, call_id: Any) -> None:
        if not self.stumbles:
            self.stumbles += 1
            raise RuntimeError("channel closed")
        await super().flush(call_id)


async def test_broker_that_is_away_leaves_the_event_and_frees_the_lease(
    calls: Calls, database: Database, publishes: RabbitBroker, listener: Listener, unused_tcp_port: int
) -> None:
    call = await requested(calls)
    nowhere = RabbitSettings(rabbitmq_url=AmqpDsn(f"amqp://guest:guest@127.0.0.1:{unused_tcp_port}/"))
    away = broker.publisher(nowhere, "test")
    async with publishing_to(away):
        with pytest.raises(BrokerUnavailable):
            await Relay(calls, away).flush(call.call_id)
    document = await stored(database, call)
    assert len(document["outbox"]) == 1
    assert "relay_until" not in document
    await Relay(calls, publishes).flush(call.call_id)
    assert (await listener.next())["event_id"] == f"evt_{call.call_id}_1"
