"""A customer who changes their mind: what the api writes itself, what it asks for, and what then comes of a dial."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from parley_agent.reporting import Reporter
from parley_common import broker
from parley_common.assistants import Retries
from parley_common.calls import Call
from parley_common.clock import now
from parley_common.db import Database
from parley_common.events import ParticipantLeft
from parley_common.lifecycle import CallStatus, EndReason
from parley_common.settings import CallTimes, RabbitSettings
from parley_dialer.telephony import NotSent, PhoneState, RangOut
from tests import factories
from tests.fakes.relay import FakeRelay
from tests.support.desk import AGENT, Desk, attempt_of, reached
from tests.support.envelope import data_of, refused
from tests.support.front import Client

GRACE = timedelta(seconds=0.5)
ASKED = ["call.requested.v1", "call.cancel_requested.v1"]


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database, reappearance_grace=GRACE)


async def own(desk: Desk, owner: Client, call: Call) -> Call:
    """Make a call one of this customer's."""
    account = await desk.database.get_collection("accounts").find_one({})
    assert account is not None
    written = await desk.calls.note(call.call_id, owner_id=account["_id"])
    assert written is not None
    return written


async def asked(desk: Desk, call: Call) -> Call:
    """Write what the api writes for a phone that may ring."""
    written = await desk.calls.note(call.call_id, cancel_requested_at=now(), deadline_at=now())
    assert written is not None
    return written


async def cancel(owner: Client, call: Call) -> httpx.Response:
    return await owner.post(f"/call/{call.call_id}/cancel")


@pytest.mark.parametrize("status", [CallStatus.SCHEDULED, CallStatus.QUEUED, CallStatus.STARTING])
async def test_call_whose_phone_never_rang_is_canceled_at_once(desk: Desk, owner: Client, status: CallStatus) -> None:
    call = await own(desk, owner, await desk.store(status=status))
    assert data_of(await cancel(owner, call))["call_status"] == "canceled"
    canceled = await desk.now(call)
    assert (canceled.status, canceled.end_reason) == (CallStatus.CANCELED, EndReason.CANCELED)


async def test_phone_that_may_ring_is_asked_to_stop_and_is_overdue_from_then_on(desk: Desk, owner: Client) -> None:
    call = await own(desk, owner, await desk.dialing())
    assert data_of(await cancel(owner, call))["call_status"] == "dialing"
    ringing = await desk.now(call)
    assert (ringing.status, ringing.end_reason) == (CallStatus.DIALING, None)
    assert ringing.deadline_at <= now()


async def test_conversation_is_asked_to_end_and_belongs_to_its_agent_until_then(desk: Desk, owner: Client) -> None:
    call = await own(desk, owner, await desk.talking())
    assert data_of(await cancel(owner, call))["call_status"] == "in_progress"
    talking = await desk.now(call)
    assert (talking.status, talking.deadline_at) == (CallStatus.IN_PROGRESS, call.deadline_at)


async def test_second_cancel_asks_for_nothing_more(desk: Desk, owner: Client) -> None:
    call = await own(desk, owner, await desk.dialing())
    data_of(await cancel(owner, call))
    first = await desk.now(call)
    data_of(await cancel(owner, call))
    assert await desk.now(call) == first


async def test_call_that_ended_for_another_reason_cannot_be_canceled(desk: Desk, owner: Client) -> None:
    call = await own(desk, owner, await desk.dialing())
    await desk.conclusions.conclude(call, EndReason.BUSY, 486)
    assert refused(await cancel(owner, call)) == (409, "Call has ended already")


async def test_phone_that_rings_is_hung_up_and_then_said_to_be_canceled(desk: Desk) -> None:
    call = await desk.ready("0408")
    dial = asyncio.create_task(desk.dialer.place(call.call_id))
    await reached(lambda: PhoneState.RINGING in desk.telephony.rooms[call.room_name].phones.values())
    await asked(desk, call)
    await desk.reconciler.hang_up(call.call_id, call.room_name)
    await dial
    assert (await desk.now(call)).end_reason is EndReason.CANCELED
    assert desk.telephony.rooms == {}


async def test_phone_that_was_picked_up_before_it_could_be_hung_up_was_answered(desk: Desk) -> None:
    call = await asked(desk, await desk.dialing(PhoneState.ACTIVE))
    await desk.reconciler.hang_up(call.call_id, call.room_name)
    answered = await desk.now(call)
    assert (answered.status, answered.end_reason) == (CallStatus.IN_PROGRESS, None)
    assert answered.answered_at is not None
    assert desk.telephony.rooms == {}, "a conversation goes on that its customer has ended"


