"""How conversations end that nobody ends."""

from tests.support.customer import Customer


async def test_callee_who_stays_silent_is_asked_twice_and_then_left(customer: Customer) -> None:
    assistant = await customer.assistant(assistant_limits={"silence_timeout_seconds": 3})
    report = await customer.report(await customer.call("2003", assistant))
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "silence")
    assert [turn["text"] for turn in report["transcripts"]] == [
        "Hello John, how can I help?",
        "Are you still there?",
        "Are you still there?",
        "Thank you for your time. Goodbye.",
    ]


async def test_conversation_that_takes_too_long_is_wrapped_up_in_words(customer: Customer) -> None:
    assistant = await customer.assistant(assistant_limits={"max_duration_seconds": 12})
    report = await customer.report(await customer.call("2006", assistant))
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "max_duration")
    spoken = [turn["text"] for turn in report["transcripts"] if turn["speaker"] == "agent"]
    assert spoken[-1] == "Thank you for your time. Goodbye."
