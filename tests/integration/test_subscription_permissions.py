"""What an integrator's user may do on RabbitMQ: read its own queue, and nothing else, whatever is tried."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import aio_pika
import aiohttp
import pytest
from aio_pika.abc import AbstractChannel
from aiormq.abc import AbstractChannel as Wire
from aiormq.exceptions import AMQPError
from faststream.rabbit import RabbitBroker
from yarl import URL

from parley_common import topology
from parley_common.events import CallRinging
from parley_local.world import World
from parley_webhooks.rabbit_bridge import RabbitBridge
from tests import factories
from tests.support.front import Client, Front
from tests.support.integrator import connected, owner_of, user_of, waiting

WORK_QUEUE = topology.queue_name("webhooks", CallRinging)
RETRY_QUEUE = topology.retry_exchange(0)


@dataclass(frozen=True)
class Intruder:
    """An integrator's channel, and the names that it tries."""

    channel: AbstractChannel
    own: str
    anothers: str

    async def wire(self) -> Wire:
        return await self.channel.get_underlay_channel()


type Attempt = Callable[[Wire, Intruder], Awaitable[object]]

READING: Mapping[str, Attempt] = {
    "take from another's queue": lambda wire, who: wire.basic_get(who.anothers),
    "consume another's queue": lambda wire, who: wire.basic_consume(who.anothers, ignore),
    "purge another's queue": lambda wire, who: wire.queue_purge(who.anothers),
    "take from a service's queue": lambda wire, _: wire.basic_get(WORK_QUEUE),
    "consume a service's queue": lambda wire, _: wire.basic_consume(WORK_QUEUE, ignore),
    "purge a service's queue": lambda wire, _: wire.queue_purge(WORK_QUEUE),
    "take from dead letters": lambda wire, _: wire.basic_get(f"{WORK_QUEUE}.dead"),
    "take from a retry tier": lambda wire, _: wire.basic_get(RETRY_QUEUE),
}
DECLARING: Mapping[str, Attempt] = {
    "declare a queue": lambda wire, _: wire.queue_declare("mine"),
    "declare a queue that the broker names": lambda wire, _: wire.queue_declare("", exclusive=True),
    "declare a queue beside the own": lambda wire, who: wire.queue_declare(f"{who.own}.more"),
    "declare the own queue anew": lambda wire, who: wire.queue_declare(f"{who.own}", durable=True),
    "declare an exchange": lambda wire, _: wire.exchange_declare("mine"),
    "delete the own queue": lambda wire, who: wire.queue_delete(who.own),
    "delete another's queue": lambda wire, who: wire.queue_delete(who.anothers),
    "delete a service's queue": lambda wire, _: wire.queue_delete(WORK_QUEUE),
    "delete the integrators' exchange": lambda wire, _: wire.exchange_delete(topology.OUTSIDE),
    "delete the services' exchange": lambda wire, _: wire.exchange_delete(topology.EVENTS),
}
BINDING: Mapping[str, Attempt] = {
    "bind the own queue to everybody's events": lambda wire, who: wire.queue_bind(who.own, topology.OUTSIDE, "#"),
    "bind the own queue to internal events": lambda wire, who: wire.queue_bind(who.own, topology.EVENTS, "#"),
    "bind the own queue to dead letters": lambda wire, who: wire.queue_bind(who.own, topology.DEAD, WORK_QUEUE),
    "bind the own queue to the log": lambda wire, who: wire.queue_bind(who.own, "amq.rabbitmq.trace", "#"),
    "unbind the own queue": lambda wire, who: wire.queue_unbind(who.own, topology.OUTSIDE, "#"),
    "unbind another's queue": lambda wire, who: wire.queue_unbind(who.anothers, topology.OUTSIDE, "#"),
    "bind exchange to exchange": lambda wire, _: wire.exchange_bind(topology.OUTSIDE, topology.EVENTS, routing_key="#"),
    "unbind exchange from exchange": lambda wire, _: wire.exchange_unbind(topology.OUTSIDE, topology.EVENTS),
}
PUBLISHING: Mapping[str, Attempt] = {
    "publish to the own queue": lambda wire, who: wire.basic_publish(b"x", routing_key=who.own),
    "publish to another's queue": lambda wire, who: wire.basic_publish(b"x", routing_key=who.anothers),
    "publish to a service's queue": lambda wire, _: wire.basic_publish(b"x", routing_key=WORK_QUEUE),
    "publish an internal event": lambda wire, _: wire.basic_publish(
        b"x", exchange=topology.EVENTS, routing_key="call.ended.v1"
    ),
    "publish to integrators": lambda wire, who: wire.basic_publish(
        b"x", exchange=topology.OUTSIDE, routing_key=f"{who.own.split('.')[1]}.call.ended"
    ),
    "publish a dead letter": lambda wire, _: wire.basic_publish(b"x", exchange=topology.DEAD, routing_key=WORK_QUEUE),
    "publish to a retry tier": lambda wire, _: wire.basic_publish(b"x", exchange=RETRY_QUEUE, routing_key=WORK_QUEUE),
    "publish to every queue's fanout": lambda wire, _: wire.basic_publish(b"x", exchange="amq.fanout"),
}
ATTEMPTS: Mapping[str, Attempt] = {**READING, **DECLARING, **BINDING, **PUBLISHING}


