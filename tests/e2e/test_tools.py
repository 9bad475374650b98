"""What happens in a conversation beside talking: the callee is handed over, or presses keys."""

import asyncio
from typing import Any

from tests.support.customer import Customer

ORDER = "I need help with my order."
CONNECTING = "One moment, I will connect you."
COLLEAGUE = "+15550002006"
BUSY_COLLEAGUE = "+15550000486"


def transferring(number: str) -> dict[str, Any]:
    return {"assistant_tools": {"transfer": {"to_number": number, "when": f'they say "{ORDER}"'}}}


async def test_callee_is_handed_over_in_words_and_comes_back_when_the_colleague_is_busy(customer: Customer) -> None:
    assistants = [await customer.assistant(**transferring(number)) for number in (COLLEAGUE, BUSY_COLLEAGUE)]
    calls = [await customer.call("0200", assistant) for assistant in assistants]
    handed_over, came_back = await asyncio.gather(*(customer.report(call_id) for call_id in calls))
    told = (handed_over["call_status"], handed_over["call_end_reason"], handed_over["fault"])
    assert told == ("completed", "transferred", "caller")
    assert [turn["text"] for turn in handed_over["transcripts"]][1:3] == [ORDER, CONNECTING]
    transfers = [(await customer.invites(call_id))[0]["transferred_to"] for call_id in calls]
    assert transfers == [f"tel:{COLLEAGUE}", None]
    assert (came_back["call_status"], came_back["call_end_reason"]) == ("completed", "callee_hangup")
    assert [turn["text"] for turn in came_back["transcripts"]][1:5] == [
        ORDER,
        CONNECTING,
        "I am sorry for the interruption. Where were we?",
        "Thank you, that is all I wanted to know.",
    ]
    assert COLLEAGUE not in customer.world.log("agent")
    assert BUSY_COLLEAGUE not in customer.world.log("agent")


async def test_keys_that_the_callee_presses_are_known_to_the_model_and_to_the_transcript(customer: Customer) -> None:
    report = await customer.report(await customer.call("2007"))
    said = [(turn["speaker"], turn["text"]) for turn in report["transcripts"]]
    assert ("user", "(I have pressed the keys 1 2 3 #)") in said
    assert ("agent", "Thank you, I have received 1 2 3 #.") in said
