"""What RabbitMQ delivers many times, to several dialers, and again when it has lost a connection: one INVITE."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aio_pika
import httpx

from parley_common import topology
from parley_common.events import AgentReady, CallRequested
from parley_local.parts import HOST
from parley_local.world import World
from tests.processes import service
from tests.support.customer import Customer, until

COPIES, DIALERS = 5, 3
COPIED = {"copied": True}


async def test_call_whose_events_come_five_times_to_three_dialers_that_lose_rabbitmq_rings_once(
    customer: Customer, tmp_path: Path
) -> None:
    world = customer.world
    async with AsyncExitStack() as stack:
        for number in range(1, DIALERS):
            port, log = world.ports.dialer_port + 50 + number, tmp_path / f"dialer-{number}.log"
            await stack.enter_async_context(service("parley_dialer", world.environment(), port, log))
        repeater = await stack.enter_async_context(repeating(world))
        connections = await stack.enter_async_context(consumers_of(world))
        await until(connections.all_there)
        call_id = await customer.call("2008")
        repeating_ours = asyncio.create_task(repeater.repeat(call_id))

        async def rings() -> bool:
            return any(invite["ringing_at"] for invite in await customer.invites(call_id))

        await until(rings)
        await connections.lose()
        report = await customer.report(call_id)
        repeating_ours.cancel()
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "callee_hangup")
    assert len(await customer.invites(call_id)) == 1
    assert repeater.repeated == {CallRequested.key, AgentReady.key}


class Repeater:
    """Publishes copies of what sets dialers to work."""

    def __init__(self, exchange: aio_pika.abc.AbstractExchange, heard: aio_pika.abc.AbstractQueue) -> None:
        self.repeated: set[str] = set()
        self._exchange = exchange
        self._heard = heard

    async def repeat(self, call_id: str) -> None:
        async with self._heard.iterator(no_ack=True) as messages:
            async for message in messages:
                if message.correlation_id == call_id and not COPIED.items() <= message.headers.items():
                    await asyncio.gather(*(self._publish_copy(message) for _ in range(COPIES)))
                    self.repeated.add(message.routing_key or "")

    async def _publish_copy(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        copy = aio_pika.Message(
            message.body,
            headers=message.headers | COPIED,
            message_id=message.message_id,
            type=message.type,
            correlation_id=message.correlation_id,
            content_type=message.content_type,
        )
        await self._exchange.publish(copy, message.routing_key or "")


@asynccontextmanager
async def repeating(world: World) -> AsyncIterator[Repeater]:
    connection = await aio_pika.connect(world.environment()["RABBITMQ_URL"])
    async with connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(topology.EVENTS)
        heard = await channel.declare_queue(exclusive=True)
        for event in (CallRequested, AgentReady):
            await heard.bind(exchange, event.key)
        yield Repeater(exchange, heard)


class Connections:
    """What RabbitMQ has of the dialers' consumers; it shows a new one some seconds late."""

    def __init__(self, management: httpx.AsyncClient) -> None:
        self._management = management

    async def names(self) -> list[str]:
        shown = (await self._management.get("/api/connections")).json()
        return [each["name"] for each in shown if each.get("user_provided_name", "").startswith("dialer.consume@")]

    async def all_there(self) -> bool:
        return len(await self.names()) == DIALERS

    async def lose(self) -> None:
        for name in await self.names():
            (await self._management.delete(f"/api/connections/{name}")).raise_for_status()


@asynccontextmanager
async def consumers_of(world: World) -> AsyncIterator[Connections]:
    url = f"http://{HOST}:{world.ports.rabbitmq_management_port}"
    async with httpx.AsyncClient(base_url=url, auth=("guest", "guest"), timeout=20, trust_env=False) as management:
        yield Connections(management)
