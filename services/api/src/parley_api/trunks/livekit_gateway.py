"""Trunks on a LiveKit server."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from livekit import api

from parley_api.trunks.gateway import NewTrunk
from parley_common.errors import LiveKitRefused, LiveKitUnavailable
from parley_common.ids import TrunkId
from parley_common.settings import LiveKitSettings
from parley_common.trunks import TrunkType

REQUEST_TIMEOUT_SECONDS = 5.0
"""LiveKitAPI's own timeout has no effect (livekit-api 1.2.2)."""

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
        async with _answering():
            made = await self._livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=info))
        return TrunkId(made.sip_trunk_id)

    async def delete(self, trunk_id: TrunkId) -> None:
        try:
            async with _answering():
                await self._livekit.sip.delete_trunk(api.DeleteSIPTrunkRequest(sip_trunk_id=trunk_id))
        except LiveKitRefused:
            return

    async def reachable(self) -> None:
        async with _answering():
            await self._livekit.room.list_rooms(api.ListRoomsRequest(names=["-"]))


@asynccontextmanager
async def connect(settings: LiveKitSettings) -> AsyncIterator[LiveKitTrunks]:
    secret = settings.livekit_api_secret.get_secret_value()
    async with api.LiveKitAPI(settings.livekit_url, settings.livekit_api_key, secret) as client:
        yield LiveKitTrunks(client)


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    """Bound a request and give its failure a verdict; LiveKit's text may repeat the request, so it is left out."""
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
            yield
    except (aiohttp.ClientError, TimeoutError) as error:
        raise LiveKitUnavailable("LiveKit does not answer") from error
    except api.ServerError as error:
        if error.status >= 500:  # noqa: PLR2004  # HTTP's own boundary
            raise LiveKitUnavailable(f"LiveKit failed: {error.code}") from error
        raise LiveKitRefused(f"LiveKit refused the trunk: {error.code}") from error
