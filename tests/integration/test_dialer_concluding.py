"""What becomes of a call whose attempt reached nobody: another attempt in time, or the end."""

from datetime import timedelta
from typing import Any

import pytest

from parley_common.assistants import Retries
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Database
from parley_common.db.lines import SLOWEST
from parley_common.lifecycle import CallStatus, EndReason
from parley_dialer.telephony import PhoneState
from tests import factories
from tests.support.desk import Desk, attempt_of

SOON = timedelta(seconds=5)
"""A due time is as good as exact when it is so near."""


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def patient(desk: Desk, number: str = "0486", *, attempts_made: int = 0, **overrides: Any) -> Call:
    """Make a call whose assistant tries three times, and pretend that some attempts are over."""
    before = [factories.attempt(reason=EndReason.BUSY, ended_at=now()) for _ in range(attempts_made)]
    assistant = factories.assistant(retries=Retries(max_attempts=3))
    return await desk.ready(number, **{"assistant": assistant, "attempts": before} | overrides)


@pytest.mark.parametrize(
    ("number", "seconds"),
    [("0486", 120), ("0480", 900), ("0503", 60)],
    ids=["busy", "no_answer", "carrier_error"],
)
async def test_failed_attempt_is_made_again_after_the_delay_of_its_reason(
    desk: Desk, number: str, seconds: int
) -> None:
    call = await patient(desk, number)
    await desk.dialer.place(call.call_id)
    waiting = await desk.now(call)
    assert waiting.status is CallStatus.SCHEDULED
    assert abs(waiting.due_at - now() - timedelta(seconds=seconds)) < SOON
    assert attempt_of(waiting).reason is not None
    assert (waiting.end_reason, waiting.agent_identity) == (None, None)
    assert await desk.events(call.call_id) == ["call.requested.v1", "call.attempt_failed.v1"]


@pytest.mark.parametrize("number", ["0603", "0404", "0403"], ids=["declined", "invalid_number", "trunk_auth_failed"])
async def test_reason_without_a_delay_ends_the_call_at_the_first_attempt(desk: Desk, number: str) -> None:
    call = await patient(desk, number)
    await desk.dialer.place(call.call_id)
    assert (await desk.now(call)).ended_at is not None


async def test_call_ends_as_its_last_attempt_did(desk: Desk) -> None:
    call = await patient(desk, attempts_made=2)
    await desk.dialer.place(call.call_id)
    ended = await desk.now(call)
    assert (ended.status, len(ended.attempts)) == (CallStatus.BUSY, 3)


async def test_call_is_not_tried_again_after_the_customers_own_limit(desk: Desk) -> None:
    call = await patient(desk, not_after=now() + timedelta(seconds=60))
    await desk.dialer.place(call.call_id)
    assert (await desk.now(call)).end_reason is EndReason.BUSY


async def test_call_waits_for_its_next_attempt_at_most_until_the_customers_limit(desk: Desk) -> None:
    limit = now() + timedelta(seconds=300)
    call = await patient(desk, not_after=limit)
    await desk.dialer.place(call.call_id)
    waiting = await desk.now(call)
    assert waiting.expires_at == waiting.deadline_at == limit


async def test_attempt_that_the_carriers_rate_forbade_does_not_count(desk: Desk) -> None:
    call = await patient(desk, "0429", attempts_made=1)
    await desk.dialer.place(call.call_id)
    limited = await desk.now(call)
    assert (limited.status, attempt_of(limited).reason) == (CallStatus.SCHEDULED, EndReason.RATE_LIMITED)
    await desk.calls.advance(call.call_id, CallStatus.STARTING, agent_identity="agent_2", to_number="+15550000486")
    await desk.dialer.place(call.call_id)
    assert (await desk.now(call)).status is CallStatus.SCHEDULED, "the second attempt that counts was the last"


