"""No call stays open for ever: what the dialer decides about each state whose deadline has passed."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from parley_common.calls import Attempt
from parley_common.clock import now
from parley_common.db import Database
from parley_common.lifecycle import CallStatus, EndReason
from parley_dialer.telephony import PhoneState, RoomView
from tests import factories
from tests.fakes.telephony import FakeRoom, FakeTelephony
from tests.support.customer import until
from tests.support.desk import AGENT, PAST, WORKER, Desk, left_by, reached

SHORTLY = timedelta(seconds=1)
GRACE = timedelta(seconds=0.5)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database, reappearance_grace=GRACE)


async def test_call_that_another_version_wrote_keeps_no_other_from_being_seen_to(
    desk: Desk, database: Database
) -> None:
    strange, call = await desk.store(deadline_at=now() + 2 * PAST), await desk.store()
    calls = database.get_collection("calls")
    await calls.update_one({"_id": strange.call_id}, {"$set": {"end_reason": "reason_to_come"}})
    ended = await desk.overdue(call)
    assert ended.end_reason is EndReason.AGENT_UNAVAILABLE


async def test_agent_that_is_lost_while_it_is_looked_for_is_not_given_more_time(database: Database) -> None:
    class Slow(FakeTelephony):
        async def look(self, room_name: str, attempt: Attempt | None) -> RoomView:
            view = await super().look(room_name, attempt)
            await desk.calls.vacate(call.call_id, AGENT, soon)
            return view

    desk, soon = Desk(database, Slow()), now() + SHORTLY
    await desk.workers.announce(WORKER, 1)
    call = await desk.talking()
    assert (await desk.overdue(call)).deadline_at == soon


async def test_call_that_waited_too_long_expires(desk: Desk) -> None:
    await desk.workers.announce(WORKER, 1)
    ended = await desk.overdue(await desk.store())
    assert (ended.status, ended.end_reason) == (CallStatus.EXPIRED, EndReason.EXPIRED)


async def test_call_that_waited_while_no_agent_worked_was_without_an_agent(desk: Desk) -> None:
    ended = await desk.overdue(await desk.store())
    assert (ended.status, ended.end_reason) == (CallStatus.FAILED, EndReason.AGENT_UNAVAILABLE)


async def test_call_whose_agents_never_came_was_without_an_agent(desk: Desk) -> None:
    await desk.workers.announce(WORKER, 1)
    ended = await desk.overdue(await desk.store(dispatches=3))
    assert ended.end_reason is EndReason.AGENT_UNAVAILABLE


async def test_call_that_waited_for_another_attempt_ends_as_the_last_one(desk: Desk) -> None:
    busy = factories.attempt(reason=EndReason.BUSY, sip_status_code=486, ended_at=now())
    call = await desk.store(status=CallStatus.SCHEDULED, attempts=[busy], sip_status_code=486, dispatches=1)
    ended = await desk.overdue(call)
    assert (ended.status, ended.end_reason, ended.sip_status_code) == (CallStatus.BUSY, EndReason.BUSY, 486)
    assert ended.attempts == [busy]


async def test_call_whose_agent_did_not_come_waits_again(desk: Desk) -> None:
    waiting = await desk.overdue(await desk.store(status=CallStatus.STARTING, dispatches=1))
    assert (waiting.status, waiting.deadline_at) == (CallStatus.QUEUED, waiting.expires_at)


async def test_call_whose_agent_did_not_come_in_time_ends(desk: Desk) -> None:
    ended = await desk.overdue(await desk.store(status=CallStatus.STARTING, expires_at=now() + PAST))
    assert ended.end_reason is EndReason.AGENT_UNAVAILABLE


async def test_call_whose_agent_is_ready_and_was_not_dialed_is_dialed(desk: Desk) -> None:
    answered = await desk.overdue(await desk.ready())
    assert answered.status is CallStatus.IN_PROGRESS
    assert len(desk.telephony.invites) == 1


@pytest.mark.parametrize(
    ("phone", "status"), [(PhoneState.ACTIVE, CallStatus.IN_PROGRESS), (PhoneState.ABSENT, CallStatus.FAILED)]
)
async def test_dial_that_nobody_waits_for_is_taken_up(desk: Desk, phone: PhoneState, status: CallStatus) -> None:
    settled = await desk.overdue(await desk.dialing(phone))
    assert settled.status is status
    assert desk.telephony.invites == []


async def test_conversation_whose_agent_is_in_the_room_goes_on(desk: Desk) -> None:
    await desk.workers.announce(WORKER, 1)
    extended = await desk.overdue(await desk.talking())
    assert (extended.status, extended.agent_identity) == (CallStatus.IN_PROGRESS, AGENT)
    assert extended.deadline_at > now() + SHORTLY


async def test_conversation_whose_agent_has_left_the_room_is_said_to_need_another(desk: Desk) -> None:
    call = await desk.talking()
    desk.telephony.rooms[call.room_name].agents.clear()
    vacant = await desk.overdue(call)
    assert (vacant.status, vacant.agent_identity, vacant.takeovers) == (CallStatus.IN_PROGRESS, None, 1)
    assert "agent.lost.v1" in await desk.events(call.call_id)


async def test_conversation_whose_agent_and_room_are_gone_ends_with_what_was_said(desk: Desk) -> None:
    call = await desk.talking()
    said = await desk.hear(call)
    await desk.telephony.close_room(call.room_name)
    ended = await desk.overdue(call)
    assert (ended.end_reason, ended.transcript) == (EndReason.AGENT_LOST, [said])


async def test_agent_whose_worker_nobody_knows_is_not_believed_to_be_in_the_room(desk: Desk) -> None:
    vacant = await desk.overdue(await desk.talking())
    assert (vacant.agent_identity, vacant.takeovers) == (None, 1)


async def test_conversation_whose_room_is_gone_is_left_to_its_agent_while_that_lives(desk: Desk) -> None:
    await desk.workers.announce(WORKER, 1)
    call = await desk.talking()
    await desk.telephony.close_room(call.room_name)
    waiting = await desk.overdue(call)
    assert (waiting.status, waiting.agent_identity) == (CallStatus.IN_PROGRESS, AGENT)
    assert waiting.deadline_at > now()


async def test_conversation_that_has_lasted_much_longer_than_it_may_ends(desk: Desk) -> None:
    await desk.workers.announce(WORKER, 1)
    began = now() - timedelta(days=1)
    ended = await desk.overdue(await desk.talking(answered_at=began))
    assert (ended.status, ended.end_reason) == (CallStatus.FAILED, EndReason.AGENT_LOST)


async def test_overdue_call_is_left_for_later_while_livekit_is_away(desk: Desk) -> None:
    talking, waiting = await desk.talking(deadline_at=now() + 2 * PAST), await desk.store()
    desk.telephony.away = True
    assert (await desk.overdue(waiting)).ended_at is not None, "one failure kept another call waiting"
    assert (await desk.now(talking)).status is CallStatus.IN_PROGRESS


async def test_phone_that_rings_does_not_hold_up_other_overdue_calls(desk: Desk) -> None:
    ringing = await desk.ready("0408", deadline_at=now() + 2 * PAST)
    await desk.reconciler.visit_overdue()
    await reached(lambda: len(desk.telephony.invites) == 1)
    waiting = await desk.store(deadline_at=now() + PAST)
    await desk.reconciler.visit_overdue()

    async def is_over() -> bool:
        return (await desk.now(waiting)).ended_at is not None

    await until(is_over)
    assert (await desk.now(ringing)).status is CallStatus.DIALING
    assert len(desk.telephony.invites) == 1
    await desk.telephony.close_room(ringing.room_name)
    await reached(lambda: ringing.call_id not in desk.reconciler.errands.under_way())


async def test_call_that_is_not_overdue_is_left_alone(desk: Desk) -> None:
    call = await desk.store()
    await desk.reconciler.visit_overdue()
    assert await desk.now(call) == call


@pytest.mark.parametrize(
    "facts",
    [
        {"status": CallStatus.COMPLETED},
        {"status": CallStatus.SCHEDULED},
        {"status": CallStatus.QUEUED},
        {"status": CallStatus.IN_PROGRESS, "cancel_requested_at": now()},
    ],
    ids=["ended", "tried again", "requeued", "to be hung up"],
)
async def test_room_that_is_not_needed_is_closed(desk: Desk, facts: dict[str, Any]) -> None:
    call = await desk.store(**facts)
    desk.telephony.rooms[call.room_name] = FakeRoom()
    await desk.reconciler.close_unless_needed(call.call_id, call.room_name)
    assert desk.telephony.rooms == {}


async def test_room_of_a_conversation_stays_open(desk: Desk) -> None:
    call = await desk.talking()
    await desk.reconciler.close_unless_needed(call.call_id, call.room_name)
    assert call.room_name in desk.telephony.rooms


async def test_room_that_was_made_anew_for_a_call_that_is_over_is_closed_and_no_other(desk: Desk) -> None:
    over = await desk.store(status=CallStatus.CANCELED)
    talking = await desk.talking()
    for room_name in (over.room_name, "somebody_elses"):
        desk.telephony.rooms[room_name] = FakeRoom()
    await desk.reconciler.close_left_behind()
    assert set(desk.telephony.rooms) == {talking.room_name, "somebody_elses"}


async def test_conversation_that_somebody_left_is_looked_at_soon(desk: Desk) -> None:
    call = await desk.talking()
    await desk.reconciler.expect_change(call.call_id)
    soon = (await desk.now(call)).deadline_at
    assert soon <= now() + GRACE
    await desk.reconciler.expect_change(call.call_id)
    assert (await desk.now(call)).deadline_at == soon, "a second departure put the look off"


async def test_answer_that_nobody_saw_is_known_when_the_phone_leaves(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.ABSENT)
    left = left_by(call, answered=True)
    await desk.reconciler.see_off(left)
    answered = await desk.now(call)
    assert (answered.status, answered.answered_at) == (CallStatus.IN_PROGRESS, left.occurred_at)


async def test_phone_of_an_earlier_attempt_that_leaves_late_answers_nothing(desk: Desk) -> None:
    call = await desk.dialing()
    left = left_by(call, answered=True).model_copy(update={"identity": "att_earlier"})
    await desk.reconciler.see_off(left)
    assert (await desk.now(call)).status is CallStatus.DIALING


async def test_phone_that_leaves_without_an_answer_answers_nothing(desk: Desk) -> None:
    call = await desk.dialing(PhoneState.ABSENT)
    await desk.reconciler.see_off(left_by(call, answered=False))
    assert (await desk.now(call)).status is CallStatus.DIALING


@pytest.mark.parametrize(
    ("ringing_at", "left_as", "reason"),
    [
        (now(), "user_unavailable", EndReason.NO_ANSWER),
        (now(), "user_rejected", EndReason.DECLINED),
        (now(), "room_deleted", EndReason.DIAL_OUTCOME_UNKNOWN),
        (None, "user_unavailable", EndReason.DIAL_OUTCOME_UNKNOWN),
    ],
)
async def test_dial_whose_waiter_died_ends_as_livekit_saw_its_phone_leave(
    desk: Desk, ringing_at: datetime | None, left_as: str, reason: EndReason
) -> None:
    call = await desk.dialing(PhoneState.ABSENT, attempts=[factories.attempt(ringing_at=ringing_at)])
    await desk.reconciler.see_off(left_by(call, answered=False, reason=left_as))
    assert (await desk.overdue(call)).end_reason is reason
