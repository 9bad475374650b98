"""A customer on the running world, which is empty again when all tests are over."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from livekit import api

from parley_common import livekit
from parley_common.db import Calls, connect
from parley_common.settings import MongoSettings
from parley_local.world import World
from tests.faults.processes import left_running
from tests.support.customer import Customer, until
from tests.support.livekit_settings import livekit_of

LAST_CALL_SECONDS = 90.0


@pytest.fixture(scope="session")
def emptied(world: World) -> Iterator[World]:
    """Let calls go on after their tests; what does not end by itself has leaked."""
    yield world

    async def empty() -> bool:
        return not await left(world)

    with suppress(TimeoutError):
        asyncio.run(until(empty, LAST_CALL_SECONDS))
    assert asyncio.run(left(world)) == [], "leaked"


@pytest.fixture
async def customer(emptied: World) -> AsyncIterator[Customer]:
    async with Customer(emptied) as customer:
        yield customer


async def left(world: World) -> list[str]:
    """Name rooms, egresses, calls that hold a place, and processes of nobody's."""
    settings = MongoSettings.model_validate({"mongodb_url": world.environment()["MONGODB_URL"]})
    async with livekit.client(livekit_of(world)) as server, connect(settings) as database:
        rooms = await server.room.list_rooms(api.ListRoomsRequest())
        egresses = await server.egress.list_egress(api.ListEgressRequest(active=True))
        places = await Calls(database).under_way()
    return [
        *(room.name for room in rooms.rooms),
        *(egress.egress_id for egress in egresses.items),
        *(f"a place on {trunk_id}" for trunk_id, _ in places),
        *left_running(world),
    ]
