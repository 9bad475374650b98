"""Speaks beside the session: what nobody may interrupt, and what is said when the models are dead."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, tts
from livekit.agents.utils.audio import audio_frames_from_file
from livekit.rtc.participant import PublishTrackError, UnpublishTrackError

from parley_common.calls import Speaker, Utterance
from parley_common.clock import now, whole_milliseconds

log = structlog.get_logger()

TRACK = "aside"
ONE_MOMENT = "One moment, please."
APOLOGY = "I am sorry, there is a technical problem on my side. Goodbye."
RECORDED = {ONE_MOMENT: Path(__file__).with_name("one_moment.ogg"), APOLOGY: Path(__file__).with_name("apology.ogg")}
"""The same words, for when no voice can say them."""

FIRST_SOUND_SECONDS = 1.5
VOICE_CONNECTION = APIConnectOptions(max_retry=0, timeout=FIRST_SOUND_SECONDS)


class Aside:
    """The assistant's voice on a track of its own; tells `said` what was spoken to its end."""

    def __init__(self, room: rtc.Room, voice: tts.TTS[Any], said: Callable[[Utterance], None]) -> None:
        self._room = room
        self._voice = voice
        self._said = said
        self._voice_sounds = True

    async def say(self, text: str) -> bool:
        """Speak to the end; False when the voice is dead."""
        try:
            await self._play(text, self._spoken(text))
        except (APIError, TimeoutError) as error:
            log.warning("voice is dead", error=type(error).__name__)
            self._voice_sounds = False
        except (PublishTrackError, UnpublishTrackError):
            log.info("room is not there to speak into")
        return self._voice_sounds

    async def hold(self) -> None:
        await self._say_surely(ONE_MOMENT)

    async def apologise(self) -> None:
        await self._say_surely(APOLOGY)

    async def _say_surely(self, text: str) -> None:
        """Say what was recorded too; a voice that was dead a moment ago is not waited for again."""
        if not (self._voice_sounds and await self.say(text)):
            with suppress(TimeoutError, PublishTrackError, UnpublishTrackError):
                await self._play(text, audio_frames_from_file(str(RECORDED[text]), self._voice.sample_rate))

    async def _spoken(self, text: str) -> AsyncIterator[rtc.AudioFrame]:
        async with self._voice.stream(conn_options=VOICE_CONNECTION) as speech:
            speech.push_text(text)
            speech.end_input()
            async for piece in speech:
                yield piece.frame

    async def _play(self, text: str, frames: AsyncIterator[rtc.AudioFrame]) -> None:
        spoken_at = now()
        source = rtc.AudioSource(self._voice.sample_rate, 1)
        track = rtc.LocalAudioTrack.create_audio_track(TRACK, source)
        published = await self._room.local_participant.publish_track(track)
        try:
            async with asyncio.timeout(FIRST_SOUND_SECONDS) as until_first_sound:
                async for frame in frames:
                    until_first_sound.reschedule(None)
                    await source.capture_frame(frame)
            if until_first_sound.when() is not None:
                raise TimeoutError("the voice ended without a sound")
            await source.wait_for_playout()
        finally:
            await self._room.local_participant.unpublish_track(published.sid)
            await source.aclose()
        self._said(_utterance(text, spoken_at))


def _utterance(text: str, spoken_at: datetime) -> Utterance:
    item_id = f"aside_{secrets.token_hex(8)}"
    return Utterance(item_id=item_id, speaker=Speaker.AGENT, text=text, spoken_at=whole_milliseconds(spoken_at))
