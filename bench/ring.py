"""Ringing: from the request to the INVITE at the phone, against CreateRoom and CreateSIPParticipant without Parley.

Parley rings only once an agent is ready behind the phone, so the agent's start is told apart.
"""

import asyncio
import secrets
import statistics
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from livekit import api

from bench.results import Result, of_times, percentiles
from bench.world import mongo_of
from parley_common import livekit
from parley_common.db import Calls, connect
from parley_common.ids import CallId
from parley_local.world import World
from tests.support.customer import Customer, until
from tests.support.livekit_settings import livekit_of

ROUNDS = 20
NUMBER = "0486"
PAUSE_SECONDS = 1.5
"""An agent's process is replaced after its call, which takes both cores for a second: nobody else rings meanwhile."""

DEMAND_SECONDS = 0.06


@dataclass(frozen=True)
class Ring:
    """Seconds from the request to the INVITE, and what part of them a step took."""

    total: float
    room: float = 0.0
    agent: float = 0.0

    @property
    def without_agent(self) -> float:
        return self.total - self.agent


async def measure(world: World) -> list[Result]:
    """Ring a busy phone, through Parley and directly in turn."""
    ours, direct = [], []
    async with (
        Customer(world) as customer,
        livekit.client(livekit_of(world)) as client,
        connect(mongo_of(world)) as database,
    ):
        assistant_id = await customer.assistant(assistant_recording={"enabled": False})
        for _ in range(ROUNDS):
            ours.append(await _by_parley(customer, assistant_id, Calls(database)))
            direct.append(await _directly(customer, client))
    room = statistics.median(ring.room for ring in direct)
    agent = [ring.agent - room for ring in ours]
    rest = [ring.without_agent + room for ring in ours]
    added = statistics.median(rest) - statistics.median(ring.total for ring in direct)
    return [
        of_times("ring: request to INVITE", [ring.total for ring in ours], [ring.total for ring in direct]),
        Result("ring: of that, the agent's start", percentiles(agent)),
        Result(
            "ring: added without it",
            f"p50 {added * 1000:.0f} ms",
            demand=f"<= {DEMAND_SECONDS * 1000:.0f} ms",
            met=added <= DEMAND_SECONDS,
        ),
    ]


async def _by_parley(customer: Customer, assistant_id: str, calls: Calls) -> Ring:
    await asyncio.sleep(PAUSE_SECONDS)
    started = time.time()
    call_id = await customer.call(NUMBER, assistant_id)
    invite = (await until(lambda: customer.invites(call_id)))[0]
    await customer.report(call_id)
    call = await calls.get(CallId(call_id))
    if call.agent_ready_at is None or call.starting_at is None:
        raise RuntimeError("the phone rang without an agent")
    return Ring(_invited_at(invite) - started, agent=(call.agent_ready_at - call.starting_at).total_seconds())


async def _directly(customer: Customer, client: api.LiveKitAPI) -> Ring:
    room_name = f"direct_{secrets.token_hex(6)}"
    await asyncio.sleep(PAUSE_SECONDS)
    started = time.time()
    await client.room.create_room(api.CreateRoomRequest(name=room_name))
    room = time.time() - started
    dial = api.CreateSIPParticipantRequest(
        sip_trunk_id=customer.trunk_id, sip_call_to=f"+1555000{NUMBER}", room_name=room_name
    )
    await client.sip.create_sip_participant(dial)
    invites = (await customer.sandbox.get("/calls", params={"room": room_name})).json()
    await client.room.delete_room(api.DeleteRoomRequest(room=room_name))
    return Ring(_invited_at(invites[0]) - started, room=room)


def _invited_at(invite: dict[str, Any]) -> float:
    return datetime.fromisoformat(invite["invited_at"]).timestamp()
