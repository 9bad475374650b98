"""The sandbox's egress tells what it does as LiveKit's does: in order, signed, and last of all with its file."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

import pytest
from livekit import api, rtc

from parley_local.world import World
from tests.support.outside import Sandbox, serving

DEADLINE_SECONDS = 20.0
RATE = 48_000
_S = api.EgressStatus


@pytest.fixture
async def sandbox(world: World, unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Sandbox]:
    async with serving(unused_tcp_port_factory(), unused_tcp_port_factory(), world.environment()) as served:
        yield served


@pytest.fixture
async def livekit(sandbox: Sandbox) -> AsyncIterator[api.LiveKitAPI]:
    async with api.LiveKitAPI(sandbox.url, sandbox.settings.livekit_api_key, sandbox.settings.secret) as client:
        yield client


@pytest.fixture
async def room_name(livekit: api.LiveKitAPI) -> AsyncIterator[str]:
    name = f"room_{secrets.token_hex(8)}"
    await livekit.room.create_room(api.CreateRoomRequest(name=name))
    yield name
    await livekit.room.delete_room(api.DeleteRoomRequest(room=name))


async def record(livekit: api.LiveKitAPI, room_name: str) -> api.EgressInfo:
    file = api.EncodedFileOutput(file_type=api.EncodedFileType.OGG, filepath=f"recordings/{room_name}.ogg")
    wanted = api.RoomCompositeEgressRequest(room_name=room_name, audio_only=True, file_outputs=[file])
    return await livekit.egress.start_room_composite_egress(wanted)


async def told(sandbox: Sandbox) -> list[tuple[str, int]]:
    """Wait for the last webhook; return what each of them said."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while "egress_ended" not in [hook.event for hook in sandbox.webhooks]:  # noqa: ASYNC110  # comes by HTTP
            await asyncio.sleep(0.05)
    return [(hook.event, hook.egress_info.status) for hook in sandbox.webhooks]


async def voice(sandbox: Sandbox, room_name: str) -> rtc.Room:
    """Have somebody in the room who publishes a second of silence."""
    token = (
        api.AccessToken(sandbox.settings.livekit_api_key, sandbox.settings.secret)
        .with_identity("agent")
        .with_kind("agent")
        .with_grants(api.VideoGrants(room_join=True, room=room_name))
    )
    room = rtc.Room()
    await room.connect(sandbox.settings.livekit_websocket_url, token.to_jwt())
    source = rtc.AudioSource(RATE, 1)
    await room.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("voice", source))
    await source.capture_frame(rtc.AudioFrame.create(RATE, 1, RATE))
    await source.wait_for_playout()
    return room


async def test_recording_is_told_from_its_start_to_its_file(
    sandbox: Sandbox, livekit: api.LiveKitAPI, room_name: str
) -> None:
    started = await record(livekit, room_name)
    speaking = await voice(sandbox, room_name)
    await livekit.egress.stop_egress(api.StopEgressRequest(egress_id=started.egress_id))
    assert await told(sandbox) == [
        ("egress_started", _S.EGRESS_STARTING),
        ("egress_updated", _S.EGRESS_ACTIVE),
        ("egress_updated", _S.EGRESS_ENDING),
        ("egress_ended", _S.EGRESS_COMPLETE),
    ]
    await speaking.disconnect()
    (file,) = sandbox.webhooks[-1].egress_info.file_results
    assert file.filename == f"recordings/{room_name}.ogg"
    assert file.size > 0
    assert file.duration > 0
    assert {hook.egress_info.egress_id for hook in sandbox.webhooks} == {started.egress_id}
    assert len({hook.id for hook in sandbox.webhooks}) == len(sandbox.webhooks)


async def test_recording_of_silence_is_aborted_without_a_file(
    sandbox: Sandbox, livekit: api.LiveKitAPI, room_name: str
) -> None:
    started = await record(livekit, room_name)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not sandbox.webhooks:  # noqa: ASYNC110  # comes by HTTP
            await asyncio.sleep(0.05)
    await livekit.egress.stop_egress(api.StopEgressRequest(egress_id=started.egress_id))
    assert (await told(sandbox))[-1] == ("egress_ended", _S.EGRESS_ABORTED)
    assert not sandbox.webhooks[-1].egress_info.file_results


async def test_stopping_an_unknown_recording_is_not_found(livekit: api.LiveKitAPI) -> None:
    with pytest.raises(api.ServerError) as refusal:
        await livekit.egress.stop_egress(api.StopEgressRequest(egress_id="EG_unknown"))
    assert (refusal.value.code, refusal.value.status) == ("not_found", 404)