async def test_call_without_retries_waits_out_the_carriers_rate(desk: Desk) -> None:
    call = await desk.ready("0429")
    await desk.dialer.place(call.call_id)
    assert (await desk.now(call)).status is CallStatus.SCHEDULED


async def test_call_whose_time_is_over_ends_rate_limited(desk: Desk) -> None:
    call = await desk.ready("0429", expires_at=now() + timedelta(milliseconds=500))
    await desk.dialer.place(call.call_id)
    ended = await desk.now(call)
    assert (ended.status, ended.end_reason, ended.sip_status_code) == (CallStatus.FAILED, EndReason.RATE_LIMITED, 503)


async def test_trunk_slows_down_each_time_its_carrier_refuses(desk: Desk) -> None:
    pauses = []
    for _ in range(3):
        call = await desk.ready("0429")
        await desk.dialer.place(call.call_id)
        pauses.append((await desk.line(call)).pause_seconds)
    assert pauses == [1.0, 2.0, 4.0]
    line = await desk.line(call)
    assert line.paced_until > now()
    assert await desk.lines.due(10) == []


async def test_trunk_slows_down_once_for_all_calls_of_a_burst(desk: Desk) -> None:
    call = await desk.ready()
    dialed_at = now()
    pauses = [await desk.lines.slow_down(call.trunk_id, dialed_at) for _ in range(5)]
    assert pauses == [timedelta(seconds=1)] * 5
    assert (await desk.line(call)).pause_seconds == 1.0


async def test_trunk_never_pauses_longer_than_a_minute(desk: Desk) -> None:
    call = await desk.ready()
    pauses = [await desk.lines.slow_down(call.trunk_id, now()) for _ in range(9)]
    assert pauses[-1] == SLOWEST


@pytest.mark.parametrize("number", ["0200", "0486"], ids=["answered", "busy"])
async def test_trunk_speeds_up_when_its_carrier_takes_a_call(desk: Desk, number: str) -> None:
    call = await desk.ready(number)
    for _ in range(2):
        await desk.lines.slow_down(call.trunk_id, now())
    await desk.dialer.place(call.call_id)
    assert (await desk.line(call)).pause_seconds == 1.0
    for _ in range(3):
        await desk.lines.speed_up(call.trunk_id)
    assert (await desk.line(call)).pause_seconds == 0.0


async def test_trunk_speeds_up_when_a_dial_whose_waiter_died_is_answered(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.ACTIVE)
    for _ in range(2):
        await desk.lines.slow_down(call.trunk_id, now())
    await desk.dialer.take_up(call.call_id)
    assert (await desk.line(call)).pause_seconds == 1.0


async def test_second_conclusion_changes_nothing(desk: Desk) -> None:
    call = await desk.dialing()
    await desk.conclusions.conclude(call, EndReason.BUSY, 486)
    first = await desk.now(call)
    await desk.rival().conclusions.conclude(call, EndReason.DECLINED, 603)
    assert await desk.now(call) == first
    assert (await desk.events(call.call_id)).count("call.ended.v1") == 1


async def test_requeued_call_wakes_its_line(desk: Desk) -> None:
    call = await desk.store(status=CallStatus.STARTING, dispatches=1)
    line = await desk.line(call)
    await desk.lines.move_on(line, None)
    await desk.conclusions.requeue(call)
    assert (await desk.line(call)).due_at == (await desk.now(call)).due_at


async def test_call_whose_agent_came_at_the_last_moment_keeps_it(desk: Desk) -> None:
    call = await desk.ready()
    await desk.conclusions.requeue(call)
    assert (await desk.now(call)).status is CallStatus.STARTING


async def test_call_that_has_ended_is_not_requeued(desk: Desk) -> None:
    call = await desk.dialing()
    await desk.conclusions.conclude(call, EndReason.BUSY, 486)
    await desk.conclusions.requeue(call)
    assert (await desk.now(call)).status is CallStatus.BUSY
