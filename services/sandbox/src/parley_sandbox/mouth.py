"""What a participant says: samples sent in real time, silence in between, as a phone's RTP does."""

import asyncio

import numpy as np
from livekit import rtc

from parley_sandbox.speech import Samples

RATE = 24_000
FRAME = RATE // 50
QUEUE_MS = 200
"""So long a busy machine may keep us from speaking without a gap in what is said."""


class Mouth:
    """Publishes one audio track and keeps it fed with speech or silence."""

    def __init__(self) -> None:
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=QUEUE_MS)
        self._samples: Samples = np.zeros(0, np.int16)
        self._silent = asyncio.Event()
        self._silent.set()
        self._task: asyncio.Task[None] | None = None

    async def open(self, room: rtc.Room) -> None:
        track = rtc.LocalAudioTrack.create_audio_track("phone", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await room.local_participant.publish_track(track, options)
        self._task = asyncio.create_task(self._feed())

    async def say(self, samples: Samples) -> None:
        """Speak to the end."""
        self._samples = samples
        self._silent.clear()
        await self._silent.wait()
        await asyncio.sleep(self._source.queued_duration)

    async def close(self) -> None:
        """Send nothing any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _feed(self) -> None:
        while True:
            chunk, self._samples = self._samples[:FRAME], self._samples[FRAME:]
            frame = np.zeros(FRAME, np.int16)
            frame[: len(chunk)] = chunk
            await self._source.capture_frame(rtc.AudioFrame(frame.tobytes(), RATE, 1, FRAME))
            if not len(self._samples):
                self._silent.set()
