"""The mailbox that may answer a call: when it records, and what is left in it."""

import asyncio
from contextlib import suppress

import numpy as np
from livekit import rtc

from parley_agent.aside import Aside
from parley_agent.beep import FRAME_MS, RATE, BeepEar
from parley_agent.line import is_phone
from parley_common.calls import Utterance

BEEP_PATIENCE_SECONDS = 30.0


class Mailbox:
    """Listens to the callee from the first sound on: the beep may be over before a model has understood the words."""

    def __init__(self, room: rtc.Room, aside: Aside) -> None:
        self._room = room
        self._aside = aside
        self._ear = BeepEar()
        self._records = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Call this before the room connects."""
        self._room.on("track_subscribed", self._subscribed)

    async def leave(self, message: str) -> Utterance:
        """Wait for the beep, then say the message."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BEEP_PATIENCE_SECONDS):
                await self._records.wait()
        return await self._aside.say(message)

    def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()

    def _subscribed(
        self, track: rtc.Track, _publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if is_phone(participant) and isinstance(track, rtc.RemoteAudioTrack):
            self.close()
            self._listening = asyncio.create_task(self._listen(track))

    async def _listen(self, track: rtc.RemoteAudioTrack) -> None:
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE, num_channels=1, frame_size_ms=FRAME_MS)
        try:
            async for event in stream:
                self._ear.hear(np.frombuffer(event.frame.data, dtype=np.int16))
                if self._ear.mailbox_records:
                    self._records.set()
                else:
                    self._records.clear()
        finally:
            await stream.aclose()
