"""Calls that reach nobody at first, wait for their time, or run out of it."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from parley_common.clock import now
from tests.support.customer import Customer

SOON = timedelta(seconds=4)


async def test_busy_call_is_tried_again_as_the_assistant_says_and_reported_once(customer: Customer) -> None:
    assistant = await customer.assistant(assistant_retries={"max_attempts": 2, "busy_delay_seconds": 10})
    call_id = await customer.call("0486", assistant)
    waiting = await customer.until_status(call_id, "scheduled")
    assert waiting["attempts"][0]["sip_status_code"] == 486
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("busy", "busy")
    assert [attempt["end_reason"] for attempt in report["attempts"]] == ["busy", "busy"]
    assert len(await customer.invites(call_id)) == 2
    assert len(await customer.deliveries(call_id)) == 1


async def test_declined_call_is_not_tried_again_unless_the_assistant_says_so(customer: Customer) -> None:
    call_id = await customer.call("0603", await customer.assistant(assistant_retries={"max_attempts": 3}))
    report = await customer.report(call_id)
    assert (report["call_status"], len(report["attempts"])) == ("declined", 1)


async def test_carrier_that_wants_fewer_calls_is_obeyed_until_the_call_expires(customer: Customer) -> None:
    call_id = await customer.call("0429", expires_at=(now() + 4 * SOON).isoformat())
    report = await customer.report(call_id)
    assert (report["call_status"], report["call_end_reason"]) == ("failed", "rate_limited")
    assert {attempt["sip_status_code"] for attempt in report["attempts"]} == {503}
    dialed = [moment(attempt["dialed_at"]) for attempt in report["attempts"]]
    pauses = [later - earlier for earlier, later in pairwise(dialed)]
    assert len(pauses) >= 2
    assert all(pause >= timedelta(seconds=2**number) for number, pause in enumerate(pauses)), "each twice the last"


async def test_scheduled_call_starts_when_its_time_has_come(customer: Customer) -> None:
    at = now() + SOON
    call_id = await customer.call("0486", scheduled_at=at.isoformat())
    assert (await customer.get(f"/call/{call_id}"))["call_status"] == "scheduled"
    report = await customer.report(call_id)
    assert report["call_status"] == "busy"
    assert moment(report["attempts"][0]["dialed_at"]) >= at


async def test_call_that_found_no_place_in_time_expires_without_ringing(customer: Customer) -> None:
    trunk = await customer.trunk(max_concurrent_calls=1)
    first = await customer.call("2003", trunk_id=trunk)
    await customer.until_status(first, "dialing", "in_progress")
    second = await customer.call("0200", trunk_id=trunk, expires_at=(now() + SOON).isoformat())
    report = await customer.report(second)
    assert (report["call_status"], report["call_end_reason"], report["attempts"]) == ("expired", "expired", [])
    assert await customer.invites(second) == []
    assert await customer.cancel(first) == "in_progress"
    assert (await customer.report(first))["call_status"] == "completed"


async def test_trunk_carries_no_more_calls_at_once_than_its_limit(customer: Customer) -> None:
    trunk = await customer.trunk(max_concurrent_calls=2)
    calls = await asyncio.gather(*(customer.call("2002", trunk_id=trunk) for _ in range(6)))
    await asyncio.gather(*(customer.report(call_id) for call_id in calls))
    invites = [invite for call_id in calls for invite in await customer.invites(call_id)]
    assert len(invites) == len(calls)
    assert most_at_once(invites) <= 2


async def test_trunk_starts_no_more_calls_a_second_than_its_limit(customer: Customer) -> None:
    trunk = await customer.trunk(calls_per_second=0.5)
    calls = await asyncio.gather(*(customer.call("0486", trunk_id=trunk) for _ in range(3)))
    reports = await asyncio.gather(*(customer.report(call_id) for call_id in calls))
    dialed = sorted(moment(report["attempts"][0]["dialed_at"]) for report in reports)
    pauses = [later - earlier for earlier, later in pairwise(dialed)]
    assert all(pause >= timedelta(seconds=1.9) for pause in pauses)


def most_at_once(invites: list[dict[str, Any]]) -> int:
    """Return how many phones were off their hooks, or rang, at the same moment."""
    changes = sorted((at, step) for call in invites for at, step in ((call["invited_at"], 1), (call["ended_at"], -1)))
    open_now = [sum(step for _, step in changes[: number + 1]) for number in range(len(changes))]
    return max(open_now)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
