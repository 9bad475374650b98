"""What a conversation used, as its report tells it."""

from livekit.agents.metrics import LLMModelUsage, TTSModelUsage

from parley_agent import usage

REALTIME = LLMModelUsage(provider="127.0.0.1:8090", model="gpt-realtime", input_tokens=12, session_duration=1.23456)
VOICE = TTSModelUsage(provider="Cartesia", model="sonic-3", characters_count=40, audio_duration=2.000049)


def test_provider_has_its_own_name_whatever_its_base_url_is() -> None:
    told = usage.told([REALTIME, VOICE])
    assert [(used["provider"], used["model"]) for used in told] == [("openai", "gpt-realtime"), ("cartesia", "sonic-3")]


def test_durations_are_rounded_to_milliseconds_and_counts_are_whole() -> None:
    realtime, voice = usage.told([REALTIME, VOICE])
    assert (realtime["input_tokens"], realtime["session_duration"]) == (12, 1.235)
    assert (voice["characters_count"], voice["audio_duration"]) == (40, 2.0)
