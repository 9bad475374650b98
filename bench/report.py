"""Reporting: from the commit of CallEnded to the POST at the customer's endpoint, against that POST alone.

Calls end through the same door that the dialer and the agent use; the rest of the way is the running services'.
"""

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any

import httpx

from bench.results import Result, of_times
from bench.world import mongo_of
from parley_common import broker
from parley_common.assistants import AssistantSnapshot
from parley_common.calls import ending
from parley_common.clock import now
from parley_common.db import Calls, connect
from parley_common.events import CallEnded
from parley_common.ids import CallId, OwnerId
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.relay import Relay
from parley_common.settings import RabbitSettings
from parley_common.worker import publishing_to
from parley_local.world import World
from tests import factories
from tests.support.customer import Customer, until
from tests.support.stored import store

CALLS = 300
INTERVAL_SECONDS = 0.1


async def measure(world: World) -> list[Result]:
    """End calls at a steady pace, and post as many bodies directly."""
    rabbit = RabbitSettings.model_validate({"rabbitmq_url": world.environment()["RABBITMQ_URL"]})
    publishes = broker.publisher(rabbit, "bench")
    ended: dict[str, float] = {}
    posted: dict[str, float] = {}
    async with (
        Customer(world) as customer,
        connect(mongo_of(world)) as database,
        publishing_to(publishes),
        asyncio.TaskGroup() as group,
    ):
        calls = Calls(database)
        relay = Relay(calls, publishes)
        owned = await calls.get(CallId(await customer.call("0404")))
        body = {"data": await customer.report(owned.call_id)}
        for number in range(CALLS):
            group.create_task(_end_call(calls, relay, owned.owner_id, owned.assistant, ended))
            await asyncio.sleep(INTERVAL_SECONDS / 2)
            group.create_task(_post(customer, body, f"floor-{number}", posted))
            await asyncio.sleep(INTERVAL_SECONDS / 2)
        received = await until(lambda: _received(customer, {*ended, *posted}))
    ours = [received[call_id] - moment for call_id, moment in ended.items()]
    floor = [received[call_id] - moment for call_id, moment in posted.items()]
    return [of_times("report: CallEnded to POST received", ours, floor)]


async def _end_call(
    calls: Calls, relay: Relay, owner_id: OwnerId, assistant: AssistantSnapshot, ended: dict[str, float]
) -> None:
    call = factories.call(owner_id=owner_id, assistant=assistant, due_at=now() + timedelta(hours=1))
    await store(calls, call)
    await relay.flush(call.call_id)
    moment = now()
    await calls.advance(
        call.call_id,
        CallStatus.CANCELED,
        CallEnded,
        derived=lambda call: ending(call, EndReason.CANCELED, moment),
    )
    ended[call.call_id] = time.time()
    await relay.flush(call.call_id)


async def _post(customer: Customer, body: dict[str, Any], call_id: str, posted: dict[str, float]) -> None:
    posted[call_id] = time.time()
    report = {"data": {**body["data"], "call_id": call_id}}
    (await customer.sandbox.post(f"/receiver/{customer.name}", json=report)).raise_for_status()


async def _received(customer: Customer, call_ids: set[str]) -> dict[str, float] | None:
    found: httpx.Response = await customer.sandbox.get(f"/receiver/{customer.name}")
    received = {
        delivery["body"]["data"]["call_id"]: datetime.fromisoformat(delivery["received_at"]).timestamp()
        for delivery in found.json()
    }
    return received if call_ids <= received.keys() else None
