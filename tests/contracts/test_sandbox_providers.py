"""The sandbox's model providers, as the real plugins find them: in health, and with each fault."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError, tts
from livekit.plugins import cartesia, sarvam

from tests.support.outside import Sandbox

ONCE = APIConnectOptions(max_retry=0, timeout=5)
PATIENT = APIConnectOptions(max_retry=0, timeout=20)
VOICES = ["cartesia", "sarvam"]


@pytest.fixture(params=VOICES)
def provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def voice(sandbox: Sandbox, provider: str) -> AsyncIterator[tts.TTS[Any]]:
    async with aiohttp.ClientSession() as http:
        made: tts.TTS[Any]
        if provider == "cartesia":
            made = cartesia.TTS(api_key="key", base_url=f"{sandbox.url}/cartesia", http_session=http)
        else:
            made = sarvam.TTS(
                model="bulbul:v3",
                speaker="shubh",
                target_language_code="en-IN",
                output_audio_codec="linear16",
                api_key="key",
                base_url=f"{sandbox.url}/sarvam/text-to-speech",
                ws_url=f"{sandbox.url}/sarvam/text-to-speech/ws".replace("http", "ws", 1),
                http_session=http,
            )
        yield made
        await made.aclose()


async def spoken(voice: tts.TTS[Any], options: APIConnectOptions = ONCE) -> float:
    """Have a sentence spoken as a conversation does, and return its length in seconds."""
    async with voice.stream(conn_options=options) as stream:
        stream.push_text("Hello John, how can I help?")
        stream.end_input()
        return sum([audio.frame.duration async for audio in stream])


async def test_voice_speaks_a_sentence(voice: tts.TTS[Any]) -> None:
    assert 1 < await spoken(voice) < 5


async def test_voice_speaks_without_a_stream(voice: tts.TTS[Any]) -> None:
    async with voice.synthesize("Hello John.", conn_options=ONCE) as chunks:
        assert sum([audio.frame.duration async for audio in chunks]) > 0.5


@pytest.mark.parametrize("kind", ["quota", "bad_key", "refuse", "dropped", "garbage"])
async def test_faulty_voice_fails_as_the_plugin_understands_it(
    sandbox: Sandbox, voice: tts.TTS[Any], provider: str, kind: str
) -> None:
    await sandbox.fault(provider, kind=kind)
    with pytest.raises((APIStatusError, APIConnectionError, APIError)):
        await spoken(voice)


async def test_slow_voice_speaks_late(sandbox: Sandbox, voice: tts.TTS[Any], provider: str) -> None:
    await sandbox.fault(provider, kind="slow", seconds=0.5)
    assert await spoken(voice, PATIENT) > 1


async def test_voice_without_its_fault_speaks_again(sandbox: Sandbox, voice: tts.TTS[Any], provider: str) -> None:
    await sandbox.fault(provider, kind="refuse")
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as http:
        assert (await http.get("/providers")).json() == {provider: {"kind": "refuse", "seconds": 3.0}}
        await http.delete(f"/providers/{provider}/fault")
        assert (await http.get("/providers")).json() == {}
    assert await spoken(voice) > 1


async def test_fault_that_does_not_exist_is_refused(sandbox: Sandbox) -> None:
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as http:
        assert (await http.put("/providers/openai/fault", json={"kind": "tired"})).status_code == 422