async def ignore(_message: object) -> None:
    raise NotImplementedError


@dataclass(frozen=True)
class Scene:
    """Two subscriptions of two owners, and a bridge that fills them."""

    address: str
    anothers: str
    bridge: RabbitBridge

    async def tell(self, address: str) -> str:
        event = CallRinging.of(factories.call(owner_id=owner_of(address)))
        await self.bridge.pass_on(event, "{}")
        return event.event_id


@pytest.fixture
async def scene(front: Front, owner: Client, publishes: RabbitBroker) -> Scene:
    stranger = await front.owner()
    return Scene(await owner.subscription(), await stranger.subscription(), RabbitBridge(publishes))


async def refusal(scene: Scene, attempt: Attempt) -> str:
    """Try something on a connection of its own, and return RabbitMQ's answer; nothing when it was done."""
    async with await aio_pika.connect(scene.address) as connection:
        intruder = Intruder(await connection.channel(), user_of(scene.address), user_of(scene.anothers))
        try:
            await attempt(await intruder.wire(), intruder)
        except AMQPError as error:
            return str(error)
    return ""


async def test_integrator_takes_and_acknowledges_from_the_own_queue(scene: Scene) -> None:
    told = await scene.tell(scene.address)
    async with await aio_pika.connect(scene.address) as connection:
        queue = await (await connection.channel()).get_queue(user_of(scene.address))
        message = await queue.get()
        await message.ack()
        assert message.message_id == told
        assert await queue.get(fail=False) is None


async def test_everything_else_is_refused_and_changes_nothing(scene: Scene) -> None:
    told = [await scene.tell(scene.anothers), await scene.tell(scene.address)]
    answers = {name: await refusal(scene, attempt) for name, attempt in ATTEMPTS.items()}
    assert {name: answer for name, answer in answers.items() if "ACCESS_REFUSED" not in answer} == {}
    told += [await scene.tell(scene.anothers), await scene.tell(scene.address)]
    assert [await waiting(address) for address in (scene.anothers, scene.address)] == [told[0::2], told[1::2]]


async def test_user_cannot_enter_another_virtual_host(scene: Scene) -> None:
    with pytest.raises((AMQPError, ConnectionError)):
        await connected(str(URL(scene.address).with_path("/%2F", encoded=True)))


async def test_user_cannot_manage_rabbitmq(scene: Scene, infrastructure: World) -> None:
    user, password = URL(scene.address).user or "", URL(scene.address).password or ""
    headers = {"Authorization": aiohttp.encode_basic_auth(user, password)}
    api = f"http://127.0.0.1:{infrastructure.ports.rabbitmq_management_port}/api"
    async with aiohttp.ClientSession(headers=headers) as http:
        for path in ("whoami", "overview", "queues", "users", "definitions", "connections"):
            async with http.get(f"{api}/{path}") as response:
                assert response.status == 401, path


async def test_user_opens_a_bounded_number_of_connections(scene: Scene) -> None:
    opened = [await aio_pika.connect(scene.address) for _ in range(5)]
    with pytest.raises((AMQPError, ConnectionError)):
        await connected(scene.address)
    for connection in opened:
        await connection.close()


async def test_another_subscription_of_the_same_owner_has_a_user_of_its_own(scene: Scene, owner: Client) -> None:
    second = await owner.subscription(subscription_name="crm-sync-2")
    assert "ACCESS_REFUSED" in await refusal(scene, lambda wire, _: wire.basic_get(user_of(second)))
