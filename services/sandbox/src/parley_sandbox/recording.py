"""One recording: a hidden participant that hears the room and writes what it hears."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from livekit import api, rtc

from parley_sandbox.mixing import RATE, Channel, Lane, StereoFile
from parley_sandbox.settings import SandboxSettings

WRITE_SECONDS = 0.2
LAG_SECONDS = 0.4
FRAME_MS = 100
"""Each frame costs every room of the process a wake-up."""


class Recording:
    """Records from the first track on until it is stopped or the room closes."""

    def __init__(self, settings: SandboxSettings, egress_id: str, room_name: str, path: Path) -> None:
        self._settings = settings
        self._egress_id = egress_id
        self._room_name = room_name
        self._path = path
        self._room = rtc.Room()
        self._lanes: list[Lane] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._began = 0.0
        self._stopped = asyncio.Event()
        self.source_closed = False
        self.started_at: float | None = None
        self.on_active: Callable[[], None] = lambda: None

    async def join(self) -> None:
        self._room.on("track_subscribed", self._subscribed)
        self._room.on("disconnected", self._room_closed)
        token = (
            api.AccessToken(self._settings.livekit_api_key, self._settings.secret)
            .with_identity(self._egress_id)
            .with_kind("egress")
            .with_grants(
                api.VideoGrants(room_join=True, room=self._room_name, hidden=True, recorder=True, can_publish=False)
            )
        )
        await self._room.connect(self._settings.livekit_websocket_url, token.to_jwt())

    def stop(self) -> None:
        self._stopped.set()

    async def record(self) -> float | None:
        """Write until the end; return the length in seconds, or None when there was nothing to hear."""
        while self.started_at is None and not self._stopped.is_set():
            await self._stopped_within(0.05)
        if self.started_at is None:
            await self._leave()
            return None
        file = StereoFile(self._path)
        while not await self._stopped_within(WRITE_SECONDS):
            file.write(self._lanes, self._clock() - int(LAG_SECONDS * RATE))
        file.write(self._lanes, self._clock())
        await self._leave()
        return file.close()

    def _clock(self) -> int:
        return int((time.monotonic() - self._began) * RATE)

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return True

    async def _leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._room.disconnect()

    def _room_closed(self, _reason: object) -> None:
        self.source_closed = True
        self._stopped.set()

    def _subscribed(
        self, track: rtc.Track, _publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if not isinstance(track, rtc.RemoteAudioTrack):
            return
        if self.started_at is None:
            self._began, self.started_at = time.monotonic(), time.time()
            self.on_active()
        agent = participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        lane = Lane(Channel.AGENT if agent else Channel.CALLEE)
        self._lanes.append(lane)
        task = asyncio.create_task(self._hear(track, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hear(self, track: rtc.RemoteAudioTrack, lane: Lane) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=FRAME_MS)
        try:
            async for event in stream:
                lane.add(np.frombuffer(event.frame.data, dtype=np.int16).copy(), self._clock())
        finally:
            await stream.aclose()
