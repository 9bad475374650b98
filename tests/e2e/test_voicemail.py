"""A mailbox picks up."""

import io
import wave
from typing import Any

import numpy as np

from parley_sandbox import speech
from parley_sandbox.ear import RATE
from parley_sandbox.hearing import Recogniser
from parley_sandbox.speech import Samples, Speech
from tests.support.customer import Customer

MESSAGE = "Hello John, this is the shop. Your order has arrived."


async def test_mailbox_is_left_alone(customer: Customer) -> None:
    report = await customer.report(await customer.call("2005"))
    assert_voicemail(report)
    assert MESSAGE not in [turn["text"] for turn in report["transcripts"]]


async def test_mailbox_gets_the_message_after_its_beep(customer: Customer) -> None:
    leaving = {"behaviour": "leave_message", "message": MESSAGE.replace("John", "{{ name }}")}
    assistant = await customer.assistant(assistant_voicemail=leaving, assistant_analysis={"enabled": True})
    call_id = await customer.call("2005", assistant)
    report = await customer.report(call_id)
    assert_voicemail(report)
    assert report["transcripts"][-1]["text"] == MESSAGE
    assert report["analysis_status"] == "ready"
    (invite,) = await customer.invites(call_id)
    assert await understood((await customer.sandbox.get(invite["left"])).content) == MESSAGE


def assert_voicemail(report: dict[str, Any]) -> None:
    told = (report["call_status"], report["call_end_reason"], report["answered_by"], report["fault"])
    assert told == ("completed", "voicemail", "voicemail", "callee")


async def understood(wav: bytes) -> str:
    """Listen to what the mailbox recorded as the sandbox's model listens to a callee."""
    with wave.open(io.BytesIO(wav)) as file:
        heard: Samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    recogniser = Recogniser(RATE)
    recogniser.learn(MESSAGE, await Speech().render(MESSAGE, speech.AGENT, RATE))
    return recogniser.understand(heard)
