"""The sandbox's OpenAI Realtime API, as the real plugin finds it: in health, and with each fault."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, llm
from livekit.plugins import openai
from openai.types.realtime import AudioTranscription
from openai.types.realtime.realtime_audio_input_turn_detection import ServerVad

from parley_sandbox import speech
from parley_sandbox.scenarios import ORDER
from parley_sandbox.speech import Speech
from tests.support.outside import Sandbox

RATE = 24_000
PATIENCE_SECONDS = 15.0
TOLD = 'Say "Hello John, how can I help?"'


@pytest.fixture
async def model(sandbox: Sandbox) -> AsyncIterator[openai.realtime.RealtimeModel]:
    """The plugin, in text mode as the agent uses it; it does not try again."""
    async with aiohttp.ClientSession() as http:
        made = openai.realtime.RealtimeModel(
            model="gpt-realtime",
            modalities=["text"],
            api_key="key",
            base_url=f"{sandbox.url}/openai/v1",
            input_audio_transcription=AudioTranscription(model="gpt-4o-mini-transcribe", language="en"),
            turn_detection=ServerVad(type="server_vad", silence_duration_ms=500, create_response=True),
            http_session=http,
            conn_options=APIConnectOptions(max_retry=0, timeout=5),
        )
        yield made
        await made.aclose()


@asynccontextmanager
async def talking(model: openai.realtime.RealtimeModel) -> AsyncIterator[llm.RealtimeSession[Any]]:
    session = model.session()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield session
    finally:
        with suppress(Exception):  # the plugin raises here once more what the session died of
            await session.aclose()


def first(
    session: llm.RealtimeSession[Any], event: str, holds: Callable[[Any], bool] = lambda _: True
) -> asyncio.Future[Any]:
    """Return what the session tells first under this name that is as we want it."""
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    session.on(event, lambda value: told.set_result(value) if holds(value) and not told.done() else None)
    return told


async def words(generation: llm.GenerationCreatedEvent) -> str:
    return "".join([text async for message in generation.message_stream async for text in message.text_stream])


async def test_model_says_what_it_is_told(model: openai.realtime.RealtimeModel) -> None:
    async with talking(model) as session:
        assert await words(await session.generate_reply(instructions=TOLD)) == "Hello John, how can I help?"


async def test_model_hears_a_sentence_and_answers_it(model: openai.realtime.RealtimeModel) -> None:
    samples = await Speech().render(ORDER, speech.CALLEE, RATE)
    async with talking(model) as session:
        heard = first(session, "input_audio_transcription_completed", lambda words: words.is_final)
        answer = first(session, "generation_created")
        session.push_audio(rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples)))
        session.push_audio(rtc.AudioFrame(bytes(2 * RATE), RATE, 1, RATE))
        assert (await heard).transcript == ORDER
        assert await words(await answer) == "Of course. Your order is on its way and will arrive tomorrow."


@pytest.mark.parametrize("kind", ["bad_key", "refuse", "dropped"])
async def test_model_that_does_not_stay_connected_fails_for_good(
    sandbox: Sandbox, model: openai.realtime.RealtimeModel, kind: str
) -> None:
    await sandbox.fault("openai", kind=kind)
    async with talking(model) as session:
        error: llm.RealtimeModelError = await first(session, "error")
        assert not error.recoverable


async def test_model_without_quota_says_nothing_and_tells_why(
    sandbox: Sandbox, model: openai.realtime.RealtimeModel
) -> None:
    await sandbox.fault("openai", kind="quota")
    async with talking(model) as session:
        told = first(session, "error")
        await session.generate_reply(instructions=TOLD)
        assert "insufficient_quota" in str((await told).error)


async def test_slow_model_answers_late(sandbox: Sandbox, model: openai.realtime.RealtimeModel) -> None:
    await sandbox.fault("openai", kind="slow", seconds=0.5)
    async with talking(model) as session:
        asked_at = time.monotonic()
        await words(await session.generate_reply(instructions=TOLD))
        assert time.monotonic() - asked_at >= 0.5


async def test_garbage_from_the_model_is_no_answer(sandbox: Sandbox, model: openai.realtime.RealtimeModel) -> None:
    await sandbox.fault("openai", kind="garbage")
    async with talking(model) as session:
        with pytest.raises(llm.RealtimeError):
            await session.generate_reply(instructions=TOLD)
