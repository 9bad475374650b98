"""The mailbox that may answer a call: who says so, when it records, and what is left in it."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import numpy as np
import structlog
from livekit import rtc
from livekit.agents import AgentSession

from parley_agent.aside import Aside
from parley_agent.beep import FRAME_MS, RATE, BeepEar
from parley_agent.line import is_phone
from parley_common.assistants import Voicemail
from parley_common.calls import AnsweredBy, Speaker, Utterance
from parley_common.clock import now

log = structlog.get_logger()

BEEP_PATIENCE_SECONDS = 30.0
LONGEST_ANNOUNCEMENT = timedelta(seconds=60)
"""After so much talk it is a person, whatever the model believes."""


class Mailbox:
    """Listens to the callee from the first sound on: the beep may be over before a model has understood the words."""

    def __init__(self, wanted: Voicemail, room: rtc.Room, session: AgentSession[None], aside: Aside) -> None:
        self._wanted = wanted
        self._room = room
        self._session = session
        self._aside = aside
        self._ear = BeepEar()
        self._records = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self.answered = False

    def watch(self) -> None:
        """Call this before the room connects."""
        if self._wanted.behaviour == "leave_message":
            self._room.on("track_subscribed", self._subscribed)

    def recognise(self, answered_at: datetime | None) -> bool:
        """A mailbox has answered, the model says; return whether that can be."""
        if answered_at is None or now() - answered_at > LONGEST_ANNOUNCEMENT:
            return False
        log.info("mailbox answered")
        self.answered = True
        self._session.input.set_audio_enabled(False)  # the announcement and its beep ask for no reply
        return True

    async def leave_message(self) -> bool:
        """Say the message after the beep, if there is one to leave; False when the voice is dead."""
        if self._wanted.behaviour != "leave_message" or not self._wanted.message:
            return True
        await self._session.interrupt(force=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(BEEP_PATIENCE_SECONDS):
                await self._records.wait()
        return await self._aside.say(self._wanted.message)

    def answered_by(self, said: list[Utterance]) -> AnsweredBy | None:
        """Who spoke to us; None when nobody did, or nobody was to find out."""
        if self.answered:
            return "voicemail"
        looked = self._wanted.behaviour != "continue"
        return "human" if looked and any(spoken.speaker is Speaker.USER for spoken in said) else None

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
