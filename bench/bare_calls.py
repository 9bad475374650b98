"""Calls that the bare agent holds, placed through livekit-api alone."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from livekit import api

from bench.bare_agent import AGENT_NAME
from bench.world import Process, process
from parley_common import livekit
from parley_local.world import World
from tests.support.customer import CARTESIA, until
from tests.support.livekit_settings import livekit_of


@dataclass(frozen=True)
class BareCalls:
    """The running bare worker, and a client that sends it to calls."""

    worker: Process
    livekit: api.LiveKitAPI
    trunk_id: str

    async def call(self, number: str) -> str:
        """Send the bare agent to call a number; return the name of the room."""
        room_name = f"bare_{secrets.token_hex(6)}"
        dial = {
            "trunk_id": self.trunk_id,
            "to_number": f"+1555000{number}",
            "voice_id": CARTESIA["assistant_tts_voice_id"],
        }
        await self.livekit.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(agent_name=AGENT_NAME, room=room_name, metadata=json.dumps(dial))
        )
        return room_name

    async def hang_up(self, room_name: str) -> None:
        await self.livekit.room.delete_room(api.DeleteRoomRequest(room=room_name))


@asynccontextmanager
async def bare_calls(world: World, trunk_id: str) -> AsyncIterator[BareCalls]:
    async with process(world, "bench.bare_agent", "start") as worker, livekit.client(livekit_of(world)) as client:
        await until(lambda: worker.logged("registered worker"))
        yield BareCalls(worker, client, trunk_id)
