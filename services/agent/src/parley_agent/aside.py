"""Speaks beside the session: what nobody may interrupt, and what is said when the models are dead."""

import secrets
from typing import Any

from livekit import rtc
from livekit.agents import tts

from parley_common.calls import Speaker, Utterance
from parley_common.clock import now, whole_milliseconds

TRACK = "aside"


class Aside:
    """The assistant's voice on a track of its own."""

    def __init__(self, room: rtc.Room, voice: tts.TTS[Any]) -> None:
        self._room = room
        self._voice = voice

    async def say(self, text: str) -> Utterance:
        """Speak to the end. Raises livekit-agents' APIError when the voice fails."""
        source = rtc.AudioSource(self._voice.sample_rate, self._voice.num_channels)
        track = rtc.LocalAudioTrack.create_audio_track(TRACK, source)
        published = await self._room.local_participant.publish_track(track)
        try:
            spoken_at = whole_milliseconds(now())
            async with self._voice.synthesize(text) as speech:
                async for piece in speech:
                    await source.capture_frame(piece.frame)
            await source.wait_for_playout()
        finally:
            await self._room.local_participant.unpublish_track(published.sid)
            await source.aclose()
        item_id = f"aside_{secrets.token_hex(8)}"
        return Utterance(item_id=item_id, speaker=Speaker.AGENT, text=text, spoken_at=spoken_at)
