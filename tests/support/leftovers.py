"""What calls leave behind in a world: nothing, some time after the last one."""

import asyncio
from contextlib import suppress

from livekit import api

from parley_common import livekit
from parley_common.db import Calls, connect
from parley_common.settings import MongoSettings
from parley_local.world import World
from tests.faults.processes import left_running
from tests.support.customer import until
from tests.support.livekit_settings import livekit_of

LAST_CALL_SECONDS = 90.0


def left_behind(world: World) -> list[str]:
    """Let calls go on after their tests; name what does not end by itself."""

    async def none() -> bool:
        return not await left(world)

    with suppress(TimeoutError):
        asyncio.run(until(none, LAST_CALL_SECONDS))
    return asyncio.run(left(world))


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
        *await left_running(world),
    ]
