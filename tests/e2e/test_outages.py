"""Parts that die while calls go on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from parley_common.clock import iso, now
from tests.support.customer import Customer, until

SEEN_ALIVE_SECONDS = 6.0
"""LiveKit takes a server for alive for 5 s after its death: one that is back sooner sends callees to its dead self."""

pytestmark = pytest.mark.alone


@asynccontextmanager
async def sip_disturbed(customer: Customer, kind: str) -> AsyncIterator[None]:
    (await customer.sandbox.put("/sip/fault", json={"kind": kind})).raise_for_status()
    try:
        yield
    finally:
        (await customer.sandbox.delete("/sip/fault")).raise_for_status()


async def test_call_goes_on_while_rabbitmq_is_down_and_one_accepted_meanwhile_goes_out_when_it_is_back(
    customer: Customer,
) -> None:
    in_progress = await customer.call("2006")
    await customer.words_after(in_progress, 2)
    async with away(customer, "rabbitmq"):
        accepted = await customer.call("0486")
        assert (await customer.get(f"/call/{accepted}"))["call_status"] in {"queued", "starting"}
    await assert_outlived(customer, in_progress)
    report = await customer.report(accepted)
    assert report["call_status"] == "busy"
    assert len(await customer.invites(accepted)) == 1


async def test_conversation_outlives_a_restart_of_livekit(customer: Customer) -> None:
    call_id = await customer.call("2006")
    await customer.words_after(call_id, 2)
    async with away(customer, "livekit"):
        await asyncio.sleep(SEEN_ALIVE_SECONDS)
    report = await assert_outlived(customer, call_id)
    assert "I am sorry for the interruption. Where were we?" in [turn["text"] for turn in report["transcripts"]]


async def test_dialer_killed_at_the_answer_does_not_ring_a_phone_twice(customer: Customer) -> None:
    call_id = await customer.call("0200")
    await until(partial(reached, customer, call_id, "answered_at"))
    await asyncio.to_thread(customer.world.kill, "dialer")
    report = await customer.report(call_id)
    assert report["call_status"] == "completed"
    assert len(await customer.invites(call_id)) == 1


async def test_dialer_killed_while_phones_ring_rings_none_twice_and_knows_which_was_answered(
    customer: Customer,
) -> None:
    in_vain = await customer.call("0408", await customer.assistant(assistant_limits={"ringing_timeout_seconds": 12}))
    answered = await customer.call("2008")
    for call_id, moment in ((in_vain, "ringing_at"), (answered, "invited_at")):
        await until(partial(reached, customer, call_id, moment))
    await asyncio.to_thread(customer.world.kill, "dialer")
    reports = [await customer.report(call_id) for call_id in (in_vain, answered)]
    assert (reports[0]["call_status"], reports[0]["call_end_reason"]) == ("no_answer", "no_answer")
    assert reports[1]["call_status"] == "completed"
    for call_id in (in_vain, answered):
        assert len(await customer.invites(call_id)) == 1


async def reached(customer: Customer, call_id: str, moment: str) -> bool:
    return any(invite[moment] for invite in await customer.invites(call_id))


async def test_call_waits_while_no_sip_service_is_there_and_its_phone_rings_once_when_one_is_back(
    customer: Customer,
) -> None:
    async with sip_disturbed(customer, "no_node"):
        call_id = await customer.call("2002")

        async def waits_again() -> bool:
            return any("call waits again" in line for line in customer.log())

        await until(waits_again)
        assert await customer.invites(call_id) == []
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "callee_hangup")
    assert len(await customer.invites(call_id)) == 1


async def test_phones_whose_outcome_the_dialer_is_not_told_ring_once_and_are_reported_truly(
    customer: Customer,
) -> None:
    async with sip_disturbed(customer, "answer_lost"):
        answered, busy = await customer.call("2002"), await customer.call("0486")
        reports = [await customer.report(call_id) for call_id in (answered, busy)]
    told = [(report["call_status"], report["call_end_reason"]) for report in reports]
    assert told == [("completed", "callee_hangup"), ("failed", "dial_outcome_unknown")]
    for call_id in (answered, busy):
        assert len(await customer.invites(call_id)) == 1


async def test_agent_that_is_told_to_stop_finishes_its_conversation_and_without_one_nobody_is_rung(
    customer: Customer,
) -> None:
    held = await customer.call("0200")
    await customer.words_after(held, 1)
    async with away(customer, "agent"):
        waiting = await customer.call("0200", expires_at=(now() + timedelta(seconds=5)).isoformat())
        reports = [await customer.report(call_id) for call_id in (held, waiting)]
    told = [(report["call_status"], report["call_end_reason"]) for report in reports]
    assert told == [("completed", "callee_hangup"), ("failed", "agent_unavailable")]
    assert len([line for line in customer.log() if "agent holds the call" in line]) == 1
    assert await customer.invites(waiting) == []


async def test_no_report_is_lost_while_every_service_but_the_agent_is_killed(customer: Customer) -> None:
    calls = await asyncio.gather(*(customer.call(number) for number in ("2001", "0200", "2008")))
    await asyncio.gather(*(customer.until_status(call_id, "in_progress") for call_id in calls[:2]))
    for service in ("webhooks", "recorder", "dialer", "api"):
        await asyncio.to_thread(customer.world.kill, service)
        await asyncio.to_thread(customer.world.start, service)
    for call_id in calls:
        assert (await customer.report(call_id))["call_status"] == "completed"
        assert len(await customer.invites(call_id)) == 1
        assert len(await customer.deliveries(call_id)) == 1


@asynccontextmanager
async def away(customer: Customer, server: str) -> AsyncIterator[None]:
    await asyncio.to_thread(customer.world.stop, server)
    try:
        yield
    finally:
        await asyncio.to_thread(customer.world.start, server)


async def assert_outlived(customer: Customer, call_id: str) -> dict[str, Any]:
    """Words are spoken from now on, in a call that was there before; return its report."""
    since = iso(now())

    async def spoken_since() -> bool:
        said = (await customer.get(f"/call/{call_id}"))["transcripts"]
        return any(turn["spoken_at"] > since for turn in said if turn["speaker"] == "agent")

    await until(spoken_since)
    assert await customer.cancel(call_id) == "in_progress"
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("completed", "api_hangup")
    assert len(await customer.invites(call_id)) == 1
    return report
