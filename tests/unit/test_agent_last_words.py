"""The last words of a callee who hangs up are waited for, and nothing else is."""

import asyncio

import pytest

from parley_agent import transcript
from parley_agent.transcript import PendingTurns

STARTED = {"type": "input_audio_buffer.speech_started", "item_id": "a"}
STOPPED = {"type": "input_audio_buffer.speech_stopped", "item_id": "a"}
COMMITTED = {"type": "input_audio_buffer.committed", "item_id": "a"}
TRANSCRIBED = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "a"}
FAILED = {"type": "conversation.item.input_audio_transcription.failed", "item_id": "a"}
OTHER = {"type": "response.created"}


class Model:
    """Counts how often it was told that a turn is over."""

    def __init__(self, *heard: dict[str, str]) -> None:
        self.pending = PendingTurns()
        self.commits = 0
        for event in heard:
            self.pending.hear(event)

    def commit(self) -> None:
        self.commits += 1

    async def flush_while(self, *events: dict[str, str]) -> list[bool]:
        """Say after each event whether the wait is over."""
        flushing = asyncio.create_task(self.pending.flush(self.commit))
        over = []
        for event in events:
            await asyncio.sleep(0)
            self.pending.hear(event)
            await asyncio.sleep(0.01)
            over.append(flushing.done())
        flushing.cancel()
        return over


async def test_callee_who_said_nothing_is_not_waited_for() -> None:
    model = Model(OTHER)
    await model.pending.flush(model.commit)
    assert model.commits == 0


async def test_turn_that_was_transcribed_is_not_waited_for() -> None:
    model = Model(STARTED, STOPPED, COMMITTED, TRANSCRIBED)
    await model.pending.flush(model.commit)
    assert model.commits == 0


async def test_half_a_sentence_is_ended_and_waited_for_whatever_else_the_model_says_meanwhile() -> None:
    model = Model(STARTED)
    assert await model.flush_while(OTHER, COMMITTED, OTHER, TRANSCRIBED) == [False, False, False, True]
    assert model.commits == 1


async def test_turn_that_the_model_is_about_to_end_itself_is_not_ended_twice() -> None:
    model = Model(STARTED, STOPPED)
    assert await model.flush_while(COMMITTED, TRANSCRIBED) == [False, True]
    assert model.commits == 0


@pytest.mark.parametrize("last", [TRANSCRIBED, FAILED])
async def test_sentence_that_has_just_ended_is_waited_for_until_it_is_known_or_never_will_be(
    last: dict[str, str],
) -> None:
    model = Model(STARTED, STOPPED, COMMITTED)
    assert await model.flush_while(OTHER, last) == [False, True]
    assert model.commits == 0


async def test_words_that_never_come_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "FLUSH_SECONDS", 0.01)
    model = Model(STARTED)
    await model.pending.flush(model.commit)
    assert model.commits == 1
