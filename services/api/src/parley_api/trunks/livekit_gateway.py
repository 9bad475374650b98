"""Trunks on a LiveKit server."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from livekit import api

from parley_api.trunks.gateway import NewTrunk
from parley_common import livekit
from parley_common.errors import LiveKitRefused
from parley_common.ids import TrunkId
from parley_common.livekit import answering
from parley_common.settings import LiveKitSettings
from parley_common.trunks import TrunkType

TRANSPORT: Mapping[TrunkType, api.SIPTransport] = {
    "twilio": api.SIPTransport.SIP_TRANSPORT_AUTO,
    "exotel": api.SIPTransport.SIP_TRANSPORT_TCP,
}


class LiveKitTrunks:
    """TrunkGateway on one LiveKit server."""

    def __init__(self, client: api.LiveKitAPI) -> None:
        self._livekit = client

    async def create(self, trunk: NewTrunk) -> TrunkId:
        info = api.SIPOutboundTrunkInfo(
            name=trunk.name,
            address=trunk.address,
            numbers=trunk.numbers,
            auth_username=trunk.auth_username,
            auth_password=trunk.auth_password,
            transport=TRANSPORT[trunk.trunk_type],
        )
        async with answering():
            made = await self._livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=info))
        return TrunkId(made.sip_trunk_id)

    async def delete(self, trunk_id: TrunkId) -> None:
        try:
            async with answering():
                await self._livekit.sip.delete_trunk(api.DeleteSIPTrunkRequest(sip_trunk_id=trunk_id))
        except LiveKitRefused:
            return

    async def reachable(self) -> None:
        async with answering():
            await self._livekit.room.list_rooms(api.ListRoomsRequest(names=["-"]))


@asynccontextmanager
async def connect(settings: LiveKitSettings) -> AsyncIterator[LiveKitTrunks]:
    async with livekit.client(settings) as connected:
        yield LiveKitTrunks(connected)
