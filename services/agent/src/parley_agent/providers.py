"""Builds the ears, mind and voice of one conversation: OpenAI Realtime in text mode, spoken by Cartesia or Sarvam."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from livekit.agents import AgentSession, APIConnectOptions, tts
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.plugins import cartesia, openai, sarvam
from openai.types.realtime import AudioTranscription
from openai.types.realtime.realtime_audio_input_turn_detection import ServerVad

from parley_agent.settings import ProviderSettings
from parley_common.assistants import AssistantSnapshot

CARTESIA_MODEL = "sonic-3"
STAND_IN_VOICE_ID = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
"""Speaks for a Sarvam speaker; Sarvam has a default of its own."""

SARVAM_MODEL = "bulbul:v3"
SAMPLE_RATE = 24_000
END_OF_TURN_SILENCE = timedelta(milliseconds=500)
VOICE_CONNECTION = APIConnectOptions(max_retry=1, retry_interval=0.5, timeout=2)
SARVAM_LANGUAGES = {"en": "en-IN", "hi": "hi-IN", "bn": "bn-IN", "ta": "ta-IN", "te": "te-IN", "mr": "mr-IN"}


class ProviderNotConfigured(Exception):
    """The assistant wants a voice whose API key is not set."""


@dataclass(frozen=True)
class Models:
    """The session, and the voice that it speaks with."""

    session: AgentSession[None]
    voice: tts.TTS[Any]


def make_models(assistant: AssistantSnapshot, settings: ProviderSettings) -> Models:
    """Compose the session. A voice that fails once ends it: text that was never spoken must not count as said."""
    voice = _voice(assistant, settings)
    session: AgentSession[None] = AgentSession(
        llm=_realtime(assistant, settings),
        tts=voice,
        vad=None,
        turn_handling={"turn_detection": "realtime_llm"},
        aec_warmup_duration=None,  # a phone leg has no echo path; the default drops three seconds of the callee
        user_away_timeout=assistant.limits.silence_timeout_seconds,
        conn_options=SessionConnectOptions(max_unrecoverable_errors=0, tts_conn_options=VOICE_CONNECTION),
    )
    return Models(session, voice)


def _realtime(assistant: AssistantSnapshot, settings: ProviderSettings) -> openai.realtime.RealtimeModel:
    return openai.realtime.RealtimeModel(
        model=assistant.model,
        modalities=["text"],
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url,
        input_audio_transcription=AudioTranscription(model="gpt-4o-mini-transcribe", language=assistant.language),
        turn_detection=ServerVad(
            type="server_vad",
            threshold=0.5,
            silence_duration_ms=END_OF_TURN_SILENCE // timedelta(milliseconds=1),
            prefix_padding_ms=300,
            create_response=True,
            interrupt_response=True,
        ),
    )


def _voice(assistant: AssistantSnapshot, settings: ProviderSettings) -> tts.TTS[Any]:
    """The assistant's voice; should it die, the other provider's speaks, if it has a key and knows the language."""
    wanted, other = _cartesia(assistant, settings), _sarvam(assistant, settings)
    if assistant.voice.tts_model == "sarvam":
        wanted, other = other, wanted
    elif assistant.language not in SARVAM_LANGUAGES:
        other = None
    if wanted is None:
        raise ProviderNotConfigured(f"the API key of {assistant.voice.tts_model} is not set")
    return tts.FallbackAdapter([wanted, other], max_retry_per_tts=0) if other is not None else wanted


def _cartesia(assistant: AssistantSnapshot, settings: ProviderSettings) -> tts.TTS[Any] | None:
    if settings.cartesia_api_key is None:
        return None
    return cartesia.TTS(
        model=CARTESIA_MODEL,
        voice=assistant.voice.voice_id or STAND_IN_VOICE_ID,
        language=assistant.language,
        speed=assistant.voice.speed if assistant.voice.speed != 1.0 else None,
        sample_rate=SAMPLE_RATE,
        api_key=settings.cartesia_api_key.get_secret_value(),
        base_url=settings.cartesia_base_url,
    )


def _sarvam(assistant: AssistantSnapshot, settings: ProviderSettings) -> tts.TTS[Any] | None:
    if settings.sarvam_api_key is None:
        return None
    http = f"{settings.sarvam_base_url}/text-to-speech"
    return sarvam.TTS(
        model=SARVAM_MODEL,
        speaker=assistant.voice.speaker,
        target_language_code=SARVAM_LANGUAGES.get(assistant.language, "en-IN"),
        pace=assistant.voice.speed,
        speech_sample_rate=SAMPLE_RATE,
        output_audio_codec="linear16",
        api_key=settings.sarvam_api_key.get_secret_value(),
        base_url=http,
        ws_url=http.replace("http", "ws", 1) + "/ws",
    )