async def test_canceled_dial_whose_waiter_died_waits_for_word_of_an_answer(desk: Desk) -> None:
    call = await asked(desk, await desk.dialing(PhoneState.RINGING))
    hanging_up = asyncio.create_task(desk.reconciler.hang_up(call.call_id, call.room_name))
    await reached(lambda: desk.telephony.rooms == {})
    assert (await desk.now(call)).status is CallStatus.DIALING, "said before the phone could tell"
    await hanging_up
    assert (await desk.now(call)).end_reason is EndReason.CANCELED


async def test_phone_that_tells_only_as_it_leaves_that_it_was_picked_up_was_answered(desk: Desk) -> None:
    call = await asked(desk, await desk.dialing(PhoneState.RINGING))
    hanging_up = asyncio.create_task(desk.reconciler.hang_up(call.call_id, call.room_name))
    await reached(lambda: desk.telephony.rooms == {})
    identity = attempt_of(call).attempt_id
    left = ParticipantLeft.of(call, identity=identity, kind="sip", reason="room_deleted", answered=True)
    await desk.reconciler.see_off(left)
    await hanging_up
    assert (await desk.now(call)).status is CallStatus.IN_PROGRESS


async def test_phone_that_begins_to_ring_after_the_room_was_closed_is_hung_up_too(desk: Desk) -> None:
    """The request to dial was on its way; LiveKit makes the room anew for it."""
    call = await desk.dialing(PhoneState.RINGING)
    (leg,) = desk.telephony.rooms[call.room_name].phones
    await desk.telephony.close_room(call.room_name)
    call = await asked(desk, call)
    hanging_up = asyncio.create_task(desk.reconciler.hang_up(call.call_id, call.room_name))
    room = await desk.telephony.appear(call.room_name, leg)
    await hanging_up
    assert room.closed.is_set()


async def test_cancel_whose_event_was_lost_is_carried_out_by_the_dialers_own_clock(desk: Desk) -> None:
    call = await asked(desk, await desk.dialing(PhoneState.RINGING))
    await desk.reconciler.visit_overdue()
    await reached(lambda: desk.telephony.rooms == {})
    await reached(lambda: call.call_id not in desk.reconciler.errands.under_way())
    assert (await desk.now(call)).end_reason is EndReason.CANCELED


async def test_canceled_call_is_not_tried_again(desk: Desk) -> None:
    assistant = factories.assistant(retries=Retries(max_attempts=3))
    call = await asked(desk, await desk.dialing(assistant=assistant))
    await desk.conclusions.conclude(call, EndReason.BUSY, 486)
    ended = await desk.now(call)
    assert (ended.status, ended.end_reason, ended.sip_status_code) == (CallStatus.CANCELED, EndReason.CANCELED, 486)


async def test_canceled_call_whose_invite_never_left_does_not_wait_again(desk: Desk) -> None:
    call = await asked(desk, await desk.dialing(PhoneState.ABSENT))
    await desk.dialer.settle(call, NotSent())
    ended = await desk.overdue(call)
    assert (ended.status, desk.telephony.invites) == (CallStatus.CANCELED, [])


async def test_canceled_call_that_lost_its_agent_gets_no_other(desk: Desk) -> None:
    call = await asked(desk, await desk.dialing())
    await desk.lose_agent(call)
    assert (await desk.now(call)).status is CallStatus.DIALING
    assert desk.telephony.rooms[call.room_name].dispatches == 1
    await desk.dialer.settle(call, RangOut())
    assert (await desk.now(call)).end_reason is EndReason.CANCELED


async def test_conversation_that_was_to_end_when_its_agent_died_has_ended_as_asked(desk: Desk) -> None:
    call = await desk.talking(cancel_requested_at=now())
    await desk.lose_agent(call)
    assert (await desk.now(call)).end_reason is EndReason.API_HANGUP


@pytest.mark.parametrize(
    ("status", "facts", "reason"),
    [
        (CallStatus.DIALING, {}, None),
        (CallStatus.DIALING, {"cancel_requested_at": now()}, EndReason.API_HANGUP),
        (CallStatus.CANCELED, {}, EndReason.CANCELED),
    ],
    ids=["nobody asked", "told to end", "ended"],
)
async def test_agent_hangs_up_on_a_callee_who_answers_a_call_that_was_to_end(
    desk: Desk, rabbit: RabbitSettings, status: CallStatus, facts: dict[str, Any], reason: EndReason | None
) -> None:
    call = await desk.dialing(**{"status": status, **facts})
    reporter = Reporter(
        call, desk.calls, desk.services.transcripts, FakeRelay(), broker.publisher(rabbit, "agent"), CallTimes()
    )
    told: list[EndReason] = []
    reporter.answered(now(), told.append)
    await reporter.settle()
    assert told == ([reason] if reason else [])
    assert (await desk.now(call)).agent_identity == AGENT
