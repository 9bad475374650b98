"""What the sandbox's ear understands of speech that a busy machine has stretched, shaken and made noisy."""

import asyncio
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from parley_sandbox import speech
from parley_sandbox.hearing import NOT_UNDERSTOOD, Recogniser
from parley_sandbox.scenarios import PHRASES
from parley_sandbox.speech import Samples, Speech

RATE = 24_000
FOREIGN = (
    "The weather is nice in the mountains, and it will be colder on Sunday evening, they say.",
    "Could you repeat the number of the invoice, slowly, one digit after the other, so that I can write it down?",
)
type Disturbance = Callable[[Samples], Samples]


@pytest.fixture(scope="module")
def spoken() -> dict[str, Samples]:
    """Every sentence as a callee says it."""

    async def render() -> dict[str, Samples]:
        voices = Speech()
        return {text: await voices.render(text, speech.CALLEE, RATE) for text in (*PHRASES, *FOREIGN)}

    return asyncio.run(render())


@pytest.fixture(scope="module")
def recogniser(spoken: dict[str, Samples]) -> Recogniser:
    educated = Recogniser(RATE)
    for text in PHRASES:
        educated.learn(text, spoken[text])
    return educated


def stretched(factor: float) -> Disturbance:
    """Change the tempo."""

    def disturb(samples: Samples) -> Samples:
        moments = np.arange(0, len(samples), 1 / factor)
        disturbed: Samples = np.interp(moments, np.arange(len(samples)), samples).astype(np.int16)
        return disturbed

    return disturb


def shaken(samples: Samples, seed: int = 7) -> Samples:
    """Put gaps of silence of 10 to 40 ms between pieces of 100 to 400 ms."""
    dice = np.random.default_rng(seed)
    pieces: list[Samples] = []
    while len(samples):
        piece = int(dice.uniform(0.1, 0.4) * RATE)
        gap = np.zeros(int(dice.uniform(0.01, 0.04) * RATE), np.int16)
        pieces += [samples[:piece], gap]
        samples = samples[piece:]
    return np.concatenate(pieces)


def cut(samples: Samples, seed: int = 7) -> Samples:
    """Lose up to 60 ms after every 150 to 500 ms."""
    dice = np.random.default_rng(seed)
    pieces: list[Samples] = []
    while len(samples):
        piece = int(dice.uniform(0.15, 0.5) * RATE)
        pieces.append(samples[:piece])
        samples = samples[piece + int(dice.uniform(0, 0.06) * RATE) :]
    return np.concatenate(pieces)


def noisy(samples: Samples) -> Samples:
    """Mix with noise that is quieter than any speech, before and after the words too."""
    dice = np.random.default_rng(7)
    padded = np.pad(samples, RATE // 4).astype(np.float64)
    return (padded + dice.normal(0, 100, len(padded))).clip(-32_768, 32_767).astype(np.int16)


def quiet(samples: Samples) -> Samples:
    return (samples * 0.6).astype(np.int16)


@pytest.mark.parametrize(
    "disturb",
    [
        pytest.param(lambda samples: samples, id="clean"),
        pytest.param(stretched(1.04), id="slower"),
        pytest.param(stretched(0.96), id="faster"),
        pytest.param(shaken, id="shaken"),
        pytest.param(partial(shaken, seed=8), id="shaken otherwise"),
        pytest.param(cut, id="cut"),
        pytest.param(partial(cut, seed=8), id="cut otherwise"),
        pytest.param(lambda samples: noisy(shaken(stretched(1.04)(samples))), id="all at once"),
        pytest.param(noisy, id="noisy"),
        pytest.param(quiet, id="quiet"),
    ],
)
@pytest.mark.parametrize("text", PHRASES)
def test_phrase_is_understood_however_the_line_disturbs_it(
    recogniser: Recogniser, spoken: dict[str, Samples], text: str, disturb: Disturbance
) -> None:
    assert recogniser.understand(disturb(spoken[text])) == text


@pytest.mark.parametrize("text", FOREIGN)
def test_sentence_that_nobody_taught_is_not_understood(
    recogniser: Recogniser, spoken: dict[str, Samples], text: str
) -> None:
    assert recogniser.understand(spoken[text]) == NOT_UNDERSTOOD


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4, 0.55, 0.7])
@pytest.mark.parametrize("text", [*PHRASES, *FOREIGN])
def test_end_of_a_sentence_is_not_taken_for_another_one(
    recogniser: Recogniser, spoken: dict[str, Samples], text: str, share: float
) -> None:
    """An agent that comes in the middle of a sentence hears no goodbye where none was said."""
    samples = spoken[text]
    heard = recogniser.understand(samples[int(len(samples) * share) :])
    assert heard == NOT_UNDERSTOOD or text.startswith(heard)


def test_silence_is_not_understood(recogniser: Recogniser) -> None:
    assert recogniser.understand(np.zeros(RATE, np.int16)) == NOT_UNDERSTOOD


def test_phrase_that_breaks_off_is_understood_as_far_as_it_was_spoken(
    recogniser: Recogniser, spoken: dict[str, Samples]
) -> None:
    text = max(PHRASES, key=len)
    half = spoken[text][: len(spoken[text]) // 2]
    heard = recogniser.understand(half)
    assert text.startswith(heard)
    assert 0.3 < len(heard) / len(text) < 0.7
