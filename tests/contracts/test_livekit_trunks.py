"""What the api expects of LiveKit's trunks: the fake keeps it, and so does a real server."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import pytest
from livekit import api
from pydantic import SecretStr

from parley_api.trunks import livekit_gateway
from parley_api.trunks.gateway import NewTrunk, TrunkGateway
from parley_common.errors import LiveKitUnavailable
from parley_common.ids import TrunkId
from parley_common.livekit import client as livekit_client
from parley_common.settings import LiveKitSettings
from parley_common.trunks import TrunkType
from tests.fakes.trunks import FakeTrunks

_TRANSPORTS = {"twilio": "SIP_TRANSPORT_AUTO", "exotel": "SIP_TRANSPORT_TCP"}


class Books(Protocol):
    """Another view on the same trunks, to see what was really made."""

    async def transport_of(self, trunk_id: TrunkId) -> str | None: ...


class FakeBooks:
    """The fake's own memory; it keeps no transport, so it says what the type asks for."""

    def __init__(self, trunks: FakeTrunks) -> None:
        self._trunks = trunks

    async def transport_of(self, trunk_id: TrunkId) -> str | None:
        trunk = self._trunks.made.get(trunk_id)
        return _TRANSPORTS[trunk.trunk_type] if trunk else None


class LiveKitBooks:
    """What LiveKit lists."""

    def __init__(self, client: api.LiveKitAPI) -> None:
        self._livekit = client

    async def transport_of(self, trunk_id: TrunkId) -> str | None:
        listed = await self._livekit.sip.list_outbound_trunk(api.ListSIPOutboundTrunkRequest(trunk_ids=[trunk_id]))
        trunks = [trunk for trunk in listed.items if trunk.sip_trunk_id == trunk_id]
        return api.SIPTransport.Name(trunks[0].transport) if trunks else None


@pytest.fixture
async def gateway_and_books(livekit: LiveKitSettings | None) -> AsyncIterator[tuple[TrunkGateway, Books]]:
    if livekit is None:
        fake = FakeTrunks()
        yield fake, FakeBooks(fake)
        return
    async with livekit_gateway.connect(livekit) as gateway, livekit_client(livekit) as client:
        yield gateway, LiveKitBooks(client)


@pytest.fixture
def gateway(gateway_and_books: tuple[TrunkGateway, Books]) -> TrunkGateway:
    return gateway_and_books[0]


@pytest.fixture
def books(gateway_and_books: tuple[TrunkGateway, Books]) -> Books:
    return gateway_and_books[1]


def order(trunk_type: TrunkType = "twilio") -> NewTrunk:
    return NewTrunk(
        name="Main line",
        address="sip.example.com:5060",
        numbers=["+15550001111"],
        auth_username="user",
        auth_password="hidden-password",
        trunk_type=trunk_type,
    )


@asynccontextmanager
async def made(gateway: TrunkGateway, trunk: NewTrunk) -> AsyncIterator[TrunkId]:
    trunk_id = await gateway.create(trunk)
    yield trunk_id
    await gateway.delete(trunk_id)


@pytest.mark.parametrize(("trunk_type", "transport"), _TRANSPORTS.items())
async def test_trunk_is_made_with_the_transport_of_its_type(
    gateway: TrunkGateway, books: Books, trunk_type: TrunkType, transport: str
) -> None:
    async with made(gateway, order(trunk_type)) as trunk_id:
        assert trunk_id.startswith("ST_")
        assert await books.transport_of(trunk_id) == transport


async def test_two_trunks_of_the_same_data_are_two(gateway: TrunkGateway) -> None:
    async with made(gateway, order()) as first, made(gateway, order()) as second:
        assert first != second


async def test_deleted_trunk_is_gone(gateway: TrunkGateway, books: Books) -> None:
    trunk_id = await gateway.create(order())
    await gateway.delete(trunk_id)
    assert await books.transport_of(trunk_id) is None


async def test_deleting_a_trunk_that_is_gone_is_harmless(gateway: TrunkGateway) -> None:
    await gateway.delete(TrunkId("ST_unknown"))


async def test_running_server_is_reachable(gateway: TrunkGateway) -> None:
    await gateway.reachable()


@pytest.mark.parametrize("adapter", ["fake", "livekit"])
async def test_server_that_is_away_is_unavailable(adapter: str) -> None:
    lost = LiveKitSettings(
        livekit_url="ws://127.0.0.1:9", livekit_api_key="key", livekit_api_secret=SecretStr("s" * 32)
    )
    connect = FakeTrunks(away=True).connect if adapter == "fake" else livekit_gateway.connect
    async with connect(lost) as gateway:
        with pytest.raises(LiveKitUnavailable):
            await gateway.create(order())


async def test_server_that_hangs_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiveKitAPI's own timeout has no effect (livekit-api 1.2.2): without ours this test would wait for ever."""
    monkeypatch.setattr("parley_common.livekit.REQUEST_TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts by its backlog, answers nothing
        port = silent.getsockname()[1]
        settings = LiveKitSettings(
            livekit_url=f"ws://127.0.0.1:{port}", livekit_api_key="key", livekit_api_secret=SecretStr("s" * 32)
        )
        async with livekit_gateway.connect(settings) as gateway:
            with pytest.raises(LiveKitUnavailable):
                await gateway.create(order())


def test_password_does_not_show_when_an_order_is_printed() -> None:
    assert "hidden-password" not in repr(order())
