"""What happens in a conversation beside talking: the callee is handed over, or presses keys."""

from typing import Any

import pytest

from tests.support.customer import Customer

ORDER = "I need help with my order."
CONNECTING = "One moment, I will connect you."
COLLEAGUE = "+15550002006"
BUSY_COLLEAGUE = "+15550000486"


def transferring(number: str) -> dict[str, Any]:
    return {"assistant_tools": {"transfer": {"to_number": number, "when": f'they say "{ORDER}"'}}}


async def test_callee_is_handed_over_in_words(customer: Customer) -> None:
    call_id = await customer.call("0200", await customer.assistant(**transferring(COLLEAGUE)))
    report = await customer.report(call_id)
    told = (report["call_status"], report["call_end_reason"], report["fault"])
    assert told == ("completed", "transferred", "caller")
    assert [turn["text"] for turn in report["transcripts"]][1:3] == [ORDER, CONNECTING]
    (invite,) = await customer.invites(call_id)
    assert invite["transferred_to"] == f"tel:{COLLEAGUE}"
    assert COLLEAGUE not in customer.world.log("agent")


@pytest.mark.alone
async def test_callee_comes_back_when_the_colleague_is_busy(customer: Customer) -> None:
    call_id = await customer.call("0200", await customer.assistant(**transferring(BUSY_COLLEAGUE)))
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "callee_hangup")
    assert [turn["text"] for turn in report["transcripts"]][1:5] == [
        ORDER,
        CONNECTING,
        "I am sorry for the interruption. Where were we?",
        "Thank you, that is all I wanted to know.",
    ]
    (invite,) = await customer.invites(call_id)
    assert invite["transferred_to"] is None
    assert BUSY_COLLEAGUE not in customer.world.log("agent")


async def test_keys_that_the_callee_presses_are_known_to_the_model_and_to_the_transcript(customer: Customer) -> None:
    report = await customer.report(await customer.call("2007"))
    said = [(turn["speaker"], turn["text"]) for turn in report["transcripts"]]
    assert ("user", "(I have pressed the keys 1 2 3 #)") in said
    assert ("agent", "Thank you, I have received 1 2 3 #.") in said
