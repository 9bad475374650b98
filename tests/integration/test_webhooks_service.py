"""The webhooks service as a process: from an event on RabbitMQ to a customer's endpoint, through its own death."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

import aio_pika
import aiohttp
import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from parley_common import broker, topology
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.crypto import SecretBox
from parley_common.db import Calls, Database
from parley_common.db.signing_secrets import SigningSecrets
from parley_common.events import CallEnded
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.relay import Relay
from parley_common.settings import RabbitSettings
from tests import factories
from tests.fakes.endpoint import Endpoint
from tests.processes import Service, service
from tests.support.customer import until
from tests.support.stored import store

type Start = Callable[[], AbstractAsyncContextManager[Service]]


@pytest.fixture
def start(environment: dict[str, str], unused_tcp_port_factory: Callable[[], int], tmp_path: Path) -> Start:
    """Return a way to start one more webhooks service."""
    return lambda: service("parley_webhooks", environment, unused_tcp_port_factory(), tmp_path / "webhooks.log")


async def end_a_call(database: Database, rabbit: RabbitSettings, url: str) -> Call:
    """Have a busy call end, and its event published."""
    calls = Calls(database)
    call = factories.call(status=CallStatus.DIALING, assistant=factories.assistant(end_call_url=url))
    await store(calls, call)
    await calls.advance(call.call_id, CallStatus.BUSY, CallEnded, end_reason=EndReason.BUSY, ended_at=now())
    publishes = broker.publisher(rabbit, "test")
    await publishes.start()
    await Relay(calls, publishes).flush(call.call_id)
    await publishes.stop()
    return call


async def test_event_on_the_broker_becomes_a_signed_report(
    start: Start, environment: dict[str, str], database: Database, rabbit: RabbitSettings, customer: Endpoint
) -> None:
    box = SecretBox(SecretStr(environment["PARLEY_SECRET_KEY"]))
    async with start() as running:
        call = await end_a_call(database, rabbit, customer.url)
        (posted,) = await customer.received()
        async with aiohttp.ClientSession() as http, http.get(f"{running.url}/metrics/") as response:
            metrics = await response.text()
    secret = await SigningSecrets(database, box).of(call.owner_id)
    body = Webhook(secret).verify(posted.body, posted.headers)
    assert body["data"]["call_status"] == "busy"
    assert "parley_webhook_attempts_total" in metrics


async def counted(url: str, line: str) -> str | None:
    """Return the metrics once they have the line: an event is counted when its confirm has come."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics/") as response:
        metrics = await response.text()
    return metrics if line in metrics else None


async def test_event_on_the_broker_is_passed_on_and_no_metric_names_its_owner(
    start: Start, database: Database, rabbit: RabbitSettings, customer: Endpoint
) -> None:
    async with await aio_pika.connect(str(rabbit.rabbitmq_url)) as connection, start() as running:
        subscribed = await (await connection.channel()).declare_queue(exclusive=True)
        await subscribed.bind(topology.OUTSIDE, "#")
        call = await end_a_call(database, rabbit, customer.url)
        async with subscribed.iterator(no_ack=True, timeout=10) as messages:
            passed = [await anext(messages), await anext(messages)]
        metrics = await until(lambda: counted(running.url, 'parley_bridged_events_total{type="call.ended"} 1.0'))
    assert {message.routing_key for message in passed} == {
        f"{call.owner_id}.call.{fact}" for fact in ("requested", "ended")
    }
    assert call.owner_id not in metrics


async def test_event_that_came_while_the_service_was_down_is_reported_when_it_is_up(
    start: Start, database: Database, rabbit: RabbitSettings, customer: Endpoint
) -> None:
    await end_a_call(database, rabbit, customer.url)
    async with start():
        await customer.received()


async def test_service_killed_between_claim_and_answer_reports_again_under_the_same_id(
    start: Start, database: Database, rabbit: RabbitSettings, customer: Endpoint
) -> None:
    customer.gate.clear()
    async with start() as first:
        await end_a_call(database, rabbit, customer.url)
        await customer.received(1)
        await first.kill()
    customer.gate.set()
    await database.get_collection("webhook_deliveries").update_many(
        {}, [{"$set": {"lease_until": now() - timedelta(seconds=1)}}]
    )
    async with start():
        before, after = await customer.received(2)
    assert before.headers["webhook-id"] == after.headers["webhook-id"]
    assert before.body == after.body


async def test_two_replicas_send_each_report_once(
    start: Start, database: Database, rabbit: RabbitSettings, customer: Endpoint
) -> None:
    async with start(), start():
        calls = [await end_a_call(database, rabbit, customer.url) for _ in range(10)]
        await customer.received(10)
        marker = await end_a_call(database, rabbit, customer.url)
        posted = await customer.received(11)
    told = [one.json["data"]["call_id"] for one in posted]
    assert sorted(told) == sorted(call.call_id for call in [*calls, marker])
