"""What is said of a call that fails: the reason, the words so far, and that no phone rang in vain."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from parley_agent.aside import APOLOGY, ONE_MOMENT
from tests.support.customer import Customer

pytestmark = pytest.mark.alone


@asynccontextmanager
async def faulty(customer: Customer, provider: str, **fault: object) -> AsyncIterator[None]:
    path = f"/providers/{provider}/fault"
    (await customer.sandbox.put(path, json=fault)).raise_for_status()
    try:
        yield
    finally:
        (await customer.sandbox.delete(path)).raise_for_status()


async def test_provider_that_fails_in_a_call_ends_it_as_such(customer: Customer) -> None:
    call_id = await customer.call("2006")
    await customer.words_after(call_id, 2)
    async with faulty(customer, "openai", kind="quota"):
        report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("failed", "provider_failed")
    assert report["fault"] == "provider"
    assert report["transcripts"][0]["text"] == "Hello John, how can I help?"
    assert report["transcripts"][-1]["text"] == APOLOGY


async def test_callee_is_asked_to_wait_for_a_silent_model_and_hears_an_apology_in_the_end(customer: Customer) -> None:
    silent = await customer.call("2003", await customer.assistant(assistant_limits={"silence_timeout_seconds": 3}))
    talker = await customer.call("2006")
    await customer.words_after(silent, 1)
    await customer.words_after(talker, 2)
    async with faulty(customer, "openai", kind="slow", seconds=300):
        reports = [await customer.report(call_id) for call_id in (silent, talker)]
    for report in reports:
        assert (report["call_end_reason"], report["fault"]) == ("provider_failed", "provider")
        ours = [turn["text"] for turn in report["transcripts"] if turn["speaker"] == "agent"]
        assert ours[-2:] == [ONE_MOMENT, APOLOGY]


async def test_voice_that_dies_is_replaced_and_a_callee_whom_no_voice_reaches_hears_an_apology(
    customer: Customer,
) -> None:
    call_id = await customer.call("2006")
    before = await customer.words_after(call_id, 2)
    async with faulty(customer, "cartesia", kind="slow", seconds=300):
        said = await customer.words_after(call_id, len(before) + 4)
        assert ONE_MOMENT not in said
        async with faulty(customer, "sarvam", kind="slow", seconds=300):
            report = await customer.report(call_id)
    assert (report["call_end_reason"], report["fault"]) == ("provider_failed", "provider")
    assert report["transcripts"][-1]["text"] == APOLOGY
    (invite,) = await customer.invites(call_id)
    assert invite["last_word_at"] > report["transcripts"][-1]["timestamp"]
