"""When the agent knows that a mailbox records: after a tone, or when nothing more comes."""

import asyncio

import numpy as np
import pytest

from parley_agent.beep import FRAME_MS, RATE, BeepEar
from parley_sandbox import speech
from parley_sandbox.scenarios import GREETING_OF_A_MAILBOX
from parley_sandbox.speech import Samples, Speech

FRAME = RATE * FRAME_MS // 1000
BEEP = speech.beep(0.6, RATE)


@pytest.fixture(scope="module")
def greeting() -> Samples:
    return asyncio.run(Speech().render(GREETING_OF_A_MAILBOX, speech.CALLEE, RATE))


def silence(seconds: float) -> Samples:
    return np.zeros(int(RATE * seconds), np.int16)


def after(*sounds: Samples) -> bool:
    """Tell whether the mailbox records when these were heard one after the other."""
    heard, ear = np.concatenate(sounds), BeepEar()
    for start in range(0, len(heard) - FRAME + 1, FRAME):
        ear.hear(heard[start : start + FRAME])
    return ear.mailbox_records


def test_mailbox_records_after_its_beep(greeting: Samples) -> None:
    assert after(greeting, silence(0.7), BEEP, silence(0.3))


def test_mailbox_does_not_record_while_it_beeps(greeting: Samples) -> None:
    assert not after(greeting, BEEP)


def test_beep_is_heard_through_the_noise_of_a_line(greeting: Samples) -> None:
    noise = np.random.default_rng(7).normal(0, 100, len(BEEP) + RATE)
    assert after(greeting, (np.pad(BEEP, RATE // 2) + noise).astype(np.int16))


def test_pause_between_two_sentences_of_the_greeting_is_not_its_end(greeting: Samples) -> None:
    assert not after(greeting, silence(1.0))
    assert not after(BEEP, greeting, silence(1.0))


def test_mailbox_without_a_beep_records_when_it_has_been_silent_for_long(greeting: Samples) -> None:
    assert after(greeting, silence(3.1))
