"""A mailbox picks up."""

import asyncio
import io
import wave

import numpy as np

from parley_sandbox import speech
from parley_sandbox.ear import RATE
from parley_sandbox.hearing import Recogniser
from parley_sandbox.speech import Samples, Speech
from tests.support.customer import Customer

MESSAGE = "Hello John, this is the shop. Your order has arrived."


async def test_mailbox_is_left_alone_or_gets_the_message_after_its_beep(customer: Customer) -> None:
    leaving = await customer.assistant(
        assistant_voicemail={"behaviour": "leave_message", "message": MESSAGE.replace("John", "{{ name }}")}
    )
    calls = [await customer.call("2005"), await customer.call("2005", leaving)]
    reports = await asyncio.gather(*(customer.report(call_id) for call_id in calls))
    for report in reports:
        told = (report["call_status"], report["call_end_reason"], report["answered_by"], report["fault"])
        assert told == ("completed", "voicemail", "voicemail", "callee")
    assert MESSAGE not in [turn["text"] for turn in reports[0]["transcripts"]]
    assert reports[1]["transcripts"][-1]["text"] == MESSAGE
    (invite,) = await customer.invites(calls[1])
    assert await understood((await customer.sandbox.get(invite["left"])).content) == MESSAGE


async def understood(wav: bytes) -> str:
    """Listen to what the mailbox recorded as the sandbox's model listens to a callee."""
    with wave.open(io.BytesIO(wav)) as file:
        heard: Samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    recogniser = Recogniser(RATE)
    recogniser.learn(MESSAGE, await Speech().render(MESSAGE, speech.AGENT, RATE))
    return recogniser.understand(heard)
