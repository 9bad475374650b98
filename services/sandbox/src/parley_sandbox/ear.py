"""What a callee hears of the agent: when it speaks, and when it has finished."""

import asyncio
import time
from collections.abc import Callable

import numpy as np
from livekit import rtc

from parley_sandbox.hearing import LOUD, loudness
from parley_sandbox.tape import Tape

RATE = 16_000
QUIET_SECONDS = 0.8
FRAME_MS = 20


class Ear:
    """Listens to the tracks of agents; times are those of `time.time`."""

    def __init__(self, room: rtc.Room, voices_heard_at: list[float]) -> None:
        self._room = room
        self._voices_heard_at = voices_heard_at
        self._tasks: set[asyncio.Task[None]] = set()
        self.first_word_at: float | None = None
        self.last_loud_at = 0.0
        self._tape: Tape | None = None
        self._waiting: tuple[float, Callable[[float], None]] | None = None
        room.on("track_subscribed", self._subscribed)

    def measure_response(self, since: float, report: Callable[[float], None]) -> None:
        """Report once how long the agent takes to speak after `since`."""
        self._waiting = (since, report)

    def record(self) -> Tape:
        """Keep what is heard from now on."""
        self._tape = Tape(RATE)
        return self._tape

    async def until_speaking(self, patience: float) -> bool:
        since = time.time()
        return await self._until(lambda: self.last_loud_at > since, patience)

    async def until_quiet(self, patience: float) -> bool:
        """Wait until the agent has spoken since we began to listen and was quiet for a while."""
        started = time.time() - QUIET_SECONDS
        return await self._until(
            lambda: self.last_loud_at > started and time.time() - self.last_loud_at > QUIET_SECONDS, patience
        )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _until(self, condition: Callable[[], bool], patience: float) -> bool:
        end = time.time() + patience
        while not condition():
            if time.time() > end:
                return False
            await asyncio.sleep(0.02)
        return True

    def _subscribed(
        self, track: rtc.Track, _publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT and isinstance(track, rtc.RemoteAudioTrack):
            task = asyncio.create_task(self._listen(track))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _listen(self, track: rtc.RemoteAudioTrack) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=FRAME_MS)
        try:
            async for event in stream:
                samples = np.frombuffer(event.frame.data, dtype=np.int16)
                if self._tape is not None:
                    self._tape.add(track.sid, samples.copy())
                if loudness(samples) > LOUD:
                    self._heard(time.time())
        finally:
            await stream.aclose()

    def _heard(self, moment: float) -> None:
        if moment - self.last_loud_at > QUIET_SECONDS:
            self._voices_heard_at.append(moment)
        self.last_loud_at = moment
        if self.first_word_at is None:
            self.first_word_at = moment
        if self._waiting is not None:
            since, report = self._waiting
            self._waiting = None
            report(moment - since)
