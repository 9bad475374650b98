"""A customer who changes their mind, at any moment of a call."""

import asyncio
from datetime import timedelta

import pytest

from parley_common.clock import now
from tests.support.customer import Customer, until


async def test_scheduled_call_is_canceled_without_ringing(customer: Customer) -> None:
    call_id = await customer.call("0200", scheduled_at=(now() + timedelta(hours=1)).isoformat())
    assert (await customer.get(f"/call/{call_id}"))["call_status"] == "scheduled"
    assert await customer.cancel(call_id) == "canceled"
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("canceled", "canceled")
    assert await customer.invites(call_id) == []


async def test_ringing_phone_stops_when_the_call_is_canceled(customer: Customer) -> None:
    call_id = await customer.call("2008")

    async def ringing() -> bool:
        return any(invite["ringing_at"] for invite in await customer.invites(call_id))

    await until(ringing)
    assert await customer.cancel(call_id) == "dialing"

    async def ended() -> bool:
        return all(invite["ended_at"] for invite in await customer.invites(call_id))

    await until(ended)
    (invite,) = await customer.invites(call_id)
    assert invite["answered_at"] is None
    report = await customer.report(call_id)
    assert (report["call_status"], report["started_at"]) == ("canceled", None)


async def test_conversation_is_hung_up_and_keeps_its_words(customer: Customer) -> None:
    call_id = await customer.call("2006")

    async def talking() -> bool:
        return len((await customer.get(f"/call/{call_id}"))["transcripts"]) >= 2

    await until(talking)
    assert await customer.cancel(call_id) == "in_progress"
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "api_hangup")
    assert len(report["transcripts"]) >= 2
    (invite,) = await customer.invites(call_id)
    assert invite["hung_up_by"] == "caller"


@pytest.mark.parametrize("delay", [0.7, 0.9, 1.0, 1.1, 1.3])
async def test_cancel_that_races_the_answer_leaves_one_truth(customer: Customer, delay: float) -> None:
    """The number answers after a second: some of these cancels come before it, some after, some at once."""
    call_id = await customer.call("0200")
    await customer.until_status(call_id, "dialing", "in_progress")
    await asyncio.sleep(delay)
    await customer.cancel(call_id)
    report = await customer.report(call_id)
    (invite,) = await customer.invites(call_id)
    truth = ("completed", "api_hangup") if invite["answered_at"] else ("canceled", "canceled")
    assert (report["call_status"], report["call_end_reason"]) == truth
    assert len(await customer.deliveries(call_id)) == 1


async def test_canceling_twice_changes_nothing_and_an_ended_call_says_so(customer: Customer) -> None:
    call_id = await customer.call("0200", scheduled_at=(now() + timedelta(hours=1)).isoformat())
    assert await customer.cancel(call_id) == await customer.cancel(call_id) == "canceled"
    busy = await customer.call("0486")
    await customer.report(busy)
    answer = await customer.api.post(f"/call/{busy}/cancel")
    assert (answer.status_code, answer.json()["message"]) == (409, "Call has ended already")
