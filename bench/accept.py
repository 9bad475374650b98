"""Accepting: POST /call/outbound, against a bare FastAPI route that inserts the same document.

Both run as one uvicorn process of their own with the same settings, on the same servers; nobody places the calls,
because Parley's events go to a virtual host where no service listens.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx

from bench.results import Result, of_rates
from bench.world import answers, free_port, mongo_of, process, virtual_host
from parley_common.clock import now
from parley_common.db import Calls, connect
from parley_common.db.indexes import create_indexes
from parley_common.db.mongo import Database, to_document
from parley_common.events import CallRequested
from parley_local.parts import HOST
from parley_local.world import World
from tests.support.customer import Customer, until

ROUNDS = 5
ROUND_SECONDS = 2.0
DATABASE, FLOOR_DATABASE = "bench_accept", "bench_accept_floor"


@dataclass(frozen=True)
class Target:
    """Where requests go, and with which key."""

    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


async def measure(world: World) -> list[Result]:
    """Send requests for a while to each side in turn, from one client and from twenty."""
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(connect(mongo_of(world, DATABASE)))
        theirs = await stack.enter_async_context(connect(mongo_of(world, FLOOR_DATABASE)))
        for database in (ours, theirs):
            stack.push_async_callback(database.client.drop_database, database.name)
            await create_indexes(database)
        rabbitmq_url = await stack.enter_async_context(virtual_host(world))
        parley = await _parley(stack, world, rabbitmq_url)
        await _leave_document(Calls(ours), theirs, parley)
        bare = await _bare(stack, world, parley.body)
        return [await _compare(clients, parley, bare, Calls(ours)) for clients in (1, 20)]


async def _compare(clients: int, parley: Target, bare: Target, calls: Calls) -> Result:
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(await _rate(parley, clients))
        await until(lambda: _all_published(calls))
        theirs.append(await _rate(bare, clients))
    return of_rates(f"accept: {clients} client{'s'[: clients > 1]}", ours, theirs, at_least=0.5)


async def _rate(target: Target, clients: int) -> float:
    answered = 0
    end = time.perf_counter() + ROUND_SECONDS

    async def client(http: aiohttp.ClientSession) -> None:
        nonlocal answered
        while time.perf_counter() < end:
            async with http.post(target.url, json=target.body) as response:
                response.raise_for_status()
                await response.read()
                answered += 1

    started = time.perf_counter()
    async with aiohttp.ClientSession(headers=target.headers) as http, asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client(http))
    return answered / (time.perf_counter() - started)


async def _all_published(calls: Calls) -> bool:
    return not await calls.outbox.stale(now(), limit=1)


async def _parley(stack: AsyncExitStack, world: World, rabbitmq_url: str) -> Target:
    port = free_port()
    address = f"http://{HOST}:{port}"
    environment = {"PORT": str(port), "RABBITMQ_URL": rabbitmq_url, "DATABASE_NAME": DATABASE}
    await stack.enter_async_context(process(world, "parley_api", **environment))
    await until(lambda: answers(f"{address}/ready"))
    customer = Customer(world)
    customer.api.base_url = httpx.URL(address)
    await stack.enter_async_context(customer)
    body = {
        "assistant_id": await customer.assistant(),
        "trunk_id": customer.trunk_id,
        "to_number": "+15550000200",
        "call_service": "twilio",
        "metadata": {"name": "John"},
    }
    return Target(f"{address}/call/outbound", {"x-api-key": customer.api.headers["x-api-key"]}, body)


async def _leave_document(calls: Calls, theirs: Database, parley: Target) -> None:
    """Place one call and leave its document, as it was inserted, where the bare route looks for it."""
    async with aiohttp.ClientSession(headers=parley.headers) as http, http.post(parley.url, json=parley.body) as answer:
        call_id = (await answer.json())["data"]["call_id"]
    call = await calls.get(call_id)
    outbox = [CallRequested.of(call).model_dump(mode="json")]
    await theirs.get_collection("template").insert_one(
        to_document(call, "call_id") | {"outbox": outbox, "outbox_at": now()}
    )


async def _bare(stack: AsyncExitStack, world: World, body: Mapping[str, Any]) -> Target:
    port = free_port()
    address = f"http://{HOST}:{port}"
    environment = {"PORT": str(port), "DATABASE_NAME": FLOOR_DATABASE}
    await stack.enter_async_context(process(world, "bench.bare_route", **environment))
    await until(lambda: answers(f"{address}/ready"))
    return Target(f"{address}/call/outbound", {}, body)
