"""Rooms of a LiveKit server that was killed: its successor knows their names, and sends each request to the dead."""

import asyncio
import secrets

import pytest

from parley_common.calls import Call
from parley_common.errors import LiveKitUnavailable
from parley_common.settings import LiveKitSettings
from parley_dialer import livekit_telephony
from parley_dialer.livekit_telephony import LiveKitTelephony
from parley_local.world import World
from tests import factories
from tests.support.customer import until

NOBODY = {"livekit_agent_name": "nobody"}

pytestmark = pytest.mark.alone


@pytest.fixture
def call() -> Call:
    return factories.call(room_name=f"room_{secrets.token_hex(8)}", dispatches=2)


async def test_room_whose_server_was_killed_is_opened_anew_and_closed_but_nobody_in_it_was_hung_up_on(
    world: World, livekit_settings: LiveKitSettings, call: Call
) -> None:
    async with livekit_telephony.connect(livekit_settings.model_copy(update=NOBODY)) as telephony:
        left = call.model_copy(update={"room_name": f"{call.room_name}_left"})
        for each in (call, left):
            await telephony.open_room(each)
        await asyncio.to_thread(world.kill, "livekit")
        await asyncio.to_thread(world.start, "livekit")
        await until(lambda: opened(telephony, call))
        assert await telephony.close_room(call.room_name)
        assert not await telephony.close_room(left.room_name)
        assert not (await telephony.look(call.room_name, None)).exists


async def opened(telephony: LiveKitTelephony, call: Call) -> bool:
    try:
        await telephony.open_room(call)
    except LiveKitUnavailable:
        return False
    return True
