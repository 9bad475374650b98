"""The recorder as a process, on LiveKit's interface and a real bucket: a room is heard, and its file is proved."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from livekit import api, rtc

from parley_common import broker
from parley_common.calls import Call, Speaker
from parley_common.clock import now
from parley_common.db import Calls, Database
from parley_common.db.transcripts import Transcripts
from parley_common.events import AgentReady, CallEnded, TranscriptChunk
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.recordings import Recording, RecordingStatus
from parley_common.relay import Relay
from parley_common.settings import RabbitSettings
from parley_local.world import World
from tests import factories
from tests.processes import Service, service
from tests.support.stored import store

DEADLINE_SECONDS = 20.0
RATE = 48_000


class Stage:
    """Calls, their events, and rooms with somebody in them."""

    def __init__(self, calls: Calls, relay: Relay, livekit: api.LiveKitAPI, environment: dict[str, str]) -> None:
        self.calls = calls
        self.relay = relay
        self.livekit = livekit
        self.environment = environment
        self._rooms: list[str] = []

    async def clear(self) -> None:
        """Leave no room, and so nobody who records one."""
        for room in self._rooms:
            with suppress(api.TwirpError):
                await self.livekit.room.delete_room(api.DeleteRoomRequest(room=room))

    async def begin(self) -> Call:
        """Have an agent be ready in its room."""
        call = factories.call(status=CallStatus.STARTING, room_name=f"room_{secrets.token_hex(8)}")
        await store(self.calls, call)
        self._rooms.append(call.room_name)
        await self.livekit.room.create_room(api.CreateRoomRequest(name=call.room_name))
        await self.calls.note(call.call_id, AgentReady)
        await self.relay.flush(call.call_id)
        return call

    async def end(self, call: Call, status: CallStatus, reason: EndReason) -> None:
        await self.calls.advance(call.call_id, status, CallEnded, end_reason=reason, ended_at=now())
        await self.relay.flush(call.call_id)
        await self.livekit.room.delete_room(api.DeleteRoomRequest(room=call.room_name))

    async def recorded(self, call: Call, holds: Callable[[Recording], bool]) -> Recording:
        """Wait for a state of the call's recording."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                recording = (await self.calls.get(call.call_id)).recording
                if holds(recording):
                    return recording
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def voice(self, call: Call) -> AsyncIterator[rtc.AudioSource]:
        """Have an agent in the room."""
        token = (
            api.AccessToken(self.environment["LIVEKIT_API_KEY"], self.environment["LIVEKIT_API_SECRET"])
            .with_identity("agent")
            .with_kind("agent")
            .with_grants(api.VideoGrants(room_join=True, room=call.room_name))
        )
        room = rtc.Room()
        await room.connect(self.environment["LIVEKIT_URL"], token.to_jwt())
        source = rtc.AudioSource(RATE, 1)
        await room.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("voice", source))
        try:
            yield source
        finally:
            await room.disconnect()
            await source.aclose()


async def speak(voice: rtc.AudioSource) -> None:
    """Send one second of silence, in real time."""
    await voice.capture_frame(rtc.AudioFrame.create(RATE, 1, RATE))
    await voice.wait_for_playout()


@pytest.fixture
async def stage(
    world: World, environment: dict[str, str], rabbit: RabbitSettings, database: Database
) -> AsyncIterator[Stage]:
    given = world.environment()
    outside = {name: value for name, value in given.items() if name.startswith(("LIVEKIT_", "S3_", "AWS_"))}
    publishes = broker.publisher(rabbit, "test")
    await publishes.start()
    calls = Calls(database)
    async with api.LiveKitAPI(given["LIVEKIT_URL"], given["LIVEKIT_API_KEY"], given["LIVEKIT_API_SECRET"]) as livekit:
        made = Stage(calls, Relay(calls, publishes), livekit, environment | outside)
        yield made
        await made.clear()
    await publishes.stop()


@pytest.fixture
async def recorder(stage: Stage, unused_tcp_port: int, tmp_path: Path) -> AsyncIterator[Service]:
    async with service("parley_recorder", stage.environment, unused_tcp_port, tmp_path / "recorder.log") as running:
        yield running


async def test_answered_call_has_its_file_in_the_bucket(stage: Stage, recorder: Service) -> None:
    call = await stage.begin()
    await stage.recorded(call, lambda recording: recording.status is RecordingStatus.RECORDING)
    async with stage.voice(call) as voice:
        await stage.calls.advance(call.call_id, CallStatus.DIALING)
        await stage.calls.advance(call.call_id, CallStatus.IN_PROGRESS, answered_at=now())
        await speak(voice)
        await stage.end(call, CallStatus.COMPLETED, EndReason.CALLEE_HANGUP)
        recording = await stage.recorded(
            call, lambda recording: recording.status in {RecordingStatus.READY, RecordingStatus.FAILED}
        )
    assert recording.status is RecordingStatus.READY
    assert recording.path == "/".join(
        (stage.environment["S3_ENDPOINT_URL"], stage.environment["S3_BUCKET_NAME"], f"recordings/{call.call_id}.ogg")
    )
    assert recording.size_bytes
    assert recording.duration_seconds
    assert recording.duration_seconds > 0.5
    assert recording.answer_offset_seconds is not None


async def test_unanswered_call_leaves_no_recording(stage: Stage, recorder: Service) -> None:
    call = await stage.begin()
    await stage.recorded(call, lambda recording: recording.status is RecordingStatus.RECORDING)
    async with stage.voice(call):
        await stage.calls.advance(call.call_id, CallStatus.DIALING)
        await stage.end(call, CallStatus.BUSY, EndReason.BUSY)
        recording = await stage.recorded(call, lambda recording: recording.status is RecordingStatus.NONE)
    assert recording == Recording()


async def test_transcript_chunks_are_kept_in_the_order_of_speech_and_outlive_their_agent(
    stage: Stage, recorder: Service, database: Database
) -> None:
    call = await stage.begin()
    said = [
        factories.utterance(item_id=f"item_{turn}", speaker=speaker, spoken_at=now() + timedelta(seconds=turn))
        for turn, speaker in enumerate([Speaker.AGENT, Speaker.USER, Speaker.AGENT])
    ]
    for utterance in reversed([*said, said[0]]):
        await stage.calls.note(call.call_id, TranscriptChunk, details=utterance.model_dump())
    await stage.relay.flush(call.call_id)
    transcripts = Transcripts(database)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            kept = await transcripts.of_call(call.call_id)
            if len(kept) == len(said):
                break
            await asyncio.sleep(0.05)
    assert kept == said
    await stage.end(call, CallStatus.FAILED, EndReason.AGENT_LOST)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            if (await stage.calls.get(call.call_id)).transcript == said:
                break
            await asyncio.sleep(0.05)
