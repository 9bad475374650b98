"""What an agent tells the rest of Parley, on a real database and broker."""

import asyncio

import aio_pika
import pytest
from pydantic import AmqpDsn, MongoDsn

from parley_agent.reporting import Reporter
from parley_common import broker, topology
from parley_common.db import Calls, connect
from parley_common.events import AgentReady, CallRequested
from parley_common.lifecycle import CallStatus
from parley_common.outbox import Relay
from parley_common.settings import CallTimes, MongoSettings, RabbitSettings
from parley_common.worker import publishing_to
from tests import factories


async def test_agent_that_is_ready_before_its_broker_connection_keeps_the_call_and_says_so(
    mongodb_url: str, database_name: str, rabbitmq_url: str
) -> None:
    await topology.declare(rabbitmq_url)
    publishes = broker.publisher(RabbitSettings(rabbitmq_url=AmqpDsn(rabbitmq_url)), "agent")
    async with connect(MongoSettings(mongodb_url=MongoDsn(mongodb_url), database_name=database_name)) as database:
        calls = Calls(database)
        call = factories.call(status=CallStatus.STARTING)
        await calls.insert(call, CallRequested)
        reporter = Reporter(call, calls, Relay(calls, publishes), publishes, CallTimes())
        assert await reporter.ready("agent_1", "worker_1")
        async with publishing_to(publishes):
            await reporter.settle()
            assert await _heard(rabbitmq_url) == call.call_id
        await database.client.drop_database(database_name)


async def _heard(rabbitmq_url: str) -> str | None:
    async with await aio_pika.connect(rabbitmq_url) as connection, asyncio.timeout(5):
        channel = await connection.channel()
        queue = await channel.get_queue(topology.queue_name("dialer", AgentReady))
        async with queue.iterator() as messages:
            async for message in messages:
                await message.ack()
                return message.correlation_id
    pytest.fail("nothing was heard")
