"""What a callee hears while the models owe words: never nothing for long."""

import asyncio

import pytest

from parley_agent import aside, patience, providers
from parley_agent.patience import HOLDS, Patience


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HOLD_SECONDS", 0.0)


class Callee:
    """Hears that the line is held, and that it was lost."""

    def __init__(self) -> None:
        self.held = 0
        self.lost = asyncio.Event()

    async def hold(self) -> None:
        self.held += 1

    async def until_lost(self) -> None:
        async with asyncio.timeout(5):
            await self.lost.wait()


def test_nobody_waits_for_more_than_five_seconds_without_a_sound() -> None:
    waited = providers.END_OF_TURN_SILENCE.total_seconds() + patience.HOLD_SECONDS
    assert waited + aside.FIRST_SOUND_SECONDS <= 5
    assert providers.VOICE_CONNECTION.timeout < patience.HOLD_SECONDS, "the other voice has its turn first"


@pytest.mark.usefixtures("impatient")
async def test_line_is_held_a_few_times_and_is_lost_then() -> None:
    callee = Callee()
    Patience(callee.hold, callee.lost.set).expect()
    await callee.until_lost()
    assert callee.held == HOLDS


@pytest.mark.usefixtures("impatient")
async def test_words_that_come_end_the_wait() -> None:
    answered, silent = Callee(), Callee()
    waiting = Patience(answered.hold, answered.lost.set)
    waiting.expect()
    waiting.satisfy()
    Patience(silent.hold, silent.lost.set).expect()
    await silent.until_lost()
    assert (answered.held, answered.lost.is_set()) == (0, False)


@pytest.mark.usefixtures("impatient")
async def test_callee_who_speaks_meanwhile_is_not_asked_to_wait_for_ever() -> None:
    callee = Callee()
    waiting = Patience(callee.hold, callee.lost.set)
    async with asyncio.timeout(5):
        while not callee.lost.is_set():
            waiting.expect()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting.rest()
    assert callee.held <= HOLDS
