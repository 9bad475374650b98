"""From an event on the broker to an integrator's own queue, and to nobody else's."""

import json
from collections.abc import Sequence

import aio_pika
import pytest
from faststream.rabbit import RabbitBroker
from pydantic import AmqpDsn

from parley_common import topology
from parley_common.errors import BrokerUnavailable
from parley_common.events import CallAnswered, CallRequested, CallRinging, Event, TranscriptChunk
from parley_common.settings import RabbitSettings
from parley_webhooks.payloads import event_payload
from parley_webhooks.rabbit_bridge import RabbitBridge
from tests import factories
from tests.support.front import Client, Front
from tests.support.integrator import declare_exchanges, owner_of, reading, user_of, waiting
from tests.support.second_version import second_version

DETAILS = {
    CallAnswered: {"answered_at": factories.call().queued_at},
    TranscriptChunk: factories.utterance().model_dump(),
}


@pytest.fixture
async def rabbit(rabbitmq_url: str) -> RabbitSettings:
    """A broker without the services' queues."""
    await declare_exchanges(rabbitmq_url)
    return RabbitSettings(rabbitmq_url=AmqpDsn(rabbitmq_url))


@pytest.fixture
def bridge(publishes: RabbitBroker) -> RabbitBridge:
    return RabbitBridge(publishes)


async def tell(bridge: RabbitBridge, address: str, *events: type[Event]) -> list[Event]:
    """Have events happen during a call of the owner whose queue this is the address of."""
    call = factories.call(owner_id=owner_of(address))
    told = [
        event.of(call, event_id=f"evt_{call.call_id}_{number}", **DETAILS.get(event, {}))
        for number, event in enumerate(events)
    ]
    for event in told:
        await bridge.pass_on(event, event_payload(event).model_dump_json())
    return told


async def keep(_message: aio_pika.abc.AbstractIncomingMessage) -> None:
    """Take an event and never acknowledge it."""


def ids(events: Sequence[Event]) -> list[str]:
    return [event.event_id for event in events]


async def test_event_reaches_its_owners_queue_with_id_type_and_call(owner: Client, bridge: RabbitBridge) -> None:
    address = await owner.subscription()
    (told,) = await tell(bridge, address, CallRinging)
    async with reading(address) as integrator:
        message = await integrator.message()
    assert (message.message_id, message.type, message.correlation_id) == (told.event_id, "call.ringing", told.call_id)
    assert (message.content_type, message.delivery_mode) == ("application/json", aio_pika.DeliveryMode.PERSISTENT)
    assert message.body == event_payload(told).model_dump_json().encode()
    assert list(json.loads(message.body)) == ["success", "message", "type", "timestamp", "data"]


async def test_body_and_headers_do_not_name_the_account(owner: Client, bridge: RabbitBridge) -> None:
    address = await owner.subscription()
    (told,) = await tell(bridge, address, CallRinging)
    async with reading(address) as integrator:
        message = await integrator.message()
    assert told.owner_id not in f"{message.body!r} {message.headers}"


async def test_all_of_one_noun_is_all_versions_of_it(owner: Client, bridge: RabbitBridge) -> None:
    address = await owner.subscription(event_types=["call.*"])
    with second_version() as later:
        told = await tell(bridge, address, CallRinging, later)
    assert sorted(await waiting(address)) == ids(told)


async def test_each_owner_gets_own_events_and_no_others(front: Front, owner: Client, bridge: RabbitBridge) -> None:
    first, second = await owner.subscription(), await (await front.owner()).subscription()
    mine = await tell(bridge, first, CallRequested, CallRinging)
    others = await tell(bridge, second, CallRequested, CallAnswered)
    mine += await tell(bridge, first, CallAnswered)
    assert await waiting(first) == ids(mine)
    assert await waiting(second) == ids(others)


async def test_each_subscription_gets_what_it_asked_for_once(owner: Client, bridge: RabbitBridge) -> None:
    async def asking(name: str, *patterns: str) -> str:
        return await owner.subscription(subscription_name=name, event_types=list(patterns) or None)

    one = await asking("one", "call.answered")
    noun = await asking("noun", "call.*")
    overlapping = await asking("overlapping", "call.*", "call.ringing", "transcript.chunk")
    everything = await asking("everything")
    chunk, ringing, answered = ids(await tell(bridge, one, TranscriptChunk, CallRinging, CallAnswered))
    assert await waiting(one) == [answered]
    assert await waiting(noun) == [ringing, answered]
    assert await waiting(overlapping) == await waiting(everything) == [chunk, ringing, answered]


async def test_integrator_who_was_away_finds_everything_in_order(owner: Client, bridge: RabbitBridge) -> None:
    address = await owner.subscription()
    async with reading(address) as integrator:
        (first,) = await tell(bridge, address, CallRequested)
        assert (await integrator.message()).message_id == first.event_id
    missed = await tell(bridge, address, CallRinging, CallAnswered)
    async with reading(address) as integrator:
        assert [(await integrator.message()).message_id for _ in missed] == ids(missed)


async def test_what_an_integrator_took_and_did_not_acknowledge_comes_again(owner: Client, bridge: RabbitBridge) -> None:
    address = await owner.subscription()
    (told,) = await tell(bridge, address, CallRinging)
    async with await aio_pika.connect(address) as connection:
        queue = await (await connection.channel()).get_queue(user_of(address))
        assert await queue.get() is not None
    async with reading(address) as integrator:
        message = await integrator.message()
    assert (message.message_id, message.redelivered) == (told.event_id, True)


async def test_subscriber_who_never_reads_keeps_the_newest_and_harms_nobody(
    owner: Client, front: Front, bridge: RabbitBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await (await front.owner()).subscription()
    monkeypatch.setattr("parley_api.subscriptions.management.MAX_LENGTH", 10)
    idle = await owner.subscription()
    holding = await owner.subscription(subscription_name="holding")
    async with await aio_pika.connect(holding) as connection:
        queue = await (await connection.channel()).get_queue(user_of(holding))
        await queue.consume(keep)
        told = await tell(bridge, idle, *[CallRinging] * 50)
        others = await tell(bridge, reader, *[CallRinging] * 5)
    assert await waiting(reader) == ids(others)
    assert await waiting(idle) == ids(told)[-10:]


async def test_event_that_nobody_subscribes_to_is_passed_on_without_complaint(bridge: RabbitBridge) -> None:
    await tell(bridge, "amqp://int.own_nobody.none:x@localhost/", CallRinging)


async def test_bridge_that_has_no_exchange_says_so_and_works_again_when_there_is_one(
    bridge: RabbitBridge, rabbit: RabbitSettings
) -> None:
    address = "amqp://int.own_nobody.none:x@localhost/"
    async with await aio_pika.connect(str(rabbit.rabbitmq_url)) as connection:
        await (await connection.channel()).exchange_delete(topology.OUTSIDE)
    with pytest.raises(BrokerUnavailable):
        await tell(bridge, address, CallRinging)
    await declare_exchanges(str(rabbit.rabbitmq_url))
    await tell(bridge, address, CallRinging)
