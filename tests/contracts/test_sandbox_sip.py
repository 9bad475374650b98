"""The sandbox's phone network answers as LiveKit SIP was measured to: codes, metadata, attributes, and its own book."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from livekit import api, rtc

from parley_common.livekit import client as livekit_client
from parley_common.settings import LiveKitSettings
from parley_local.parts import HOST
from parley_local.world import World

DEADLINE_SECONDS = 20.0


class Network:
    """One room, one trunk, and the phones that are called into it."""

    def __init__(self, livekit: api.LiveKitAPI, settings: LiveKitSettings, trunk_id: str, sandbox: str) -> None:
        self.livekit = livekit
        self.room_name = f"room_{secrets.token_hex(8)}"
        self._settings = settings
        self._trunk_id = trunk_id
        self._sandbox = sandbox

    async def dial(self, number: str, *, identity: str = "callee", waits: bool = True, **fields: Any) -> str:
        """Send an INVITE and return the id of the SIP call."""
        wanted: dict[str, Any] = {
            "sip_trunk_id": self._trunk_id,
            "sip_call_to": f"+1555000{number}",
            "room_name": self.room_name,
            "participant_identity": identity,
            "wait_until_answered": waits,
            "ringing_timeout": Duration(seconds=20),
        }
        dial = api.CreateSIPParticipantRequest(**wanted | fields)
        made = await self.livekit.sip.create_sip_participant(dial, timeout=DEADLINE_SECONDS)
        return made.sip_call_id

    async def refused(self, number: str, **fields: Any) -> api.ServerError:
        with pytest.raises(api.ServerError) as refusal:
            await self.dial(number, **fields)
        return refusal.value

    async def transfer(self, number: str, *, identity: str = "callee") -> None:
        """Send a REFER."""
        wanted = api.TransferSIPParticipantRequest(
            room_name=self.room_name, participant_identity=identity, transfer_to=f"tel:+1555000{number}"
        )
        await self.livekit.sip.transfer_sip_participant(wanted)

    async def watch(self) -> tuple[rtc.Room, "asyncio.Queue[str]"]:
        """Join the room as an agent; what becomes of the callee's status is told in order."""
        token = (
            api.AccessToken(self._settings.livekit_api_key, self._settings.livekit_api_secret.get_secret_value())
            .with_identity("watcher")
            .with_kind("agent")
            .with_grants(api.VideoGrants(room_join=True, room=self.room_name))
        )
        room, statuses = rtc.Room(), asyncio.Queue[str]()

        def joined(callee: rtc.RemoteParticipant) -> None:
            statuses.put_nowait(callee.attributes["sip.callStatus"])

        def changed(attributes: dict[str, str], _callee: rtc.Participant) -> None:
            statuses.put_nowait(attributes["sip.callStatus"])

        room.on("participant_connected", joined)
        room.on("participant_attributes_changed", changed)
        room.on("participant_disconnected", lambda _: statuses.put_nowait("left"))
        await room.connect(self._settings.livekit_url, token.to_jwt())
        return room, statuses

    async def participants(self) -> list[api.ParticipantInfo]:
        listed = await self.livekit.room.list_participants(api.ListParticipantsRequest(room=self.room_name))
        return list(listed.participants)

    async def invites(self) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(trust_env=False) as http:
            found: list[dict[str, Any]] = (
                await http.get(f"{self._sandbox}/calls", params={"room": self.room_name})
            ).json()
        return found

    @asynccontextmanager
    async def disturbed(self, kind: str) -> AsyncIterator[None]:
        """Let the whole SIP service fail for a while."""
        async with httpx.AsyncClient(base_url=self._sandbox, trust_env=False) as http:
            (await http.put("/sip/fault", json={"kind": kind})).raise_for_status()
            try:
                yield
            finally:
                await http.delete("/sip/fault")

    async def ended(self, invite: int = 0) -> dict[str, Any]:
        """Wait until an INVITE's call is over, as the book says."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                record = (await self.invites())[invite]
                if record["ended_at"] is not None:
                    return record
                await asyncio.sleep(0.05)


@pytest.fixture
async def network(world: World, livekit_settings: LiveKitSettings) -> AsyncIterator[Network]:
    async with livekit_client(livekit_settings) as livekit:
        trunk = api.SIPOutboundTrunkInfo(name="main", address="sip.example.com", numbers=["+15550009999"])
        made = await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
        sandbox = f"http://{HOST}:{world.ports.sandbox_port}"
        opened = Network(livekit, livekit_settings, made.sip_trunk_id, sandbox)
        await livekit.room.create_room(api.CreateRoomRequest(name=opened.room_name))
        yield opened
        await livekit.room.delete_room(api.DeleteRoomRequest(room=opened.room_name))
        await livekit.sip.delete_trunk(api.DeleteSIPTrunkRequest(sip_trunk_id=made.sip_trunk_id))


@pytest.mark.parametrize(
    ("number", "error", "sip"),
    [
        ("0486", ("resource_exhausted", 429), (486, "Busy Here")),
        ("0480", ("resource_exhausted", 429), (480, "Temporarily Unavailable")),
        ("0603", ("permission_denied", 403), (603, "Decline")),
        ("0403", ("permission_denied", 403), (403, "Forbidden")),
        ("0404", ("not_found", 404), (404, "Not Found")),
        ("0503", ("failed_precondition", 412), (503, "Service Unavailable")),
        ("0429", ("failed_precondition", 412), (503, "CPS limit exceeded")),
    ],
)
async def test_refusal_has_the_code_and_the_sip_metadata(
    network: Network, number: str, error: tuple[str, int], sip: tuple[int, str]
) -> None:
    refusal = await network.refused(number)
    assert isinstance(refusal, api.SipCallError)
    assert (refusal.code, refusal.status) == error
    assert (refusal.sip_status_code, refusal.sip_status) == sip
    assert "error_details" in refusal.metadata


async def test_phone_that_rings_out_leaves_the_room_as_unavailable(network: Network) -> None:
    room, statuses = await network.watch()
    left: list[rtc.DisconnectReason.ValueType | None] = []
    room.on("participant_disconnected", lambda callee: left.append(callee.disconnect_reason))
    await network.refused("0408", ringing_timeout=Duration(seconds=2))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await statuses.get() != "left":
            pass
    assert left == [rtc.DisconnectReason.USER_UNAVAILABLE]
    await room.disconnect()


async def test_phone_that_rings_out_is_canceled_without_sip_metadata(network: Network) -> None:
    refusal = await network.refused("0408", ringing_timeout=Duration(seconds=1))
    assert (refusal.code, refusal.status, refusal.message) == ("canceled", 408, "sip request timed out")
    assert not isinstance(refusal, api.SipCallError) or refusal.sip_status_code is None


@pytest.mark.alone
async def test_phone_that_cannot_be_answered_while_it_rings_is_not_answered_later(
    network: Network, world: World
) -> None:
    room, statuses = await network.watch()
    dialing = asyncio.create_task(network.refused("0200", ringing_timeout=Duration(seconds=3)))
    while await statuses.get() != "ringing":
        pass
    world.kill("livekit", signal.SIGSTOP)
    try:
        refusal = await dialing
    finally:
        world.kill("livekit", signal.SIGCONT)
    assert (refusal.code, refusal.status) == ("canceled", 408)
    assert (await network.ended())["answered_at"] is None
    await room.disconnect()


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"sip_trunk_id": "ST_unknown"}, "not_found", "requested sip trunk does not exist"),
        ({"sip_trunk_id": ""}, "invalid_argument", "missing sip trunk id"),
        ({"sip_call_to": ""}, "invalid_argument", "missing sip callee number"),
    ],
)
async def test_dial_that_cannot_be_made_sends_no_invite(
    network: Network, fields: dict[str, str], code: str, message: str
) -> None:
    refusal = await network.refused("0200", **fields)
    assert refusal.code == code
    assert message in refusal.message
    assert await network.invites() == []


@pytest.mark.alone
async def test_dial_without_a_sip_service_is_refused_as_livekit_refuses_it_and_sends_no_invite(
    network: Network,
) -> None:
    async with network.disturbed("no_node"):
        refusal = await network.refused("0200")
    assert (refusal.code, refusal.status, refusal.message) == ("unavailable", 503, "no response from servers")
    assert await network.invites() == []


@pytest.mark.alone
async def test_phone_rings_though_the_answer_to_its_dial_is_lost(network: Network) -> None:
    async with network.disturbed("answer_lost"):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await network.dial("2003")
    (invite,) = await network.invites()
    assert invite["answered_at"] is not None


async def test_unknown_fault_of_sip_is_refused_by_name(network: Network) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        async with network.disturbed("lightning"):
            pass


async def test_callee_rings_is_active_and_hangs_up(network: Network) -> None:
    room, statuses = await network.watch()
    await network.dial("2002")
    seen: list[str] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        while "left" not in seen:
            seen.append(await statuses.get())
    await room.disconnect()
    before, after = seen[:-4], seen[-4:]
    assert after == ["ringing", "active", "hangup", "left"]
    assert before in ([], ["dialing"]), "others may not see a callee before it rings"


async def test_callee_is_a_sip_participant_with_the_attributes_of_its_call(network: Network) -> None:
    sip_call_id = await network.dial("2003", sip_number="+15550008888")
    (callee,) = await network.participants()
    assert (callee.kind, callee.identity) == (api.ParticipantInfo.Kind.SIP, "callee")
    told = {
        "sip.callStatus": "active",
        "sip.callID": sip_call_id,
        "sip.phoneNumber": "+15550002003",
        "sip.trunkPhoneNumber": "+15550008888",
    }
    assert told.items() <= dict(callee.attributes).items()
    assert {"sip.trunkID", "sip.hostname"} <= callee.attributes.keys()


async def test_dial_that_does_not_wait_returns_before_the_answer(network: Network) -> None:
    await network.dial("2002", waits=False)
    (invite,) = await network.invites()
    assert invite["answered_at"] is None
    assert (await network.ended())["answered_at"] is not None


async def test_failure_of_a_dial_that_does_not_wait_shows_in_the_book_alone(network: Network) -> None:
    await network.dial("0486", waits=False)
    assert (await network.ended())["sip_status_code"] == 486


async def test_second_dial_of_one_identity_hangs_up_the_first(network: Network) -> None:
    await network.dial("2003")
    await network.dial("2003")
    assert (await network.ended(0))["hung_up_by"] == "caller"
    assert (await network.invites())[1]["ended_at"] is None
    assert len(await network.participants()) == 1


async def test_callee_who_is_transferred_leaves_the_room(network: Network) -> None:
    await network.dial("2003")
    await network.transfer("2006")
    assert (await network.ended())["transferred_to"] == "tel:+15550002006"
    assert await network.participants() == []


async def test_callee_stays_when_the_phone_of_a_transfer_is_busy(network: Network) -> None:
    await network.dial("2003")
    with pytest.raises(api.SipCallError) as refusal:
        await network.transfer("0486")
    assert refusal.value.sip_status_code == 486
    assert len(await network.participants()) == 1


async def test_transfer_of_somebody_who_is_not_there_is_not_found(network: Network) -> None:
    with pytest.raises(api.ServerError) as refusal:
        await network.transfer("2006")
    assert refusal.value.code == "not_found"


async def test_book_tells_every_moment_of_a_call(network: Network) -> None:
    await network.dial("2002", identity="callee_1")
    record = await network.ended()
    assert (record["to_number"], record["room_name"]) == ("+15550002002", network.room_name)
    assert (record["participant_identity"], record["from_number"]) == ("callee_1", "+15550009999")
    assert record["ringing_at"] < record["answered_at"] <= record["ended_at"]
    assert (record["hung_up_by"], record["sip_status_code"]) == ("callee", 200)
    assert {"first_word_at", "voices_heard_at", "response_seconds"} <= record.keys()
