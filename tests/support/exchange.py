"""A telephone exchange to try telephony on: the fake's, or LiveKit's with the sandbox's phones behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from livekit import api, rtc

from parley_api.trunks import livekit_gateway
from parley_api.trunks.gateway import NewTrunk
from parley_common.ids import TrunkId
from parley_common.livekit import client as livekit_client
from parley_common.settings import LiveKitSettings
from parley_dialer import livekit_telephony
from parley_dialer.telephony import Telephony
from tests.fakes.telephony import FakeTelephony


class Exchange(Protocol):
    """Telephony, a trunk to dial over, and agents that come without being sent for."""

    telephony: Telephony
    trunk_id: TrunkId

    async def seat_agent(self, room_name: str, identity: str) -> None: ...

    async def dispatches(self, room_name: str) -> int: ...


class FakeExchange:
    """In memory."""

    def __init__(self) -> None:
        self.fake = FakeTelephony()
        self.telephony: Telephony = self.fake
        self.trunk_id = TrunkId("ST_test")

    async def seat_agent(self, room_name: str, identity: str) -> None:
        self.fake.rooms[room_name].agents.add(identity)

    async def dispatches(self, room_name: str) -> int:
        return self.fake.rooms[room_name].dispatches


class LiveKitExchange:
    """On a real server; agents are sent for under a name that nobody bears."""

    def __init__(
        self, telephony: Telephony, trunk_id: TrunkId, settings: LiveKitSettings, client: api.LiveKitAPI
    ) -> None:
        self.telephony = telephony
        self.trunk_id = trunk_id
        self._settings = settings
        self._livekit = client
        self._seated: list[rtc.Room] = []

    async def seat_agent(self, room_name: str, identity: str) -> None:
        token = (
            api.AccessToken(self._settings.livekit_api_key, self._settings.livekit_api_secret.get_secret_value())
            .with_identity(identity)
            .with_kind("agent")
            .with_grants(api.VideoGrants(room_join=True, room=room_name))
        )
        room = rtc.Room()
        await room.connect(self._settings.livekit_url, token.to_jwt())
        self._seated.append(room)

    async def dispatches(self, room_name: str) -> int:
        return len(await self._livekit.agent_dispatch.list_dispatch(room_name))

    async def close(self) -> None:
        await asyncio.gather(*(room.disconnect() for room in self._seated))


@asynccontextmanager
async def opened(livekit: LiveKitSettings | None) -> AsyncIterator[Exchange]:
    """Open an exchange on a real server, or in memory when there is none."""
    if livekit is None:
        yield FakeExchange()
        return
    unattended = livekit.model_copy(update={"livekit_agent_name": "nobody"})
    order = NewTrunk("Main line", "sip.example.com", ["+15550001111"], "user", "password", "twilio")
    async with (
        livekit_telephony.connect(unattended) as telephony,
        livekit_gateway.connect(livekit) as trunks,
        livekit_client(livekit) as client,
    ):
        trunk_id = await trunks.create(order)
        made = LiveKitExchange(telephony, trunk_id, livekit, client)
        yield made
        await made.close()
        await trunks.delete(trunk_id)
