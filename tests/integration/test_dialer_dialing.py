"""One dial an attempt, whatever is delivered twice or dies, and what its outcome makes of the call."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Database
from parley_common.errors import DatabaseUnavailable, LiveKitUnavailable
from parley_common.events import CallEnded
from parley_common.ids import CallId, TrunkId
from parley_common.lifecycle import CallStatus, EndReason
from parley_dialer.reconciling import OUTLASTED_AFTER
from parley_dialer.telephony import Answered, DialOutcome, NotSent, PhoneState, RangOut, Refused, Unknown
from tests import factories
from tests.fakes.telephony import NO_TRUNK, FakeTelephony
from tests.support.customer import until
from tests.support.desk import AGENT, PAST, Desk, attempt_of, reached

GRACE = timedelta(seconds=0.5)


class PhonesThatRingOn(FakeTelephony):
    """LiveKit shows its rooms and closes none."""

    async def close_room(self, room_name: str) -> bool:
        raise LiveKitUnavailable("LiveKit does not answer")


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database, reappearance_grace=GRACE)


@pytest.mark.parametrize(
    ("number", "status", "reason", "sip_status_code"),
    [
        ("0486", CallStatus.BUSY, EndReason.BUSY, 486),
        ("0603", CallStatus.DECLINED, EndReason.DECLINED, 603),
        ("0404", CallStatus.FAILED, EndReason.INVALID_NUMBER, 404),
        ("0480", CallStatus.NO_ANSWER, EndReason.NO_ANSWER, 480),
        ("0403", CallStatus.FAILED, EndReason.TRUNK_AUTH_FAILED, 403),
        ("0503", CallStatus.FAILED, EndReason.CARRIER_ERROR, 503),
    ],
)
async def test_refused_call_ends_with_its_reason_and_sip_code(
    desk: Desk, number: str, status: CallStatus, reason: EndReason, sip_status_code: int
) -> None:
    call = await desk.ready(number)
    await desk.dialer.place(call.call_id)
    ended = await desk.now(call)
    assert (ended.status, ended.end_reason, ended.sip_status_code) == (status, reason, sip_status_code)
    attempt = attempt_of(ended)
    assert (attempt.reason, attempt.sip_status_code) == (reason, sip_status_code)
    assert attempt.ended_at == ended.ended_at is not None
    assert await desk.events(call.call_id) == ["call.requested.v1", "call.ended.v1"]


async def test_call_over_a_trunk_that_is_gone_fails_without_a_sip_code(desk: Desk) -> None:
    call = await desk.ready(trunk_id=TrunkId(NO_TRUNK))
    await desk.dialer.place(call.call_id)
    ended = await desk.now(call)
    assert (ended.end_reason, ended.sip_status_code) == (EndReason.TRUNK_NOT_FOUND, None)


async def test_answered_call_is_in_progress_from_that_moment(desk: Desk) -> None:
    call = await desk.ready()
    await desk.dialer.place(call.call_id)
    answered = await desk.now(call)
    assert (answered.status, answered.sip_status_code) == (CallStatus.IN_PROGRESS, 200)
    assert answered.answered_at == attempt_of(answered).answered_at is not None
    assert await desk.events(call.call_id) == ["call.requested.v1", "call.answered.v1"]


async def test_redelivery_while_the_phone_rings_does_not_dial_again(desk: Desk) -> None:
    call = await desk.ready("0408")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(desk.dialer.place(call.call_id))
        await reached(lambda: bool(desk.telephony.invites))
        again = tasks.create_task(desk.rival().dialer.place(call.call_id))
        (leg,) = desk.telephony.invites
        phones = desk.telephony.rooms[call.room_name].phones
        await reached(lambda: phones[leg] is PhoneState.RINGING)
        phones[leg] = PhoneState.ACTIVE
        await again
        assert (await desk.now(call)).status is CallStatus.IN_PROGRESS, "the second delivery saw no answer"
        await desk.telephony.close_room(call.room_name)
    assert len(desk.telephony.invites) == 1


async def test_five_deliveries_to_three_dialers_are_one_invite(desk: Desk) -> None:
    call = await desk.ready()
    dialers = [desk, desk.rival(), desk.rival(), desk, desk.rival()]
    await asyncio.gather(*(each.dialer.place(call.call_id) for each in dialers))
    assert len(desk.telephony.invites) == 1
    assert (await desk.now(call)).status is CallStatus.IN_PROGRESS


async def test_redelivery_after_the_end_does_not_dial_again(desk: Desk) -> None:
    call = await desk.ready("0486")
    await desk.dialer.place(call.call_id)
    await desk.dialer.place(call.call_id)
    assert len(desk.telephony.invites) == 1


async def test_phone_without_an_agent_is_not_dialed(desk: Desk) -> None:
    call = await desk.ready(agent_identity=None)
    await desk.dialer.place(call.call_id)
    assert desk.telephony.invites == []
    assert (await desk.now(call)).status is CallStatus.STARTING


async def test_call_whose_invite_never_left_waits_again_and_has_used_no_attempt(desk: Desk) -> None:
    desk.telephony.outcomes.append(NotSent())
    call = await desk.ready()
    await desk.dialer.place(call.call_id)
    waiting = await desk.now(call)
    assert (waiting.status, waiting.attempts, waiting.agent_identity) == (CallStatus.QUEUED, [], None)
    assert waiting.due_at > call.due_at
    assert desk.telephony.rooms == {}, "its agent waits for a phone that will not ring"


async def test_dial_of_which_livekit_cannot_be_asked_is_unknown_once_no_phone_rings_so_long(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.RINGING)
    desk.telephony.away = True
    assert (await desk.overdue(call)).status is CallStatus.DIALING
    await desk.calls.note(call.call_id, deadline_at=now() - OUTLASTED_AFTER)
    await desk.reconciler.visit_overdue()
    assert (await desk.settled(call)).end_reason is EndReason.DIAL_OUTCOME_UNKNOWN


async def test_redelivered_word_of_a_ringing_phone_takes_no_turn_of_its_trunk(desk: Desk) -> None:
    trunk_id = await desk.trunk("ST_paced", calls_per_second=0.1)
    call = await desk.dialing(PhoneState.ACTIVE, trunk_id=trunk_id)
    before = await desk.line(call)
    await desk.dialer.place(call.call_id)
    assert (await desk.line(call)).dial_at == before.dial_at
    assert (await desk.now(call)).status is CallStatus.IN_PROGRESS


async def test_call_that_waits_long_for_its_turn_takes_one_turn(desk: Desk) -> None:
    trunk_id = await desk.trunk("ST_paced", calls_per_second=0.01)
    call = await desk.ready(trunk_id=trunk_id)
    await desk.lines.reserve_dial(trunk_id, timedelta(seconds=100))
    waiting = asyncio.create_task(desk.dialer.place(call.call_id))

    async def has_its_turn() -> bool:
        return (await desk.now(call)).deadline_at != call.deadline_at

    await until(has_its_turn)
    waiting.cancel()
    assert (await desk.now(call)).deadline_at > (await desk.line(call)).dial_at


async def test_lost_connection_and_no_phone_in_the_room_ends_the_call(desk: Desk) -> None:
    desk.telephony.outcomes.append(Unknown())
    call = await desk.ready()
    await desk.dialer.place(call.call_id)
    assert (await desk.now(call)).end_reason is EndReason.DIAL_OUTCOME_UNKNOWN


async def test_lost_connection_while_the_phone_rings_waits_for_the_answer(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.RINGING)
    waiting = asyncio.create_task(desk.dialer.settle(call, Unknown()))
    desk.show(call, PhoneState.ACTIVE)
    await waiting
    assert (await desk.now(call)).status is CallStatus.IN_PROGRESS


async def test_phone_that_is_missing_while_livekit_restarts_is_waited_for(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.ABSENT)
    waiting = asyncio.create_task(desk.dialer.settle(call, Unknown()))
    await asyncio.sleep(GRACE.total_seconds() / 2)
    desk.show(call, PhoneState.ACTIVE)
    await waiting
    assert (await desk.now(call)).status is CallStatus.IN_PROGRESS


async def test_phone_that_was_seen_ringing_and_rang_out_is_no_answer(desk: Desk) -> None:
    call = await desk.dialing(attempts=[factories.attempt(ringing_at=now())])
    await desk.dialer.settle(call, RangOut())
    assert (await desk.now(call)).end_reason is EndReason.NO_ANSWER


async def test_trunk_that_never_rang_is_unreachable(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.DIALING)
    await desk.dialer.settle(call, RangOut())
    assert (await desk.now(call)).end_reason is EndReason.TRUNK_UNREACHABLE


@pytest.mark.parametrize(
    ("phone", "status", "reason"),
    [
        (PhoneState.ACTIVE, CallStatus.IN_PROGRESS, None),
        (PhoneState.ABSENT, CallStatus.FAILED, EndReason.DIAL_OUTCOME_UNKNOWN),
        (PhoneState.DIALING, CallStatus.FAILED, EndReason.TRUNK_UNREACHABLE),
        (PhoneState.RINGING, CallStatus.NO_ANSWER, EndReason.NO_ANSWER),
    ],
)
async def test_dial_whose_waiter_died_is_taken_up(
    desk: Desk, phone: PhoneState, status: CallStatus, reason: EndReason | None
) -> None:
    call = await desk.dialing(phone, deadline_at=now() + PAST)
    await desk.dialer.take_up(call.call_id)
    settled = await desk.now(call)
    assert (settled.status, settled.end_reason) == (status, reason)
    assert desk.telephony.invites == []


async def test_ringing_that_only_the_dialer_saw_is_told(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.RINGING, deadline_at=now() + PAST)
    await desk.dialer.take_up(call.call_id)
    assert (await desk.events(call.call_id)).count("call.ringing.v1") == 1
    assert attempt_of(await desk.now(call)).ringing_at is not None


@pytest.mark.parametrize(
    "outcome", [Answered(), Refused(EndReason.BUSY, 486), RangOut(), NotSent()], ids=lambda each: type(each).__name__
)
async def test_outcome_that_is_written_late_leaves_the_next_attempt_alone(desk: Desk, outcome: DialOutcome) -> None:
    call = await desk.dialing(PhoneState.RINGING)
    attempts = [*call.attempts, factories.attempt()]
    started_again = await desk.calls.note(call.call_id, dispatches=call.dispatches + 1, attempts=attempts)
    await desk.dialer.settle(call, outcome)
    assert await desk.now(call) == started_again


async def test_phone_that_rings_longer_than_it_may_is_hung_up(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.RINGING, deadline_at=now() + PAST)
    await desk.dialer.take_up(call.call_id)
    assert desk.telephony.rooms == {}


async def test_nobody_is_said_not_to_have_answered_whose_livekit_died(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.RINGING, deadline_at=now() + PAST)
    desk.telephony.died = True
    await desk.dialer.take_up(call.call_id)
    assert (await desk.now(call)).end_reason is EndReason.DIAL_OUTCOME_UNKNOWN


async def test_nobody_is_said_not_to_have_answered_while_the_phone_cannot_be_hung_up(database: Database) -> None:
    desk = Desk(database, PhonesThatRingOn())
    call = await desk.dialing(PhoneState.RINGING, deadline_at=now() + PAST)
    with pytest.raises(LiveKitUnavailable):
        await desk.dialer.take_up(call.call_id)
    assert (await desk.now(call)).status is CallStatus.DIALING


async def test_started_call_has_a_room_with_an_agent_on_the_way(desk: Desk) -> None:
    call = await desk.store(status=CallStatus.STARTING, dispatches=1)
    await desk.dialer.start(call)
    assert desk.telephony.rooms[call.room_name].dispatches == 1


async def test_call_waits_again_while_livekit_is_away(desk: Desk) -> None:
    desk.telephony.away = True
    call = await desk.store(status=CallStatus.STARTING, dispatches=1)
    await desk.dialer.start(call)
    waiting = await desk.now(call)
    assert waiting.status is CallStatus.QUEUED
    assert (await desk.line(call)).due_at is not None


async def test_room_of_a_call_that_was_canceled_meanwhile_is_closed(desk: Desk) -> None:
    call = await desk.store(status=CallStatus.STARTING, dispatches=1)
    await desk.calls.advance(
        call.call_id, CallStatus.CANCELED, CallEnded, end_reason=EndReason.CANCELED, ended_at=now()
    )
    await desk.dialer.start(call)
    assert desk.telephony.rooms == {}


async def test_redialed_call_does_not_meet_the_agent_of_its_earlier_try(desk: Desk) -> None:
    call = await desk.ready(dispatches=2)
    await desk.dialer.start(call)
    assert AGENT not in desk.telephony.rooms[call.room_name].agents


async def test_whoever_picks_up_after_the_end_is_not_left_alone(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.ACTIVE)
    await desk.calls.advance(call.call_id, CallStatus.FAILED, end_reason=EndReason.PROVIDER_FAILED, ended_at=now())
    await desk.dialer.settle(call, Answered())
    assert desk.telephony.rooms == {}


async def test_outcome_of_a_dial_is_kept_until_the_database_can_take_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, refusals = desk.services.calls.advance, 2

    async def advance(call_id: CallId, to: CallStatus, *facts: Any, **more: Any) -> Call | None:
        nonlocal refusals
        if to is CallStatus.BUSY and refusals:
            refusals -= 1
            raise DatabaseUnavailable("not yet")
        return await really(call_id, to, *facts, **more)

    monkeypatch.setattr(desk.services.calls, "advance", advance)
    call = await desk.ready("0486")
    await desk.dialer.place(call.call_id)
    assert (await desk.now(call)).end_reason is EndReason.BUSY
